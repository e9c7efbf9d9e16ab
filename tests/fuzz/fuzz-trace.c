/* SPDX-License-Identifier: MIT */
/* Any bytes as a recording, or a log of QEMU: everything is read, paired, printed or converted. The
 * size says how; the first byte says what the rest is: 'f' a file; 'b' the body of a block, which gets a right head, but
 * a wrong checksum; 'q' a log. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "convert.h"
#include "exchange-text.h"
#include "fuzz.h"
#include "lint.h"
#include "qemu-events.h"
#include "qemu-log.h"
#include "trace-reader.h"
#include "trace-stats.h"

struct file_source {
	struct trace_source source; /* first */
	struct trace_reader *reader;
};

static int next_record(struct trace_source *s, struct trace_record *ret_r)
{
	return trace_reader_next(((struct file_source *)s)->reader, ret_r);
}

static void put_file(int fd, char kind, const uint8_t *data, size_t size)
{
	const struct trace_file_head head = {.version = TRACE_VERSION, .wall = 2, .mono = 1};
	const struct trace_block_head block = {
		.length = (uint32_t)size, .first_time = 5, .n_records = 1, .number = 1};
	uint8_t bytes[TRACE_HEAD_SIZE + TRACE_BLOCK_HEAD_SIZE];

	if (kind == 'b') {
		trace_put_file_head(&head, bytes);
		trace_put_block_head(&block, bytes + TRACE_HEAD_SIZE);
		assert(write(fd, bytes, sizeof(bytes)) == sizeof(bytes));
	}
	assert(write(fd, data, size) == (ssize_t)size);
}

static void ignore(void *arg, const struct lint_finding *f)
{
	(void)arg;
	assert(f->rule < LINT_N && f->what);
}

static void lint(struct trace_source *from)
{
	struct lint *l = lint_new(ignore, NULL);
	struct trace_record r;

	while (from->next(from, &r) > 0) {
		/* what is not verified is not looked at: here it is */
		r.is_unverified = false;
		assert(lint_add(l, &r) == 0);
	}
	lint_end(l);
	lint_free(l);
}

/* Through one of the consumers. */
static void use(struct trace_source *from, FILE *out, int form)
{
	static const char *const names[] = {"json", "pcapng", "perfetto"};
	const struct convert_times times = {.start = 1, .wall = 2};
	struct trace_stats stats = {0};
	struct exchanges *x;
	struct exchange e;

	if (form == 4) {
		lint(from);
		return;
	}
	if (form < 3) {
		(void)convert_all(from, converter_find(names[form]), out, &times);
		return;
	}
	x = exchanges_new(from);
	while (exchanges_next(x, &e) > 0) {
		exchange_print(out, &e, 1);
		exchange_print_messages(out, &e, 1);
		if (e.kind != EXCHANGE_OTHER)
			qemu_print_exchange(out, &e, 1, 2);
		assert(stats_add(&stats, &e) == 0);
	}
	stats_print(out, &stats);
	stats_done(&stats);
	exchanges_free(x);
}

static void read_recording(const char *path, FILE *out, int form)
{
	struct file_source s = {.source.next = next_record};
	autofree char *why = NULL;

	if (trace_reader_open(path, &s.reader, &why))
		return;
	use(&s.source, out, form);
	trace_reader_free(s.reader);
}

static void read_log(const char *path, FILE *out, int form)
{
	struct qemu_log *log;

	(void)qemu_log_is(path);
	assert(qemu_log_open(path, &log) == 0);
	use(qemu_log_source(log), out, form);
	qemu_log_free(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	FILE *out;
	int fd;

	if (size < 1 || size > 1 << 20)
		return 0;
	fd = memfd_create("trace", MFD_CLOEXEC);
	out = fopen("/dev/null", "we");
	assert(fd >= 0 && out);
	put_file(fd, (char)data[0], data + 1, size - 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (data[0] == 'q')
		read_log(path, out, (int)(size % 5));
	else
		read_recording(path, out, (int)(size % 5));
	fclose(out);
	close(fd);
	return 0;
}
