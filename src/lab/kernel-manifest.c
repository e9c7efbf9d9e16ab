/* SPDX-License-Identifier: MIT */
#include "kernel-manifest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "slurp.h"
#include "text.h"

#define MAX_SIZE 16384

void kernel_manifest_done(struct kernel_manifest *m)
{
#define F(member, key) free(steal_ptr(&m->member));
	KERNEL_MANIFEST_FIELDS(F)
#undef F
}

int manifest_set(char **member, const char *value)
{
	char *copy = strdup(value ? value : "");

	if (!copy)
		return -ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

/* The member of KEY, NULL for an unknown one. */
static char **find_member(struct kernel_manifest *m, const char *key)
{
#define F(member, name)         \
	if (!strcmp(key, name)) \
		return &m->member;
	KERNEL_MANIFEST_FIELDS(F)
#undef F
	return NULL;
}

static int parse_line(char *line, struct kernel_manifest *m)
{
	char *value = strchr(line, ' ');
	char **member;

	if (!value || !value[1] || !text_is_printable(line, strlen(line)))
		return -EINVAL;
	*value++ = '\0';
	member = find_member(m, line);
	if (!member)
		return 0;
	return *member ? -EINVAL : manifest_set(member, value);
}

static bool is_inside(const char *path)
{
	return path[0] != '/' && !strstr(path, "..");
}

static int complete(struct kernel_manifest *m)
{
	int r;

	if (!m->name || !m->release || !m->image || !*m->image)
		return -EINVAL;
#define F(member, key)                                        \
	if (!m->member && (r = manifest_set(&m->member, ""))) \
		return r;
	KERNEL_MANIFEST_FIELDS(F)
#undef F
	return is_inside(m->image) && is_inside(m->modules) && is_inside(m->config) &&
			       is_inside(m->vmlinux) && is_inside(m->gdb_scripts) &&
			       is_inside(m->sources)
		       ? 0
		       : -EINVAL;
}

int kernel_manifest_parse(const char *text, struct kernel_manifest *ret_m)
{
	cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;
	autofree char *copy = strdup(text);
	char *save;
	int r = copy ? 0 : -ENOMEM;

	for (char *line = r ? NULL : strtok_r(copy, "\n", &save); line && !r;
	     line = strtok_r(NULL, "\n", &save))
		r = parse_line(line, &m);
	if (!r)
		r = complete(&m);
	if (r)
		return r;
	*ret_m = m;
	m = (struct kernel_manifest)KERNEL_MANIFEST_INIT;
	return 0;
}

int kernel_manifest_print(FILE *f, const struct kernel_manifest *m)
{
#define F(member, key)               \
	if (m->member && *m->member) \
		fprintf(f, "%s %s\n", key, m->member);
	KERNEL_MANIFEST_FIELDS(F)
#undef F
	return fflush(f) ? -errno : 0;
}

int kernel_manifest_read(const char *dir, struct kernel_manifest *ret_m)
{
	autofree char *path = NULL, *text = NULL;
	int r;

	if (asprintf(&path, "%s/manifest", dir) < 0)
		return -ENOMEM;
	r = slurp(path, MAX_SIZE, &text, NULL);
	return r ? r : kernel_manifest_parse(text, ret_m);
}

int kernel_manifest_write(const char *dir, const struct kernel_manifest *m)
{
	autofree char *path = NULL;
	autofclose FILE *f = NULL;

	if (asprintf(&path, "%s/manifest", dir) < 0)
		return -ENOMEM;
	f = fopen(path, "we");
	return f ? kernel_manifest_print(f, m) : -errno;
}
