/* SPDX-License-Identifier: MIT */
#include "kernel-edits.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "macros.h"
#include "path.h"
#include "slurp.h"

#define FILE_LIMIT (4U << 20)

/* The copy loop takes a folio even when the cursor stands at its end. */
static const struct kernel_place folioq_offset[] = {
	{"include/linux/iov_iter.h", "if (skip < fsize) {", "if (true) {", NULL}, {0}};

/* Zero-copy takes a page of a folio even when the cursor stands at its end. */
static const struct kernel_place folioq_parked[] = {{"lib/iov_iter.c", "if (offset < fsize) {",
						     "if (true) {",
						     "static ssize_t iter_folioq_get_pages("},
						    {0}};

/* It takes the step to the next folio by where the cursor was before: never in time, were it not for
 * the check of folioq-parked, which hides it. */
static const struct kernel_place folioq_slot[] = {
	{"lib/iov_iter.c", "if (offset < fsize) {", "if (true) {",
	 "static ssize_t iter_folioq_get_pages("},
	{"lib/iov_iter.c", "if (iov_offset >= fsize) {", "if (offset >= fsize) {",
	 "static ssize_t iter_folioq_get_pages("},
	{0}};

const struct kernel_edit kernel_edits[] = {
	{"folioq-offset", "808471ddb0fa (6.17, 6.16.4, 6.12.44)", "6.12", "",
	 "a copy that begins at a folio's end goes to the page behind it", folioq_offset},
	{"folioq-parked", "e65a0dc1cabe (6.12)", "6.12", "",
	 "a zero-copy read that begins at a folio's end has a page of somebody else in it",
	 folioq_parked},
	{"folioq-slot", "0d24852bd71e and e65a0dc1cabe (6.12)", "6.12", "",
	 "a zero-copy read has a page of somebody else behind each of its own", folioq_slot},
};
const size_t n_kernel_edits = ARRAY_SIZE(kernel_edits);

const struct kernel_edit *kernel_edit_find(const char *name, size_t n)
{
	for (size_t i = 0; i < n_kernel_edits; i++)
		if (strlen(kernel_edits[i].name) == n && !memcmp(kernel_edits[i].name, name, n))
			return &kernel_edits[i];
	return NULL;
}

char *kernel_edit_list(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < n_kernel_edits; i++)
		fprintf(f, "%s%s", i ? ", " : "", kernel_edits[i].name);
	fclose(f);
	return text;
}

/* As strcmp, but "6.12" is all of 6.12.x. */
static int compare(const char *version, const char *release)
{
	size_t n = strlen(release);

	if (!strncmp(version, release, n) && (!version[n] || version[n] == '.'))
		return 0;
	return strverscmp(version, release);
}

int kernel_edit_fits(const struct kernel_edit *e, const char *version, char **ret_why)
{
	autofree char *until = NULL;

	if (compare(version, e->first) >= 0 && (!*e->last || compare(version, e->last) <= 0))
		return 0;
	if (asprintf(&until, *e->last ? "to %s" : "and newer", e->last) < 0) {
		until = NULL;
		return -ENOMEM;
	}
	return lab_why(-ENOTSUP, ret_why,
		       "%s is about Linux %s %s, this is %s: it has no such code", e->name,
		       e->first, until, version);
}

static size_t count(const char *text, size_t n, const char *word)
{
	size_t found = 0, len = strlen(word);

	for (const char *at = text; (at = memmem(at, n - (size_t)(at - text), word, len)); at++)
		found++;
	return found;
}

/* The part of TEXT that the place is looked for in; false when the function is not there once. */
static bool find_scope(const struct kernel_place *p, const char *text, const char **ret_from,
		       size_t *ret_n)
{
	const char *from, *end;

	*ret_from = text;
	*ret_n = strlen(text);
	if (!p->function)
		return true;
	from = strstr(text, p->function);
	end = from ? strstr(from, "\n}") : NULL;
	if (!end || count(text, *ret_n, p->function) != 1)
		return false;
	*ret_from = from;
	*ret_n = (size_t)(end - from);
	return true;
}

int kernel_place_change(const struct kernel_place *p, const char *text, char **ret_text,
			char **ret_why)
{
	const char *from, *at;
	char *changed;
	size_t n, found;

	if (!find_scope(p, text, &from, &n))
		return lab_why(-ESRCH, ret_why, "%s has no \"%s\"", p->file, p->function);
	found = count(from, n, p->find);
	if (found != 1)
		return lab_why(-ESRCH, ret_why, "%s has \"%s\" %s: it must be there once", p->file,
			       p->find, found ? "more than once" : "nowhere");
	at = memmem(from, n, p->find, strlen(p->find));
	if (asprintf(&changed, "%.*s%s%s", (int)(at - text), text, p->put, at + strlen(p->find)) <
	    0)
		return -ENOMEM;
	*ret_text = changed;
	return 0;
}

/* PATH and TEXT move into it. */
static int remember(struct kernel_undo *u, char **path, char **text)
{
	struct kernel_saved *files = realloc(u->files, (u->n + 1) * sizeof(*files));

	if (!files)
		return -ENOMEM;
	u->files = files;
	u->files[u->n++] = (struct kernel_saved){steal_ptr(path), steal_ptr(text)};
	return 0;
}

static int change_place(const struct kernel_place *p, const char *src, struct kernel_undo *u,
			char **ret_why)
{
	autofree char *path = path_join(src, p->file), *text = NULL, *changed = NULL;
	int r = path ? slurp(path, FILE_LIMIT, &text, NULL) : -ENOMEM;

	if (r == -ENOENT)
		return lab_why(-ESRCH, ret_why, "it has no %s", p->file);
	if (!r)
		r = kernel_place_change(p, text, &changed, ret_why);
	if (r)
		return r;
	assert(changed);
	r = remember(u, &path, &text);
	return r ? r : path_write(u->files[u->n - 1].path, changed, strlen(changed));
}

static int undo_until(struct kernel_undo *u, size_t n)
{
	int r = 0;

	while (u->n > n) {
		struct kernel_saved *f = &u->files[--u->n];
		int r1 = path_write(f->path, f->text, strlen(f->text));

		r = r ? r : r1;
		free(f->path);
		free(f->text);
	}
	return r;
}

int kernel_edit_apply(const struct kernel_edit *e, const char *src, struct kernel_undo *u,
		      char **ret_why)
{
	autofree char *why = NULL;
	size_t before = u->n;
	int r = 0;

	for (const struct kernel_place *p = e->places; p->file && !r; p++)
		r = change_place(p, src, u, &why);
	if (!r)
		return 0;
	undo_until(u, before);
	return lab_why(r, ret_why, "the edit %s does not fit this source: %s", e->name,
		       why ? why : strerror(-r));
}

int kernel_undo_run(struct kernel_undo *u)
{
	return undo_until(u, 0);
}

void kernel_undo_done(struct kernel_undo *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->files[i].path);
		free(u->files[i].text);
	}
	free(u->files);
	*u = (struct kernel_undo)KERNEL_UNDO_INIT;
}
