/* SPDX-License-Identifier: MIT */
/* gdb on QEMU: by the socket of its gdbstub. */
#include <errno.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "gdb.h"
#include "kernel.h"
#include "spawn.h"
#include "symbols.h"

static int find(const struct gdb_plan *p, struct symbols *s, char **ret_why)
{
	int r = symbols_find(p->kernel, s);

	return r ? lab_why(r, ret_why,
			   "kernel %s has no debug information: 'warren lab kernel symbols %s' "
			   "fetches it",
			   p->kernel->name, p->kernel->name)
		 : 0;
}

/* The index of a kernel's debug information takes gdb half a minute: it is kept beside it. */
static int push_index(const char *folder, char ***argv)
{
	int r = strv_push(argv, "-iex");

	r = r ? r : strv_pushf(argv, "set index-cache directory %s", folder);
	r = r ? r : strv_push(argv, "-iex");
	return r ? r : strv_push(argv, "set index-cache enabled on");
}

static int push_symbols(const struct gdb_plan *p, char ***argv, char **ret_why)
{
	cleanup(symbols_done) struct symbols s = SYMBOLS_INIT;
	int r = find(p, &s, ret_why);

	if (!r && s.index)
		r = push_index(s.index, argv);
	/* What is in a module is not there before that is loaded. */
	r = r ? r : strv_push(argv, "-iex");
	r = r ? r : strv_push(argv, "set breakpoint pending on");
	return r ? r : strv_push(argv, s.vmlinux);
}

/* PATH as one word for a command of gdb. */
static char *quote(const char *path)
{
	char *text = malloc(2 * strlen(path) + 3), *at = text;

	if (!text)
		return NULL;
	*at++ = '\'';
	for (; *path; path++) {
		if (*path == '\'' || *path == '\\')
			*at++ = '\\';
		*at++ = *path;
	}
	strcpy(at, "'");
	return text;
}

static int push_attach(const struct gdb_plan *p, char ***argv, char **ret_why)
{
	cleanup(symbols_done) struct symbols s = SYMBOLS_INIT;
	autofree char *socket = NULL, *modules = NULL;
	int r = find(p, &s, ret_why);

	if (r)
		return r;
	socket = quote(p->socket);
	modules = s.modules ? quote(s.modules) : strdup("");
	if (!socket || !modules)
		return -ENOMEM;
	r = strv_push(argv, "-ex");
	return r ? r : strv_pushf(argv, "w9-attach %s %s", socket, modules);
}

const struct gdb_ops gdb_qemu = {push_symbols, push_attach};
