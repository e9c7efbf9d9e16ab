/* SPDX-License-Identifier: MIT */
/* The parts of building a kernel from Debian's source: kernel-build.c has the order of the steps,
 * kernel-compile.c what make does, kernel-entry.c what is taken from it. */
#ifndef LAB_KERNEL_BUILD_H
#define LAB_KERNEL_BUILD_H

#include "kernel-edits.h"
#include "kernel-make.h"
#include "kernel-tree.h"

struct apt_package;
struct kernel_config;

/* What DWARF calls the source folder: gdb is told where its files are. */
#define KERNEL_DEBUG_PATH "/linux"

struct build {
	const struct kernel_job *job;
	const struct kernel_config *config;
	struct apt_package *source;
	struct kernel_tree tree;
	struct kernel_undo undo;
	char **env;
	bool is_patched;
	bool is_whole; /* all of the tree is compiled; no object may be half a one */
	unsigned n_compiled;
};

/* Makes a configuration of the unpacked source. */
int build_configure(struct build *b, char **ret_why);

int build_compile(struct build *b, char **ret_why);

/* Checks that what S changes can be changed, changes it, changes it back. */
int build_check_changes(struct build *b, char **ret_why);
int build_change(struct build *b, char **ret_why);
int build_change_back(struct build *b);

/* The finished kernel S in the new folder ENTRY. */
int build_take(struct build *b, const struct kernel_spec *s, const char *entry, char **ret_why);

#endif
