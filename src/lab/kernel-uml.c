/* SPDX-License-Identifier: MIT */
#include "kernel-make.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apt.h"
#include "cleanup.h"
#include "kernel-manifest.h"
#include "kernel-names.h"
#include "progress.h"
#include "slurp.h"
#include "spawn.h"
#include "tool.h"
#include "uml-config.h"

static const char *const programs[] = {"gcc",	   "gcc",	"make",	     "make", "flex",
				       "flex",	   "bison",	"bison",     "bc",   "bc",
				       "xz",	   "xz-utils",	"tar",	     "tar",  "strip",
				       "binutils", "sha256sum", "coreutils", NULL};

/* What the build reads: a sixth of the source. The rest is not unpacked; Kconfig and make want to
 * see all of their own files, wherever they are. */
static const char *const parts[] = {"--wildcards-match-slash",
				    "*/Kconfig*",
				    "*/Makefile*",
				    "*/Kbuild*",
				    "--no-wildcards-match-slash",
				    "*/arch/um",
				    "*/arch/x86",
				    "*/block",
				    "*/certs",
				    "*/crypto",
				    "*/drivers/base",
				    "*/drivers/char",
				    "*/drivers/net/*.[ch]",
				    "*/drivers/tty",
				    "*/drivers/virtio",
				    "*/fs",
				    "*/include",
				    "*/init",
				    "*/io_uring",
				    "*/ipc",
				    "*/kernel",
				    "*/lib",
				    "*/mm",
				    "*/net",
				    "*/scripts",
				    "*/security",
				    "*/tools/include",
				    "*/usr",
				    NULL};

/* The build must not depend on who calls it: a surrounding make, an environment for cross builds.
 */
static const char *const build_env[] = {
	"MAKEFLAGS=",
	"MAKELEVEL=",
	"GNUMAKEFLAGS=",
	"KCFLAGS=-w", /* nobody reads the warnings of a kernel that is not ours */
	"KCPPFLAGS=",
	"CROSS_COMPILE=",
	"LLVM=",
	"KBUILD_OUTPUT=",
	"KBUILD_VERBOSE=",
	"KBUILD_EXTMOD=",
	"KBUILD_BUILD_USER=warren",
	"KBUILD_BUILD_HOST=warren",
	"KBUILD_BUILD_VERSION=1",
	"KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
	NULL};

struct build {
	const struct kernel_job *job;
	const struct apt_package *source;
	char *src; /* the unpacked source */
	unsigned n_compiled;
};

static int unpack(struct build *b, const char *debs, char **ret_why)
{
	autofree char *pkg = path_join(b->job->work->tmp, "package"), *tarball = NULL;
	cleanup(cleanup_strv) char **argv = NULL;
	const char *const first[] = {"tar",    "-x", "--strip-components=1", "--wildcards", "-I",
				     "xz -T0", "-f"};
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
		r = make_dirs(b->src);
	if (!r)
		r = tool_run(&(struct tool){.argv = (const char *const *)argv, .dir = b->src},
			     b->job->work, ret_why);
	return r ? r : remove_tree(pkg);
}

static int write_text(const char *path, const char *text)
{
	autofclose FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	return fputs(text, f) < 0 || fflush(f) ? -errno : 0;
}

static int configure(struct build *b, char **ret_why)
{
	const struct uml_variant *v = b->job->source->variant;
	autofree char *wanted = path_join(b->src, "warren.config"),
		      *got = path_join(b->src, ".config");
	autofree char *text = uml_config_text(v), *result = NULL, *all = NULL;
	const char *missing;
	int r;

	if (!wanted || !got || !text || asprintf(&all, "KCONFIG_ALLCONFIG=%s", wanted) < 0)
		return -ENOMEM;
	r = write_text(wanted, text);
	if (!r)
		r = tool_run(&(struct tool){.argv = (const char *const[]){"make", "ARCH=um", all,
									  "allnoconfig", NULL},
					    .dir = b->src,
					    .env = build_env},
			     b->job->work, ret_why);
	if (!r)
		r = slurp(got, 1 << 20, &result, NULL);
	if (r)
		return r;
	missing = uml_config_missing(v, result);
	return missing ? lab_why(-EINVAL, ret_why, "%s %s cannot be configured with %s",
				 b->source->name, b->source->version, missing)
		       : 0;
}

static void show_compiling(void *arg, const char *line)
{
	struct build *b = arg;
	unsigned total = b->job->source->variant->n_objects;

	if (line && strncmp(line, "  CC ", 5) && strncmp(line, "  AS ", 5))
		return;
	b->n_compiled += line != NULL;
	progress_update(b->job->progress, "compiling %u/%u", b->n_compiled,
			MAX(total, b->n_compiled));
}

