/* SPDX-License-Identifier: MIT */
/* Child processes: no shell, a process group of their own, and they never outlive us. */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* In spawn.fds: the child gets /dev/null there. */
#define SPAWN_NULL (-1)
/* In spawn.fds: the child shares ours. */
#define SPAWN_INHERIT (-2)

/* What to start. Zeroed fields of a spawn made with SPAWN_INIT mean: our environment, our working
 * directory, standard input from /dev/null, standard output and error shared with us. */
struct spawn {
	const char *const *argv; /* argv[0] is looked up in PATH; NULL-terminated */
	const char *const *env; /* "NAME=VALUE" words added to ours, NULL-terminated; may be NULL */
	const char *dir;	/* the child's working directory, NULL: ours */
	int fds[3];	 /* the child's 0, 1 and 2: ours to copy, SPAWN_NULL or SPAWN_INHERIT */
	const int *keep; /* more descriptors that the child keeps, under their own numbers */
	size_t n_keep;	 /* they may be O_CLOEXEC here; all others are closed in the child */
	unsigned clone_flags; /* CLONE_NEW...: namespaces that the child gets, 0 for none */
	/* Its descendants die with us too, as far as they stay in its process group: a small
	 * process stands between, which is the child that we see. For make, apt-get and their kind.
	 */
	bool guard;
};

#define SPAWN_INIT                                                  \
	{                                                           \
		.fds = { SPAWN_NULL, SPAWN_INHERIT, SPAWN_INHERIT } \
	}

/* A started child, leader of its own process group. */
struct child {
	pid_t pid; /* 0 when there is none, or when it is reaped */
	int pidfd; /* readable when it has ended; -1 when there is none */
};

#define CHILD_INIT                    \
	{                             \
		.pid = 0, .pidfd = -1 \
	}

/* Starts a child that gets SIGKILL when the thread that called this ends: call it from a thread
 * that lives as long as the child may. 0, or -errno of what failed in the child up to and including
 * execve (-ENOENT: there is no such program). */
int spawn_start(const struct spawn *s, struct child *ret_c);

/* Waits until it has ended; no longer than TIMEOUT_MS when that is >= 0 (-ETIMEDOUT). Reaps it:
 * *RET_STATUS is its exit code, or 128 + N when signal N ended it. */
int child_wait(struct child *c, int timeout_ms, int *ret_status);

/* SIG to the whole process group; 0 when it is gone already. */
int child_kill(struct child *c, int sig);

/* SIGKILL to the group, reaps the leader; the right end for any child, however far it came. */
void child_done(struct child *c);

/* Runs to the end and returns the exit code as child_wait does, or -errno. */
int spawn_run(const struct spawn *s);

/* Runs to the end with standard output captured: *RET_OUT (the caller frees it, NUL-terminated) has
 * it whatever the exit code was, up to LIMIT bytes (more: -EFBIG). Returns as spawn_run. */
int spawn_capture(const struct spawn *s, size_t limit, char **ret_out, size_t *ret_n);

/* In a child that will execute a program: no handler, nothing ignored, nothing held back. */
void spawn_reset_signals(void);

/* The file that execvp would run for NAME, which the caller frees. 0, -ENOENT, -ENOMEM. */
int spawn_find_program(const char *name, char **ret_path);

/* Is there a program NAME in PATH (or at NAME, if it has a slash) that we may execute? */
bool spawn_has_program(const char *name);

/* NULL-terminated vectors of strings, all from malloc. */
void strv_free(char **v);

/* For cleanup(). */
static inline void cleanup_strv(char ***v)
{
	strv_free(*v);
}

size_t strv_len(const char *const *v);

/* Appends a copy of WORD; *V may be NULL. 0 or -ENOMEM, *V unchanged then. */
int strv_push(char ***v, const char *word);

/* Appends printf's text. */
int strv_pushf(char ***v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
