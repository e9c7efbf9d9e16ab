/* SPDX-License-Identifier: MIT */
/* A corpus on disk, in a temporary folder that goes with its owner: removed in the end, and swept
 * away by the next start when the owner was killed. */
#ifndef VERIFY_CORPUS_FOLDER_H
#define VERIFY_CORPUS_FOLDER_H

#include "corpus.h"
#include "state-folder.h"

struct corpus_folder {
	struct state_folder state;
	char *dir; /* absolute */
	int fd;
};

#define CORPUS_FOLDER_INIT                           \
	{                                            \
		.state = STATE_FOLDER_INIT, .fd = -1 \
	}

/* In $TMPDIR, or else /tmp; empty if S is NULL. 0, or -errno with *RET_WHY, which the caller frees; corpus_folder_done
 * either way. */
int corpus_folder_make(const struct corpus_spec *s, struct corpus_folder *f, char **ret_why);
void corpus_folder_done(struct corpus_folder *f);

#endif
