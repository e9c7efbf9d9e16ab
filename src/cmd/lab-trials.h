/* SPDX-License-Identifier: MIT */
/* What `warren lab matrix` and `warren lab bisect` share: a folder or a corpus, and boots of guests
 * that read it, without a word of output. */
#ifndef CMD_LAB_TRIALS_H
#define CMD_LAB_TRIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "corpus-folder.h"
#include "matrix.h"
#include "ready.h"

/* A kernel and a share that were made ready once. */
struct prepared {
	struct prepared *next;
	const char *kernel, *guest, *share; /* words of the caller's */
	int status;			    /* EXIT_...; then WHY says why */
	char *why;
	struct ready ready;
};

struct trials {
	const char *dir_arg, *corpus_arg; /* one of them is NULL */
	const char *qemu;
	uint32_t memory_mib, fragment, timeout_s;
	bool is_quiet;
	const char *const *readers;
	/* QEMU's server has its own: it is tried with these words only. */
	const char *first_iounit, *first_guard;
	struct corpus_spec spec;
	struct corpus_folder corpus;
	char *dir;
	int dir_fd;
	struct prepared *prepared;
	int signal; /* that ended a boot */
	unsigned booted, planned;
};

#define TRIALS_INIT                                        \
	{                                                  \
		.corpus = CORPUS_FOLDER_INIT, .dir_fd = -1 \
	}

/* Makes the corpus, or opens the folder; spec is parsed already. An exit code, said already. */
int trials_open(struct trials *t, const char *verb);
void trials_done(struct trials *t);

/* The kernel KERNEL for a guest GUEST ("uml", "qemu", "own": the kernel's) with the share SHARE
 * ("warren", "vhost", "tcp", "qemu"): made ready, fetched or built, at the first call. */
const struct prepared *trials_prepare(struct trials *t, const char *kernel, const char *guest,
				      const char *share);

/* A matrix_boot; CTX is the struct trials. -EINTR after a signal. */
int trials_boot(void *ctx, const char *const *values, struct boot *ret_b);

#endif
