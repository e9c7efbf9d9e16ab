/* SPDX-License-Identifier: MIT */
/* Runs a program of the guest, and stands between it and the host: its output goes to the report,
 * what comes by the terminal to its input. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "frame.h"
#include "macros.h"
#include "probe.h"
#include "text.h"

#define EXEC_OUTPUT_LIMIT 65536
#define ALIVE_INTERVAL_MS 1000
#define CHUNK 65536

/* Where the child's 0, 1 and 2 are; what becomes of them here. */
struct run {
	struct probe *p;
	enum probe_run how;
	pid_t child;
	int pidfd;
	int in, out, err; /* our ends of the child's pipes; -1: there is none, or it ended */
	int terminal;
	int theirs[3];		    /* the child's own */
	int refusal[2];		    /* carries errno when the program cannot be run */
	unsigned char frame[CHUNK]; /* bytes for the child that wait for room */
	size_t n_frame, at_frame;
	unsigned left;	 /* of the frame that is under way */
	unsigned n_head; /* bytes of its head that have come */
	unsigned head;
	size_t total;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(steal_fd(fd));
}

static void set_environment(const struct probe *p)
{
	if (p->scratch) {
		setenv("HOME", p->scratch, 1);
		setenv("TMPDIR", p->scratch, 1);
	}
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
}

static void take_terminal(const struct run *r)
{
	if (r->how != PROBE_SHELL)
		return;
	setsid();
	ioctl(r->theirs[0], TIOCSCTTY, 0);
}

/* The child's temporary files go to the scratch folder. */
_Noreturn static void be_child(const struct run *r, char *const *words)
{
	const struct probe *p = r->p;

	set_environment(p);
	take_terminal(r);
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++)
		if (r->theirs[i] >= 0)
			dup2(r->theirs[i], i);
	if (!p->share || !chdir(p->share))
		execvp(words[0], words);
	(void)!write(r->refusal[1], &errno, sizeof(errno));
	_exit(127);
}

static int make_pipe(int *ours, int *theirs, bool child_reads)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*ours = fds[child_reads];
	*theirs = fds[!child_reads];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
	return 0;
}

