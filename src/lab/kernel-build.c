/* SPDX-License-Identifier: MIT */
#include "kernel-build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apt.h"
#include "cleanup.h"
#include "kernel-config.h"
#include "kernel-names.h"
#include "path.h"
#include "progress.h"
#include "spawn.h"
#include "tool.h"

/* For a variant of a tree at hand. */
#define VARIANT_MIB 300

static void build_done(struct build *b)
{
	kernel_tree_done(&b->tree);
	kernel_undo_done(&b->undo);
	strv_free(b->env);
}

static int unpack(struct build *b, const char *debs, char **ret_why)
{
	static const char *const first[] = {
		"tar", "-x", "--strip-components=1", "--wildcards", "-I", "xz -T0", "-f"};
	autofree char *pkg = path_join(b->job->work->tmp, "package"), *tarball = NULL;
	const char *const *parts = b->config->arch->parts;
	cleanup(cleanup_strv) char **argv = NULL;
	int r;

	if (!pkg || asprintf(&tarball, "%s/usr/src/%s.tar.xz", pkg, b->source->name) < 0)
		return -ENOMEM;
	progress_step(b->job->progress, "unpacking %s", b->source->version);
	r = deb_unpack_all(b->job->work, debs, pkg, NULL, ret_why);
	if (!r)
		r = remove_tree(debs);
	for (size_t i = 0; i < ARRAY_SIZE(first) && !r; i++)
		r = strv_push(&argv, first[i]);
	if (!r)
		r = strv_push(&argv, tarball);
	for (size_t i = 0; parts[i] && !r; i++)
		r = strv_push(&argv, parts[i]);
	if (!r)
		r = make_dirs(b->tree.src);
	if (!r)
		r = tool_run(&(struct tool){.argv = (const char *const *)argv, .dir = b->tree.src},
			     b->job->work, ret_why);
	return r ? r : remove_tree(pkg);
}

/* Each edit is about some releases: said before anything is downloaded. */
static int check_edits(const struct build *b, char **ret_why)
{
	const struct kernel_spec *s = b->job->spec;
	autofree char *version = upstream_version(b->source->version);
	int r = version ? 0 : -ENOMEM;

	for (size_t i = 0; i < s->n_edits && !r; i++)
		r = kernel_edit_fits(s->edits[i], version, ret_why);
	return r;
}

static char *entry_name(const struct build *b, const struct kernel_spec *s)
{
	char hash[KERNEL_HASH_SIZE], *name;

	if (kernel_spec_hash(s, hash) ||
	    asprintf(&name, "%s_%s_%s", s->name, b->source->version, hash) < 0)
		return NULL;
	return name;
}

static bool has_entry(const struct build *b, const struct kernel_spec *s)
{
	autofree char *name = entry_name(b, s);

	return name && kernel_entry_exists(b->job, name);
}

static int compile_and_publish(struct build *b, const struct kernel_spec *s, char **ret_why)
{
	autofree char *entry = path_join(b->job->work->tmp, "entry"), *name = entry_name(b, s);
	int r = entry && name ? 0 : -ENOMEM;

	if (!r)
		r = build_compile(b, ret_why);
	/* An error of the compiler leaves nothing by halves, a compiler that was stopped may. */
	if (!r)
		b->is_whole = true;
	else if (r != -EIO)
		b->is_whole = false;
	if (!r)
		r = build_take(b, s, entry, ret_why);
	if (!r)
		r = cache_work_publish(b->job->work, "entry", "kernels", name);
	if (!r)
		progress_step(b->job->progress, "%s %s is ready", s->name, b->source->version);
	return r;
}

/* The package that the tree at hand came from. */
static int use_tree(struct build *b)
{
	b->source->name = strdup(b->tree.package);
	b->source->version = strdup(b->tree.version);
	b->source->suite = strdup(b->tree.suite);
	if (!b->source->name || !b->source->version || !b->source->suite)
		return -ENOMEM;
	progress_step(b->job->progress, "from the build tree of %s", b->tree.version);
	return 0;
}

