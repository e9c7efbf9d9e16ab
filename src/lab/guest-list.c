/* SPDX-License-Identifier: MIT */
#include "guest-list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "slurp.h"
#include "state-folder.h"

#define MANIFEST_LIMIT (1U << 20)

void guest_info_done(struct guest_info *i)
{
	free(i->dir);
	free(i->kernel);
	free(i->release);
	free(i->share);
	free(i->gdb);
	*i = (struct guest_info){0};
}

void guest_list_free(struct guest_info *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		guest_info_done(&list[i]);
	free(list);
}

static int set_text(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
	return *field ? 0 : -ENOMEM;
}

static int take_line(struct guest_info *i, const char *name, const char *value)
{
	if (!strcmp(name, "guest"))
		i->is_uml = !strcmp(value, "uml");
	else if (!strcmp(name, "kernel"))
		return set_text(&i->kernel, value);
	else if (!strcmp(name, "release"))
		return set_text(&i->release, value);
	else if (!strcmp(name, "share"))
		return set_text(&i->share, value);
	else if (!strcmp(name, "gdb"))
		return set_text(&i->gdb, value);
	else if (!strcmp(name, "pid"))
		i->pid = (pid_t)strtol(value, NULL, 10);
	else if (!strcmp(name, "owner"))
		i->owner = (pid_t)strtol(value, NULL, 10);
	else if (!strcmp(name, "started"))
		i->started = strtoll(value, NULL, 10);
	return 0;
}

static int take_text(struct guest_info *i, char *text)
{
	int r = 0;

	for (char *line; !r && (line = strsep(&text, "\n"));) {
		char *name = strsep(&line, " ");

		if (line)
			r = take_line(i, name, line);
	}
	if (!r && (!i->kernel || !i->release || !i->share || i->pid <= 0))
		r = -EINVAL;
	return r;
}

int guest_info_read(const char *dir, struct guest_info *ret_i)
{
	autofree char *path = NULL, *text = NULL;
	struct guest_info i = {.dir = strdup(dir)};
	int r = i.dir ? 0 : -ENOMEM;

	if (!r && asprintf(&path, "%s/manifest", dir) < 0) {
		path = NULL;
		r = -ENOMEM;
	}
	r = r ? r : slurp(path, MANIFEST_LIMIT, &text, NULL);
	r = r ? r : take_text(&i, text);
	if (r) {
		guest_info_done(&i);
		return r;
	}
	*ret_i = i;
	return 0;
}

struct collector {
	struct guest_info *list;
	size_t n;
};

/* Also a folder without a manifest is one: of a guest that is being started, or of its memory. */
static int take_folder(void *ctx, const char *path)
{
	struct collector *c = ctx;
	struct guest_info i, *more;
	int r = guest_info_read(path, &i);

	if (r)
		return r == -ENOMEM ? r : 0;
	more = reallocarray(c->list, c->n + 1, sizeof(*more));
	if (!more) {
		guest_info_done(&i);
		return -ENOMEM;
	}
	c->list = more;
	more[c->n++] = i;
	return 0;
}

static int by_age(const void *a, const void *b)
{
	const struct guest_info *x = a, *y = b;

	if (x->started != y->started)
		return x->started < y->started ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int guest_list(struct guest_info **ret_list, size_t *ret_n)
{
	const char *bases[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
	struct collector c = {0};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bases) && !r; i++) {
		bool is_known = !bases[i];

		for (size_t k = 0; k < i && !is_known; k++)
			is_known = bases[k] && !strcmp(bases[i], bases[k]);
		if (!is_known)
			r = state_folder_each(bases[i], take_folder, &c);
	}
	if (r) {
		guest_list_free(c.list, c.n);
		return r;
	}
	if (c.n)
		qsort(c.list, c.n, sizeof(*c.list), by_age);
	*ret_list = c.list;
	*ret_n = c.n;
	return 0;
}
