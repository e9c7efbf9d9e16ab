/* SPDX-License-Identifier: MIT */
#include "modules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "slurp.h"
#include "spawn.h"
#include "unxz.h"
#include "unzstd.h"

#define LIST_LIMIT (16U << 20) /* Debian's modules.dep has 0.6 MB */
#define MODULE_LIMIT (256U << 20)

enum state { UNSEEN, UNDER_WAY, DONE };

/* A line of modules.dep; both point into the text. */
struct module {
	const char *file;
	size_t file_len;
	const char *needs;
	size_t needs_len;
	enum state state;
};

struct resolver {
	struct module *all;
	size_t n;
	const char *builtin;
	char **files; /* the result so far */
};

/* The bare name within PATH: behind the last slash, up to ".ko". */
static const char *bare_name(const char *path, size_t len, size_t *ret_len)
{
	const char *slash = memrchr(path, '/', len);
	const char *name = slash ? slash + 1 : path;
	size_t rest = len - (size_t)(name - path);
	const char *ko = memmem(name, rest, ".ko", 3);

	*ret_len = ko ? (size_t)(ko - name) : rest;
	return name;
}

static bool is_name(const char *path, size_t len, const char *name, size_t name_len)
{
	size_t n;
	const char *bare = bare_name(path, len, &n);

	if (n != name_len)
		return false;
	for (size_t i = 0; i < n; i++)
		if (bare[i] != name[i] && !(strchr("-_", bare[i]) && strchr("-_", name[i])))
			return false;
	return true;
}

static struct module *find_file(struct resolver *r, const char *file, size_t len)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->all[i].file_len == len && !memcmp(r->all[i].file, file, len))
			return &r->all[i];
	return NULL;
}

static struct module *find_name(struct resolver *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (is_name(r->all[i].file, r->all[i].file_len, name, strlen(name)))
			return &r->all[i];
	return NULL;
}

static bool is_builtin(const struct resolver *r, const char *name, size_t name_len)
{
	for (const char *line = r->builtin; line && *line;) {
		size_t len = strcspn(line, "\n");

		if (is_name(line, len, name, name_len))
			return true;
		line += len + (line[len] == '\n');
	}
	return false;
}

static int parse(struct resolver *r, const char *dep)
{
	for (const char *line = dep; *line;) {
		size_t len = strcspn(line, "\n");
		const char *colon = memchr(line, ':', len);

		if (colon && colon != line) {
			struct module *more = reallocarray(r->all, r->n + 1, sizeof(*more));

			if (!more)
				return -ENOMEM;
			r->all = more;
			more[r->n++] = (struct module){
				.file = line,
				.file_len = (size_t)(colon - line),
				.needs = colon + 1,
				.needs_len = len - (size_t)(colon + 1 - line),
			};
		}
		line += len + (line[len] == '\n');
	}
	return 0;
}

static int missing(const char *file, size_t len, char **ret_missing)
{
	size_t n;
	const char *name = bare_name(file, len, &n);

	*ret_missing = strndup(name, n);
	return *ret_missing ? -ENOENT : -ENOMEM;
}

static int visit(struct resolver *r, struct module *m, char **ret_missing);

static int visit_needs(struct resolver *r, const struct module *m, char **ret_missing)
{
	const char *end = m->needs + m->needs_len;

	for (const char *at = m->needs; at < end;) {
		size_t len = strcspn(at, " \t\r\n");
		struct module *needed = len ? find_file(r, at, len) : NULL;
		size_t name_len;
		const char *name = bare_name(at, len, &name_len);
		int err = 0;

		if (needed)
			err = visit(r, needed, ret_missing);
		else if (len && !is_builtin(r, name, name_len))
			err = missing(at, len, ret_missing);
		if (err)
			return err;
		at += len + 1;
	}
	return 0;
}

/* Depth first: what is needed is inserted before what needs it. The depth is bounded by the number
 * of modules, as one that is under way is not entered again. */
static int visit(struct resolver *r, struct module *m, char **ret_missing)
{
	int err;

	if (m->state == DONE)
		return 0;
	if (m->state == UNDER_WAY)
		return -ELOOP;
	m->state = UNDER_WAY;
	err = visit_needs(r, m, ret_missing);
	m->state = DONE;
	return err ? err : strv_pushf(&r->files, "%.*s", (int)m->file_len, m->file);
}

static int resolve_one(struct resolver *r, const char *name, char **ret_missing)
{
	bool is_optional = *name == '?';
	struct module *m;

	name += is_optional;
	m = find_name(r, name);
	if (m)
		return visit(r, m, ret_missing);
	if (is_optional || is_builtin(r, name, strlen(name)))
		return 0;
	return missing(name, strlen(name), ret_missing);
}

int modules_resolve_text(const char *dep, const char *builtin, const char *const *wanted,
			 char ***ret_files, char **ret_missing)
{
	struct resolver r = {.builtin = builtin, .files = calloc(1, sizeof(char *))};
	autofree char *name = NULL;
	int err = r.files ? parse(&r, dep) : -ENOMEM;

	for (size_t i = 0; !err && wanted[i]; i++)
		err = resolve_one(&r, wanted[i], &name);
	free(r.all);
	if (!err) {
		*ret_files = r.files;
		return 0;
	}
	strv_free(r.files);
	if (err == -ENOENT)
		*ret_missing = steal_ptr(&name);
	return err;
}

static int read_list(const char *dir, const char *name, char **ret_text)
{
	autofree char *path = NULL;
	size_t n;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return slurp(path, LIST_LIMIT, ret_text, &n);
}

int modules_resolve(const char *dir, const char *const *wanted, char ***ret_files,
		    char **ret_missing)
{
	autofree char *dep = NULL, *builtin = NULL;
	int r = read_list(dir, "modules.dep", &dep);

	if (r) {
		if (r == -ENOENT)
			*ret_missing = NULL;
		return r;
	}
	r = read_list(dir, "modules.builtin", &builtin);
	if (r && r != -ENOENT)
		return r;
	return modules_resolve_text(dep, builtin ? builtin : "", wanted, ret_files, ret_missing);
}

int modules_read(const char *file, void **ret_data, size_t *ret_n)
{
	static const char xz[] = "\xfd"
				 "7zXZ",
			  zstd[] = "\x28\xb5\x2f\xfd", gzip[] = "\x1f\x8b";
	autofree char *data = NULL;
	size_t n;
	int r = slurp(file, MODULE_LIMIT, &data, &n);

	if (r)
		return r;
	if (n >= 6 && !memcmp(data, xz, 6))
		return unxz(data, n, MODULE_LIMIT, ret_data, ret_n);
	if (n >= 4 && !memcmp(data, zstd, 4))
		return unzstd(data, n, MODULE_LIMIT, ret_data, ret_n);
	if (n >= 4 && !memcmp(data, gzip, 2))
		return -ENOTSUP;
	*ret_data = steal_ptr(&data);
	*ret_n = n;
	return 0;
}
