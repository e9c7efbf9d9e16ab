/* SPDX-License-Identifier: MIT */
/* Random messages, for tests: every one of them is valid on the wire. */
#include <string.h>

#include "macros.h"
#include "msg.h"

struct source {
	uint64_t state;
	uint8_t *at, *end; /* scratch for strings and data */
};

/* splitmix64 */
static uint64_t next(struct source *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint8_t *take(struct source *s, size_t n)
{
	uint8_t *p = s->at;

	s->at += n;
	return p;
}

/* Boundary values are as likely as others. */
static uint64_t number(struct source *s)
{
	uint64_t v = next(s);

	switch (v % 8) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return next(s) % 256;
	default:
		return next(s);
	}
}

#define NUMBER(kind, type)                                     \
	static void random_##kind(struct source *s, type *ret) \
	{                                                      \
		*ret = (type)number(s);                        \
	}

NUMBER(u8, uint8_t)
NUMBER(u16, uint16_t)
NUMBER(u32, uint32_t)
NUMBER(u64, uint64_t)
NUMBER(oct32, uint32_t)
NUMBER(hex32, uint32_t)
NUMBER(hex64, uint64_t)

static size_t some(struct source *s, size_t most)
{
	size_t left = (size_t)(s->end - s->at);

	return (size_t)next(s) % (MIN(most, left) + 1);
}

static void fill(struct source *s, struct str *ret, size_t len, bool slash)
{
	uint8_t *p = take(s, len);

	for (size_t i = 0; i < len; i++) {
		p[i] = (uint8_t)(next(s) % 255 + 1);
		if (p[i] == '/' && !slash)
			p[i] = '_';
	}
	*ret = str_of((char *)p, len);
}

static void random_str(struct source *s, struct str *ret)
{
	fill(s, ret, some(s, 300), true);
}

static void random_name(struct source *s, struct str *ret)
{
	fill(s, ret, some(s, P9_NAME_MAX), false);
	/* Too short a random name, "." and "..", or no room. */
	if (msg_check_name(*ret, false))
		*ret = str_of("x", 1);
}

static void random_names(struct source *s, struct names *ret)
{
	ret->n = (uint16_t)(next(s) % (P9_MAXWELEM + 1));
	for (unsigned i = 0; i < ret->n; i++) {
		if (next(s) % 8)
			random_name(s, &ret->at[i]);
		else
			ret->at[i] = str_of("..", 2);
	}
}

static void random_qid(struct source *s, struct qid *ret)
{
	random_u8(s, &ret->type);
	random_u32(s, &ret->version);
	random_u64(s, &ret->path);
}

static void random_qids(struct source *s, struct qids *ret)
{
	ret->n = (uint16_t)(next(s) % (P9_MAXWELEM + 1));
	for (unsigned i = 0; i < ret->n; i++)
		random_qid(s, &ret->at[i]);
}

static void random_data(struct source *s, struct data *ret)
{
	size_t n = some(s, 6000);
	uint8_t *p = take(s, n);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)next(s);
	*ret = (struct data){.count = (uint32_t)n, .p = p};
}

void msg_random(uint8_t type, uint64_t seed, void *scratch, struct msg *ret_m)
{
	struct source s = {.state = seed ^ (uint64_t)type << 56,
			   .at = scratch,
			   .end = (uint8_t *)scratch + MSG_RANDOM_SCRATCH};

	memset(ret_m, 0, sizeof(*ret_m));
	ret_m->type = type;
	random_u16(&s, &ret_m->tag);
	switch (type) {
#define F(kind, field) random_##kind(&s, &v->field);
#define M(number, Name)                                                      \
	case Name: {                                                         \
		struct msg_##Name *v __attribute__((unused)) = &ret_m->Name; \
                                                                             \
		FIELDS_##Name(F) break;                                      \
	}
		WIRE_MESSAGES(M)
#undef M
#undef F
	default:
		break;
	}
}
