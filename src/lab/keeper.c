/* SPDX-License-Identifier: MIT */
/* Theory of operation
 *
 *	we ---> keeper ---> [init of a process namespace --->] program ---> its children
 *
 * The keeper is a fork of ours that does not exec. It polls a pidfd of ours, so that it does not
 * matter which of our threads started it or how we ended. It is the subreaper of all below it:
 * orphans become its children, so that "kill all children until there are none" ends everything.
 * Where the system allows it there is a process namespace as well: its init dies with the keeper,
 * and the kernel then kills the rest even if the keeper itself was killed.
 *
 * Between fork and exec only system calls and what glibc keeps usable after fork are used
 * (keeper-program.c: from the keeper to the program).
 */
#include "keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "keeper-parts.h"
#include "macros.h"
#include "state-folder.h"

#define END_LIMIT_MS 10000
#define KEEPER_NAME "warren-keeper"

static int open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* The same file at 3 or above: the keeper and the program need 0 to 2 for their own. */
static int copy_above(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* The parent of process PID by /proc/PID/stat; its name, in parentheses, may hold anything. */
static pid_t find_parent(int proc, const char *pid)
{
	char path[32], text[512];
	const char *end;
	ssize_t n;

	snprintf(path, sizeof(path), "%.10s/stat", pid);
	autoclose int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && strlen(end) > 4 ? (pid_t)strtol(end + 4, NULL, 10) : -1;
}

static void kill_children(void)
{
	autoclosedir DIR *proc = opendir("/proc");
	pid_t self = getpid();

	for (struct dirent *e; proc && (e = readdir(proc));)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
		    find_parent(dirfd(proc), e->d_name) == self)
			kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL);
}

/* Grandchildren become children when their parents die: so again after each one. */
static void end_all(struct keeper *k, int *status)
{
	int s;

	for (;;) {
		if (k->main > 0)
			kill(k->main, SIGKILL);
		kill_children();
		pid_t pid = waitpid(-1, &s, __WALL);
		if (pid < 0 && errno != EINTR)
			return;
		if (pid == k->main) {
			*status = keeper_exit_code(s);
			k->main = 0;
		}
	}
}

/* Has the program ended? Reaps the orphans as well. */
static bool has_ended(struct keeper *k, int *status)
{
	bool ended = false;
	pid_t pid;
	int s;

	while ((pid = waitpid(-1, &s, WNOHANG | __WALL)) > 0) {
		if (pid == k->main) {
			*status = keeper_exit_code(s);
			k->main = 0;
			ended = true;
		}
	}
	return ended;
}

/* Waits for one of the reasons to end; true if it is that we are gone. */
static bool watch(struct keeper *k, int *status)
{
	struct pollfd p[] = {{.fd = k->owner, .events = POLLIN},
			     {.fd = k->signals, .events = POLLIN}};
	struct signalfd_siginfo si;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents)
			return true;
		if (read(k->signals, &si, sizeof(si)) != sizeof(si))
			continue;
		if (si.ssi_signo == SIGTERM || has_ended(k, status))
			return false;
	}
}

/* Sockets and pipes of ours must not stay open because of the keeper. */
static void close_others(const struct keeper *k)
{
	int kept[4 + KEEPER_FOLDERS] = {k->owner, k->report, k->plan->log, k->plan->input};
	unsigned from = 3;

	memcpy(kept + 4, k->plan->locks, sizeof(k->plan->locks));
	for (;;) {
		int next = -1;

		for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
			if (kept[i] >= (int)from && (next < 0 || kept[i] < next))
				next = kept[i];
		if (next < 0)
			break;
		if ((unsigned)next > from)
			syscall(SYS_close_range, from, (unsigned)next - 1, 0);
		from = (unsigned)next + 1;
	}
	syscall(SYS_close_range, from, UINT_MAX, 0);
}

/* Nobody shall wait for the end of our standard output because the keeper has it too. */
static int drop_standard_fds(void)
{
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null < 3 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ? -1 : 0;
}