static unsigned count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static int compile(struct build *b, char **ret_why)
{
	char jobs[16];

	snprintf(jobs, sizeof(jobs), "-j%u", count_cpus());
	progress_step(b->job->progress, "compiling about %u files",
		      b->job->source->variant->n_objects);
	return tool_run(&(struct tool){.argv = (const char *const[]){"make", "ARCH=um", jobs,
								     "linux", NULL},
				       .dir = b->src,
				       .env = build_env,
				       .line = show_compiling,
				       .arg = b},
			b->job->work, ret_why);
}

/* The symbols stay: they are small, and gdb shows names. */
static int take_image(struct build *b, const char *entry, char **ret_why)
{
	autofree char *from = path_join(b->src, "linux"), *to = path_join(entry, "image");
	bool keeps_debug = b->job->source->variant == &uml_debug;

	if (!from || !to)
		return -ENOMEM;
	if (keeps_debug)
		return rename(from, to) ? -errno : 0;
	return tool_run(&(struct tool){.argv = (const char *const[]){"strip", "--strip-debug", "-o",
								     to, from, NULL}},
			b->job->work, ret_why);
}

static int read_release(const struct build *b, char **ret_release)
{
	autofree char *path = path_join(b->src, "include/config/kernel.release");
	int r = path ? slurp(path, 256, ret_release, NULL) : -ENOMEM;

	if (!r)
		(*ret_release)[strcspn(*ret_release, "\n")] = '\0';
	return r;
}

/* "none" or the names, with a comma between. */
static int list_patches(const struct uml_variant *v, char **ret_text)
{
	size_t size;
	FILE *f = open_memstream(ret_text, &size);

	if (!f)
		return -ENOMEM;
	for (const char *const *p = v->patches; *p; p++)
		fprintf(f, "%s%s", p == v->patches ? "" : ",", *p);
	fputs(*v->patches ? "" : "none", f);
	return fclose(f) ? -ENOMEM : 0;
}

static int assemble(struct build *b, const char *entry, const char *hash, char **ret_why)
{
	cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;
	autofree char *from = path_join(b->src, ".config"), *to = path_join(entry, "config");
	int r = from && to ? make_dirs(entry) : -ENOMEM;

	if (!r && rename(from, to))
		r = -errno;
	if (!r)
		r = take_image(b, entry, ret_why);
	if (!r)
		r = kernel_describe(b->job, b->source, entry, &m, ret_why);
	if (!r)
		r = read_release(b, &m.release);
	if (!r)
		r = list_patches(b->job->source->variant, &m.patches);
	if (!r)
		r = manifest_set(&m.config_hash, hash);
	return r ? r : kernel_manifest_write(entry, &m);
}

static int build(struct build *b, const struct apt *a, const char *hash, const char *entry_name,
		 char **ret_why)
{
	const struct kernel_job *job = b->job;
	autofree char *debs = path_join(job->work->tmp, "debs");
	autofree char *entry = path_join(job->work->tmp, "entry");
	int r = debs && entry ? apt_download(a, b->source, 1, debs, ret_why) : -ENOMEM;

	if (!r)
		r = unpack(b, debs, ret_why);
	if (!r)
		r = configure(b, ret_why);
	if (!r)
		r = compile(b, ret_why);
	if (!r)
		r = assemble(b, entry, hash, ret_why);
	if (!r)
		r = cache_work_publish(job->work, "entry", "kernels", entry_name);
	if (!r)
		progress_step(job->progress, "%s is ready", b->source->version);
	return r;
}

int kernel_build_uml(const struct kernel_job *job, char **ret_why)
{
	cleanup(apt_package_done) struct apt_package source = {0};
	cleanup(apt_done) struct apt a = APT_INIT;
	struct build b = {.job = job, .source = &source};
	autofree char *entry = NULL, *src = NULL;
	char hash[UML_HASH_SIZE];
	int r = tool_need("building a UML kernel", programs, ret_why);

	if (!r)
		r = uml_config_hash(job->source->variant, hash);
	if (!r)
		r = cache_work_make_tmp(job->work, job->source->variant->megabytes, ret_why);
	if (!r)
		r = apt_open(job->work, job->progress, job->source->suites, &a, ret_why);
	if (!r)
		r = apt_find(&a, job->source->package, &source, ret_why);
	if (r)
		return r;
	b.src = src = path_join(job->work->tmp, "source");
	if (!src || asprintf(&entry, "%s_%s_%s", job->source->name, source.version, hash) < 0)
		return -ENOMEM;
	if (kernel_entry_exists(job, entry)) {
		progress_step(job->progress, "%s is the newest already", source.version);
		return 0;
	}
	return build(&b, &a, hash, entry, ret_why);
}
