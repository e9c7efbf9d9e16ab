/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "kernel-config.h"
#include "kernel-make.h"
#include "kernel-manifest.h"
#include "kernel-names.h"
#include "kernel-spec.h"
#include "path.h"
#include "progress.h"
#include "slurp.h"
#include "spawn.h"

#define PATCH_LIMIT (4U << 20)

void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	free(k->name);
	free(k->release);
	free(k->version);
	free(k->build_id);
	free(k->dir);
	free(k->image);
	free(k->modules);
	free(k->vmlinux);
	free(k->gdb_scripts);
	free(k->sources);
	free(k->edits);
	free(k);
}

static void cleanup_kernel(struct kernel **k)
{
	kernel_free(*k);
}

/* A path below DIR; NULL for none. */
static int join_below(const char *dir, const char *path, char **ret_path)
{
	if (!*path)
		return 0;
	*ret_path = path_join(dir, path);
	return *ret_path ? 0 : -ENOMEM;
}

/* M's strings move into the kernel. */
static int make_kernel(const char *dir, struct kernel_manifest *m, struct kernel **ret_k)
{
	cleanup(cleanup_kernel) struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->is_uml = !strcmp(m->kind, "uml");
	k->dir = strdup(dir);
	if (!k->dir || join_below(dir, m->image, &k->image) ||
	    join_below(dir, m->modules, &k->modules) || join_below(dir, m->vmlinux, &k->vmlinux) ||
	    join_below(dir, m->gdb_scripts, &k->gdb_scripts) ||
	    join_below(dir, m->sources, &k->sources))
		return -ENOMEM;
	k->name = steal_ptr(&m->name);
	k->release = steal_ptr(&m->release);
	k->version = steal_ptr(&m->version);
	k->build_id = steal_ptr(&m->build_id);
	k->edits = steal_ptr(&m->edits);
	*ret_k = steal_ptr(&k);
	return 0;
}

/* A kernel that an older warren built with another configuration is not what NAME means. */
static bool is_current(const struct kernel_manifest *m)
{
	struct kernel_spec s;
	char hash[KERNEL_HASH_SIZE];

	if (kernel_spec_by_name(m->name, &s, NULL) || !s.source->config)
		return true;
	return !kernel_spec_hash(&s, hash) && !strcmp(hash, m->config_hash);
}

static bool is_called(const char *entry, const struct kernel_manifest *m, const char *name)
{
	return !strcmp(entry, name) || !strcmp(m->release, name) ||
	       (!strcmp(m->name, name) && is_current(m));
}

static int read_entry(const char *kernels, const char *entry, const char *name,
		      struct kernel **ret_k)
{
	cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;
	cleanup(cleanup_kernel) struct kernel *k = NULL;
	autofree char *dir = path_join(kernels, entry);
	int r = dir ? kernel_manifest_read(dir, &m) : -ENOMEM;

	if (!r)
		r = is_called(entry, &m, name) ? make_kernel(dir, &m, &k) : -ENOENT;
	if (r)
		return r;
	/* Somebody may have made room by hand. */
	if (access(k->image, R_OK))
		return -ENOENT;
	*ret_k = steal_ptr(&k);
	return 0;
}

int kernel_find(const char *name, struct kernel **ret_k)
{
	cleanup(cleanup_kernel) struct kernel *best = NULL;
	autofree char *cache = NULL, *kernels = NULL;
	autoclosedir DIR *d = NULL;
	const struct dirent *e;
	struct kernel_spec spec;
	int r = lab_cache_dir(&cache);

	if (r)
		return r;
	kernels = path_join(cache, "kernels");
	if (!kernels)
		return -ENOMEM;
	if (!kernel_spec_by_name(name, &spec, NULL))
		name = spec.name;
	d = opendir(kernels);
	while (d && (e = readdir(d))) {
		struct kernel *k = NULL;

		if (e->d_name[0] == '.' || read_entry(kernels, e->d_name, name, &k))
			continue;
		if (best && strverscmp(best->version, k->version) > 0) {
			kernel_free(k);
			continue;
		}
		kernel_free(best);
		best = k;
	}
	if (!best)
		return -ENOENT;
	*ret_k = steal_ptr(&best);
	return 0;
}

/* M's name, if it is a variant's that NAMES lacks. */
static int add_variant(const struct kernel_manifest *m, char ***names)
{
	const struct kernel_source *plain = kernel_source_by_name(m->name);

	if (plain || !is_current(m))
		return 0;
	for (char **n = *names; n && *n; n++)
		if (!strcmp(*n, m->name))
			return 0;
	return strv_push(names, m->name);
}

