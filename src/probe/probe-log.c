/* SPDX-License-Identifier: MIT */
/* What the guest's kernel says of itself while the job runs: its messages, its tracepoints. Each is
 * copied by a process of its own, so that all up to a crash is on the host. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "probe.h"

#define TRACING "/sys/kernel/tracing"
#define LOG_LIMIT (64U << 20)
#define TRACE_BUFFER_KIB "8192" /* of each CPU */
#define KLOG_CONSOLE_LEVEL 8
#define CONSOLE_LEVEL 5 /* warnings and what is worse */
#define CHUNK 16384

/* Set by SIGTERM: what there is, and no more. */
static volatile sig_atomic_t is_over;

static void on_term(int sig)
{
	(void)sig;
	is_over = 1;
}

static bool put_all(int to, const char *buf, size_t n)
{
	while (n) {
		ssize_t done = write(to, buf, n);

		if (done < 0 && errno != EINTR)
			return false;
		buf += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return true;
}

/* "6,123,4567890,-;TEXT\n KEY=VALUE\n" as dmesg prints it; bytes that are not printable come as \xNN.
 * Returns the length. */
static size_t print_record(const char *record, char *buf, size_t cap)
{
	unsigned long long us = 0;
	const char *text = strchr(record, ';');
	int n;

	text = text ? text + 1 : record;
	sscanf(record, "%*u,%*u,%llu", &us);
	n = snprintf(buf, cap, "[%5llu.%06llu] %.*s\n", us / 1000000, us % 1000000,
		     (int)strcspn(text, "\n"), text);
	return n < 0 ? 0 : MIN((size_t)n, cap - 1);
}

static ssize_t read_messages(int from, char *buf, size_t cap)
{
	static const char lost[] = "[messages were lost here]\n";
	char record[8192];
	ssize_t n = read(from, record, sizeof(record) - 1);

	if (n < 0 && errno == EPIPE) {
		memcpy(buf, lost, sizeof(lost));
		return sizeof(lost) - 1;
	}
	if (n <= 0)
		return n;
	record[n] = '\0';
	return (ssize_t)print_record(record, buf, cap);
}

static ssize_t read_trace(int from, char *buf, size_t cap)
{
	return read(from, buf, cap);
}

/* Waits without a bound, except after SIGTERM. The signal is let in only while we wait. */
static bool wait_for_more(int from, const sigset_t *inside)
{
	struct pollfd p = {.fd = from, .events = POLLIN};

	if (is_over)
		return false;
	ppoll(&p, 1, NULL, inside);
	return true;
}

_Noreturn static void copy(int from, int to, ssize_t (*more)(int, char *, size_t))
{
	static const char rest[] = "[the rest was left out]\n";
	struct sigaction act = {.sa_handler = on_term};
	sigset_t inside, outside;
	char buf[CHUNK];
	size_t total = 0;

	sigemptyset(&outside);
	sigaddset(&outside, SIGTERM);
	sigprocmask(SIG_BLOCK, &outside, &inside);
	sigdelset(&inside, SIGTERM);
	sigaction(SIGTERM, &act, NULL);
	while (total <= LOG_LIMIT) {
		ssize_t n = more(from, buf, sizeof(buf));

		if (n > 0 && !put_all(to, buf, (size_t)n))
			_exit(1);
		total += n > 0 ? (size_t)n : 0;
		if (n <= 0 && (n == 0 || errno != EAGAIN) && errno != EINTR)
			break;
		if (n <= 0 && !wait_for_more(from, &inside))
			_exit(0);
	}
	if (total > LOG_LIMIT)
		put_all(to, rest, sizeof(rest) - 1);
	_exit(0);
}

static int start_copy(struct probe *p, enum probe_log log, const char *from_path,
		      const char *to_path, ssize_t (*more)(int, char *, size_t))
{
	autoclose int from = open(from_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	autoclose int to = from < 0 ? -1 : setup_output(to_path);
	pid_t pid;

	if (from < 0)
		return -errno;
	if (to < 0)
		return to;
	fflush(p->report);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		copy(from, to, more);
	p->logs[log] = pid;
	return 0;
}

int probe_start_dmesg(struct probe *p, const char *path)
{
	klogctl(KLOG_CONSOLE_LEVEL, NULL, CONSOLE_LEVEL);
	return start_copy(p, PROBE_DMESG, "/dev/kmsg", path, read_messages);
}

static int put_setting(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), TRACING "/%s", name);
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(value);

	return fd < 0 || write(fd, value, n) != (ssize_t)n ? -errno : 0;
}

/* "netfs" is all of a group. */
static int enable(const char *event)
{
	char name[128], path[160];

	if (snprintf(path, sizeof(path), TRACING "/events/%s/enable", event) < (int)sizeof(path) &&
	    !access(path, F_OK))
		snprintf(name, sizeof(name), "%s:*", event);
	else
		snprintf(name, sizeof(name), "%s", event);
	return put_setting("set_event", name);
}

/* The clock that the host's records have, where the kernel knows it. */
int probe_start_trace(struct probe *p, const char *path, size_t n, char *const *events,
		      const char **ret_why)
{
	static char why[160];

	if (mount("tracefs", TRACING, "tracefs", MS_NOSUID, NULL) < 0 && errno != EBUSY) {
		*ret_why = "this kernel has no tracepoints";
		return -ENOTSUP;
	}
	put_setting("buffer_size_kb", TRACE_BUFFER_KIB);
	put_setting("trace_clock", "mono");
	for (size_t i = 0; i < n; i++)
		if (enable(events[i]) < 0) {
			snprintf(why, sizeof(why), "this kernel has no tracepoint %.100s",
				 events[i]);
			*ret_why = why;
			return -ENOENT;
		}
	return start_copy(p, PROBE_TRACE, TRACING "/trace_pipe", path, read_trace);
}

void probe_end_logs(struct probe *p)
{
	if (p->logs[PROBE_TRACE])
		put_setting("tracing_on", "0");
	for (size_t i = 0; i < PROBE_LOGS; i++) {
		if (!p->logs[i])
			continue;
		kill(p->logs[i], SIGTERM);
		waitpid(p->logs[i], NULL, 0);
		p->logs[i] = 0;
	}
}
