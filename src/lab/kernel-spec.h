/* SPDX-License-Identifier: MIT */
/* What a kernel's name says: a source of kernel-names.h, then what was done to it.
 *
 *	BASE[-without-EDIT]...[-kasan][-patch-HASH]
 */
#ifndef LAB_KERNEL_SPEC_H
#define LAB_KERNEL_SPEC_H

#include <stdbool.h>
#include <stddef.h>

struct kernel_edit;
struct kernel_source;

#define KERNEL_EDITS_MAX 4
#define KERNEL_NAME_MAX 128
#define KERNEL_HASH_SIZE 17
#define PATCH_HASH_SIZE 9

struct kernel_spec {
	const struct kernel_source *source;
	const struct kernel_edit *edits[KERNEL_EDITS_MAX]; /* the fixes undone, as in the table */
	size_t n_edits;
	bool has_kasan;
	char patch[PATCH_HASH_SIZE]; /* hash of the patch file, "" if there is none */
	char name[KERNEL_NAME_MAX];  /* the suffixes in the order above */
};

/* The suffixes of NAME in any order. NULL or "" is the kind's default, and "6.12" is "6.12-uml" for
 * UML. -ENOENT: no such kernel of that kind, -EINVAL: a suffix that is none or does not fit, both
 * with *RET_WHY. */
int kernel_spec_parse(const char *name, bool uml, struct kernel_spec *ret_s, char **ret_why);

/* Any kind. The same, but *RET_WHY only for -EINVAL. */
int kernel_spec_by_name(const char *name, struct kernel_spec *ret_s, char **ret_why);

/* Adds to it; the name follows. -EINVAL with *RET_WHY when it is one of Debian's images, or the
 * edit is none. */
int kernel_spec_add_edit(struct kernel_spec *s, const char *edit, char **ret_why);
int kernel_spec_add_kasan(struct kernel_spec *s, char **ret_why);
int kernel_spec_add_patch(struct kernel_spec *s, const void *patch, size_t n, char **ret_why);

/* Is the source changed? */
bool kernel_spec_is_changed(const struct kernel_spec *s);

/* The same with the source as Debian has it. */
struct kernel_spec kernel_spec_base(const struct kernel_spec *s);

/* Names all that goes into a build besides Debian's source. */
int kernel_spec_hash(const struct kernel_spec *s, char hash[KERNEL_HASH_SIZE]);

/* Options beyond those of the source's configuration; NULL if there are none. */
const char *const *kernel_spec_options(const struct kernel_spec *s);

/* "folioq-offset,..." or "none"; the caller frees it, NULL when memory is out. */
char *kernel_spec_edits(const struct kernel_spec *s);

#endif
