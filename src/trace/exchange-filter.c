/* SPDX-License-Identifier: MIT */
#include "exchange-filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "exchange-text.h"
#include "number.h"

int exchange_filter_ops(struct exchange_filter *f, const char *text)
{
	if (!*text)
		return -EINVAL;
	while (*text) {
		size_t len = strcspn(text, ",");
		char name[32];
		uint8_t type;

		if (!len || len + 2 > sizeof(name))
			return -EINVAL;
		name[0] = 'T';
		memcpy(name + 1, text, len);
		type = msg_type_of(name, len + 1);
		if (!type)
			type = msg_type_of(name + 1, len);
		if (!type || !msg_is_request(type))
			return -EINVAL;
		f->types[type] = true;
		f->by_type = true;
		text += len + (text[len] == ',');
	}
	return 0;
}

int exchange_filter_errno(struct exchange_filter *f, const char *text)
{
	uint64_t n;

	f->by_errno = true;
	f->any_errno = !strcmp(text, "any");
	if (f->any_errno || !strcmp(text, "none"))
		return 0;
	if (number_parse(text, 0, UINT32_MAX, &n)) {
		f->error = (uint32_t)n;
		return 0;
	}
	for (int err = 1; err < 4096; err++) {
		const char *name = strerrorname_np(err);

		if (name && !strcasecmp(name, text)) {
			f->error = (uint32_t)err;
			return 0;
		}
	}
	return -EINVAL;
}

static bool path_matches(const char *pattern, const char *path)
{
	size_t n = strlen(pattern);

	if (!*path)
		return false;
	if (pattern[0] == '/' && n > 1)
		return path_matches(pattern + 1, path);
	if (!strncmp(path, pattern, n) && (!path[n] || path[n] == '/'))
		return true;
	return fnmatch(pattern, path, 0) == 0;
}

static bool has_path(const struct exchange_filter *f, const struct exchange *e)
{
	char path[EXCHANGE_PATH_SIZE];

	for (unsigned i = 0; i < 2; i++) {
		exchange_path(e, i, path, sizeof(path));
		if (path_matches(f->path, path))
			return true;
	}
	return false;
}

static bool is_filtered(const struct exchange_filter *f)
{
	return f->path || f->by_type || f->by_tag || f->by_errno;
}

static bool errno_matches(const struct exchange_filter *f, const struct exchange *e)
{
	uint32_t err = exchange_errno(e);

	if (e->kind != EXCHANGE_DONE)
		return false;
	return f->any_errno ? err != 0 : err == f->error;
}

bool exchange_is_wanted(const struct exchange_filter *f, const struct exchange *e)
{
	uint64_t start = e->request.time ? e->request.time : e->reply.time;

	if (f->since && exchange_end(e) < f->since)
		return false;
	if (f->until && start > f->until)
		return false;
	if (e->kind == EXCHANGE_OTHER)
		return !is_filtered(f);
	if (f->by_type && !(e->t_well_formed && f->types[e->t.type]))
		return false;
	if (f->by_tag && (e->kind == EXCHANGE_NO_REQUEST ? e->r.tag : e->t.tag) != f->tag)
		return false;
	if (f->by_errno && !errno_matches(f, e))
		return false;
	return !f->path || has_path(f, e);
}
