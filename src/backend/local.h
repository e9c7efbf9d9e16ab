/* SPDX-License-Identifier: MIT */
/* The backend that serves a folder of the host. */
#ifndef BACKEND_LOCAL_H
#define BACKEND_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

struct backend;

struct local_config {
	const char *dir;    /* the export */
	bool allow_devices; /* Tmknod may make device nodes (needs CAP_MKNOD) */
	bool passthrough;   /* act as the user who asks, where this process may */
	unsigned max_fds;   /* descriptors that nodes may hold; 0: from RLIMIT_NOFILE */

	/* Where paths are to lead nowhere later: DIR and /proc/self/fd, open with O_PATH. That of
	 * proc will be the working directory by then. 0: not so. They stay the caller's. */
	int dir_fd, proc_fd;
	/* In a user namespace statx may not tell whose a file is, and says 65534: what FD's is
	 * then. From any thread, 0 or -errno; may wait. NULL: statx tells it. */
	int (*ask_owner)(void *arg, int fd, uint32_t *ret_uid, uint32_t *ret_gid);
	void *ask_arg;
	/* Of groups of the host: may a client's users be in it? From any thread. NULL: in each. */
	bool (*has_group)(void *arg, uint32_t gid);
	void *group_arg;
};

/* Descriptors that are in use, and the budgets of them. */
struct local_usage {
	unsigned node_fds, max_node_fds;
	unsigned open_files, max_open_files; /* and lock owners */
};

/* 0; -errno of opening the folder (-ENOTDIR when it is none) or /proc. Sets the process's umask to
 * 0 (clients apply their own) and its limit of descriptors to what is allowed. To be called in the
 * process that serves: /proc/self must not become another's by a fork. All nodes and files must
 * have been freed before backend_free. */
int local_new(const struct local_config *cfg, struct backend **ret_b);

/* Of a backend that local_new made, not of a filter on it. From any thread. */
void local_get_usage(struct backend *b, struct local_usage *ret);

#endif