static int compare_names(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

int kernel_find_variants(char ***ret_names)
{
	cleanup(cleanup_strv) char **names = calloc(1, sizeof(*names));
	autofree char *cache = NULL, *kernels = NULL;
	autoclosedir DIR *d = NULL;
	const struct dirent *e;
	int r = names ? lab_cache_dir(&cache) : -ENOMEM;

	if (r)
		return r;
	kernels = path_join(cache, "kernels");
	if (!kernels)
		return -ENOMEM;
	d = opendir(kernels);
	while (!r && d && (e = readdir(d))) {
		cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;
		autofree char *dir = path_join(kernels, e->d_name);

		if (e->d_name[0] != '.' && dir && !kernel_manifest_read(dir, &m))
			r = add_variant(&m, &names);
	}
	if (r)
		return r;
	qsort(names, strv_len((const char *const *)names), sizeof(*names), compare_names);
	*ret_names = steal_ptr(&names);
	return 0;
}

/* Variants of a kernel share a build tree, so they share the lock. */
static int lock_kernel(const struct kernel_spec *s, struct cache_work *w, char **ret_why)
{
	const struct kernel_spec base = kernel_spec_base(s);
	autofree char *thing = NULL;

	if (asprintf(&thing, "kernel-%s", base.name) < 0) {
		thing = NULL;
		return -ENOMEM;
	}
	return cache_work_begin(thing, w, ret_why);
}

static int make(const struct kernel_spec *s, const char *patch, bool update, struct kernel **ret_k,
		char **ret_why)
{
	cleanup(cache_work_end) struct cache_work work = CACHE_WORK_INIT;
	cleanup(progress_done) struct progress progress;
	struct kernel_job job = {s, patch, update, &work, &progress};
	autofree char *what = NULL;
	int r;

	if (asprintf(&what, "kernel %s", s->name) < 0) {
		what = NULL;
		return -ENOMEM;
	}
	progress_init(&progress, what);
	r = lock_kernel(s, &work, ret_why);
	if (r)
		return r;
	/* Another process may have made it while we waited for the lock. */
	if (!update && !kernel_find(s->name, ret_k))
		return 0;
	if (*s->patch && !patch)
		return lab_why(
			-ENOENT, ret_why,
			"the cache has none; 'warren lab kernel build --patch FILE' makes it");
	r = s->source->config ? kernel_build(&job, ret_why) : kernel_fetch_image(&job, ret_why);
	return r ? r : kernel_find(s->name, ret_k);
}

/* What kernel_get may return without asking a source: a folder's name, a release. */
static int find_exact(const char *name, bool uml, struct kernel **ret_k)
{
	cleanup(cleanup_kernel) struct kernel *k = NULL;
	int r = name && *name ? kernel_find(name, &k) : -ENOENT;

	if (r || k->is_uml != uml)
		return -ENOENT;
	*ret_k = steal_ptr(&k);
	return 0;
}

static int get_spec(const struct kernel_spec *s, const char *patch, bool update,
		    struct kernel **ret_k, char **ret_why)
{
	char *reason = NULL;
	int r;

	if (!update && !kernel_find(s->name, ret_k))
		return 0;
	r = make(s, patch, update, ret_k, &reason);
	if (r)
		lab_why(r, ret_why, "kernel %s: %s", s->name, reason ? reason : strerror(-r));
	free(reason);
	return r;
}

static int get(const char *name, bool uml, bool update, struct kernel **ret_k, char **ret_why)
{
	struct kernel_spec s;
	char *reason = NULL;
	int r = kernel_spec_parse(name, uml, &s, &reason);

	if (r == -ENOENT && !find_exact(name, uml, ret_k)) {
		free(reason);
		return 0;
	}
	if (r)
		lab_why(r, ret_why, "%s", reason ? reason : strerror(-r));
	free(reason);
	return r ? r : get_spec(&s, NULL, update, ret_k, ret_why);
}

int kernel_get(const char *name, bool uml, struct kernel **ret_k, char **ret_why)
{
	return get(name, uml, false, ret_k, ret_why);
}

int kernel_update(const char *name, bool uml, struct kernel **ret_k, char **ret_why)
{
	return get(name, uml, true, ret_k, ret_why);
}

int kernel_get_patched(const char *name, bool uml, const char *file, struct kernel **ret_k,
		       char **ret_why)
{
	autofree char *patch = NULL, *path = NULL;
	struct kernel_spec s;
	size_t n = 0;
	int r = kernel_spec_parse(name, uml, &s, ret_why);

	if (r)
		return r;
	r = slurp(file, PATCH_LIMIT, &patch, &n);
	if (r)
		return lab_why(r, ret_why, "cannot read the patch %s: %s", file, strerror(-r));
	path = realpath(file, NULL);
	r = path ? kernel_spec_add_patch(&s, patch, n, ret_why) : -errno;
	return r ? r : get_spec(&s, path, false, ret_k, ret_why);
}
