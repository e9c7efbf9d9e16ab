/* SPDX-License-Identifier: MIT */
/* Messages from text. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "msg.h"
#include "text.h"

struct parser {
	const char *at;
	char *scratch, *end; /* what views point into */
};

static int parse_number(struct parser *p, int base, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long v;

	/* strtoull would take blanks and a sign. */
	if (!isxdigit((unsigned char)*p->at))
		return -EINVAL;
	errno = 0;
	v = strtoull(p->at, &end, base);
	if (errno || v > max || end == p->at)
		return -EINVAL;
	p->at = end;
	*ret = v;
	return 0;
}

#define NUMBER(kind, type, max)                              \
	static int parse_##kind(struct parser *p, type *ret) \
	{                                                    \
		uint64_t v;                                  \
		int err = parse_number(p, 0, max, &v);       \
                                                             \
		if (!err)                                    \
			*ret = (type)v;                      \
		return err;                                  \
	}

NUMBER(u8, uint8_t, UINT8_MAX)
NUMBER(u16, uint16_t, UINT16_MAX)
NUMBER(u32, uint32_t, UINT32_MAX)
NUMBER(u64, uint64_t, UINT64_MAX)
NUMBER(oct32, uint32_t, UINT32_MAX)
NUMBER(hex32, uint32_t, UINT32_MAX)
NUMBER(hex64, uint64_t, UINT64_MAX)

static int parse_bytes(struct parser *p, size_t max, const char **ret_p, size_t *ret_n)
{
	size_t n;
	int err = text_get(&p->at, p->scratch, (size_t)(p->end - p->scratch), &n);

	if (!err && n > max)
		err = -EINVAL;
	if (err)
		return err;
	*ret_p = p->scratch;
	*ret_n = n;
	p->scratch += n;
	return 0;
}

static int parse_str(struct parser *p, struct str *ret)
{
	size_t n;
	int err = parse_bytes(p, UINT16_MAX, &ret->p, &n);

	if (!err)
		ret->len = (uint16_t)n;
	return err;
}

static int parse_name(struct parser *p, struct str *ret)
{
	return parse_str(p, ret);
}

static bool is_next(struct parser *p, char c)
{
	bool is = *p->at == c;

	p->at += is;
	return is;
}

static int parse_qid(struct parser *p, struct qid *ret)
{
	uint64_t type, version, path;

	if (parse_number(p, 16, UINT8_MAX, &type) || !is_next(p, '.') ||
	    parse_number(p, 10, UINT32_MAX, &version) || !is_next(p, '.') ||
	    parse_number(p, 16, UINT64_MAX, &path))
		return -EINVAL;
	*ret = (struct qid){(uint8_t)type, (uint32_t)version, path};
	return 0;
}

#define LIST(kind, item)                                                           \
	static int parse_##kind(struct parser *p, struct kind *ret)                \
	{                                                                          \
		ret->n = 0;                                                        \
		if (!is_next(p, '['))                                              \
			return -EINVAL;                                            \
		while (!is_next(p, ']')) {                                         \
			int err;                                                   \
                                                                                   \
			if (ret->n == P9_MAXWELEM || (ret->n && !is_next(p, ','))) \
				return -EINVAL;                                    \
			err = parse_##item(p, &ret->at[ret->n++]);                 \
			if (err)                                                   \
				return err;                                        \
		}                                                                  \
		return 0;                                                          \
	}

LIST(names, str)
LIST(qids, qid)

static int parse_data(struct parser *p, struct data *ret)
{
	const char *bytes;
	size_t n;
	int err;

	if (is_next(p, '#')) {
		ret->p = NULL;
		return parse_u32(p, &ret->count);
	}
	err = parse_bytes(p, UINT32_MAX, &bytes, &n);
	if (!err)
		*ret = (struct data){.count = (uint32_t)n, .p = (const uint8_t *)bytes};
	return err;
}

/* Reads the value of the field NAME (LEN bytes). */
static int parse_field(struct parser *p, const char *name, size_t len, struct msg *m)
{
	if (len == 3 && !memcmp(name, "tag", 3))
		return parse_u16(p, &m->tag);
	switch (m->type) {
#define F(kind, field)                                               \
	if (len == sizeof(#field) - 1 && !memcmp(name, #field, len)) \
		return parse_##kind(p, &v->field);
#define M(number, Name)                                                  \
	case Name: {                                                     \
		struct msg_##Name *v __attribute__((unused)) = &m->Name; \
                                                                         \
		FIELDS_##Name(F) return -EINVAL;                         \
	}
		WIRE_MESSAGES(M)
#undef M
#undef F
	default:
		return -EINVAL;
	}
}

/* Is there another field behind blanks? */
static bool skip_blanks(struct parser *p)
{
	size_t n = strspn(p->at, " ");

	p->at += n;
	return n && *p->at;
}

static int parse_all(struct parser *p, struct msg *m)
{
	size_t len = strcspn(p->at, " ");

	memset(m, 0, sizeof(*m));
	m->type = msg_type_of(p->at, len);
	if (!m->type)
		return -EINVAL;
	p->at += len;
	while (skip_blanks(p)) {
		const char *name = p->at;
		int err;

		len = strcspn(name, "= ");
		if (name[len] != '=')
			return -EINVAL;
		p->at += len + 1;
		err = parse_field(p, name, len, m);
		if (err)
			return err;
	}
	return *p->at ? -EINVAL : 0;
}

int msg_parse(const char *text, void *scratch, size_t cap, struct msg *ret_m, const char **ret_at)
{
	struct parser p = {.at = text, .scratch = scratch, .end = (char *)scratch + cap};
	struct msg m;
	int err = parse_all(&p, &m);

	if (ret_at)
		*ret_at = p.at;
	if (!err)
		*ret_m = m;
	return err;
}
