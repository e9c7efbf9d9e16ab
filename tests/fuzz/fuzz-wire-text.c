/* SPDX-License-Identifier: MIT */
/* Any text as a message: what parses prints as a text that parses to the same message; what it
 * encodes to is decoded to the same message, or refused for a name or a NUL. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "fuzz.h"
#include "msg.h"

static void check_text(const struct msg *m)
{
	autofree char *text = NULL, *scratch = NULL;
	struct msg back;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert(f);
	msg_print(f, m);
	fclose(f);
	scratch = malloc(n + 1);
	assert(scratch && msg_parse(text, scratch, n, &back, NULL) == 0);
	assert(msg_is_equal(m, &back));
}

static void check_bytes(const struct msg *m)
{
	static uint8_t bytes[1 << 20];
	struct msg back;
	size_t n, size;

	if (msg_encode(m, bytes, sizeof(bytes), &n)) /* data=#4294967295 */
		return;
	size = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 |
	       (size_t)bytes[3] << 24;
	switch (msg_decode(bytes, n, size - n, MSG_FROM_ANY, &back)) {
	case 0:
		assert(msg_is_equal(m, &back));
		break;
	case -EINVAL:
	case -ENAMETOOLONG:
	case -EBADMSG:
		break;
	default:
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	autofree char *scratch = malloc(size + 1);
	const char *at;
	struct msg m;
	int err;

	assert(text && scratch);
	err = msg_parse(text, scratch, size, &m, &at);
	assert(at >= text && at <= text + strlen(text));
	assert(err == 0 || err == -EINVAL);
	if (err)
		return 0;
	assert(*at == 0);
	check_text(&m);
	check_bytes(&m);
	return 0;
}
