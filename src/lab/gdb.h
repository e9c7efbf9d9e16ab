/* SPDX-License-Identifier: MIT */
/* gdb on a guest: its command line, with the kernel's symbols and the scripts of lab/gdb. What
 * depends on the kind of guest is behind `struct gdb_ops`. */
#ifndef LAB_GDB_H
#define LAB_GDB_H

#include <stdbool.h>
#include <sys/types.h>

struct kernel;

struct gdb_plan {
	const struct kernel *kernel;
	const char *scripts; /* the folder that holds warren.py */
	pid_t pid;	     /* UML: the guest's process */
	const char *socket;  /* QEMU: the Unix socket of its gdbstub */
	bool batch;	     /* nobody is there: no init files, it ends after the last word */
	const char *const
		*words; /* more for its command line (-ex ...), NULL-terminated; or NULL */
};

/* How one kind of guest is taken. Each appends words for gdb; 0, or -errno with *RET_WHY. */
struct gdb_ops {
	/* Before the symbols are read: settings, and the file that has them, as -iex and a path. */
	int (*push_symbols)(const struct gdb_plan *p, char ***argv, char **ret_why);
	/* Takes the guest, which stands still from then on. The scripts are loaded. */
	int (*push_attach)(const struct gdb_plan *p, char ***argv, char **ret_why);
};

extern const struct gdb_ops gdb_uml, gdb_qemu;
const struct gdb_ops *gdb_ops_for(const struct kernel *k);

/* Is there a gdb with Python? 0, or -errno with *RET_WHY, one line that says what to do. */
int gdb_check(char **ret_why);

/* The same, and are there the folder of scripts and debug information for the kernel? That of
 * Debian's images is fetched (symbols.h). *RET_SCRIPTS is the caller's to free. PROGRAM is the path
 * of ours: scripts are near it in the build folder. */
int gdb_find(const struct kernel *k, const char *program, char **ret_scripts, char **ret_why);

/* The words that start gdb, NULL-terminated; free with strv_free. */
int gdb_words(const struct gdb_plan *p, char ***ret_argv, char **ret_why);

#endif
