/* SPDX-License-Identifier: MIT */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

void strv_free(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

size_t strv_len(const char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

static int push_owned(char ***v, char *word)
{
	size_t n = strv_len((const char *const *)*v);
	char **longer = word ? realloc(*v, (n + 2) * sizeof(*longer)) : NULL;

	if (!longer) {
		free(word);
		return -ENOMEM;
	}
	longer[n] = word;
	longer[n + 1] = NULL;
	*v = longer;
	return 0;
}

int strv_push(char ***v, const char *word)
{
	return push_owned(v, strdup(word));
}

int strv_pushf(char ***v, const char *fmt, ...)
{
	char *word;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&word, fmt, args) < 0)
		word = NULL;
	va_end(args);
	return push_owned(v, word);
}

/* The child may only make async-signal-safe calls, so it is looked up before. */
int spawn_find_program(const char *name, char **ret_path)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return (*ret_path = strdup(name)) ? 0 : -ENOMEM;
	if (!path || !*path)
		path = "/usr/bin:/bin";
	for (;;) {
		size_t len = strcspn(path, ":");
		char *file;

		if (asprintf(&file, "%.*s/%s", len ? (int)len : 1, len ? path : ".", name) < 0)
			return -ENOMEM;
		if (!access(file, X_OK)) {
			*ret_path = file;
			return 0;
		}
		free(file);
		if (!path[len])
			return -ENOENT;
		path += len + 1;
	}
}

bool spawn_has_program(const char *name)
{
	autofree char *path = NULL;

	return !spawn_find_program(name, &path) && !access(path, X_OK);
}

/* Ours with WORDS added; the array is the caller's, the strings are not. */
static const char **make_env(const char *const *words)
{
	size_t ours = strv_len((const char *const *)environ);
	size_t added = strv_len(words);
	const char **env = calloc(ours + added + 1, sizeof(*env));
	size_t n = 0;

	if (!env)
		return NULL;
	for (size_t i = 0; i < added; i++)
		env[n++] = words[i];
	for (size_t i = 0; i < ours; i++) {
		size_t key = strcspn(environ[i], "=") + 1;
		bool replaced = false;

		for (size_t k = 0; k < added; k++)
			replaced |= !strncmp(environ[i], words[k], key);
		if (!replaced)
			env[n++] = environ[i];
	}
	return env;
}

