/* SPDX-License-Identifier: MIT */
/* Messages compared, field by field. */
#include <string.h>

#include "msg.h"

#define NUMBER(kind, type)                                     \
	static bool equal_##kind(const type *a, const type *b) \
	{                                                      \
		return *a == *b;                               \
	}

NUMBER(u8, uint8_t)
NUMBER(u16, uint16_t)
NUMBER(u32, uint32_t)
NUMBER(u64, uint64_t)
NUMBER(oct32, uint32_t)
NUMBER(hex32, uint32_t)
NUMBER(hex64, uint64_t)

static bool equal_str(const struct str *a, const struct str *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->p, b->p, a->len));
}

static bool equal_name(const struct str *a, const struct str *b)
{
	return equal_str(a, b);
}

static bool equal_names(const struct names *a, const struct names *b)
{
	bool same = a->n == b->n;

	for (unsigned i = 0; same && i < a->n; i++)
		same = equal_str(&a->at[i], &b->at[i]);
	return same;
}

static bool equal_qid(const struct qid *a, const struct qid *b)
{
	return a->type == b->type && a->version == b->version && a->path == b->path;
}

static bool equal_qids(const struct qids *a, const struct qids *b)
{
	bool same = a->n == b->n;

	for (unsigned i = 0; same && i < a->n; i++)
		same = equal_qid(&a->at[i], &b->at[i]);
	return same;
}

static bool equal_data(const struct data *a, const struct data *b)
{
	if (a->count != b->count)
		return false;
	if (!a->count)
		return true;
	return a->p && b->p ? !memcmp(a->p, b->p, a->count) : !a->p && !b->p;
}

bool msg_is_equal(const struct msg *a, const struct msg *b)
{
	bool same = a->type == b->type && a->tag == b->tag;

	switch (a->type) {
#define F(kind, field) same = same && equal_##kind(&va->field, &vb->field);
#define M(number, Name)                                                         \
	case Name: {                                                            \
		const struct msg_##Name *va __attribute__((unused)) = &a->Name; \
		const struct msg_##Name *vb __attribute__((unused)) = &b->Name; \
                                                                                \
		FIELDS_##Name(F) break;                                         \
	}
		WIRE_MESSAGES(M)
#undef M
#undef F
	default:
		break;
	}
	return same;
}