_Noreturn static void keep(struct keeper *k)
{
	sigset_t all;
	int status = 127;
	bool is_orphan;

	setsid();
	prctl(PR_SET_NAME, KEEPER_NAME);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	close_others(k);
	if (drop_standard_fds() || chdir("/"))
		keeper_fail(k);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	/* An ignored SIGCHLD would be lost, and with it the exit codes. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	sigaddset(&all, SIGTERM);
	k->signals = signalfd(-1, &all, SFD_CLOEXEC);
	if (k->signals < 0 || keeper_start_program(k))
		keeper_fail(k);
	keeper_close_parts(k);
	is_orphan = watch(k, &status);
	end_all(k, &status);
	for (size_t i = 0; is_orphan && i < KEEPER_FOLDERS; i++)
		if (k->plan->folders[i])
			state_folder_remove(k->plan->folders[i]);
	_exit(status);
}

static int fork_keeper(struct keeper *k, struct child *ret_c)
{
	sigset_t all, old;
	struct child c = CHILD_INIT;

	sigfillset(&all);
	/* No handler of ours may run in the child. */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	c.pid = fork();
	if (!c.pid)
		keep(k);
	int err = c.pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return err;
	c.pidfd = open_pidfd(c.pid);
	if (c.pidfd < 0) {
		err = -errno;
		kill(c.pid, SIGKILL);
		waitpid(c.pid, NULL, 0);
		return err;
	}
	*ret_c = c;
	return 0;
}

static int make_report_pipe(int *ret_in, int *ret_out)
{
	int fds[2], r = 0;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	*ret_in = fds[0];
	*ret_out = copy_above(fds[1]);
	if (*ret_out < 0)
		r = -errno;
	close(fds[1]);
	return r;
}

int keeper_start(const struct keeper_plan *p, struct child *ret_keeper)
{
	autoclose int pidfd = open_pidfd(getpid()), owner = copy_above(pidfd);
	autoclose int log = copy_above(p->log), in = -1, out = -1;
	autoclose int input = p->input > 2 ? copy_above(p->input) : -1;
	struct keeper_plan plan = *p;
	struct child c = CHILD_INIT;
	int child_errno, r;

	if (owner < 0 || log < 0 || (p->input > 2 && input < 0))
		return -errno;
	plan.log = log;
	plan.input = input;
	r = make_report_pipe(&in, &out);
	if (!r)
		r = fork_keeper(&(struct keeper){.plan = &plan, .owner = owner, .report = out}, &c);
	if (r)
		return r;
	close(steal_fd(&out));
	if (read(in, &child_errno, sizeof(child_errno)) == sizeof(child_errno)) {
		keeper_end(&c);
		return -child_errno;
	}
	*ret_keeper = c;
	return 0;
}

static pid_t find_child(int proc, pid_t parent)
{
	autoclosedir DIR *d = fdopendir(fcntl(proc, F_DUPFD_CLOEXEC, 0));

	if (d)
		rewinddir(d);
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
		    find_parent(proc, e->d_name) == parent)
			return (pid_t)strtol(e->d_name, NULL, 10);
	return 0;
}

static bool is_ours(int proc, pid_t pid)
{
	char path[32], name[64];

	snprintf(path, sizeof(path), "%d/comm", (int)pid);
	autoclose int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof(name));
	return n > (ssize_t)strlen(KEEPER_NAME) && !memcmp(name, KEEPER_NAME, strlen(KEEPER_NAME));
}

/* A namespace's init stands between, which has the keeper's name. */
pid_t keeper_program(const struct child *keeper)
{
	autoclose int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t pid = keeper->pid;

	do
		pid = proc < 0 ? 0 : find_child(proc, pid);
	while (pid && is_ours(proc, pid));
	return pid;
}

bool keeper_has_own_mounts(const struct child *keeper)
{
	pid_t pid = keeper_program(keeper);
	char path[64], theirs[64] = "", ours[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	return pid && readlink(path, theirs, sizeof(theirs) - 1) > 0 &&
	       readlink("/proc/self/ns/mnt", ours, sizeof(ours) - 1) > 0 &&
	       strcmp(ours, theirs) != 0;
}

void keeper_end(struct child *keeper)
{
	int status;

	if (keeper->pid) {
		syscall(SYS_pidfd_send_signal, keeper->pidfd, SIGTERM, NULL, 0);
		child_wait(keeper, END_LIMIT_MS, &status);
	}
	child_done(keeper);
}
