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
#include "kernel-make.h"
#include "kernel-manifest.h"
#include "kernel-names.h"
#include "progress.h"
#include "uml-config.h"

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
	free(k);
}

static void cleanup_kernel(struct kernel **k)
{
	kernel_free(*k);
}

char *path_join(const char *path, const char *name)
{
	char *joined;

	return asprintf(&joined, "%s/%s", path, name) < 0 ? NULL : joined;
}

/* M's strings move into the kernel. */
static int make_kernel(const char *dir, struct kernel_manifest *m, struct kernel **ret_k)
{
	cleanup(cleanup_kernel) struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->is_uml = !strcmp(m->kind, "uml");
	k->dir = strdup(dir);
	k->image = path_join(dir, m->image);
	k->modules = *m->modules ? path_join(dir, m->modules) : NULL;
	if (!k->dir || !k->image || (*m->modules && !k->modules))
		return -ENOMEM;
	k->name = steal_ptr(&m->name);
	k->release = steal_ptr(&m->release);
	k->version = steal_ptr(&m->version);
	k->build_id = steal_ptr(&m->build_id);
	*ret_k = steal_ptr(&k);
	return 0;
}

/* A kernel that an older warren built with another configuration is not what NAME means. */
static bool is_current(const struct kernel_manifest *m)
{
	const struct kernel_source *s = kernel_source_by_name(m->name);
	char hash[UML_HASH_SIZE];

	if (!s || !s->variant)
		return true;
	return !uml_config_hash(s->variant, hash) && !strcmp(hash, m->config_hash);
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
	const struct kernel_source *source = kernel_source_by_name(name);
	cleanup(cleanup_kernel) struct kernel *best = NULL;
	autofree char *cache = NULL, *kernels = NULL;
	autoclosedir DIR *d = NULL;
	const struct dirent *e;
	int r = lab_cache_dir(&cache);

	if (r)
		return r;
	kernels = path_join(cache, "kernels");
	if (!kernels)
		return -ENOMEM;
	d = opendir(kernels);
	while (d && (e = readdir(d))) {
		struct kernel *k = NULL;

		if (e->d_name[0] == '.' ||
		    read_entry(kernels, e->d_name, source ? source->name : name, &k))
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

static int make(const struct kernel_source *source, bool update, struct kernel **ret_k,
		char **ret_why)
{
	cleanup(cache_work_end) struct cache_work work = CACHE_WORK_INIT;
	cleanup(progress_done) struct progress progress;
	struct kernel_job job = {source, &work, &progress};
	autofree char *thing = NULL, *what = NULL;
	int r;

	if (asprintf(&thing, "kernel-%s", source->name) < 0 ||
	    asprintf(&what, "kernel %s", source->name) < 0)
		return -ENOMEM;
	progress_init(&progress, what);
	r = cache_work_begin(thing, &work, ret_why);
	if (r)
		return r;
	/* Another process may have made it while we waited for the lock. */
	if (!update && !kernel_find(source->name, ret_k))
		return 0;
	r = source->variant ? kernel_build_uml(&job, ret_why) : kernel_fetch_image(&job, ret_why);
	return r ? r : kernel_find(source->name, ret_k);
}

static int say_unknown(const char *name, bool uml, char **ret_why)
{
	autofree char *names = kernel_source_list(uml);

	return lab_why(-ENOENT, ret_why, "there is no %s kernel '%s'; known are %s",
		       uml ? "UML" : "QEMU", name, names ? names : "");
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

static int get(const char *name, bool uml, bool update, struct kernel **ret_k, char **ret_why)
{
	const struct kernel_source *source = kernel_source_find(name, uml);
	char *reason = NULL;
	int r;

	if (!source && !find_exact(name, uml, ret_k))
		return 0;
	if (!source)
		return say_unknown(name, uml, ret_why);
	if (!update && !kernel_find(source->name, ret_k))
		return 0;
	r = make(source, update, ret_k, &reason);
	if (r)
		lab_why(r, ret_why, "kernel %s: %s", source->name, reason ? reason : strerror(-r));
	free(reason);
	return r;
}

int kernel_get(const char *name, bool uml, struct kernel **ret_k, char **ret_why)
{
	return get(name, uml, false, ret_k, ret_why);
}

int kernel_update(const char *name, bool uml, struct kernel **ret_k, char **ret_why)
{
	return get(name, uml, true, ret_k, ret_why);
}
