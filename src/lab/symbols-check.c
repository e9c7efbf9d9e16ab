/* SPDX-License-Identifier: MIT */
#include "symbols-check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "elf-note.h"
#include "kernel.h"
#include "modules.h"
#include "spawn.h"
#include "vmlinux.h"

/* Length of "kernel/fs/9p/9p.ko" in the file's name, and where "9p.ko" begins. */
static size_t bare_length(const char *module, const char **ret_base)
{
	const char *slash = strrchr(module, '/'), *base = slash ? slash + 1 : module;
	const char *ko = strstr(base, ".ko");

	*ret_base = base;
	return ko ? (size_t)(ko - module) + 3 : strlen(module);
}

void symbols_list_done(struct symbols_list *l)
{
	free(l->files);
	strv_free(l->words);
	*l = (struct symbols_list){0};
}

/* The words are pairs: where it ends, what it becomes. */
static int push_module(char ***words, const char *release, const char *module)
{
	const char *base;
	int n = (int)bare_length(module, &base), base_n = n - (int)(base - module);
	int r = strv_pushf(words, "/%s/%.*s", release, n, module);

	r = r ? r : strv_pushf(words, "modules/%.*s", base_n, base);
	r = r ? r : strv_pushf(words, "/%s/%.*s.debug", release, n, module);
	return r ? r : strv_pushf(words, "modules/%.*s", base_n, base);
}

int symbols_list_make(const char *release, const char *const *modules, struct symbols_list *ret_l)
{
	cleanup(symbols_list_done) struct symbols_list l = {0};
	int r = strv_pushf(&l.words, "/vmlinux-%s", release);

	r = r ? r : strv_push(&l.words, "vmlinux");
	r = r ? r : strv_pushf(&l.words, "/%s/vmlinux", release);
	r = r ? r : strv_push(&l.words, "vmlinux");
	for (; !r && *modules; modules++)
		r = push_module(&l.words, release, *modules);
	if (r)
		return r;
	l.n = strv_len((const char *const *)l.words) / 2;
	l.files = calloc(l.n, sizeof(*l.files));
	if (!l.files)
		return -ENOMEM;
	for (size_t i = 0; i < l.n; i++)
		l.files[i] = (struct wanted_file){.end = l.words[2 * i], .to = l.words[2 * i + 1]};
	*ret_l = l;
	l = (struct symbols_list){0};
	return 0;
}

int symbols_list_check(const struct symbols_list *l, const char *package, char **ret_why)
{
	for (size_t i = 0; i < l->n; i++)
		if (!l->files[i].is_found)
			return lab_why(-ENOENT, ret_why, "package %s has no %s", package,
				       l->files[i].to);
	return 0;
}

/* OURS and THEIRS are R's as the functions of elf-note.h leave them. */
static int compare(const char *what, const char *ours, const char *theirs, char **ret_why)
{
	if (!strcmp(ours, theirs))
		return 0;
	return lab_why(-ESTALE, ret_why,
		       "the debug information of %s is of another build: build-id %s, the kernel "
		       "at hand has %s; 'warren lab kernel fetch --update' gets its newest build",
		       what, ours, theirs);
}

static int check_kernel(const struct kernel *k, const char *dir, char **ret_why)
{
	autofree char *path = NULL, *ours = NULL, *theirs = NULL;
	int r;

	if (asprintf(&path, "%s/vmlinux", dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = elf_file_build_id(path, &ours);
	if (!r)
		r = vmlinux_build_id(k->image, &theirs);
	return r ? lab_why(r, ret_why, "cannot read the build-id of the kernel %s: %s", k->release,
			   strerror(-r))
		 : compare("the kernel", ours, theirs, ret_why);
}

static int module_id(const char *path, char **ret_hex)
{
	autofree void *data = NULL;
	size_t n;
	int r = modules_read(path, &data, &n);

	return r ? r : elf_build_id(data, n, ret_hex);
}

static int check_module(const struct kernel *k, const char *dir, const char *module, char **ret_why)
{
	autofree char *path = NULL, *image = NULL, *ours = NULL, *theirs = NULL;
	const char *base;
	int n = (int)bare_length(module, &base), base_n = n - (int)(base - module), r = 0;

	if (asprintf(&path, "%s/modules/%.*s", dir, base_n, base) < 0) {
		path = NULL;
		r = -ENOMEM;
	}
	if (!r && asprintf(&image, "%s/%s", k->modules, module) < 0) {
		image = NULL;
		r = -ENOMEM;
	}
	r = r ? r : elf_file_build_id(path, &ours);
	r = r ? r : module_id(image, &theirs);
	return r ? lab_why(r, ret_why, "cannot read the build-id of %.*s: %s", base_n, base,
			   strerror(-r))
		 : compare(base, ours, theirs, ret_why);
}

int symbols_check(const struct kernel *k, const char *dir, const char *const *modules,
		  char **ret_why)
{
	int r = check_kernel(k, dir, ret_why);

	for (; !r && *modules; modules++)
		r = check_module(k, dir, *modules, ret_why);
	return r;
}
