/* SPDX-License-Identifier: MIT */
/* What a server that was taken over can still reach: the export, and its sockets.
 *
 * Theory of operation. The sandbox is entered in two steps. sandbox_split comes first, while there
 * is one thread and nothing is open: it makes a process in namespaces of its own, which serves. The
 * process that the user started stays outside, with nothing to do but to pass signals on, to remove
 * the sockets at the end, and to say whose a file is that the user namespace has no name for: the
 * supervisor. Between the steps the server sees the machine as ever, and opens its sockets and
 * files. sandbox_seal takes all that away. It acts on the calling thread, so all others start
 * after it.
 *
 * Each layer that holds, holds alone (tests/sandbox); a layer that this machine does not allow is
 * left out, and the reason is kept.
 *
 *	state		may be called
 *	new		sandbox_split, once
 *	in the server	the descriptors, sandbox_remove_at_end, sandbox_seal (once)
 *	sealed		sandbox_ask_owner, from any thread
 *	in the supervisor	sandbox_supervise
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A row: name, what it is called in messages. In the order in which they are entered. */
#define SANDBOX_LAYERS(X)                    \
	X(USER, "user namespace")            \
	X(PID, "pid namespace")              \
	X(IPC, "ipc namespace")              \
	X(MOUNT, "mount namespace")          \
	X(NET, "network namespace")          \
	X(LIMITS, "limits")                  \
	X(CAPABILITIES, "capabilities")      \
	X(NO_NEW_PRIVS, "no new privileges") \
	X(LANDLOCK, "Landlock")              \
	X(UNDUMPABLE, "not to be traced")    \
	X(SECCOMP, "system calls")

enum sandbox_layer {
#define LAYER(name, text) LAYER_##name,
	SANDBOX_LAYERS(LAYER)
#undef LAYER
		N_LAYERS
};

#define SANDBOX_ALL_LAYERS ((1u << N_LAYERS) - 1)

/* What system calls a server may need besides those that every one does. */
#define SANDBOX_CALL_SETS(X) \
	X(server)            \
	X(identity)          \
	X(faults)            \
	X(metrics)           \
	X(owners)            \
	X(rotation)          \
	X(supervisor)

enum sandbox_call_set {
#define SET(name) CALLS_##name,
	SANDBOX_CALL_SETS(SET)
#undef SET
};

struct sandbox_plan {
	uint32_t layers;	  /* 1 << LAYER_...: those that are wanted */
	const char *export_dir;	  /* as the user gave it */
	const char *record_dir;	  /* where files are made, replaced and renamed; NULL: nowhere */
	bool readonly;		  /* nothing in the export may be changed */
	bool allow_devices;	  /* device nodes may be made in the export */
	uint64_t capabilities;	  /* 1 << CAP_...: those that stay, if they are there */
	uint32_t calls;		  /* 1 << CALLS_... besides those of every server */
	uint64_t max_memory;	  /* private bytes, 0: no limit */
	uint32_t max_descriptors; /* 0: as many as there may be now */
};

struct sandbox;

/* 0 in the process that serves: single-threaded, a child, with SIGTERM, SIGINT and SIGHUP blocked
 * until it has handlers for them. 1 in the supervisor. -errno: nothing has happened. The plan must
 * live as long as the sandbox. */
int sandbox_split(const struct sandbox_plan *plan, struct sandbox **ret_s);

/* Descriptors (O_PATH) that the server is to use in place of the paths: the export, the record
 * folder, and /proc/self/fd. -1: use the path. They stay the sandbox's. */
int sandbox_export_fd(const struct sandbox *s);
int sandbox_record_fd(const struct sandbox *s);
int sandbox_proc_fd(const struct sandbox *s);

/* The socket at PATH is to go when the server has ended. At most SANDBOX_MAX_SOCKETS. 0, -errno. */
#define SANDBOX_MAX_SOCKETS 17
int sandbox_remove_at_end(struct sandbox *s, const char *path);

/* Gives all up that the plan does not ask for. What cannot be had is noted and left out; an error
 * is only what leaves the process in no usable state. */
int sandbox_seal(struct sandbox *s);

/* After sandbox_seal. The layers that hold, with commas; the wanted ones that do not, each with its
 * reason, or an empty text. The caller frees both; NULL when memory is out. */
char *sandbox_describe(const struct sandbox *s);
char *sandbox_missing(const struct sandbox *s);
bool sandbox_holds(const struct sandbox *s, enum sandbox_layer layer);
/* Is there a process that ends this one at the second signal? */
bool sandbox_is_supervised(const struct sandbox *s);
/* Does this build leave layers out, whatever the machine allows? */
bool sandbox_is_cut(void);

/* May statx here not tell whose a file is? Then it says 65534, and sandbox_ask_owner knows: the
 * owner of what FD is, as it is outside. 0 or -errno. */
bool sandbox_hides_owners(const struct sandbox *s);
int sandbox_ask_owner(struct sandbox *s, int fd, uint32_t *ret_uid, uint32_t *ret_gid);

/* In the supervisor: returns when the server has ended. *RET_STATUS is as wait(2) tells it. The
 * first SIGTERM, SIGINT or SIGHUP is passed on, a second one kills the server: then *RET_SIGNAL is
 * that signal, else 0. */
int sandbox_supervise(struct sandbox *s, int *ret_status, int *ret_signal);

void sandbox_free(struct sandbox *s);

#endif
