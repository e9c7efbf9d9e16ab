/* SPDX-License-Identifier: MIT */
/* What every run of a guest has: our server (or QEMU's), the guest, the monitor that ends all waiting
 * when the server dies or a signal comes, and the guest's report, a line at a time. */
#ifndef VERIFY_STAGE_H
#define VERIFY_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "console-scan.h"
#include "guest.h"
#include "macros.h"
#include "monitor.h"
#include "server-child.h"
#include "state-folder.h"

struct kernel;
struct manifest;

#define STAGE_CPU_CHOOSE -1 /* one for server and guest in UML, any in QEMU */
#define STAGE_CPU_ANY -2

/* The server's messages, in the record of the run: has_recording without a file of the user's. */
#define STAGE_RECORDING "recording"
#define STAGE_SHARE_LOG "qemu.log"

struct stage_plan {
	const char *dir; /* what is shared, absolute */
	enum guest_kind guest;
	enum share_kind share;
	const struct kernel *kernel;
	const char *const *qemu;    /* NULL: the system's */
	const char *warren, *probe; /* our programs */
	unsigned memory_mib, silence_limit_s;
	struct server_settings server;
	int cpu;		       /* where server and guest run; or: STAGE_CPU_... */
	bool terminal, debug, stopped; /* as in guest.h */
	bool writable_root;	       /* as in guest.h */
	const char *const *trace;
	/* The messages are recorded in the state folder, unless `server` says where. Of QEMU's server there is
	 * the guest's GUEST_SHARE_LOG. */
	bool has_recording;
	unsigned debug_mask; /* of 9pnet; its messages are in the kernel's, so these are kept */
	const char *kernel_args;
	const char *const *programs; /* as in guest.h */
	/* An existing folder that gets job, report, guest (its manifest), console.log, server.log,
	 * dmesg, trace and STAGE_SHARE_LOG, as far as they come about; NULL: nothing is kept. */
	const char *record;
};

enum run_end {
	RUN_DONE,	 /* all is known that was to be found out */
	RUN_ENVIRONMENT, /* something is missing here */
	RUN_FAILED,	 /* guest or server failed */
	RUN_INTERRUPTED, /* by a signal */
};

struct stage {
	const struct stage_plan *plan;
	struct state_folder folder;
	struct server_child server;
	bool has_server;
	char *recording; /* where the messages are recorded; NULL: nowhere */
	unsigned cpu;
	struct monitor monitor;
	bool has_monitor;
	struct guest *guest;
	struct manifest *manifest; /* to be cancelled when the run ends early; may be NULL */
	char *source, *options;	   /* as in guest_mount_words, once the server runs */
	bool is_unconfined;	   /* though it should be: guest_is_confined */
	bool has_ended;		   /* the report's last line came */
	bool was_silent;	   /* for too long */
	char *line;
	size_t n_line;
	uint64_t lines;
	uint64_t malformed; /* the number of a line that may be the worker's last; 0: none */
	FILE *copy;	    /* of the report */
	size_t copied;
	/* What went wrong; the first time counts. */
	enum run_end end;
	char *why, *console;
	struct console_reports reports; /* of the guest's kernel, when stage_follow has ended */
};

/* Starts server and monitor. All return 0 or, when *S says what went wrong, -ECANCELED. */
int stage_init(struct stage *s, const struct stage_plan *plan);

/* From now on a signal and the end of the server cancel M as well. */
void stage_watch(struct stage *s, struct manifest *m);

/* Starts the guest with these statements. */
int stage_start_guest(struct stage *s, const char *job);

/* Reads the report up to its end. TAKE gets each line without its newline: 0, -EINVAL when the line is
 * malformed, -ECANCELED to end the run. TICK is called in between, 0 or -ECANCELED; it may be NULL. */
int stage_follow(struct stage *s, int (*take)(void *ctx, const char *line), int (*tick)(void *ctx),
		 void *ctx);

/* Notes that it went wrong; takes WHY. Returns -ECANCELED. */
int stage_fail(struct stage *s, enum run_end end, char *why);
int stage_failf(struct stage *s, enum run_end end, const char *fmt, ...) printf_like(3, 4);

/* Ends guest and server, keeps their logs; what went wrong stays in *S, and *RET_SERVER (the caller
 * frees it, may be NULL) is the last thing that the server said. */
void stage_done(struct stage *s, char **ret_server);

#endif
