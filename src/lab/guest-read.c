/* SPDX-License-Identifier: MIT */
/* Theory of operation
 *
 * A guest is a keeper (keeper.h) with UML or QEMU below it, and a state folder. All that the guest
 * tells us goes to two files in that folder, "report" and "console": they hold every byte that was
 * written before a crash, and nobody has to keep up with them. guest_read follows the report file;
 * inotify says when either has grown, the keeper's pidfd that nothing more will come.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "guest-parts.h"
#include "keeper.h"

#define CONSOLE_LIMIT (4L << 20)
#define SHARE_LOG_LIMIT (64L << 20)
#define SHARE_LOG_LOOK_MS 200
#define PUNCH_STEP (1L << 20)

/* What was read is not needed again: a report as long as the share must not fill the disk. */
static void free_what_was_read(struct guest *g)
{
	off_t upto = g->report_at - g->report_at % PUNCH_STEP;

	if (upto <= g->punched)
		return;
	if (!fallocate(g->report, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, g->punched,
		       upto - g->punched))
		g->punched = upto;
}

static ssize_t take_report(struct guest *g, void *buf, size_t n)
{
	ssize_t got = pread(g->report, buf, n, g->report_at);

	if (got < 0)
		return -errno;
	if (!got)
		return 0;
	g->last_sign_ns = clock_now_ns();
	if (!g->report_at)
		g->boot_seconds = (double)(g->last_sign_ns - g->started_ns) / NS_PER_SEC;
	g->report_at += got;
	free_what_was_read(g);
	return got;
}

static void look_at_console(struct guest *g)
{
	struct stat st;

	if (fstat(g->console, &st) || st.st_size == g->console_size)
		return;
	g->console_size = st.st_size;
	g->last_sign_ns = clock_now_ns();
}

/* It goes on being written. */
static void look_at_share_log(struct guest *g)
{
	struct stat st;

	if (g->share_log < 0 || fstat(g->share_log, &st) || st.st_blocks * 512 <= SHARE_LOG_LIMIT)
		return;
	g->is_share_log_lost = true;
	(void)!fallocate(g->share_log, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, st.st_size);
}

static void drain_inotify(struct guest *g)
{
	char buf[4096];

	while (g->inotify >= 0 && read(g->inotify, buf, sizeof(buf)) > 0)
		;
}

static void end_guest(struct guest *g, int why)
{
	keeper_end(&g->keeper);
	g->is_gone = true;
	g->ended = why;
}

/* Blocks until something may have changed. */
static int wait_for_change(struct guest *g)
{
	struct pollfd p[] = {{.fd = g->interrupt, .events = POLLIN},
			     {.fd = g->keeper.pidfd, .events = POLLIN},
			     {.fd = g->inotify, .events = POLLIN}};
	uint64_t now = clock_now_ns(), deadline = g->last_sign_ns + g->silence_ns;
	int left = now < deadline ? (int)((deadline - now) / NS_PER_MS) + 1 : 0;

	left = g->inotify < 0	   ? MIN(left, 20)
	       : g->share_log >= 0 ? MIN(left, SHARE_LOG_LOOK_MS)
				   : left;
	if (poll(p, 3, left) < 0 && errno != EINTR)
		return -errno;
	if (p[0].revents)
		return -EINTR;
	g->is_gone = p[1].revents != 0;
	drain_inotify(g);
	look_at_console(g);
	look_at_share_log(g);
	if (g->console_size > CONSOLE_LIMIT)
		end_guest(g, -EFBIG);
	else if (clock_now_ns() >= g->last_sign_ns + g->silence_ns)
		end_guest(g, -ETIMEDOUT);
	return 0;
}

ssize_t guest_read(struct guest *g, void *buf, size_t n)
{
	for (;;) {
		ssize_t r = take_report(g, buf, n);

		if (r)
			look_at_share_log(g);
		if (r)
			return r;
		if (g->is_gone)
			return g->ended;
		r = wait_for_change(g);
		if (r)
			return r;
	}
}

void guest_interrupt(struct guest *g)
{
	int saved = errno;
	uint64_t one = 1;

	(void)!write(g->interrupt, &one, sizeof(one));
	errno = saved;
}

int guest_interrupt_fd(const struct guest *g)
{
	return g->interrupt;
}

/* Only while the keeper lives is the number surely that of our program. */
static void signal_program(const struct guest *g, int sig)
{
	struct pollfd p = {.fd = g->keeper.pidfd, .events = POLLIN};

	if (g->program && g->keeper.pid && !poll(&p, 1, 0))
		kill(g->program, sig);
}

void guest_pause(struct guest *g)
{
	signal_program(g, SIGSTOP);
}

void guest_resume(struct guest *g)
{
	signal_program(g, SIGCONT);
	g->last_sign_ns = clock_now_ns();
}

const char *guest_console_tail(struct guest *g)
{
	struct stat st;
	off_t from = !fstat(g->console, &st) && st.st_size > CONSOLE_TAIL
			     ? st.st_size - CONSOLE_TAIL
			     : 0;
	ssize_t n = pread(g->console, g->tail, CONSOLE_TAIL, from);
	size_t kept = 0;

	/* A guest must not send escape sequences to the terminal. */
	for (ssize_t i = 0; i < n; i++)
		if (g->tail[i] == '\n' || g->tail[i] == '\t' ||
		    ((unsigned char)g->tail[i] >= ' ' && (unsigned char)g->tail[i] < 127))
			g->tail[kept++] = g->tail[i];
	g->tail[kept] = '\0';
	/* The first line is cut somewhere. */
	char *newline = from ? strchr(g->tail, '\n') : NULL;
	return newline ? newline + 1 : g->tail;
}
