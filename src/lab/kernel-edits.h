/* SPDX-License-Identifier: MIT */
/* Known bugs of the 9P client's read path, brought back into a kernel that has the fix: each is a
 * small edit of the source, undone by its name. */
#ifndef LAB_KERNEL_EDITS_H
#define LAB_KERNEL_EDITS_H

#include <stddef.h>

/* FIND must stand once and only once in the function of FILE that begins with FUNCTION (NULL: in
 * all of FILE); PUT takes its place. */
struct kernel_place {
	const char *file, *find, *put, *function;
};

struct kernel_edit {
	const char *name;		   /* the kernel's is ...-without-NAME */
	const char *fixed_by;		   /* the mainline commit that it undoes, and its release */
	const char *first;		   /* the oldest release that has the code: "6.12" */
	const char *last;		   /* the newest, "" if that is not known */
	const char *summary;		   /* what goes wrong without the fix */
	const struct kernel_place *places; /* ended by one without file */
};

extern const struct kernel_edit kernel_edits[];
extern const size_t n_kernel_edits;

/* NULL when there is none. N: the length of NAME. */
const struct kernel_edit *kernel_edit_find(const char *name, size_t n);

/* All names, in one line; the caller frees it, NULL when memory is out. */
char *kernel_edit_list(void);

/* Is the edit about the release VERSION ("6.12.117")? 0, or -ENOTSUP with *RET_WHY. */
int kernel_edit_fits(const struct kernel_edit *e, const char *version, char **ret_why);

/* TEXT with the place changed, which the caller frees; -ESRCH with *RET_WHY when it is not there
 * exactly once. */
int kernel_place_change(const struct kernel_place *p, const char *text, char **ret_text,
			char **ret_why);

/* The files that edits have changed, as they were. */
struct kernel_undo {
	struct kernel_saved {
		char *path, *text;
	} * files;
	size_t n;
};

#define KERNEL_UNDO_INIT \
	{                \
		0        \
	}

/* Changes the source in the folder SRC: all places or none. */
int kernel_edit_apply(const struct kernel_edit *e, const char *src, struct kernel_undo *u,
		      char **ret_why);

/* Puts back what was, the last first, and forgets it. 0 or the first -errno. */
int kernel_undo_run(struct kernel_undo *u);

void kernel_undo_done(struct kernel_undo *u);

#endif
