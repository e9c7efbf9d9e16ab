/* SPDX-License-Identifier: MIT */
/* The hand: a process beside the probe's worker that does steps, and is left behind when one never
 * ends. And the statements that come by the terminal, while the host waits for what each came to. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "probe.h"

#define ALIVE_INTERVAL_MS 1000
#define KILL_WAIT_MS 2000
#define STEP_MAX 1024
#define ANSWER_MAX 4096

/* Returns false when it does not go. */
static bool end_hand(struct probe *p)
{
	autoclose int pidfd = -1;
	struct pollfd f = {.events = POLLIN};
	bool is_gone;

	if (!p->hand)
		return true;
	pidfd = (int)syscall(SYS_pidfd_open, p->hand, 0);
	f.fd = pidfd;
	kill(p->hand, SIGKILL);
	close(p->to_hand);
	is_gone = pidfd < 0 || poll(&f, 1, KILL_WAIT_MS) > 0;
	if (is_gone)
		waitpid(p->hand, NULL, 0);
	p->hand = 0;
	return is_gone;
}

int probe_hand(struct probe *p, unsigned limit_s)
{
	int fds[2];

	if (!end_hand(p))
		return -EBUSY;
	if (!limit_s)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	probe_flush(p, true);
	p->hand = fork();
	if (!p->hand) {
		close(fds[0]);
		hand_serve(p->share ? p->share : ".", fds[1]);
		_exit(0);
	}
	close(fds[1]);
	if (p->hand < 0) {
		p->hand = 0;
		close(fds[0]);
		return -errno;
	}
	p->to_hand = fds[0];
	p->step_limit_s = limit_s;
	return 0;
}

/* The words, each with its NUL, as one message. */
static int send_step(const struct probe *p, size_t n, char *const *words)
{
	char message[STEP_MAX];
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(words[i]) + 1;

		if (used + len > sizeof(message))
			return -E2BIG;
		memcpy(message + used, words[i], len);
		used += len;
	}
	return send(p->to_hand, message, used, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Tells the host meanwhile that the guest lives. 1 when an answer, or the hand's end, can be read. */
static int wait_for_answer(struct probe *p)
{
	struct pollfd f = {.fd = p->to_hand, .events = POLLIN};
	uint64_t until = clock_now_ns() + p->step_limit_s * NS_PER_SEC;
	int r;

	while ((r = poll(&f, 1, ALIVE_INTERVAL_MS)) <= 0 && clock_now_ns() < until) {
		fputc('\n', p->report);
		probe_flush(p, true);
	}
	return r > 0;
}

int probe_step(struct probe *p, size_t n, char *const *words)
{
	char answer[ANSWER_MAX];
	ssize_t got;
	int r = p->hand ? send_step(p, n - 1, words + 1) : -ESRCH;

	/* A hand that has died says so by its silence. */
	if (r && r != -EPIPE)
		return r;
	if (!r && !wait_for_answer(p)) {
		fprintf(p->report, "saw %s stuck %s\n", words[0], end_hand(p) ? "gone" : "stays");
		return 0;
	}
	got = r ? 0 : recv(p->to_hand, answer, sizeof(answer), 0);
	if (got <= 0)
		end_hand(p);
	fprintf(p->report, "saw %s %.*s\n", words[0], got > 0 ? (int)got : 4,
		got > 0 ? answer : "died");
	return 0;
}

int probe_listen(struct probe *p)
{
	autofclose FILE *from = NULL;
	autofree char *line = NULL;
	size_t cap = 0;
	int fd = p->terminal ? probe_open_terminal(p, true) : -ENOTTY;
	bool is_over = false;

	from = fd < 0 ? NULL : fdopen(fd, "r");
	if (!from)
		return fd < 0 ? fd : -ENOMEM;
	fputs("listening\n", p->report);
	probe_flush(p, true);
	while (!is_over && getline(&line, &cap, from) > 0) {
		struct statement s;
		int r;

		line[strcspn(line, "\n")] = '\0';
		r = statement_parse(line, &s);
		if (r)
			return r;
		is_over = s.n && !strcmp(s.words[0], "over");
		if (s.n && !is_over)
			statement_run(p, &s);
		statement_done(&s);
	}
	return 0;
}
