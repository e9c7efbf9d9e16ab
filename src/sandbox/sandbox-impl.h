/* SPDX-License-Identifier: MIT */
/* The parts of the sandbox. Each layer_... function enters one layer: 0, or -errno and a reason in
 * WHY, for a person. */
#ifndef SANDBOX_SANDBOX_IMPL_H
#define SANDBOX_SANDBOX_IMPL_H

#include <signal.h>
#include <sys/types.h>

#include "macros.h"
#include "sandbox.h"

#define WHY_SIZE 160

struct layer_state {
	enum { LAYER_OFF, LAYER_HOLDS, LAYER_UNNEEDED } state;
	char why[WHY_SIZE]; /* LAYER_OFF */
};

/* Mounts that are attached nowhere yet. */
struct tree {
	int root_fd; /* an empty file system; -1: there is no tree */
	int export_fd, record_fd, proc_fd;
};

struct sandbox {
	const struct sandbox_plan *plan;
	struct layer_state layers[N_LAYERS];
	struct tree tree;
	int outside_fd; /* to the supervisor, or in it to the server; -1: there is none */
	pid_t server;	/* in the supervisor */
};

static inline bool is_wanted(const struct sandbox *s, enum sandbox_layer layer)
{
	return s->plan->layers & 1u << layer;
}

/* Notes how it went: R is 0 or -errno, explained by WHY, or by its text if WHY is empty. */
void sandbox_note(struct sandbox *s, enum sandbox_layer layer, int r, const char *why);

/* Fills WHY with the text and, behind it, that of R, which is returned. */
int explain(char *why, int r, const char *fmt, ...) printf_like(3, 4);

/* namespaces.c: user, pid, ipc; then, in the process that serves, the network. */
void namespaces_enter(struct sandbox *s);
int namespace_net(char *why);

/* sandbox-tree.c: made while the machine is in sight, entered when it is to vanish. */
#define TREE_INIT               \
	{                       \
		-1, -1, -1, -1, \
	}
int tree_make(const struct sandbox_plan *p, struct tree *ret_t, char *why);
int tree_enter(struct tree *t, char *why);
void tree_done(struct tree *t);

/* landlock.c */
int landlock_enter(const struct sandbox_plan *p, int export_fd, int record_fd, char *why);

/* confine.c */
int confine_capabilities(uint64_t keep, char *why);
int confine_limits(const struct sandbox_plan *p, char *why);
int confine_no_new_privs(char *why);
int confine_undumpable(char *why);

/* syscall-filter.c: only calls of SETS (1 << CALLS_...) from now on; PEER is the only process that
 * may be sent a signal, besides ourselves. */
int filter_enter(uint32_t sets, pid_t peer, char *why);
/* How many calls SETS allow. */
unsigned filter_count(uint32_t sets);

/* outside.c: the server's half of the talk with the supervisor. */
int outside_started(const struct sandbox *s, pid_t pid);
int outside_wait_started(const struct sandbox *s);
int outside_sealed(struct sandbox *s);

/* supervisor.c: learns who the server is, CHILD itself or a child of it. */
int supervisor_meet(struct sandbox *s, pid_t child);

#endif
