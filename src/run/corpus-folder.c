/* SPDX-License-Identifier: MIT */
#include "corpus-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"

static int make(const struct corpus_spec *s, struct corpus_folder *f)
{
	const char *bases[] = {getenv("TMPDIR"), "/tmp"};
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(bases) && r; i++)
		if (bases[i])
			r = state_folder_make(bases[i], &f->state);
	if (r)
		return r;
	f->dir = realpath(f->state.path, NULL);
	f->fd = open(f->state.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!f->dir || f->fd < 0)
		return -errno;
	return s ? corpus_make(s, f->fd) : 0;
}

int corpus_folder_make(const struct corpus_spec *s, struct corpus_folder *f, char **ret_why)
{
	int r = make(s, f);

	if (r && asprintf(ret_why, "cannot make a folder to share in %s: %s",
			  f->state.path ? f->state.path : "/tmp", strerror(-r)) < 0)
		*ret_why = NULL;
	return r;
}

void corpus_folder_done(struct corpus_folder *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->dir);
	state_folder_done(&f->state);
	*f = (struct corpus_folder)CORPUS_FOLDER_INIT;
}