/* The child's descriptors 0 to 2, in an order in which none is overwritten before it is copied. */
static int place_fds(const struct spawn *s)
{
	int from[3];

	for (int i = 0; i < 3; i++) {
		from[i] = s->fds[i];
		if (from[i] == SPAWN_NULL)
			from[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		else if (from[i] == SPAWN_INHERIT)
			from[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
		if (from[i] >= 0 && from[i] < 3)
			from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
		/* Ours may be closed: so may the child's. */
		if (from[i] < 0 && (s->fds[i] != SPAWN_INHERIT || errno != EBADF))
			return -1;
	}
	for (int i = 0; i < 3; i++)
		if (from[i] >= 0 && dup2(from[i], i) < 0)
			return -1;
	return 0;
}

/* All others are marked for closing at execve, not closed: the report pipe is one of them. */
static int keep_fds(const struct spawn *s)
{
	if (syscall(SYS_close_range, 3U, UINT_MAX, 1U << 2 /* CLOSE_RANGE_CLOEXEC */))
		return -1;
	for (size_t i = 0; i < s->n_keep; i++)
		if (fcntl(s->keep[i], F_SETFD, 0))
			return -1;
	return 0;
}

void spawn_reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

struct plan {
	const struct spawn *s;
	const char *program;
	const char **env;
	pid_t parent;
	int report; /* write end of the pipe that carries errno */
};

static pid_t fork_with(unsigned clone_flags)
{
	return (pid_t)syscall(SYS_clone, (unsigned long)clone_flags | SIGCHLD, NULL, NULL, NULL, 0);
}

/* The life of the guard: all signals are blocked; SIGTERM comes when the parent ends. */
static _Noreturn void stand_guard(pid_t worker)
{
	sigset_t all;
	int sig, status;

	syscall(SYS_close_range, 0U, UINT_MAX, 0U);
	sigfillset(&all);
	for (;;) {
		if (sigwait(&all, &sig))
			continue;
		if (sig != SIGCHLD)
			kill(0, SIGKILL);
		else if (waitpid(worker, &status, WNOHANG) == worker)
			_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	}
}

/* Returns in the child that is to call execve. */
static int leave_guard(void)
{
	pid_t worker;

	if (prctl(PR_SET_PDEATHSIG, SIGTERM))
		return -1;
	/* One that ignores SIGCHLD would never see it. */
	signal(SIGCHLD, SIG_DFL);
	worker = fork_with(0);
	if (worker > 0)
		stand_guard(worker);
	return worker < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) ? -1 : 0;
}

static int become(const struct plan *p)
{
	if (setpgid(0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -1;
	/* The parent may have ended before the line above. */
	if (!p->s->clone_flags && getppid() != p->parent)
		_exit(127);
	if (p->s->guard && leave_guard())
		return -1;
	if (p->s->dir && chdir(p->s->dir))
		return -1;
	if (place_fds(p->s) || keep_fds(p->s))
		return -1;
	spawn_reset_signals();
	return execve(p->program, (char *const *)p->s->argv, (char *const *)p->env);
}

static int start(const struct plan *p, struct child *ret_c)
{
	sigset_t all, old;
	struct child c = CHILD_INIT;

	sigfillset(&all);
	/* No handler of ours may run in the child before its signals are reset. */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	c.pid = fork_with(p->s->clone_flags);
	if (!c.pid) {
		become(p);
		(void)!write(p->report, &errno, sizeof(errno));
		_exit(127);
	}
	int err = c.pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return err;
	/* Both sides set it, so that neither has to wait for the other. */
	setpgid(c.pid, c.pid);
	c.pidfd = (int)syscall(SYS_pidfd_open, c.pid, 0);
	if (c.pidfd < 0) {
		err = -errno;
		child_done(&c);
		return err;
	}
	fcntl(c.pidfd, F_SETFD, FD_CLOEXEC);
	*ret_c = c;
	return 0;
}

int spawn_start(const struct spawn *s, struct child *ret_c)
{
	autofree char *program = NULL;
	autofree const char **env = make_env(s->env);
	autoclose int report_in = -1, report_out = -1;
	struct child c = CHILD_INIT;
	int pipe_fds[2], child_errno, r;

	if (!env)
		return -ENOMEM;
	r = spawn_find_program(s->argv[0], &program);
	if (r)
		return r;
	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	report_in = pipe_fds[0];
	report_out = pipe_fds[1];
	r = start(&(struct plan){s, program, env, getpid(), report_out}, &c);
	if (r)
		return r;
	close(steal_fd(&report_out));
	/* execve closes the pipe: bytes mean that it was not reached or failed. */
	if (read(report_in, &child_errno, sizeof(child_errno)) == sizeof(child_errno)) {
		child_done(&c);
		return -child_errno;
	}
	*ret_c = c;
	return 0;
}

int child_wait(struct child *c, int timeout_ms, int *ret_status)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
	int status, n;

	if (!c->pid)
		return -ECHILD;
	if (timeout_ms >= 0) {
		n = poll(&p, 1, timeout_ms);
		if (n <= 0)
			return n ? -errno : -ETIMEDOUT;
	}
	while (waitpid(c->pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	c->pid = 0;
	close(steal_fd(&c->pidfd));
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

int child_kill(struct child *c, int sig)
{
	if (!c->pid || !kill(-c->pid, sig) || errno == ESRCH)
		return 0;
	return -errno;
}

void child_done(struct child *c)
{
	int saved = errno;
	int status;

	if (c->pid) {
		child_kill(c, SIGKILL);
		/* Before its setpgid it is no group yet. */
		kill(c->pid, SIGKILL);
		child_wait(c, -1, &status);
	}
	if (c->pidfd >= 0)
		close(steal_fd(&c->pidfd));
	errno = saved;
}

int spawn_run(const struct spawn *s)
{
	cleanup(child_done) struct child c = CHILD_INIT;
	int status = 0;
	int r = spawn_start(s, &c);

	if (!r)
		r = child_wait(&c, -1, &status);
	return r ? r : status;
}

static int read_all(int fd, size_t limit, char **ret_out, size_t *ret_n)
{
	autofree char *out = NULL;
	size_t n = 0, cap = 0;

	for (;;) {
		ssize_t got;

		if (cap - n < 2) {
			cap = cap ? cap * 2 : 4096;
			char *more = realloc(out, cap);
			if (!more)
				return -ENOMEM;
			out = more;
		}
		got = read(fd, out + n, cap - n - 1);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (!got)
			break;
		n += got > 0 ? (size_t)got : 0;
		if (n > limit)
			return -EFBIG;
	}
	out[n] = '\0';
	*ret_out = steal_ptr(&out);
	*ret_n = n;
	return 0;
}

int spawn_capture(const struct spawn *s, size_t limit, char **ret_out, size_t *ret_n)
{
	cleanup(child_done) struct child c = CHILD_INIT;
	autofree char *out = NULL;
	autoclose int in = -1, out_fd = -1;
	struct spawn with_pipe = *s;
	int pipe_fds[2], status = 0, r;
	size_t n = 0;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	in = pipe_fds[0];
	out_fd = with_pipe.fds[1] = pipe_fds[1];
	r = spawn_start(&with_pipe, &c);
	if (r)
		return r;
	close(steal_fd(&out_fd));
	r = read_all(in, limit, &out, &n);
	if (!r)
		r = child_wait(&c, -1, &status);
	if (r)
		return r;
	*ret_out = steal_ptr(&out);
	if (ret_n)
		*ret_n = n;
	return status;
}
