/* SPDX-License-Identifier: MIT */
#include "symbols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apt.h"
#include "cache.h"
#include "cleanup.h"
#include "elf-section.h"
#include "kernel-manifest.h"
#include "kernel-names.h"
#include "kernel.h"
#include "modules.h"
#include "path.h"
#include "progress.h"
#include "spawn.h"
#include "symbols-check.h"
#include "symbols-unpack.h"
#include "tool.h"

/* The package, what we take of it, and apt's lists. */
#define ROOM_MIB 2000
#define INDEX "gdb-index"
#define MB(bytes) ((unsigned long)((bytes) / 1000000))

/* The modules that a guest of ours may load, with all that these need. */
static const char *const loaded[] = {"?virtio_pci",   "?virtio_console", "?virtio_net", "?9p",
				     "?9pnet_virtio", "?9pnet_fd",	 NULL};

struct fetch {
	const struct kernel *kernel;
	struct cache_work work;
	struct progress progress;
	struct kernel_manifest manifest;
	struct apt_package package;
	char **modules; /* files relative to kernel->modules */
};

void symbols_done(struct symbols *s)
{
	free(s->vmlinux);
	free(s->modules);
	free(s->index);
	*s = (struct symbols)SYMBOLS_INIT;
}

static int find_own(const struct kernel *k, struct symbols *s)
{
	if (!k->vmlinux)
		return -ENOENT;
	s->vmlinux = strdup(k->vmlinux);
	s->index = path_join(k->dir, INDEX);
	return s->vmlinux && s->index ? 0 : -ENOMEM;
}

static int find_fetched(const struct kernel *k, struct symbols *s)
{
	s->vmlinux = path_join(k->dir, "debug/vmlinux");
	s->modules = path_join(k->dir, "debug/modules");
	s->index = path_join(k->dir, "debug/" INDEX);
	if (!s->vmlinux || !s->modules || !s->index)
		return -ENOMEM;
	return access(s->vmlinux, R_OK) ? -ENOENT : 0;
}

int symbols_find(const struct kernel *k, struct symbols *ret_s)
{
	cleanup(symbols_done) struct symbols s = SYMBOLS_INIT;
	int r = find_own(k, &s);

	if (r == -ENOENT)
		r = find_fetched(k, &s);
	if (r)
		return r;
	*ret_s = s;
	s = (struct symbols)SYMBOLS_INIT;
	return 0;
}

static void fetch_done(struct fetch *f)
{
	progress_done(&f->progress);
	cache_work_end(&f->work);
	kernel_manifest_done(&f->manifest);
	apt_package_done(&f->package);
	strv_free(f->modules);
}

/* The suites where the image came from, and that where it was: a point release moves packages. */
static int list_suites(const struct fetch *f, char **ret_suites)
{
	const struct kernel_source *s = kernel_source_by_name(f->manifest.name);
	const char *known = s ? s->suites : "", *own = f->manifest.suite;

	return asprintf(ret_suites, "%s%s%s", known, *known ? " " : "",
			strstr(known, own) ? "" : own) < 0
		       ? -ENOMEM
		       : 0;
}

static int find_package(struct fetch *f, struct apt *a, char **ret_why)
{
	const struct kernel_manifest *m = &f->manifest;
	autofree char *name = NULL, *suites = NULL;
	int r = list_suites(f, &suites);

	if (r)
		return r;
	if (asprintf(&name, "%s-dbg", m->package) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	r = apt_open(&f->work, &f->progress, suites, a, ret_why);
	if (!r)
		r = apt_find_version(a, name, m->package_version, &f->package, ret_why);
	if (r == -ENOENT)
		return lab_why(r, ret_why,
			       "the Debian mirror has no package %s of version %s (any more): "
			       "'warren lab kernel fetch --update %s' takes its newest kernel, "
			       "whose symbols it has",
			       name, m->package_version, m->name);
	return r;
}

static void say_cost(struct fetch *f)
{
	uint64_t size = f->package.size;

	progress_step(&f->progress,
		      "the symbols of %s are %lu MB to fetch, and about 2 minutes to unpack on one "
		      "CPU; on disk %lu MB meanwhile, about 500 MB afterwards",
		      f->kernel->release, MB(size), MB(size) + 500);
}

static int list_modules(struct fetch *f)
{
	autofree char *missing = NULL;

	if (!f->kernel->modules)
		return (f->modules = calloc(1, sizeof(char *))) ? 0 : -ENOMEM;
	return modules_resolve(f->kernel->modules, loaded, &f->modules, &missing);
}

static int download(struct fetch *f, const struct apt *a, char **ret_deb, char **ret_why)
{
	autofree char *dir = path_join(f->work.tmp, "deb");
	int r = dir ? apt_download(a, &f->package, 1, dir, ret_why) : -ENOMEM;

	return r ? r : deb_find(dir, f->package.name, ret_deb);
}

static int make_placeable(const char *debug, const struct symbols_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		autofree char *path = path_join(debug, l->files[i].to);
		int r = path ? elf_file_clear_addresses(path) : -ENOMEM;

		if (r)
			return r;
	}
	return 0;
}

