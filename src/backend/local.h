/* SPDX-License-Identifier: MIT */
/* The backend that serves a folder of the host. */
#ifndef BACKEND_LOCAL_H
#define BACKEND_LOCAL_H

#include <stdbool.h>

struct backend;

struct local_config {
	const char *dir;    /* the export */
	bool allow_devices; /* Tmknod may make device nodes (needs CAP_MKNOD) */
	unsigned max_fds;   /* descriptors that nodes may hold; 0: from RLIMIT_NOFILE */
};

/* 0; -errno of opening the folder (-ENOTDIR when it is none). */
int local_new(const struct local_config *cfg, struct backend **ret_b);

#endif
