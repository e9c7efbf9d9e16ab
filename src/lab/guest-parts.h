/* SPDX-License-Identifier: MIT */
/* What guest.c, guest-read.c, guest-uml.c and guest-qemu.c share. */
#ifndef LAB_GUEST_PARTS_H
#define LAB_GUEST_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest.h"
#include "macros.h"
#include "spawn.h"
#include "state-folder.h"

#define GUEST_TAG "warren"
#define GUEST_MEMORY_MIB 512U
/* For more messages than a kernel usually has. */
#define GUEST_LOG_WORDS "log_buf_len=4M"

/* QEMU's user network: we, and the guest. */
#define GUEST_HOST_ADDRESS "10.0.2.2"
#define GUEST_OWN_ADDRESS "10.0.2.15"

#define CONSOLE_TAIL 4096

struct guest {
	struct state_folder state, memory;
	struct child keeper;
	pid_t program;	     /* UML's first process, or QEMU; it may have ended */
	int report, console; /* the two files, for reading */
	int share_log;	     /* for writing, to free what is in it; or -1 */
	int inotify;	     /* one of them has grown */
	int terminal;	     /* our end; or -1 */
	int interrupt;	     /* eventfd, readable for ever after guest_interrupt */
	off_t report_at;     /* read so far */
	off_t punched;	     /* freed so far: the report does not pile up on the disk */
	off_t console_size;
	uint64_t started_ns, last_sign_ns, silence_ns;
	double boot_seconds;
	bool is_gone; /* known before the last look at the report */
	bool has_kvm, is_qemu;
	bool is_share_log_lost;
	bool is_read_only; /* but for its own folders, where the system allows that */
	int ended; /* why we ended it: what guest_read returns from then on; 0 if we did not */
	char tail[CONSOLE_TAIL + 1];
};

/* How to start a guest: what the kind of guest adds to the state folder. */
struct launch {
	const struct guest_config *cfg;
	const char *dir;	    /* the state folder: no character that needs quoting */
	struct state_folder memory; /* UML: where its memory file is; the guest's to remove */
	char **argv, **env;
	char *gdb; /* QEMU: path of its gdbstub's socket; NULL: it has none */
	bool own_pids, read_only, no_randomize, stopped; /* as in keeper.h */
	bool has_kvm;
};

/* Both fill in the rest; 0, or -errno with *RET_WHY. */
int uml_prepare(struct launch *l, char **ret_why);
int qemu_prepare(struct launch *l, char **ret_why);

/* Sets *RET_WHY and returns ERR. */
int guest_why(char **ret_why, int err, const char *fmt, ...) printf_like(3, 4);

const char *guest_tag(const struct guest_config *cfg);
unsigned guest_memory_mib(const struct guest_config *cfg);

/* Writes a file of the state folder, mode 0600. */
int guest_write_file(const char *dir, const char *name, const void *data, size_t n);

/* The statements `terminal`, `dmesg` and `trace`, as far as the guest has them: PLACE is what stands
 * before the names of the two files, TERMINAL the tty. The caller frees it; NULL: no memory. */
char *guest_job_parts(const struct guest_config *cfg, const char *place, const char *terminal);

/* A link NAME in the state folder to PATH, so that PATH may be long and have any character. */
int guest_link(const char *dir, const char *name, const char *path);

#endif
