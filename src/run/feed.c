/* SPDX-License-Identifier: MIT */
#include "feed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"
#include "macros.h"

/* False when FD will never be ready, or when we are told to stop. */
static bool wait_for(const struct feed *f, int fd, short events)
{
	struct pollfd p[] = {{.fd = fd, .events = events}, {.fd = f->stop, .events = POLLIN}};

	while (poll(p, ARRAY_SIZE(p), -1) < 0)
		if (errno != EINTR)
			return false;
	return !p[1].revents;
}

static bool give(const struct feed *f, const unsigned char *at, size_t n)
{
	while (n) {
		ssize_t done = send(f->terminal, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (done < 0 && errno == EAGAIN && !wait_for(f, f->terminal, POLLOUT))
			return false;
		if (done < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		at += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return true;
}

static void feed_frames(const struct feed *f)
{
	unsigned char frame[FRAME_HEAD + FRAME_MAX];
	ssize_t n = 1;

	while (n > 0 && wait_for(f, 0, POLLIN)) {
		n = read(0, frame + FRAME_HEAD, FRAME_MAX);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		n = MAX(n, 0);
		frame[0] = (unsigned char)(n >> 8);
		frame[1] = (unsigned char)n;
		if (!give(f, frame, FRAME_HEAD + (size_t)n))
			return;
	}
}

static bool put_out(const unsigned char *at, ssize_t n)
{
	while (n > 0) {
		ssize_t done = write(1, at, (size_t)n);

		if (done < 0 && errno != EINTR)
			return false;
		at += MAX(done, 0);
		n -= MAX(done, 0);
	}
	return true;
}

static void carry_both_ways(const struct feed *f)
{
	struct pollfd p[] = {{.fd = 0, .events = POLLIN},
			     {.fd = f->terminal, .events = POLLIN},
			     {.fd = f->stop, .events = POLLIN}};
	unsigned char buf[4096];
	ssize_t n;

	for (;;) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0) {
			if (errno != EINTR)
				return;
			continue;
		}
		if (p[1].revents) {
			n = recv(f->terminal, buf, sizeof(buf), MSG_DONTWAIT);
			if (n == 0 || !put_out(buf, n))
				return;
		} else if (p[2].revents) {
			return;
		}
		if (!p[0].revents)
			continue;
		n = read(0, buf, sizeof(buf));
		if (n == 0 || (n > 0 && !give(f, buf, (size_t)n)))
			p[0].fd = -1;
	}
}

static void *run_thread(void *ctx)
{
	const struct feed *f = ctx;

	if (f->is_terminal)
		carry_both_ways(f);
	else
		feed_frames(f);
	return NULL;
}

static void set_raw(struct feed *f)
{
	struct termios t;

	if (tcgetattr(0, &f->before))
		return;
	t = f->before;
	cfmakeraw(&t);
	f->was_set = !tcsetattr(0, TCSADRAIN, &t);
}

static void clean_up(struct feed *f)
{
	close(f->stop);
	if (f->was_set)
		tcsetattr(0, TCSADRAIN, &f->before);
}

int feed_start(struct feed *f, int terminal, bool is_terminal)
{
	int r;

	*f = (struct feed){.terminal = terminal, .is_terminal = is_terminal};
	f->stop = eventfd(0, EFD_CLOEXEC);
	if (f->stop < 0)
		return -errno;
	if (is_terminal)
		set_raw(f);
	r = pthread_create(&f->thread, NULL, run_thread, f);
	f->is_running = !r;
	if (r)
		clean_up(f);
	return -r;
}

void feed_stop(struct feed *f)
{
	uint64_t one = 1;

	if (!f->is_running)
		return;
	(void)!write(f->stop, &one, sizeof(one));
	pthread_join(f->thread, NULL);
	clean_up(f);
	f->is_running = false;
}
