/* SPDX-License-Identifier: MIT */
/* From the keeper's fork to the program: only system calls and what glibc keeps usable after fork. */
#include "keeper-parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "keeper.h"
#include "pin.h"
#include "spawn.h"

_Noreturn void keeper_fail(const struct keeper *k)
{
	(void)!write(k->report, &errno, sizeof(errno));
	_exit(127);
}

_Noreturn static void become_program(const struct keeper *k, pid_t parent)
{
	const struct keeper_plan *p = k->plan;

	/* UML signals its whole group when it panics. */
	if (setpgid(0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		keeper_fail(k);
	if (getppid() != parent)
		_exit(127);
	if (dup2(p->log, 1) < 0 || dup2(p->log, 2) < 0 || (p->input > 2 && dup2(p->input, 0) < 0) ||
	    pin_to_cpu((int64_t)p->cpu - 1) ||
	    (p->no_randomize && personality(ADDR_NO_RANDOMIZE) < 0))
		keeper_fail(k);
	/* Systems that let only parents trace make an exception for who asks for it; others do not
	 * know the word. */
	if (p->stopped)
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	if (p->stopped && ptrace(PTRACE_TRACEME) < 0)
		keeper_fail(k);
	/* Root could make it writable again. */
	if (p->read_only)
		prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN);
	spawn_reset_signals();
	execvpe(p->argv[0], (char *const *)p->argv, (char *const *)p->env);
	keeper_fail(k);
}

static int write_file(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = (ssize_t)strlen(text);

	return fd >= 0 && write(fd, text, (size_t)n) == n ? 0 : -1;
}

/* Our own user stays who it is; nobody else is there. */
static int map_user(uid_t uid, gid_t gid)
{
	char map[64];

	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	if (write_file("/proc/self/setgroups", "deny") || write_file("/proc/self/uid_map", map))
		return -1;
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	return write_file("/proc/self/gid_map", map);
}

static int own_proc(void)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return -1;
	return mount("proc", "/proc", "proc", flags, NULL);
}

/* Of a folder of its own file system, which can be another one then. */
static int keep_writable(const char *dir)
{
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};

	if (mount(dir, dir, NULL, MS_BIND, NULL))
		return -1;
	return mount_setattr(AT_FDCWD, dir, 0, &attr, sizeof(attr));
}

/* Whoever is root in a guest whose root file system is ours can change nothing here. */
static int make_read_only(const struct keeper_plan *p)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	int r = mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr));

	for (size_t i = 0; i < KEEPER_FOLDERS && !r; i++)
		if (p->folders[i])
			r = keep_writable(p->folders[i]);
	return r;
}

int keeper_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Lets the program come as far as its first instruction. False when it did not, and is reaped. */
static bool stop_at_start(pid_t program, int *status)
{
	if (waitpid(program, status, 0) != program || !WIFSTOPPED(*status) ||
	    ptrace(PTRACE_DETACH, program, NULL, SIGSTOP) < 0)
		return false;
	/* A debugger that comes before it stands still would see it stop a second time. */
	return waitpid(program, status, WUNTRACED) == program && WIFSTOPPED(*status);
}

void keeper_close_parts(const struct keeper *k)
{
	close(k->report);
	close(k->plan->log);
	if (k->plan->input > 2)
		close(k->plan->input);
}

/* The first process of the namespace: the kernel ends all others with it. READY tells the keeper
 * that the namespace can be used. */
_Noreturn static void be_init(const struct keeper *k, bool is_user_ns, uid_t uid, gid_t gid,
			      int ready)
{
	pid_t pid, program;
	int status = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || (is_user_ns && map_user(uid, gid)) || own_proc() ||
	    (k->plan->read_only && make_read_only(k->plan)))
		_exit(127);
	program = fork();
	if (!program)
		become_program(k, 1);
	if (program > 0 && k->plan->stopped && !stop_at_start(program, &status))
		program = -1;
	if (program < 0 || write(ready, "r", 1) != 1)
		_exit(127);
	close(ready);
	keeper_close_parts(k);
	do
		pid = waitpid(-1, &status, 0);
	while (pid != program && (pid > 0 || errno == EINTR));
	_exit(keeper_exit_code(status));
}

/* 0 when the program was started in a namespace of its own. */
static int start_in_namespace(struct keeper *k)
{
	bool is_user_ns = geteuid() != 0;
	unsigned long flags = CLONE_NEWPID | CLONE_NEWNS | (is_user_ns ? CLONE_NEWUSER : 0);
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int ready[2];
	char c;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);
	if (!pid)
		be_init(k, is_user_ns, uid, gid, ready[1]);
	close(ready[1]);
	bool is_ready = pid > 0 && read(ready[0], &c, 1) == 1;
	close(ready[0]);
	if (is_ready)
		k->main = pid;
	else if (pid > 0)
		waitpid(pid, NULL, 0);
	return is_ready ? 0 : -1;
}

int keeper_start_program(struct keeper *k)
{
	pid_t self = getpid();
	int status;

	if (k->plan->own_pids && !start_in_namespace(k))
		return 0;
	k->main = fork();
	if (!k->main)
		become_program(k, self);
	if (k->main > 0 && k->plan->stopped && !stop_at_start(k->main, &status))
		_exit(127);
	return k->main < 0 ? -1 : 0;
}
