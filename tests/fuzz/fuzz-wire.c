/* SPDX-License-Identifier: MIT */
/* Any bytes as a message: what decodes encodes to the same bytes, and prints as a text that parses
 * to the same message. */
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
	assert(msg_parse(text, scratch, size, &back, NULL) == 0);
	assert(msg_is_equal(m, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree uint8_t *again = malloc(size + 1);
	struct msg m;
	size_t len;

	if (msg_decode(data, size, 0, MSG_FROM_ANY, &m))
		return 0;
	assert(again && msg_encode(&m, again, size, &len) == 0);
	assert(len == size && !memcmp(again, data, size));
	check_text(&m, size);
	return 0;
}
