/* SPDX-License-Identifier: MIT */
/* Numbers are little-endian, strings len[2] bytes[len], lists count[2] item..., data count[4]
 * bytes[count]. */
#include "codec.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* A compiler that sees how many bytes there are makes one instruction of the copy. */
static inline uint64_t load(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return le64toh(v);
}

static inline void store(uint8_t *p, size_t n, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, n);
}

/* N bytes of the input, NULL if there are not so many. */
static const uint8_t *take(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if ((size_t)(r->end - p) < n)
		return NULL;
	r->p += n;
	return p;
}

static uint8_t *give(struct writer *w, size_t n)
{
	uint8_t *p = w->p;

	if ((size_t)(w->end - p) < n)
		return NULL;
	w->p += n;
	return p;
}

#define NUMBER(kind, type, bytes)                       \
	int get_##kind(struct reader *r, type *ret)     \
	{                                               \
		const uint8_t *p = take(r, bytes);      \
                                                        \
		if (!p)                                 \
			return -EBADMSG;                \
		*ret = (type)load(p, bytes);            \
		return 0;                               \
	}                                               \
	int put_##kind(struct writer *w, const type *v) \
	{                                               \
		uint8_t *p = give(w, bytes);            \
                                                        \
		if (!p)                                 \
			return -EMSGSIZE;               \
		store(p, bytes, *v);                    \
		return 0;                               \
	}

NUMBER(u8, uint8_t, 1)
NUMBER(u16, uint16_t, 2)
NUMBER(u32, uint32_t, 4)
NUMBER(u64, uint64_t, 8)
NUMBER(oct32, uint32_t, 4)
NUMBER(hex32, uint32_t, 4)
NUMBER(hex64, uint64_t, 8)

int get_str(struct reader *r, struct str *ret)
{
	const uint8_t *p;
	uint16_t len;

	if (get_u16(r, &len) || !(p = take(r, len)) || memchr(p, 0, len))
		return -EBADMSG;
	*ret = (struct str){.p = (const char *)p, .len = len};
	return 0;
}

int put_str(struct writer *w, const struct str *v)
{
	uint8_t *p;

	if (put_u16(w, &v->len) || !(p = give(w, v->len)))
		return -EMSGSIZE;
	if (v->len)
		memcpy(p, v->p, v->len);
	return 0;
}

int get_name(struct reader *r, struct str *ret)
{
	struct str s;
	int err = get_str(r, &s);

	if (!err)
		err = msg_check_name(s, false);
	if (!err)
		*ret = s;
	return err;
}

int put_name(struct writer *w, const struct str *v)
{
	return put_str(w, v);
}

int get_names(struct reader *r, struct names *ret)
{
	int err = get_u16(r, &ret->n);

	if (err || ret->n > P9_MAXWELEM)
		return -EBADMSG;
	for (unsigned i = 0; !err && i < ret->n; i++) {
		err = get_str(r, &ret->at[i]);
		if (!err)
			err = msg_check_name(ret->at[i], true);
	}
	return err;
}

int put_names(struct writer *w, const struct names *v)
{
	int err = v->n > P9_MAXWELEM ? -EMSGSIZE : put_u16(w, &v->n);

	for (unsigned i = 0; !err && i < v->n; i++)
		err = put_str(w, &v->at[i]);
	return err;
}

int get_qid(struct reader *r, struct qid *ret)
{
	if (get_u8(r, &ret->type) || get_u32(r, &ret->version) || get_u64(r, &ret->path))
		return -EBADMSG;
	return 0;
}

int put_qid(struct writer *w, const struct qid *v)
{
	if (put_u8(w, &v->type) || put_u32(w, &v->version) || put_u64(w, &v->path))
		return -EMSGSIZE;
	return 0;
}

int get_qids(struct reader *r, struct qids *ret)
{
	int err = get_u16(r, &ret->n);

	if (err || ret->n > P9_MAXWELEM)
		return -EBADMSG;
	for (unsigned i = 0; !err && i < ret->n; i++)
		err = get_qid(r, &ret->at[i]);
	return err;
}

int put_qids(struct writer *w, const struct qids *v)
{
	int err = v->n > P9_MAXWELEM ? -EMSGSIZE : put_u16(w, &v->n);

	for (unsigned i = 0; !err && i < v->n; i++)
		err = put_qid(w, &v->at[i]);
	return err;
}

int get_data(struct reader *r, struct data *ret)
{
	struct data d;

	if (get_u32(r, &d.count))
		return -EBADMSG;
	if (r->outside) {
		if (r->outside != d.count || r->p != r->end)
			return -EBADMSG;
		r->outside = 0;
		d.p = NULL;
	} else if (!(d.p = take(r, d.count))) {
		return -EBADMSG;
	}
	*ret = d;
	return 0;
}

int put_data(struct writer *w, const struct data *v)
{
	uint8_t *p;

	if (put_u32(w, &v->count))
		return -EMSGSIZE;
	if (!v->p) {
		w->outside += v->count;
		return 0;
	}
	if (!(p = give(w, v->count)))
		return -EMSGSIZE;
	if (v->count)
		memcpy(p, v->p, v->count);
	return 0;
}
