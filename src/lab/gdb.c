/* SPDX-License-Identifier: MIT */
#include "gdb.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "elf-section.h"
#include "kernel.h"
#include "macros.h"
#include "spawn.h"
#include "symbols.h"

static int missing(char **ret_why, const char *fmt, ...) printf_like(2, 3);

static int missing(char **ret_why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (vasprintf(ret_why, fmt, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return -ENOENT;
}

const struct gdb_ops *gdb_ops_for(const struct kernel *k)
{
	return k->is_uml ? &gdb_uml : &gdb_qemu;
}

static bool has_scripts(const char *dir)
{
	autofree char *path = NULL;

	if (!dir || asprintf(&path, "%s/warren.py", dir) < 0) {
		path = NULL;
		return false;
	}
	return access(path, R_OK) == 0;
}

/* $WARREN_GDB, else those of the build folder that we run from, else the installed ones. */
static int find_scripts(const char *program, char **ret_scripts, char **ret_why)
{
	const char *env = getenv("WARREN_GDB"), *slash = strrchr(program, '/');
	autofree char *dir = NULL;

	if (asprintf(&dir, "%.*s/../../lab/gdb", slash ? (int)(slash - program) : 0, program) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	if (env || !has_scripts(dir)) {
		free(dir);
		dir = strdup(env ? env : WARREN_GDB_DIR);
	}
	if (!has_scripts(dir))
		return missing(ret_why,
			       "the scripts for gdb are not in %s: build or install warren "
			       "as a whole, or set WARREN_GDB",
			       dir ? dir : "their place");
	*ret_scripts = steal_ptr(&dir);
	return 0;
}

int gdb_check(char **ret_why)
{
	static const char *const argv[] = {"gdb", "-nx", "-batch", "-ex", "python print(6 * 7)",
					   NULL};
	struct spawn s = SPAWN_INIT;
	autofree char *out = NULL;
	size_t n;
	int r;

	if (!spawn_has_program("gdb"))
		return missing(ret_why, "there is no gdb in PATH: apt-get install gdb");
	s.argv = argv;
	s.fds[2] = SPAWN_NULL;
	r = spawn_capture(&s, 4096, &out, &n);
	if (r < 0)
		return missing(ret_why, "cannot run gdb: %s", strerror(-r));
	if (!out || strncmp(out, "42", 2) != 0)
		return missing(ret_why, "this gdb has no Python: install the package gdb, "
					"gdb-minimal will not do");
	return 0;
}

static int check_symbols(const struct kernel *k, char **ret_why)
{
	cleanup(symbols_done) struct symbols s = SYMBOLS_INIT;

	if (!k->is_uml)
		return symbols_get(k, &s, ret_why);
	if (elf_file_has_section(k->image, ".debug_info"))
		return 0;
	return missing(ret_why,
		       "the kernel %s has no debug information: take another, as "
		       "6.12-uml-debug",
		       k->name);
}

int gdb_find(const struct kernel *k, const char *program, char **ret_scripts, char **ret_why)
{
	int r = gdb_check(ret_why);

	r = r ? r : check_symbols(k, ret_why);
	return r ? r : find_scripts(program, ret_scripts, ret_why);
}

static int push_setting(char ***argv, const char *setting)
{
	int r = strv_push(argv, "-iex");

	return r ? r : strv_push(argv, setting);
}

/* The kernel's own scripts (lx-...), for a person; where its source is. */
static int push_kernel_settings(const struct gdb_plan *p, char ***argv)
{
	const struct kernel *k = p->kernel;
	int r = 0;

	if (p->batch || !k->gdb_scripts)
		r = push_setting(argv, "set auto-load python-scripts off");
	else if (!(r = strv_push(argv, "-iex")))
		r = strv_pushf(argv, "add-auto-load-safe-path %s", k->gdb_scripts);
	if (!r && k->sources && !(r = strv_push(argv, "-iex")))
		r = strv_pushf(argv, "set substitute-path /linux %s", k->sources);
	return r;
}

/* Nothing of the folder that gdb is started in is run, and it asks no server for symbols. */
static int push_settings(const struct gdb_plan *p, char ***argv)
{
	int r = strv_push(argv, "gdb");

	r = r ? r : strv_push(argv, "-q");
	if (p->batch) {
		r = r ? r : strv_push(argv, "-nx");
		r = r ? r : strv_push(argv, "-batch");
	}
	r = r ? r : push_setting(argv, "set auto-load local-gdbinit off");
	r = r ? r : push_setting(argv, "set debuginfod enabled off");
	return r ? r : push_kernel_settings(p, argv);
}

static int push_scripts(const struct gdb_plan *p, char ***argv)
{
	int r = strv_push(argv, "-ex");

	return r ? r : strv_pushf(argv, "source %s/warren.py", p->scripts);
}

int gdb_words(const struct gdb_plan *p, char ***ret_argv, char **ret_why)
{
	const struct gdb_ops *ops = gdb_ops_for(p->kernel);
	char **argv = NULL;
	int r = push_settings(p, &argv);

	*ret_why = NULL;
	r = r ? r : ops->push_symbols(p, &argv, ret_why);
	r = r ? r : push_scripts(p, &argv);
	r = r ? r : ops->push_attach(p, &argv, ret_why);
	for (const char *const *w = p->words; w && *w && !r; w++)
		r = strv_push(&argv, *w);
	if (r) {
		strv_free(argv);
		return r;
	}
	*ret_argv = argv;
	return 0;
}
