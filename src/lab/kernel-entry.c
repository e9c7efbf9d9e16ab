/* SPDX-License-Identifier: MIT */
/* What is kept of a finished build. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apt.h"
#include "cleanup.h"
#include "kernel-build.h"
#include "kernel-config.h"
#include "kernel-manifest.h"
#include "path.h"
#include "slurp.h"
#include "spawn.h"
#include "tool.h"

/* Below the entry: a part of the source, for gdb. */
#define SOURCES "linux"

/* What gdb shows of the way of a read, and the scripts that came with the kernel. */
static const char *const kept_sources[] = {
	"net/9p/*.[ch]",
	"fs/9p/*.[ch]",
	"fs/netfs/*.[ch]",
	"lib/iov_iter.c",
	"lib/scatterlist.c",
	"include/linux/iov_iter.h",
	"include/linux/uio.h",
	"include/linux/folio_queue.h",
	"include/linux/netfs.h",
	"include/net/9p/*.h",
	"include/trace/events/9p.h",
	"include/trace/events/netfs.h",
	"scripts/gdb/vmlinux-gdb.py",
	"scripts/gdb/linux/*.py",
};

/* gdb loads it with the program, if it may; both find all else from here. */
static const char gdb_start[] =
	"# Where the kernel's source is, and the commands that came with it (lx-...).\n"
	"import os\n"
	"import sys\n"
	"import gdb\n"
	"\n"
	"here = os.path.join(os.path.dirname(os.path.realpath(__file__)), \"" SOURCES "\")\n"
	"gdb.execute('set substitute-path " KERNEL_DEBUG_PATH " \"%s\"' % here)\n"
	"sys.path.insert(0, os.path.join(here, \"scripts/gdb\"))\n"
	"gdb.execute('source %s' % os.path.join(here, \"vmlinux-gdb.py\"))\n";

static int copy(const struct build *b, const char *from, const char *to, char **ret_why)
{
	return tool_run(&(struct tool){.argv = (const char *const[]){"cp", "--", from, to, NULL}},
			b->job->work, ret_why);
}

/* The names stay: they are small, and gdb shows them. UML is its own program with DWARF. */
static int take_image(struct build *b, const char *entry, char **ret_why)
{
	autofree char *from = path_join(b->tree.src, b->config->arch->image),
		      *to = path_join(entry, "image");

	if (!from || !to)
		return -ENOMEM;
	if (b->config->is_debug && b->config->arch->is_uml)
		return copy(b, from, to, ret_why);
	return tool_run(&(struct tool){.argv = (const char *const[]){"strip", "--strip-debug", "-o",
								     to, from, NULL}},
			b->job->work, ret_why);
}

static int push_glob(char ***argv, const char *src, const char *pattern)
{
	autofree char *path = path_join(src, pattern);
	glob_t g;
	int r = 0;

	if (!path)
		return -ENOMEM;
	if (glob(path, 0, NULL, &g))
		return 0;
	for (size_t i = 0; i < g.gl_pathc && !r; i++)
		r = strv_push(argv, g.gl_pathv[i] + strlen(src) + 1);
	globfree(&g);
	return r;
}

static int copy_sources(struct build *b, const char *to, char **ret_why)
{
	cleanup(cleanup_strv) char **argv = NULL;
	int r = strv_push(&argv, "cp");

	r = r ? r : strv_push(&argv, "--parents");
	r = r ? r : strv_push(&argv, "-t");
	r = r ? r : strv_push(&argv, to);
	for (size_t i = 0; i < ARRAY_SIZE(kept_sources) && !r; i++)
		r = push_glob(&argv, b->tree.src, kept_sources[i]);
	if (!r)
		r = make_dirs(to);
	return r ? r
		 : tool_run(&(struct tool){.argv = (const char *const *)argv, .dir = b->tree.src},
			    b->job->work, ret_why);
}

static int write_gdb_start(const char *entry, const char *name)
{
	autofree char *path = path_join(entry, name);

	return path ? path_write(path, gdb_start, sizeof(gdb_start) - 1) : -ENOMEM;
}

/* vmlinux-gdb.py looks for its modules beside itself. */
static int link_scripts(const char *sources)
{
	autofree char *link = path_join(sources, "vmlinux-gdb.py");

	return !link ? -ENOMEM : symlink("scripts/gdb/vmlinux-gdb.py", link) ? -errno : 0;
}

static int take_program(struct build *b, const char *entry, char **ret_why)
{
	autofree char *from = path_join(b->tree.src, b->config->arch->program),
		      *to = path_join(entry, "vmlinux");

	return from && to ? copy(b, from, to, ret_why) : -ENOMEM;
}

static int take_debug(struct build *b, const char *entry, struct kernel_manifest *m, char **ret_why)
{
	bool is_uml = b->config->arch->is_uml;
	autofree char *sources = path_join(entry, SOURCES);
	int r = sources ? copy_sources(b, sources, ret_why) : -ENOMEM;

	if (!r && !is_uml)
		r = take_program(b, entry, ret_why);
	if (!r)
		r = link_scripts(sources);
	if (!r)
		r = write_gdb_start(entry, "vmlinux-gdb.py");
	if (!r && is_uml)
		r = write_gdb_start(entry, "image-gdb.py");
	if (!r)
		r = manifest_set(&m->vmlinux, is_uml ? "image" : "vmlinux");
	if (!r)
		r = manifest_set(&m->gdb_scripts, ".");
	return r ? r : manifest_set(&m->sources, SOURCES);
}

static int read_release(const struct build *b, char **ret_release)
{
	autofree char *path = path_join(b->tree.src, "include/config/kernel.release");
	int r = path ? slurp(path, 256, ret_release, NULL) : -ENOMEM;

	if (!r)
		(*ret_release)[strcspn(*ret_release, "\n")] = '\0';
	return r;
}

static int take_patch(const struct build *b, const char *entry, char **ret_why)
{
	autofree char *to = path_join(entry, "patch");

	return to ? copy(b, b->job->patch, to, ret_why) : -ENOMEM;
}

static int note_spec(const struct kernel_spec *s, struct kernel_manifest *m)
{
	char hash[KERNEL_HASH_SIZE];
	autofree char *edits = kernel_spec_edits(s);
	int r = edits ? kernel_spec_hash(s, hash) : -ENOMEM;

	if (!r)
		r = manifest_set(&m->edits, edits);
	if (!r)
		r = manifest_set(&m->patches, *s->patch ? s->patch : "none");
	return r ? r : manifest_set(&m->config_hash, hash);
}

int build_take(struct build *b, const struct kernel_spec *s, const char *entry, char **ret_why)
{
	cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;
	const struct kernel_job job = {.spec = s, .work = b->job->work};
	autofree char *from = path_join(b->tree.src, ".config"), *to = path_join(entry, "config");
	int r = from && to ? make_dirs(entry) : -ENOMEM;

	if (!r)
		r = copy(b, from, to, ret_why);
	if (!r)
		r = take_image(b, entry, ret_why);
	if (!r && b->config->is_debug)
		r = take_debug(b, entry, &m, ret_why);
	if (!r && *s->patch)
		r = take_patch(b, entry, ret_why);
	if (!r)
		r = kernel_describe(&job, b->source, entry, &m, ret_why);
	if (!r)
		r = read_release(b, &m.release);
	if (!r)
		r = note_spec(s, &m);
	return r ? r : kernel_manifest_write(entry, &m);
}
