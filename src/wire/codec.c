/* SPDX-License-Identifier: MIT */
/* Numbers are little-endian, strings len[2] bytes[len], lists count[2] item..., data count[4]
 * bytes[count]. */
#include "codec.h"

#include <errno.h>
#include <string.h>

int get_str(struct reader *r, struct str *ret)
{
	const uint8_t *p;
	uint16_t len;

	if (get_u16(r, &len) || !(p = codec_take(r, len)) || memchr(p, 0, len))
		return -EBADMSG;
	*ret = (struct str){.p = (const char *)p, .len = len};
	return 0;
}

int put_str(struct writer *w, const struct str *v)
{
	uint8_t *p;

	if (put_u16(w, &v->len) || !(p = codec_give(w, v->len)))
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
	} else if (!(d.p = codec_take(r, d.count))) {
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
	if (!(p = codec_give(w, v->count)))
		return -EMSGSIZE;
	if (v->count)
		memcpy(p, v->p, v->count);
	return 0;
}
