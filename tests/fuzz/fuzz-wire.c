/* SPDX-License-Identifier: MIT */
/* Any bytes as a message: what decodes encodes to the same bytes, with the data in it or elsewhere,
 * and prints as a text that parses to the same message. */
#include <string.h>

#include "cleanup.h"
#include "fuzz.h"
#include "msg.h"

static void check_text(const struct msg *m, size_t size)
{
	autofree char *text = NULL, *scratch = malloc(size + 1);
	struct msg back;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert(f && scratch);
	msg_print(f, m);
	fclose(f);
	assert(msg_parse(text, scratch, n, &back, NULL) == 0);
	assert(msg_is_equal(m, &back));
}

/* In exactly CAP bytes, which a sanitizer watches. */
static void check_bytes(const struct msg *m, const uint8_t *data, size_t cap)
{
	autofree uint8_t *again = malloc(cap);
	size_t len;

	assert(again && msg_encode(m, again, cap, &len) == 0);
	assert(len == cap && !memcmp(again, data, cap));
	assert(msg_encode(m, again, cap - 1, &len) != 0);
}

/* The same message with its data elsewhere. */
static void check_outside(const struct msg *m, const uint8_t *data, size_t size)
{
	size_t outside = m->type == Rread      ? m->Rread.data.count
			 : m->type == Rreaddir ? m->Rreaddir.data.count
			 : m->type == Twrite   ? m->Twrite.data.count
					       : 0;
	struct msg head;

	if (outside == 0)
		return;
	assert(msg_decode(data, size - outside, outside, MSG_FROM_ANY, &head) == 0);
	check_bytes(&head, data, size - outside);
	check_text(&head, size);
}

static void check_entries(const uint8_t *p, size_t n)
{
	struct dirent9 e;
	size_t size;

	while (dirent_decode(p, n, &e, &size) == 0) {
		autofree uint8_t *again = malloc(size);

		assert(size <= n && again && dirent_encode(&e, again, size) == size);
		assert(!memcmp(again, p, size));
		p += size;
		n -= size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg m;

	if (msg_decode(data, size, 0, MSG_FROM_ANY, &m))
		return 0;
	check_bytes(&m, data, size);
	check_text(&m, size);
	check_outside(&m, data, size);
	if (m.type == Rreaddir)
		check_entries(m.Rreaddir.data.p, m.Rreaddir.data.count);
	return 0;
}
