/* SPDX-License-Identifier: MIT */
/* Writes a recording of the messages in golden files: write-recording [--data] RECORDING FILE...
 * Each file is a connection; its lines are C or S, and bytes in hexadecimal. Messages come 100 us
 * apart. Used by tests of what `warren trace` makes of a recording. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "msg.h"
#include "trace-conn.h"
#include "trace-writer.h"

#define MAX_BYTES 16384

static uint8_t *kept[UINT16_MAX + 1];
static size_t kept_len[UINT16_MAX + 1];
static uint64_t now;

static size_t read_hex(const char *p, uint8_t *to)
{
	size_t n = 0;
	unsigned byte;

	for (; n < MAX_BYTES && sscanf(p, "%2x", &byte) == 1 && *p != ' '; p += 2)
		to[n++] = (uint8_t)byte;
	return n;
}

static void record(struct trace_conn *c, bool is_request, const uint8_t *bytes, size_t n)
{
	unsigned tag = n < P9_HEADER_SIZE ? 0 : bytes[5] | (unsigned)bytes[6] << 8;
	struct trace_message m = {
		.head = bytes, .head_len = n, .time = now += 100000, .service = 100000};

	if (is_request) {
		free(kept[tag]);
		kept[tag] = malloc(n);
		memcpy(kept[tag], bytes, n);
		kept_len[tag] = n;
		trace_conn_request(c, &m);
	} else {
		trace_conn_reply(c, kept[tag], kept_len[tag], &m);
	}
}

static int record_file(struct trace_writer *w, const char *path, uint32_t number)
{
	autofclose FILE *f = fopen(path, "re");
	struct trace_conn *c = trace_conn_new(w, number, path, now);
	static uint8_t bytes[MAX_BYTES];
	autofree char *line = NULL;
	size_t cap = 0;

	if (!f || !c)
		return 1;
	while (getline(&line, &cap, f) > 0)
		if ((line[0] == 'C' || line[0] == 'S') && line[1] == ' ')
			record(c, line[0] == 'C', bytes, read_hex(line + 2, bytes));
	trace_conn_free(c, now);
	return 0;
}

int main(int argc, char **argv)
{
	bool data = argc > 1 && !strcmp(argv[1], "--data");
	struct trace_writer_config cfg = {.path = argv[1 + data], .keep_data = data};
	struct trace_writer *w;
	char *why = NULL;

	if (argc < 3 + data || trace_writer_new(&cfg, &w, &why))
		return 2;
	now = clock_now_ns();
	for (int i = 2 + data; i < argc; i++)
		if (record_file(w, argv[i], (uint32_t)(i - data - 1)))
			return 1;
	for (unsigned tag = 0; tag <= UINT16_MAX; tag++)
		free(kept[tag]);
	return trace_writer_free(w) != 0;
}
