/* SPDX-License-Identifier: MIT */
/* Theory of operation
 *
 * A child of ours seizes each thread of the processes and lets it run from system call to system
 * call. Its counter and its state are in memory that both share. When the child ends, whatever way,
 * the kernel lets go of the threads: so it needs no orderly end. */
#include "syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "processes.h"

/* ptrace takes any word as its last argument. */
#define OPTIONS ((long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE))
#define SYSCALL_STOP (SIGTRAP | 0x80)

struct shared {
	_Atomic uint64_t stops; /* two for each call: at its begin and its end */
};

struct syscalls {
	pid_t tracer;
	struct shared *shared;
};

static int seize(pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, OPTIONS) || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		return errno == ESRCH ? 0 : -errno; /* a thread that has just ended */
	return 1;
}

/* The threads of one process that are there. Returns how many, or -errno. */
static int seize_process(pid_t pid)
{
	autoclosedir DIR *d = NULL;
	const struct dirent *e;
	char path[64];
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	if (!d)
		return -ESRCH;
	while ((e = readdir(d))) {
		int r = e->d_name[0] == '.' ? 0 : seize((pid_t)strtol(e->d_name, NULL, 10));

		if (r < 0)
			return r;
		n += r;
	}
	return n ? n : -ESRCH;
}

/* Those of the process and of all that it started. The same. */
static int seize_all(pid_t pid)
{
	pid_t pids[PROCESSES_MAX];
	unsigned n_pids = processes_list(pid, pids);
	int n = 0;

	for (unsigned i = 0; i < n_pids; i++) {
		int r = seize_process(pids[i]);

		if (r < 0 && r != -ESRCH)
			return r;
		n += MAX(r, 0);
	}
	return n ? n : -ESRCH;
}

/* What the thread gets when it goes on: a signal that is for it, or none. */
static void go_on(pid_t tid, int status, struct shared *shared)
{
	int sig = WSTOPSIG(status);
	bool is_event = status >> 16 != 0;

	if (is_event && (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)) {
		ptrace(PTRACE_LISTEN, tid, NULL, NULL);
		return;
	}
	if (sig == SYSCALL_STOP) {
		atomic_fetch_add_explicit(&shared->stops, 1, memory_order_relaxed);
		sig = 0;
	}
	ptrace(PTRACE_SYSCALL, tid, NULL, is_event ? 0L : (long)sig);
}

/* The child. Tells through READY how it began: 0 or an errno. */
static int trace(pid_t pid, struct shared *shared, int ready)
{
	int n = seize_all(pid), r = MIN(n, 0), status;
	pid_t tid;

	/* Each stops once before it is counted. */
	for (int i = 0; i < n && !r; i++) {
		tid = waitpid(-1, &status, __WALL);
		if (tid < 0)
			r = -errno;
		else if (WIFSTOPPED(status))
			go_on(tid, status, shared);
	}
	if (write(ready, &r, sizeof(r)) != sizeof(r) || r)
		return 1;
	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR)
		if (tid > 0 && WIFSTOPPED(status))
			go_on(tid, status, shared);
	return 0;
}

static int start_tracer(struct syscalls *s, pid_t pid)
{
	int ready[2], r = -ESRCH;
	pid_t us = getpid();

	if (pipe(ready))
		return -errno;
	s->tracer = fork();
	if (!s->tracer) {
		signal(SIGINT, SIG_IGN);
		if (!prctl(PR_SET_PDEATHSIG, SIGKILL) && getppid() == us)
			trace(pid, s->shared, ready[1]);
		_exit(0);
	}
	close(ready[1]);
	if (s->tracer < 0)
		r = -errno;
	else if (read(ready[0], &r, sizeof(r)) != sizeof(r))
		r = -ESRCH;
	close(ready[0]);
	return r;
}

int syscalls_start(pid_t pid, struct syscalls **ret_s)
{
	struct syscalls *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shared == MAP_FAILED) {
		free(s);
		return -ENOMEM;
	}
	r = start_tracer(s, pid);
	if (r) {
		syscalls_stop(s);
		return r;
	}
	*ret_s = s;
	return 0;
}

uint64_t syscalls_count(const struct syscalls *s)
{
	return atomic_load_explicit(&s->shared->stops, memory_order_relaxed) / 2;
}

void syscalls_stop(struct syscalls *s)
{
	if (!s)
		return;
	if (s->tracer > 0) {
		kill(s->tracer, SIGKILL);
		waitpid(s->tracer, NULL, 0);
	}
	munmap(s->shared, sizeof(*s->shared));
	free(s);
}
