/* SPDX-License-Identifier: MIT */
/* Messages to text. */
#include <inttypes.h>

#include "msg.h"
#include "text.h"

static void print_u8(FILE *f, const uint8_t *v)
{
	fprintf(f, "%u", *v);
}

static void print_u16(FILE *f, const uint16_t *v)
{
	fprintf(f, "%u", *v);
}

static void print_u32(FILE *f, const uint32_t *v)
{
	fprintf(f, "%" PRIu32, *v);
}

static void print_u64(FILE *f, const uint64_t *v)
{
	fprintf(f, "%" PRIu64, *v);
}

static void print_oct32(FILE *f, const uint32_t *v)
{
	fprintf(f, "%#" PRIo32, *v);
}

static void print_hex32(FILE *f, const uint32_t *v)
{
	fprintf(f, "0x%" PRIx32, *v);
}

static void print_hex64(FILE *f, const uint64_t *v)
{
	fprintf(f, "0x%" PRIx64, *v);
}

static void print_str(FILE *f, const struct str *v)
{
	text_put(f, v->p, v->len);
}

static void print_name(FILE *f, const struct str *v)
{
	text_put(f, v->p, v->len);
}

/* type.version.path */
static void print_qid(FILE *f, const struct qid *v)
{
	fprintf(f, "%02x.%" PRIu32 ".%" PRIx64, v->type, v->version, v->path);
}

static void print_names(FILE *f, const struct names *v)
{
	fputc('[', f);
	for (unsigned i = 0; i < v->n; i++) {
		if (i)
			fputc(',', f);
		print_str(f, &v->at[i]);
	}
	fputc(']', f);
}

static void print_qids(FILE *f, const struct qids *v)
{
	fputc('[', f);
	for (unsigned i = 0; i < v->n; i++) {
		if (i)
			fputc(',', f);
		print_qid(f, &v->at[i]);
	}
	fputc(']', f);
}

static void print_data(FILE *f, const struct data *v)
{
	if (v->p || !v->count)
		text_put(f, v->p, v->count);
	else
		fprintf(f, "#%" PRIu32, v->count);
}

void msg_print_fields(FILE *f, const struct msg *m, bool (*wanted)(const char *field))
{
	switch (m->type) {
#define F(kind, field)                      \
	if (!wanted || wanted(#field)) {    \
		fputs(" " #field "=", f);   \
		print_##kind(f, &v->field); \
	}
#define M(number, Name)                                                        \
	case Name: {                                                           \
		const struct msg_##Name *v __attribute__((unused)) = &m->Name; \
                                                                               \
		FIELDS_##Name(F) break;                                        \
	}
		WIRE_MESSAGES(M)
#undef M
#undef F
	default:
		break;
	}
}

void msg_print(FILE *f, const struct msg *m)
{
	const char *name = msg_name(m->type);

	if (name)
		fprintf(f, "%s tag=%u", name, m->tag);
	else
		fprintf(f, "type=%u tag=%u", m->type, m->tag);
	msg_print_fields(f, m, NULL);
}
