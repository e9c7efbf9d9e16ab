/* SPDX-License-Identifier: MIT */
#include "read-record.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"

#define QUEUE_LIMIT (1U << 20)

static int get_u64(const json_t *o, const char *name, uint64_t *ret_n)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -EINVAL;
	*ret_n = (uint64_t)json_integer_value(v);
	return 0;
}

/* A number or null. */
static int get_optional(const json_t *o, const char *name, bool *ret_has, uint64_t *ret_n)
{
	*ret_has = !json_is_null(json_object_get(o, name));
	return *ret_has ? get_u64(o, name, ret_n) : 0;
}

static int get_bool(const json_t *o, const char *name, bool *ret_b)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_boolean(v))
		return -EINVAL;
	*ret_b = json_is_true(v);
	return 0;
}

/* A string, or NULL for null. */
static int get_text(const json_t *o, const char *name, char **ret_text)
{
	const json_t *v = json_object_get(o, name);

	if (json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return -EINVAL;
	*ret_text = strdup(json_string_value(v));
	return *ret_text ? 0 : -ENOMEM;
}

static int get_place(const json_t *o, const char *const names[4], struct iter_place *ret_p)
{
	int r = get_optional(o, names[0], &ret_p->has_slot, &ret_p->slot);

	r = r ? r : get_u64(o, names[1], &ret_p->iov_offset);
	r = r ? r : get_optional(o, names[2], &ret_p->has_size, &ret_p->folio_size);
	return r ? r : get_u64(o, names[3], &ret_p->count);
}

static int get_queue(const json_t *o, struct read_record *r)
{
	const json_t *a = json_object_get(o, "queue");
	size_t n = json_array_size(a);

	if (json_is_null(a))
		return 0;
	if (!json_is_array(a) || n > QUEUE_LIMIT)
		return -EINVAL;
	r->queue = calloc(n ? n : 1, sizeof(*r->queue));
	if (!r->queue)
		return -ENOMEM;
	for (; r->n_queue < n; r->n_queue++) {
		const json_t *v = json_array_get(a, r->n_queue);

		if (!json_is_integer(v) || json_integer_value(v) <= 0)
			return -EINVAL;
		r->queue[r->n_queue] = (uint64_t)json_integer_value(v);
	}
	return 0;
}

static int get_numbers(const json_t *o, struct read_record *r)
{
	const struct {
		const char *name;
		uint64_t *to;
	} numbers[] = {
		{"fid", &r->fid},     {"offset", &r->offset}, {"asked", &r->asked},
		{"count", &r->count}, {"iounit", &r->iounit}, {"msize", &r->msize},
	};
	const json_t *error = json_object_get(o, "error");
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(numbers) && !err; i++)
		err = get_u64(o, numbers[i].name, numbers[i].to);
	if (err || !json_is_integer(error))
		return -EINVAL;
	r->error = json_integer_value(error);
	if (json_object_get(o, "lost") && get_u64(o, "lost", &r->lost))
		return -EINVAL;
	return get_optional(o, "physical", &r->has_physical, &r->physical);
}

static int get_all(const json_t *o, struct read_record *r)
{
	static const char *const before[] = {"slot", "iov_offset", "folio_size", "count_before"};
	static const char *const after[] = {"slot_after", "iov_offset_after", "folio_size_after",
					    "count_after"};
	int err = get_numbers(o, r);

	err = err ? err : get_bool(o, "zc", &r->zc);
	err = err ? err : get_bool(o, "broken", &r->broken);
	err = err ? err : get_place(o, before, &r->before);
	err = err ? err : get_place(o, after, &r->after);
	err = err ? err : get_queue(o, r);
	err = err ? err : get_text(o, "file", &r->file);
	err = err ? err : get_text(o, "iter", &r->iter);
	err = err ? err : get_text(o, "iter_type", &r->iter_type);
	err = err ? err : get_text(o, "why", &r->why);
	err = err ? err : get_text(o, "landed", &r->landed);
	return !err && (!r->iter || !r->iter_type) ? -EINVAL : err;
}

int read_record_parse(const char *line, size_t n, struct read_record *ret_r)
{
	json_t *o = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	struct read_record r = {0};
	int err = json_is_object(o) ? get_all(o, &r) : -EINVAL;

	json_decref(o);
	if (err) {
		read_record_done(&r);
		return err;
	}
	*ret_r = r;
	return 0;
}

void read_record_done(struct read_record *r)
{
	free(r->file);
	free(r->iter);
	free(r->iter_type);
	free(r->why);
	free(r->landed);
	free(r->queue);
	*r = (struct read_record){0};
}

static int append(const char *line, size_t n, struct read_record **list, size_t *n_list)
{
	struct read_record r, *more;
	int err = read_record_parse(line, n, &r);

	if (err)
		return err;
	more = reallocarray(*list, *n_list + 1, sizeof(*more));
	if (!more) {
		read_record_done(&r);
		return -ENOMEM;
	}
	*list = more;
	more[(*n_list)++] = r;
	return 0;
}

int read_records_parse(const char *text, size_t n, struct read_record **ret_list, size_t *ret_n,
		       size_t *ret_line)
{
	const char *end = text + n, *stop;
	struct read_record *list = NULL;
	size_t n_list = 0, line = 0;
	int err = 0;

	for (; text < end && !err; text = stop + 1) {
		line++;
		stop = memchr(text, '\n', (size_t)(end - text));
		stop = stop ? stop : end;
		if (stop > text)
			err = append(text, (size_t)(stop - text), &list, &n_list);
	}
	if (err) {
		read_records_free(list, n_list);
		*ret_line = line;
		return err;
	}
	*ret_list = list;
	*ret_n = n_list;
	return 0;
}

void read_records_free(struct read_record *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		read_record_done(&list[i]);
	free(list);
}

bool iter_place_is_parked(const struct iter_place *p)
{
	return p->has_size && p->iov_offset >= p->folio_size;
}