static int fetch_source(struct build *b, const struct apt *a, char **ret_why)
{
	autofree char *debs = path_join(b->job->work->tmp, "debs");
	int r = debs ? apt_download(a, b->source, 1, debs, ret_why) : -ENOMEM;

	b->is_whole = false;
	if (!r)
		r = kernel_tree_drop(&b->tree);
	if (!r)
		r = unpack(b, debs, ret_why);
	if (!r)
		r = kernel_tree_set(&b->tree, b->source);
	return r ? r : build_configure(b, ret_why);
}

static int build_all(struct build *b, char **ret_why)
{
	const struct kernel_spec *s = b->job->spec;
	const struct kernel_spec base = kernel_spec_base(s);
	int r = 0;

	progress_step(b->job->progress, "compiling%s", b->is_whole ? " what has changed" : "");
	if (kernel_spec_is_changed(s)) {
		r = build_check_changes(b, ret_why);
		if (!r && !has_entry(b, &base))
			r = compile_and_publish(b, &base, ret_why);
		if (!r)
			r = build_change(b, ret_why);
	}
	return r ? r : compile_and_publish(b, s, ret_why);
}

static int finish_tree(struct build *b, int r, const char *hash)
{
	int r1 = build_change_back(b);

	if (b->config->is_debug && b->is_whole && !r1)
		r1 = kernel_tree_keep(&b->tree, hash);
	else
		r1 = kernel_tree_drop(&b->tree);
	return r ? r : r1;
}

/* linux-source leads to linux-source-VERSION. */
static int follow_meta(struct build *b, const struct apt *a, char **ret_why)
{
	autofree char *name = depends_find(b->source->depends, "linux-source-");
	struct apt_package real = {0};
	int r;

	if (!name)
		return 0;
	r = apt_find(a, name, &real, ret_why);
	if (r)
		return r;
	apt_package_done(b->source);
	*b->source = real;
	return 0;
}

/* Finds out what the newest source is, from the tree when that will do. */
static int find_source(struct build *b, struct apt *a, char **ret_why)
{
	const struct kernel_source *source = b->job->spec->source;
	int r;

	if (b->tree.version && !b->job->update)
		return use_tree(b);
	r = apt_open(b->job->work, b->job->progress, source->suites, a, ret_why);
	if (!r)
		r = apt_find(a, source->package, b->source, ret_why);
	return r ? r : follow_meta(b, a, ret_why);
}

static bool is_at_hand(const struct build *b)
{
	return b->tree.version && !strcmp(b->tree.version, b->source->version);
}

static int build(struct build *b, char **ret_why)
{
	cleanup(apt_done) struct apt a = APT_INIT;
	int r = find_source(b, &a, ret_why);

	if (!r)
		r = check_edits(b, ret_why);
	if (r)
		return r;
	if (has_entry(b, b->job->spec)) {
		progress_step(b->job->progress, "%s is the newest already", b->source->version);
		return 0;
	}
	if (!is_at_hand(b))
		r = fetch_source(b, &a, ret_why);
	return r ? r : build_all(b, ret_why);
}

static int need_tools(const struct kernel_arch *arch, char **ret_why)
{
	autofree char *header = NULL;
	int r = tool_need("building a kernel", arch->programs, ret_why);

	if (r || !arch->header)
		return r;
	header = path_join("/usr/include", arch->header);
	if (!header)
		return -ENOMEM;
	if (!access(header, R_OK))
		return 0;
	return lab_why(-ENOENT, ret_why,
		       "building a kernel for x86 needs %s: apt-get install "
		       "--no-install-recommends %s",
		       arch->header, arch->header_package);
}

int kernel_build(const struct kernel_job *job, char **ret_why)
{
	const struct kernel_spec base = kernel_spec_base(job->spec);
	const struct kernel_config *config = job->spec->source->config;
	cleanup(apt_package_done) struct apt_package source = {0};
	cleanup(build_done) struct build b = {.job = job, .config = config, .source = &source};
	char hash[KERNEL_HASH_SIZE];
	int r = need_tools(config->arch, ret_why);

	if (!r)
		r = kernel_spec_hash(&base, hash);
	if (!r)
		r = kernel_tree_open(job->work->cache, base.name, hash, &b.tree);
	if (r)
		return r;
	b.is_whole = b.tree.version != NULL;
	r = cache_work_make_tmp(job->work, b.tree.version ? VARIANT_MIB : config->megabytes,
				ret_why);
	if (!r)
		r = build(&b, ret_why);
	return finish_tree(&b, r, hash);
}
