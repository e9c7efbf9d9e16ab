/* SPDX-License-Identifier: MIT */
/* One verification: server, guest, manifest and comparison, from the start to the end of all. */
#ifndef VERIFY_RUN_H
#define VERIFY_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stage.h"

struct guest_ram;
struct kernel;
struct manifest;
struct tally;

#define RUN_CPU_CHOOSE STAGE_CPU_CHOOSE
#define RUN_CPU_ANY STAGE_CPU_ANY

struct run_plan {
	const char *dir; /* absolute */
	int dir_fd;
	enum guest_kind guest;
	enum share_kind share;
	const struct kernel *kernel;
	const char *const *qemu; /* NULL: the system's */
	/* A mount each for every pair of the two, all in one boot. */
	const char *const *caches; /* NULL-terminated */
	const unsigned *msizes;	   /* 0-terminated */
	const char *const *ways;   /* NULL-terminated */
	struct server_settings server;
	unsigned fragment;  /* percent of the guest's memory to break into pieces, 0: none */
	bool writable_root; /* as in guest.h */
	const char *exec;   /* a command for the guest's shell before the tree is read, or NULL */
	const char *warren, *probe; /* our programs */
	unsigned memory_mib, silence_limit_s;
	struct manifest *manifest; /* a loaded one, the caller's; NULL: the run makes its own */
	/* An existing folder that gets job, report, guest (its manifest), console.log and
	 * server.log, as far as they come about; NULL: nothing is kept. */
	const char *record;
	unsigned debug_mask;	  /* as in stage.h */
	const char *const *trace; /* tracepoints, or NULL */
	int cpu;		  /* where server and guest run; or: RUN_CPU_... */
	/* Damage is found, and that is all: no layer is blamed, nothing recorded or read again for it. */
	bool without_blame;
	/* For tests of the detector: as in job-text.h. All is read once before each walk; then the guest
	 * waits until `meanwhile` (if it is there) has done something to the host's files or the guest's
	 * memory. It returns 0 or -errno. The manifest is made after it. */
	const char *const *reader_faults;
	bool preload;
	int (*meanwhile)(void *ctx, const struct guest_ram *ram);
	void *meanwhile_ctx;
};

/* What one mount came to. All words are printable. What failed may have a tally too: of what the guest had
 * read so far. */
struct mount_result {
	const char *cache;
	unsigned msize;			   /* as asked for */
	const char *release;		   /* of the guest's kernel, as it says itself */
	const char *options;		   /* as the guest's kernel shows the mount */
	const struct tally *tally;	   /* NULL: it came to no walk */
	const char *failed, *error, *text; /* the statement, its errno and why; may be NULL */
};

struct run_listener {
	void (*mount_done)(void *ctx, const struct mount_result *r);
	/* The others may be NULL. */
	void (*progress)(void *ctx, const char *what, uint64_t files, uint64_t bytes);
	void (*output)(void *ctx, const char *bytes, size_t n); /* of the command */
	/* What the guest says of itself (probe-facts.c). */
	void (*fact)(void *ctx, const char *name, const char *value);
};

struct run_result {
	enum run_end end;
	char *why;     /* in one line, when not RUN_DONE */
	char *console; /* the end of the guest's console, when that may help; or NULL */
	struct console_reports reports; /* of the guest's kernel */
	char *server; /* the server's counters as it said them, an object of JSON; or NULL */
	int signal;
	double boot_seconds;
	bool has_kvm, is_unconfined; /* as in stage.h */
};

void run_verify(const struct run_plan *plan, const struct run_listener *l, void *ctx,
		struct run_result *ret_r);
void run_result_done(struct run_result *r);

#endif