static int unpack(struct fetch *f, const char *deb, const char *debug, char **ret_why)
{
	cleanup(symbols_list_done) struct symbols_list list = {0};
	autofree char *modules = path_join(debug, "modules");
	int r = modules ? make_dirs(modules) : -ENOMEM;

	if (!r)
		r = symbols_list_make(f->kernel->release, (const char *const *)f->modules, &list);
	if (r)
		return r;
	progress_step(&f->progress, "unpacking the kernel and %zu modules",
		      strv_len((const char *const *)f->modules));
	r = deb_unpack_wanted(deb, debug, list.files, list.n, &f->progress, f->package.installed,
			      ret_why);
	r = r ? r : symbols_list_check(&list, f->package.name, ret_why);
	return r ? r : make_placeable(debug, &list);
}

/* Half a minute of gdb's, better now than with a guest that waits. Without gdb, or if that fails, the
 * first debugger does it. */
static int make_index(struct fetch *f, const char *debug)
{
	cleanup(cleanup_strv) char **argv = NULL;
	autofree char *why = NULL;
	int r = strv_push(&argv, "gdb");

	r = r ? r : strv_push(&argv, "-nx");
	r = r ? r : strv_push(&argv, "-batch");
	r = r ? r : strv_push(&argv, "-iex");
	r = r ? r : strv_pushf(&argv, "set index-cache directory %s/" INDEX, debug);
	r = r ? r : strv_push(&argv, "-iex");
	r = r ? r : strv_push(&argv, "set index-cache enabled on");
	r = r ? r : strv_pushf(&argv, "%s/vmlinux", debug);
	if (r || !spawn_has_program("gdb"))
		return r;
	progress_step(&f->progress, "gdb makes its index of them");
	r = tool_run(&(struct tool){.argv = (const char *const *)argv}, &f->work, &why);
	return r == -EINTR ? r : 0;
}

static int make(struct fetch *f, char **ret_why)
{
	cleanup(apt_done) struct apt a = APT_INIT;
	autofree char *deb = NULL, *debug = path_join(f->work.tmp, "debug"), *place = NULL;
	uint64_t size;
	int r = debug ? find_package(f, &a, ret_why) : -ENOMEM;

	if (r)
		return r;
	say_cost(f);
	r = list_modules(f);
	if (!r)
		r = download(f, &a, &deb, ret_why);
	if (!r)
		r = unpack(f, deb, debug, ret_why);
	if (!r)
		r = symbols_check(f->kernel, debug, (const char *const *)f->modules, ret_why);
	if (!r)
		r = make_index(f, debug);
	if (r)
		return r;
	if (asprintf(&place, "kernels/%s", strrchr(f->kernel->dir, '/') + 1) < 0) {
		place = NULL;
		return -ENOMEM;
	}
	size = tree_size(debug);
	r = cache_work_publish(&f->work, "debug", place, "debug");
	if (!r)
		progress_step(&f->progress, "%lu MB are in %s/debug, after %.0f s", MB(size),
			      f->kernel->dir, progress_seconds(&f->progress));
	return r;
}

/* The kernel's folder must be one of the cache, of which we know whose it is. */
static int read_origin(struct fetch *f, char **ret_why)
{
	int r = kernel_manifest_read(f->kernel->dir, &f->manifest);

	if (!r && (strcmp(f->manifest.kind, "debian") != 0 || !*f->manifest.package_version))
		r = -ENOENT;
	return r ? lab_why(r, ret_why,
			   "kernel %s is no image of Debian's, and was built without debug "
			   "information: take another, see 'warren lab kernel list'",
			   f->kernel->name)
		 : 0;
}

static int fetch(const struct kernel *k, char **ret_why)
{
	cleanup(fetch_done) struct fetch f = {.kernel = k, .work = CACHE_WORK_INIT};
	cleanup(symbols_done) struct symbols s = SYMBOLS_INIT;
	autofree char *thing = NULL, *what = NULL;
	int r;

	if (asprintf(&thing, "symbols-%s", k->release) < 0 ||
	    asprintf(&what, "symbols of %s", k->name) < 0)
		return -ENOMEM;
	progress_init(&f.progress, what);
	r = read_origin(&f, ret_why);
	if (!r)
		r = cache_work_begin(thing, &f.work, ret_why);
	/* Another process may have fetched them while we waited for the lock. */
	if (!r && !symbols_find(k, &s))
		return 0;
	if (!r)
		r = cache_work_make_tmp(&f.work, ROOM_MIB, ret_why);
	return r ? r : make(&f, ret_why);
}

int symbols_get(const struct kernel *k, struct symbols *ret_s, char **ret_why)
{
	char *reason = NULL;
	int r;

	if (!symbols_find(k, ret_s))
		return 0;
	r = fetch(k, &reason);
	if (!r)
		r = symbols_find(k, ret_s);
	if (r)
		lab_why(r, ret_why, "symbols of %s: %s", k->name, reason ? reason : strerror(-r));
	free(reason);
	return r;
}