int probe_open_terminal(const struct probe *p, bool is_raw)
{
	struct winsize size = {.ws_row = (unsigned short)p->rows,
			       .ws_col = (unsigned short)p->columns};
	struct termios t;
	int fd = open(p->terminal, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (is_raw && !tcgetattr(fd, &t)) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	if (size.ws_row && size.ws_col)
		ioctl(fd, TIOCSWINSZ, &size);
	return fd;
}

static int open_shell(struct run *r)
{
	int fd = probe_open_terminal(r->p, false);

	if (fd < 0)
		return fd;
	for (int i = 0; i < 3; i++)
		r->theirs[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return r->theirs[2] < 0 ? -errno : 0;
}

static int open_ends(struct run *r)
{
	int err;

	if (r->how == PROBE_SHELL)
		return open_shell(r);
	err = make_pipe(&r->out, &r->theirs[1], false);
	if (!err && r->how == PROBE_EXEC)
		r->theirs[2] = fcntl(r->theirs[1], F_DUPFD_CLOEXEC, 3);
	else if (!err)
		err = make_pipe(&r->err, &r->theirs[2], false);
	if (!err && r->how == PROBE_RUN && r->p->terminal) {
		err = make_pipe(&r->in, &r->theirs[0], true);
		r->terminal = err ? -1 : probe_open_terminal(r->p, true);
		if (r->terminal < 0)
			err = err ? err : r->terminal;
	} else if (!err) {
		r->theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	return err;
}

/* Returns false at the end. */
static bool take_output(struct run *r, int fd, const char *word)
{
	static char buf[CHUNK];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	r->total += (size_t)n;
	if (r->how == PROBE_EXEC && r->total > EXEC_OUTPUT_LIMIT)
		return true;
	fprintf(r->p->report, "%s ", word);
	text_put(r->p->report, buf, (size_t)n);
	fputc('\n', r->p->report);
	return true;
}

/* The next bytes of frames; what is of a frame's head stays here. */
static void take_frames(struct run *r, const unsigned char *from, size_t n)
{
	while (n && r->in >= 0) {
		size_t part = MIN(n, (size_t)r->left);

		if (part) {
			memcpy(r->frame + r->n_frame, from, part);
			r->n_frame += part;
			r->left -= (unsigned)part;
			from += part;
			n -= part;
			continue;
		}
		r->head = r->head << 8 | *from++;
		n--;
		if (++r->n_head < FRAME_HEAD)
			continue;
		r->left = r->head & 0xffff;
		r->n_head = r->head = 0;
		if (!r->left && r->n_frame == r->at_frame)
			close_end(&r->in);
		else if (!r->left)
			close_end(&r->terminal);
	}
}

static void take_input(struct run *r)
{
	unsigned char buf[CHUNK / 2];
	ssize_t n = read(r->terminal, buf, sizeof(buf));

	if (n > 0) {
		r->n_frame = r->at_frame = 0;
		take_frames(r, buf, (size_t)n);
	} else if (n == 0 || errno != EINTR) {
		close_end(&r->in);
	}
}

static void give_input(struct run *r)
{
	ssize_t n = write(r->in, r->frame + r->at_frame, r->n_frame - r->at_frame);

	if (n > 0)
		r->at_frame += (size_t)n;
	else if (n < 0 && errno != EINTR && errno != EAGAIN)
		close_end(&r->in);
	/* The frame that said that there are no more came with these. */
	if (r->at_frame == r->n_frame && r->terminal < 0)
		close_end(&r->in);
}

/* One round; false when the child has ended and all its output is here. */
static bool relay(struct run *r)
{
	bool waits_for_room = r->in >= 0 && r->n_frame > r->at_frame;
	struct pollfd f[] = {
		{.fd = r->out, .events = POLLIN},
		{.fd = r->err, .events = POLLIN},
		{.fd = r->in, .events = waits_for_room ? POLLOUT : 0},
		{.fd = r->in < 0 || waits_for_room ? -1 : r->terminal, .events = POLLIN},
		{.fd = r->pidfd, .events = POLLIN},
	};

	if (!poll(f, ARRAY_SIZE(f), ALIVE_INTERVAL_MS))
		fputc('\n', r->p->report);
	if (f[0].revents && !take_output(r, r->out, "out"))
		close_end(&r->out);
	if (f[1].revents && !take_output(r, r->err, "err"))
		close_end(&r->err);
	if (f[2].revents & POLLOUT)
		give_input(r);
	else if (f[2].revents)
		close_end(&r->in);
	if (f[3].revents)
		take_input(r);
	probe_flush(r->p, true);
	return f[0].revents || f[1].revents || !f[4].revents;
}

static int start(struct run *r, char *const *words)
{
	int err = 0;

	if (pipe2(r->refusal, O_CLOEXEC) < 0)
		return -errno;
	r->child = fork();
	if (!r->child)
		be_child(r, words);
	for (int i = 0; i < 3; i++)
		close_end(&r->theirs[i]);
	close_end(&r->refusal[1]);
	if (r->child < 0)
		return -errno;
	if (read(r->refusal[0], &err, sizeof(err)) != sizeof(err))
		return 0;
	waitpid(r->child, NULL, 0);
	return -err;
}

static int finish(struct run *r, int *ret_status)
{
	int status;

	while (relay(r))
		;
	if (waitpid(r->child, &status, 0) < 0)
		return -errno;
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	fprintf(r->p->report, "exit %d\n", *ret_status);
	return 0;
}

int probe_run(struct probe *p, char *const *words, enum probe_run how, int *ret_status)
{
	struct run r = {.p = p,
			.how = how,
			.pidfd = -1,
			.in = -1,
			.out = -1,
			.err = -1,
			.terminal = -1,
			.theirs = {-1, -1, -1},
			.refusal = {-1, -1}};
	int err = open_ends(&r);

	probe_flush(p, true);
	err = err ? err : start(&r, words);
	if (!err) {
		r.pidfd = (int)syscall(SYS_pidfd_open, r.child, 0);
		err = r.pidfd < 0 ? -errno : 0;
	}
	if (!err) {
		fputs("started\n", p->report);
		probe_flush(p, true);
		err = finish(&r, ret_status);
	}
	close_end(&r.pidfd);
	close_end(&r.in);
	close_end(&r.out);
	close_end(&r.err);
	close_end(&r.terminal);
	close_end(&r.refusal[0]);
	return err;
}
