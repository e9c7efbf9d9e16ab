/* SPDX-License-Identifier: MIT */
/* The kernel of a reproducer: an entry of the lab's cache, named "repro", that needs nothing of this machine. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "cache.h"
#include "cleanup.h"
#include "guest.h"
#include "kernel-manifest.h"
#include "kernel.h"
#include "mail-parts.h"
#include "path.h"
#include "repro-parts.h"
#include "slurp.h"
#include "spawn.h"

#define KERNEL "kernels/repro/"
#define LISTS_LIMIT (16U << 20)
#define JOB_LIMIT (1U << 20)

/* UML is a program of the host: it brings its C library along. */
static int add_uml(const struct repro *r, const char *image, char **ret_why)
{
	autofree char *to = repro_path(r, KERNEL "linux"), *lib = repro_path(r, "lib");
	int err = to && lib ? repro_copy(r, image, KERNEL "linux", ret_why) : -ENOMEM;

	err = err ? err : bundle_libraries(image, lib, ret_why);
	if (!err)
		err = bundle_set_loader(to, "lib/" BUNDLE_LOADER);
	return err == -ENOENT ? 0 : err;
}

/* The lines of modules.dep for FILES only. */
static char *cut_list(const char *text, char *const *files)
{
	char *cut = NULL;
	size_t n;
	FILE *f = open_memstream(&cut, &n);

	if (!f)
		return NULL;
	for (; *files; files++)
		for (const char *at = text; (at = strstr(at, *files)); at++)
			if ((at == text || at[-1] == '\n') && at[strlen(*files)] == ':') {
				fprintf(f, "%.*s\n", (int)strcspn(at, "\n"), at);
				break;
			}
	fclose(f);
	return cut;
}

static int add_lists(const struct repro *r, const char *modules, const char *to, char *const *files)
{
	autofree char *dep = path_join(modules, "modules.dep"), *text = NULL, *cut = NULL;
	autofree char *builtin = path_join(modules, "modules.builtin");
	autofree char *to_dep = path_join(to, "modules.dep");
	autofree char *to_builtin = path_join(to, "modules.builtin");
	int err;

	(void)r;
	if (!dep || !builtin || !to_dep || !to_builtin)
		return -ENOMEM;
	err = slurp(dep, LISTS_LIMIT, &text, NULL);
	if (err)
		return err;
	cut = cut_list(text, files);
	if (!cut)
		return -ENOMEM;
	if (!access(builtin, R_OK))
		err = bundle_copy(builtin, to_builtin);
	return err ? err : path_write(to_dep, cut, strlen(cut));
}

static int add_module(const char *modules, const char *to, const char *file)
{
	autofree char *from = path_join(modules, file), *target = path_join(to, file), *dir = NULL;
	int err;

	dir = target ? strdup(target) : NULL;
	if (!from || !dir)
		return -ENOMEM;
	*strrchr(dir, '/') = '\0';
	err = make_dirs(dir);
	return err ? err : bundle_copy(from, target);
}

/* Only what this guest inserts. */
static int add_modules(const struct repro *r, const struct guest_config *cfg, char **ret_why)
{
	autofree char *to = repro_path(r, KERNEL "modules");
	cleanup(cleanup_strv) char **files = NULL;
	int err = to ? guest_modules(cfg, &files, ret_why) : -ENOMEM;

	err = err ? err : make_dirs(to);
	for (char **file = files; !err && *file; file++)
		err = add_module(cfg->kernel->modules, to, *file);
	if (!err)
		err = add_lists(r, cfg->kernel->modules, to, files);
	return err ? lab_why(err, ret_why, "cannot copy the modules in %s: %s",
			     cfg->kernel->modules, strerror(-err))
		   : 0;
}

/* As the guest of the run had it. */
static int add_initramfs(const struct repro *r, struct guest_config *cfg, char **ret_why)
{
	autofree char *path = path_join(r->plan->record, "job"), *job = NULL;
	int err = path ? slurp(path, JOB_LIMIT, &job, NULL) : -ENOMEM;

	if (err)
		return lab_why(err, ret_why, "cannot read %s: %s", path, strerror(-err));
	cfg->job = job;
	err = guest_write_initramfs(cfg, r->stage, ret_why);
	cfg->job = NULL;
	return err;
}

static int add_qemu(const struct repro *r, const struct kernel *k, char **ret_why)
{
	const char *share = record_string(r->run, "share");
	struct guest_config cfg = {
		.kind = GUEST_QEMU,
		.kernel = k,
		.share = share && !strcmp(share, "tcp") ? SHARE_TCP : SHARE_VHOST_USER,
		.probe = r->plan->probe,
	};
	int err = repro_copy(r, k->image, KERNEL "image", ret_why);

	if (!err && k->modules)
		err = add_modules(r, &cfg, ret_why);
	return err ? err : add_initramfs(r, &cfg, ret_why);
}

static int write_manifest(const struct repro *r, const struct kernel *k)
{
	cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;
	autofree char *dir = repro_path(r, "kernels/repro");
	int err = manifest_set(&m.name, "repro");

	err = err ? err : manifest_set(&m.kind, k->is_uml ? "uml" : "debian");
	err = err ? err : manifest_set(&m.release, *k->release ? k->release : "unknown");
	err = err ? err : manifest_set(&m.version, k->version);
	err = err ? err : manifest_set(&m.build_id, k->build_id);
	err = err ? err : manifest_set(&m.edits, k->edits);
	err = err ? err : manifest_set(&m.image, "image");
	err = err ? err : manifest_set(&m.modules, k->modules ? "modules" : "");
	err = err ? err : manifest_set(&m.config, "config");
	if (err)
		return err;
	return dir ? kernel_manifest_write(dir, &m) : -ENOMEM;
}

static char *string_of(const struct repro *r, const char *path)
{
	const char *s = record_string(r->run, path);

	return strdup(s ? s : "");
}

/* As it was when it ran; its modules are where its manifest says. */
static struct kernel *kernel_of(const struct repro *r)
{
	cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->name = string_of(r, "kernel.name");
	k->release = string_of(r, "kernel.release");
	k->version = string_of(r, "kernel.version");
	k->build_id = string_of(r, "kernel.build_id");
	k->edits = string_of(r, "kernel.edits");
	k->dir = string_of(r, "kernel.dir");
	k->image = string_of(r, "kernel.image");
	k->is_uml = r->is_uml;
	if (k->dir && !kernel_manifest_read(k->dir, &m) && *m.modules)
		k->modules = path_join(k->dir, m.modules);
	return k;
}

int repro_add_kernel(struct repro *r, char **ret_why)
{
	struct kernel *k = kernel_of(r);
	const char *config = record_string(r->run, "kernel.config");
	int err = k && k->image && k->dir && k->release && k->version && k->build_id ? 0 : -ENOMEM;

	if (!err && access(k->image, R_OK))
		err = lab_why(-ENOENT, ret_why,
			      "the kernel %s is not at %s any more: make it again by 'warren lab "
			      "kernel fetch' or 'build'",
			      k->name, k->image);
	if (!err)
		err = r->is_uml ? add_uml(r, k->image, ret_why) : add_qemu(r, k, ret_why);
	if (!err && config && !access(config, R_OK))
		err = repro_copy(r, config, KERNEL "config", ret_why);
	if (!err)
		err = write_manifest(r, k);
	kernel_free(k);
	return err;
}
