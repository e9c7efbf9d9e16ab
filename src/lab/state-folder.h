/* SPDX-License-Identifier: MIT */
/* A private folder that lives as long as the process that made it: "warren-guest-XXXXXX", mode
 * 0700. Its owner holds a lock (flock) on it; a folder whose lock is free was left behind by a
 * crash, and the next start sweeps it away. */
#ifndef LAB_STATE_FOLDER_H
#define LAB_STATE_FOLDER_H

struct state_folder {
	char *path; /* absolute; NULL when there is none */
	int lock;   /* the folder itself, opened and locked: a forked child shares the lock */
};

#define STATE_FOLDER_INIT                \
	{                                \
		.path = NULL, .lock = -1 \
	}

/* A fresh folder below BASE. */
int state_folder_make(const char *base, struct state_folder *ret_f);

/* Removes the folder with all in it; does not follow links or cross file systems. */
void state_folder_remove(const char *path);

/* Removes it and lets go of the lock. */
void state_folder_done(struct state_folder *f);

/* Removes the abandoned ones of this user below BASE. */
void state_folder_sweep(const char *base);

/* Calls FN with the path of each of this user's below BASE that is in use; ends with what it
 * returns when that is not 0. */
int state_folder_each(const char *base, int (*fn)(void *ctx, const char *path), void *ctx);

#endif
