/* SPDX-License-Identifier: MIT */
/* The options of `warren lab` that say which guest is started on which share, for a gdb. */
#ifndef CMD_LAB_SHARE_H
#define CMD_LAB_SHARE_H

#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "ready.h"
#include "stage.h"

#define SHARE_KERNEL_DEFAULT "6.12-uml-debug"

struct share_options {
	const char *kernel; /* NULL: the default */
	const char *qemu;   /* NULL: the system's */
	const char *dir;    /* NULL: the current folder */
	const char *cache;  /* NULL: mmap */
	int share;	    /* index in share_words; -1 */
	uint32_t msize, iounit, timeout_s, memory_mib;
};

#define SHARE_OPTIONS_INIT                                     \
	{                                                      \
		.share = -1, .msize = 512000, .timeout_s = 60, \
	}

extern const char *const share_words[];
int share_take_cache(struct option_line *l, void *o, const char *value);

/* Rows for a struct that begins with a struct share_options. */
#define SHARE_FIELD(f) .at = offsetof(struct share_options, f)
#define SHARE_NUMBER(word, f, from, to)                                                         \
	{                                                                                       \
		.name = word, .kind = OPTION_NUMBER, SHARE_FIELD(f), .min = (from), .max = (to) \
	}
#define SHARE_TEXT(word, f)                                       \
	{                                                         \
		.name = word, .kind = OPTION_TEXT, SHARE_FIELD(f) \
	}
#define SHARE_ROWS                                                                              \
	SHARE_TEXT("kernel", kernel), SHARE_TEXT("qemu", qemu), SHARE_TEXT("share-dir", dir),   \
		SHARE_NUMBER("msize", msize, 4096, 1U << 20),                                   \
		SHARE_NUMBER("iounit", iounit, 0, 1U << 20),                                    \
		SHARE_NUMBER("memory", memory_mib, 64, 65536),                                  \
		{.name = "cache", .kind = OPTION_TAKE, .take = share_take_cache},               \
	{                                                                                       \
		.name = "share", .kind = OPTION_WORD, SHARE_FIELD(share), .words = share_words, \
		.hint = "give warren or qemu"                                                   \
	}

/* Their lines of --help, one string. */
#define SHARE_HELP                                                                         \
	"  --kernel NAME        which kernel (" SHARE_KERNEL_DEFAULT "); see 'warren lab " \
	"kernel list'\n"                                                                   \
	"  --share-dir DIR      what is shared (the current folder)\n"                     \
	"  --share warren|qemu  who serves (warren)\n"                                     \
	"  --qemu NAME|PATH     which QEMU: a Debian release's, or a program's path\n"     \
	"  --cache MODE         none, readahead, mmap or loose (mmap)\n"                   \
	"  --msize N            bytes of the largest message, 4096 to 1048576 (512000)\n"  \
	"  --iounit N           what warren's server answers to open (0)\n"                \
	"  --memory MIB         memory of the guest, 64 to 65536 (512)\n"

/* What is to be started, ready to be: kernel and QEMU are fetched or built. VERB for messages. What
 * *RET_S points to is freed by share_done. EXIT_OK, or the exit code, said on standard error. */
int share_make(const char *verb, const struct share_options *o, struct ready *r,
	       struct stage_plan *ret_s);
void share_done(struct ready *r, struct stage_plan *s);

#endif
