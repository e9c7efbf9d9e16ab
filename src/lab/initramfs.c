/* SPDX-License-Identifier: MIT */
#include "initramfs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cpio.h"
#include "macros.h"
#include "modules.h"
#include "slurp.h"
#include "spawn.h"

#define PROBE_LIMIT (64U << 20)
#define FILE_LIMIT (256U << 20)

static const char *const base_folders[] = {"dev", "proc", "sys", "tmp", "mnt", "run"};

/* "kernel/fs/9p/9p.ko.xz" is "modules/9p.ko" in the archive. */
static int name_module(const char *file, char **ret_name)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	const char *ko = strstr(base, ".ko");
	int len = ko ? (int)(ko - base) + 3 : (int)strlen(base);
	char *name;

	if (asprintf(&name, "modules/%.*s", len, base) < 0)
		return -ENOMEM;
	*ret_name = name;
	return 0;
}

static int add_module(struct cpio *c, const char *path, const char *name)
{
	autofree void *data = NULL;
	size_t n;
	int r = modules_read(path, &data, &n);

	return r ? r : cpio_add_file(c, name, 0644, data, n);
}

static int add_modules(struct cpio *c, const struct initramfs *i, FILE *job, char **ret_what)
{
	int r = cpio_add_dir(c, "modules", 0755);

	for (size_t k = 0; !r && i->modules && i->modules[k]; k++) {
		autofree char *path = NULL, *name = NULL;

		if (asprintf(&path, "%s/%s", i->modules_dir, i->modules[k]) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		r = name_module(i->modules[k], &name);
		if (r)
			return r;
		r = add_module(c, path, name);
		if (r)
			*ret_what = steal_ptr(&path);
		else
			fprintf(job, "module /%s\n", name);
	}
	return r;
}

static int add_probe(struct cpio *c, const char *path, char **ret_what)
{
	autofree char *probe = NULL;
	size_t n;
	int r = slurp(path, PROBE_LIMIT, &probe, &n);

	if (r)
		*ret_what = strdup(path);
	return r ? r : cpio_add_file(c, "init", 0755, probe, n);
}

static int add_base(struct cpio *c)
{
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(base_folders); i++)
		r = cpio_add_dir(c, base_folders[i], 0755);
	return r ? r : cpio_add_char_device(c, "dev/console", 0600, 5, 1);
}

/* Where a file is when no folder on the way is a link, without the first slash. */
static int name_file(const char *path, char **ret_name)
{
	const char *base = strrchr(path, '/');
	autofree char *dir = base ? strndup(path, (size_t)(base - path)) : NULL, *real = NULL;

	if (!dir)
		return -ENOMEM;
	real = realpath(*dir ? dir : "/", NULL);
	if (!real)
		return -errno;
	return asprintf(ret_name, "%s%s%s", real + 1, real[1] ? "/" : "", base + 1) < 0 ? -ENOMEM
											: 0;
}

static bool is_known(char **folders, const char *name)
{
	for (; folders && *folders; folders++)
		if (!strcmp(*folders, name))
			return true;
	return false;
}

static int add_parents(struct cpio *c, const char *name, char ***folders)
{
	int r = 0;

	assert(name);
	for (const char *at = name; !r && (at = strchr(at, '/')); at++) {
		autofree char *folder = strndup(name, (size_t)(at - name));

		if (!folder)
			return -ENOMEM;
		if (is_known(*folders, folder))
			continue;
		r = cpio_add_dir(c, folder, 0755);
		r = r ? r : strv_push(folders, folder);
	}
	return r;
}

static int add_host_file(struct cpio *c, const char *path, char ***folders)
{
	autofree char *data = NULL, *name = NULL;
	size_t n;
	int r = slurp(path, FILE_LIMIT, &data, &n);

	r = r ? r : name_file(path, &name);
	r = r ? r : add_parents(c, name, folders);
	return r ? r : cpio_add_file(c, name, 0755, data, n);
}

/* "/bin" is "/usr/bin" on most systems; programs name both. */
static int add_links(struct cpio *c)
{
	static const char *const names[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
	char path[16], target[128];
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "/%s", names[i]);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		r = cpio_add_link(c, names[i], target);
	}
	return r;
}

static int add_files(struct cpio *c, const struct initramfs *i, char **ret_what)
{
	char **folders = NULL;
	int r = i->files ? add_links(c) : 0;

	for (size_t k = 0; k < ARRAY_SIZE(base_folders) && !r; k++)
		r = strv_push(&folders, base_folders[k]);
	for (size_t k = 0; !r && i->files && i->files[k]; k++) {
		r = add_host_file(c, i->files[k], &folders);
		if (r)
			*ret_what = strdup(i->files[k]);
	}
	strv_free(folders);
	return r;
}

static int add_all(struct cpio *c, const struct initramfs *i, char **ret_what)
{
	autofree char *text = NULL;
	size_t n = 0;
	FILE *job = open_memstream(&text, &n);
	int r = job ? add_base(c) : -ENOMEM;

	r = r ? r : add_probe(c, i->probe, ret_what);
	r = r ? r : add_files(c, i, ret_what);
	r = r ? r : add_modules(c, i, job, ret_what);
	if (!r)
		fputs(i->job, job);
	if (job && fclose(job))
		r = r ? r : -ENOMEM;
	r = r ? r : cpio_add_file(c, "job", 0644, text, n);
	return r ? r : cpio_finish(c);
}

int initramfs_write(const struct initramfs *i, const char *path, char **ret_what)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	autofclose FILE *f = fd < 0 ? NULL : fdopen(fd, "we");
	autofree char *what = NULL;
	int r;

	if (!f) {
		r = -errno;
	} else {
		steal_fd(&fd);
		r = add_all(&(struct cpio){.f = f}, i, &what);
	}
	if (r)
		*ret_what = what ? steal_ptr(&what) : strdup(path);
	return r;
}
