/* SPDX-License-Identifier: MIT */
/* Messages from and to bytes: one case a row of the table. */
#include "msg.h"

#include <errno.h>
#include <string.h>

#include "codec.h"
#include "macros.h"

const char *msg_name(uint8_t type)
{
	switch (type) {
#define M(number, Name) \
	case Name:      \
		return #Name;
		WIRE_MESSAGES(M)
#undef M
	default:
		return NULL;
	}
}

uint8_t msg_type_of(const char *name, size_t len)
{
#define M(number, Name)                                            \
	if (len == sizeof(#Name) - 1 && !memcmp(name, #Name, len)) \
		return Name;
	WIRE_MESSAGES(M)
#undef M
	return 0;
}

bool str_is(struct str s, const char *literal)
{
	return s.len == strlen(literal) && !memcmp(s.p, literal, s.len);
}

int msg_check_name(struct str s, bool dotdot)
{
	if (s.len == 0 || str_is(s, ".") || (!dotdot && str_is(s, "..")))
		return -EINVAL;
	if (s.len > P9_NAME_MAX)
		return -ENAMETOOLONG;
	return memchr(s.p, '/', s.len) || memchr(s.p, 0, s.len) ? -EINVAL : 0;
}

static int get_fields(struct reader *r, struct msg *m)
{
	switch (m->type) {
#define F(kind, field) \
	if (!err)      \
		err = get_##kind(r, &v->field);
#define M(number, Name)                                                  \
	case Name: {                                                     \
		struct msg_##Name *v __attribute__((unused)) = &m->Name; \
		int err = 0;                                             \
                                                                         \
		FIELDS_##Name(F) return err;                             \
	}
		WIRE_MESSAGES(M)
#undef M
#undef F
	default:
		return -EOPNOTSUPP;
	}
}

static int put_fields(struct writer *w, const struct msg *m)
{
	switch (m->type) {
#define F(kind, field) \
	if (!err)      \
		err = put_##kind(w, &v->field);
#define M(number, Name)                                                        \
	case Name: {                                                           \
		const struct msg_##Name *v __attribute__((unused)) = &m->Name; \
		int err = 0;                                                   \
                                                                               \
		FIELDS_##Name(F) return err;                                   \
	}
		WIRE_MESSAGES(M)
#undef M
#undef F
	default:
		return -EOPNOTSUPP;
	}
}

int msg_decode(const void *bytes, size_t len, size_t outside, enum msg_side side, struct msg *ret_m)
{
	struct reader r = {.p = bytes, .end = (const uint8_t *)bytes + len, .outside = outside};
	uint32_t size;
	int err;

	ret_m->type = 0;
	ret_m->tag = P9_NOTAG;
	if (get_u32(&r, &size) || get_u8(&r, &ret_m->type) || get_u16(&r, &ret_m->tag))
		return -EBADMSG;
	if (size < len || size - len != outside)
		return -EBADMSG;
	if (!msg_name(ret_m->type))
		return -EOPNOTSUPP;
	if (!(side & (msg_is_request(ret_m->type) ? MSG_FROM_CLIENT : MSG_FROM_SERVER)))
		return -EPROTO;
	err = get_fields(&r, ret_m);
	if (!err && (r.p != r.end || r.outside))
		err = -EBADMSG;
	return err;
}

int msg_encode(const struct msg *m, void *buf, size_t cap, size_t *ret_len)
{
	struct writer w = {.p = buf, .end = (uint8_t *)buf + cap};
	struct writer head = w;
	uint32_t size = 0;
	size_t len, total;
	int err;

	if (put_u32(&w, &size) || put_u8(&w, &m->type) || put_u16(&w, &m->tag))
		return -EMSGSIZE;
	err = put_fields(&w, m);
	if (err)
		return err;
	len = (size_t)(w.p - (uint8_t *)buf);
	total = len + w.outside;
	if (total > UINT32_MAX)
		return -EMSGSIZE;
	size = (uint32_t)total;
	(void)put_u32(&head, &size);
	*ret_len = len;
	return 0;
}

size_t dirent_encode(const struct dirent9 *e, void *buf, size_t cap)
{
	struct writer w = {.p = buf, .end = (uint8_t *)buf + cap};

	if (put_qid(&w, &e->qid) || put_u64(&w, &e->offset) || put_u8(&w, &e->type) ||
	    put_str(&w, &e->name))
		return 0;
	return (size_t)(w.p - (uint8_t *)buf);
}

int dirent_decode(const void *bytes, size_t len, struct dirent9 *ret_e, size_t *ret_size)
{
	struct reader r = {.p = bytes, .end = (const uint8_t *)bytes + len};
	struct dirent9 e;

	if (get_qid(&r, &e.qid) || get_u64(&r, &e.offset) || get_u8(&r, &e.type) ||
	    get_str(&r, &e.name))
		return -EBADMSG;
	/* A server's "../x" must not reach a client that builds paths. */
	if (!str_is(e.name, ".") && msg_check_name(e.name, true))
		return -EBADMSG;
	*ret_e = e;
	*ret_size = (size_t)(r.p - (const uint8_t *)bytes);
	return 0;
}
