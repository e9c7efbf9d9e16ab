/* SPDX-License-Identifier: MIT */
/* What must be at hand before a guest can be started: our own programs, a kernel, a QEMU, a way for
 * the guest to reach its share. What is missing is fetched or built. */
#ifndef CMD_READY_H
#define CMD_READY_H

#include <stdbool.h>

#include "guest.h"

struct kernel;

/* What somebody asked for. */
struct wish {
	enum guest_kind guest;
	const char *kernel; /* a name, or a path with a slash; NULL: the guest's default */
	const char *qemu;   /* a release's name, or a path; NULL: the system's */
	bool qemu_server;
	enum share_wish { SHARE_BY_DEFAULT, SHARE_BY_VHOST, SHARE_BY_TCP } share;
};

struct ready {
	char *warren, *probe;
	struct kernel *kernel;
	char **qemu; /* words, NULL: the system's */
	enum share_kind share;
};

/* Finds only our own programs; as ready_make. */
int ready_programs(struct ready *r, char **ret_why);

/* EXIT_OK, or the exit code and, in one line that the caller frees, why. Either way ready_done
 * frees what is in *R, which begins as all zeros. */
int ready_make(const struct wish *w, struct ready *r, char **ret_why);
/* Which guest a kernel is for, by its name. Exit code and *RET_WHY as above. */
int ready_guest_of(const char *kernel, enum guest_kind *ret_guest, char **ret_why);
/* The msize of a mount for which nobody asked for one. */
unsigned ready_msize(enum share_kind share);
void ready_done(struct ready *r);

#endif
