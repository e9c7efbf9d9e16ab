/* SPDX-License-Identifier: MIT */
/* Recordings: what was written is read, whatever happens to the file. */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "exchange-filter.h"
#include "exchange-text.h"
#include "macros.h"
#include "trace-conn.h"
#include "trace-reader.h"
#include "trace-writer.h"

static char path[] = "/tmp/warren-trace-XXXXXX/r";
static char old_path[] = "/tmp/warren-trace-XXXXXX/r.1";

struct file_source {
	struct trace_source source; /* first */
	struct trace_reader *reader;
};

static int next_record(struct trace_source *s, struct trace_record *ret_r)
{
	return trace_reader_next(((struct file_source *)s)->reader, ret_r);
}

static struct trace_writer *start(uint64_t max_size, bool keep_data)
{
	const struct trace_writer_config cfg = {
		.path = path, .max_size = max_size, .keep_data = keep_data};
	struct trace_writer *w;
	autofree char *why = NULL;

	assert_int_equal(trace_writer_new(&cfg, &w, &why), 0);
	return w;
}

/* T as bytes in BUF (512 bytes). */
static size_t bytes_of(const char *text, uint8_t *buf)
{
	char scratch[512];
	struct msg m;
	size_t len;

	assert_int_equal(msg_parse(text, scratch, sizeof(scratch), &m, NULL), 0);
	assert_int_equal(msg_encode(&m, buf, 512, &len), 0);
	return len;
}

/* One request and its reply, whose data is DATA. */
static void call(struct trace_conn *c, uint64_t time, const char *t, const char *r,
		 const char *data)
{
	uint8_t request[512], reply[512];
	struct iovec iov = {.iov_base = (char *)data, .iov_len = data ? strlen(data) : 0};
	struct trace_message m = {.head = request, .head_len = bytes_of(t, request), .time = time};
	struct trace_message a = {
		.head = reply,
		.head_len = bytes_of(r, reply),
		.iov = &iov,
		.n_iov = 1,
		.data_len = iov.iov_len,
		.time = time + 31000,
		.service = 31000,
	};

	trace_conn_request(c, &m);
	trace_conn_reply(c, request, m.head_len, &a);
}

/* A session that walks to a file and reads it. */
static void record_session(struct trace_writer *w)
{
	struct trace_conn *c = trace_conn_new(w, 1, "unix pid 1", 1000);

	call(c, 1000000, "Tversion tag=65535 msize=8192 version=9P2000.L",
	     "Rversion tag=65535 msize=8192 version=9P2000.L", NULL);
	call(c, 2000000, "Tattach tag=0 fid=0 afid=4294967295 n_uname=0",
	     "Rattach tag=0 qid=80.0.1", NULL);
	call(c, 3000000, "Twalk tag=0 fid=0 newfid=1 wname=[docs,a.txt]",
	     "Rwalk tag=0 wqid=[80.0.2,00.0.3]", NULL);
	call(c, 4000000, "Tread tag=7 fid=1 offset=12288 count=655", "Rread tag=7 data=#5",
	     "hello");
	call(c, 5000000, "Tread tag=7 fid=1 offset=4094 count=655", "Rread tag=7 data=#5", "world");
	call(c, 6000000, "Tclunk tag=0 fid=1", "Rclunk tag=0", NULL);
	trace_conn_free(c, 7000000);
}

/* What `show` prints; *RET_DAMAGE as the reader has it. NULL: it does not even open. */
static char *show(struct trace_damage *ret_damage, unsigned *ret_n_verified)
{
	struct file_source s = {.source.next = next_record};
	struct exchange e;
	struct exchanges *x;
	char *text = NULL;
	size_t n;
	FILE *f;
	int got;
	autofree char *why = NULL;

	if (ret_n_verified)
		*ret_n_verified = 0;
	got = trace_reader_open(path, &s.reader, &why);
	if (got) {
		assert_int_equal(got, -EBADMSG);
		assert_non_null(why);
		return NULL;
	}
	x = exchanges_new(&s.source);
	f = open_memstream(&text, &n);
	while ((got = exchanges_next(x, &e)) > 0) {
		exchange_print(f, &e, 0);
		if (ret_n_verified && e.kind == EXCHANGE_DONE && !e.request.is_unverified &&
		    !e.reply.is_unverified)
			++*ret_n_verified;
	}
	assert_int_equal(got, 0);
	fclose(f);
	exchanges_free(x);
	if (ret_damage)
		*ret_damage = *trace_reader_damage(s.reader);
	trace_reader_free(s.reader);
	return text;
}

static void what_is_written_is_read(void **state)
{
	struct trace_writer *w = start(0, false);
	struct trace_damage d;
	autofree char *text = NULL;

	(void)state;
	record_session(w);
	assert_int_equal(trace_writer_free(w), 0);
	text = show(&d, NULL);
	assert_int_equal(d.n, 0);
	assert_true(d.has_index);
	assert_int_equal(d.n_records, 14);
	assert_string_equal(
		text,
		"0.000001 # connection 1 begins: \"unix pid 1\"\n"
		"0.001000 Tversion msize=8192 version=9P2000.L -> ok msize=8192 "
		"version=9P2000.L  31us\n"
		"0.002000 Tattach  fid=0 afid=4294967295 uname=\"\" aname=\"\" n_uname=0 -> ok "
		"qid=80.0.1  31us\n"
		"0.003000 Twalk    docs/a.txt newfid=1 -> ok wqid=[80.0.2,00.0.3]  31us\n"
		"0.004000 Tread    docs/a.txt @12288+655 -> 5  31us  [9555e8555c62dcfd]\n"
		"0.005000 Tread    docs/a.txt @4094+655 -> 5  31us  [54851ae639296b18 "
		"ffb9d68b5e568038]\n"
		"0.006000 Tclunk   docs/a.txt -> ok  31us\n"
		"0.007000 # connection 1 ends: \"unix pid 1\"\n");
}

static void recorded_data_has_the_same_digests(void **state)
{
	autofree char *digests = NULL, *data = NULL;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct trace_writer *w = start(0, i);

		record_session(w);
		assert_int_equal(trace_writer_free(w), 0);
		*(i ? &data : &digests) = show(NULL, NULL);
	}
	assert_string_equal(data, digests);
}

static void parts_that_overlap_are_told_from_those_that_do_not(void **state)
{
	static char m[400];
	const struct iovec rising[] = {{m, 100}, {m + 100, 100}, {m + 300, 100}};
	const struct iovec falling[] = {{m + 300, 100}, {m + 100, 100}, {m, 100}};
	const struct iovec twice[] = {{m + 300, 100}, {m, 100}, {m + 300, 100}};
	const struct iovec within[] = {{m, 200}, {m + 199, 1}};
	struct iovec many[400];

	(void)state;
	assert_false(trace_parts_overlap(rising, 3, 300));
	assert_false(trace_parts_overlap(falling, 3, 300));
	assert_false(trace_parts_overlap(rising, 0, 0));
	assert_true(trace_parts_overlap(twice, 3, 300));
	/* What the message does not reach does not count. */
	assert_true(trace_parts_overlap(twice, 3, 201));
	assert_false(trace_parts_overlap(twice, 3, 200));
	assert_true(trace_parts_overlap(within, 2, 201));
	/* So many in any order. */
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct iovec){m + i * 7919 % ARRAY_SIZE(many), 1};
	assert_false(trace_parts_overlap(many, ARRAY_SIZE(many), ARRAY_SIZE(many)));
	many[3].iov_base = many[300].iov_base;
	assert_true(trace_parts_overlap(many, ARRAY_SIZE(many), ARRAY_SIZE(many)));
}

static uint8_t *read_file(size_t *ret_n)
{
	FILE *f = fopen(path, "re");
	uint8_t *bytes = malloc(1 << 20);

	assert_non_null(f);
	*ret_n = fread(bytes, 1, 1 << 20, f);
	fclose(f);
	return bytes;
}

static void write_file(const uint8_t *bytes, size_t n)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(n ? fwrite(bytes, 1, n, f) : 0, n);
	assert_int_equal(fclose(f), 0);
}

/* Several blocks: the writer closes one for each call of this. */
static void append_blocks(unsigned n)
{
	struct trace_writer *w = start(0, true);
	struct trace_conn *c = trace_conn_new(w, 1, "unix pid 1", 1000);
	char *data = malloc(24 << 10);

	memset(data, 'x', (24 << 10) - 1);
	data[(24 << 10) - 1] = '\0';
	call(c, 1, "Tattach tag=0 fid=1 afid=4294967295 n_uname=0", "Rattach tag=0 qid=80.0.1",
	     NULL);
	for (unsigned i = 0; i < n; i++)
		call(c, 2 + i, "Tread tag=7 fid=1 offset=0 count=65000", "Rread tag=7 data=#24575",
		     data);
	trace_conn_free(c, 7000000);
	assert_int_equal(trace_writer_free(w), 0);
	free(data);
}

/* With so many bytes at the start left, there are at least as many exchanges as with less. */
static void a_cut_at_any_byte_loses_only_the_end(void **state)
{
	struct trace_writer *w = start(0, false);
	autofree uint8_t *bytes = NULL;
	unsigned n_lines, last = 0;
	size_t n;

	(void)state;
	record_session(w);
	assert_int_equal(trace_writer_free(w), 0);
	bytes = read_file(&n);
	for (size_t cut = 0; cut <= n; cut++) {
		struct trace_damage d = {0};
		autofree char *text = NULL;

		write_file(bytes, cut);
		text = show(&d, NULL);
		n_lines = 0;
		for (const char *p = text; p && (p = strchr(p, '\n')); p++)
			n_lines++;
		assert_true(n_lines >= last);
		last = MAX(last, n_lines);
		if (text && cut < TRACE_HEAD_SIZE)
			assert_int_not_equal(d.n, 0);
		if (cut < n)
			assert_false(d.has_index);
	}
	assert_int_equal(last, 8);
}

static void a_cut_is_told(void **state)
{
	struct trace_damage d;
	autofree uint8_t *bytes = NULL;
	autofree char *text = NULL;
	unsigned n_verified;
	size_t n;

	(void)state;
	append_blocks(9);
	bytes = read_file(&n);
	write_file(bytes, n / 2);
	text = show(&d, &n_verified);
	assert_int_equal(d.n, 1);
	assert_non_null(strstr(d.first, "ends in the middle of a block"));
	assert_int_equal(n_verified, 4); /* the attach and the first three reads */
	assert_non_null(strstr(text, "\n? 0."));
}

/* A wrong bit takes at most its own block with it, and what is not verified is marked. */
static void a_wrong_bit_is_found_wherever_it_is(void **state)
{
	autofree uint8_t *bytes = NULL;
	unsigned all, n_verified;
	size_t n, index;

	(void)state;
	append_blocks(9);
	free(show(NULL, &all));
	assert_int_equal(all, 10);
	bytes = read_file(&n);
	index = n - TRACE_TAIL_SIZE - 3 * TRACE_INDEX_ENTRY_SIZE - TRACE_BLOCK_HEAD_SIZE;
	for (size_t at = 0; at < index; at += at < 160 ? 1 : 1201) {
		struct trace_damage d;
		autofree char *text = NULL;

		bytes[at] ^= 0x10;
		write_file(bytes, n);
		text = show(&d, &n_verified);
		bytes[at] ^= 0x10;
		assert_non_null(text);
		assert_int_not_equal(d.n, 0);
		assert_true(n_verified >= all - 4);
	}
}

static void a_limited_recording_keeps_the_newest(void **state)
{
	struct trace_writer *w = start(TRACE_MIN_SIZE, false);
	struct trace_conn *c = trace_conn_new(w, 1, "unix pid 1", 1000);
	struct trace_damage d;
	struct stat st[2];
	autofree char *text = NULL;

	(void)state;
	call(c, 1, "Tattach tag=0 fid=1 afid=4294967295 n_uname=0", "Rattach tag=0 qid=80.0.1",
	     NULL);
	for (unsigned i = 0; i < 60000; i++)
		call(c, 2 + i * 1000, "Tread tag=7 fid=1 offset=0 count=65000",
		     "Rread tag=7 data=#5", "abcde");
	trace_conn_free(c, 7000000);
	assert_int_equal(trace_writer_free(w), 0);
	assert_int_equal(stat(path, &st[0]), 0);
	assert_int_equal(stat(old_path, &st[1]), 0);
	assert_true(st[0].st_size + st[1].st_size <= TRACE_MIN_SIZE + (64 << 10));
	assert_true(st[1].st_size > TRACE_MIN_SIZE / 4);
	text = show(&d, NULL);
	assert_int_equal(d.n, 0);
	assert_true(d.n_records * 40 > (uint64_t)st[1].st_size);
	assert_non_null(strstr(text, "ends: \"unix pid 1\"\n"));
	/* paths are known although the walk is not there any more */
	assert_non_null(strstr(text, "Tread    / @0+65000 -> 5"));
	assert_int_equal(unlink(old_path), 0);
}

static void another_recordings_old_part_is_not_read(void **state)
{
	struct trace_writer *w = start(0, false);
	autofree char *one = NULL, *two = NULL;

	(void)state;
	record_session(w);
	assert_int_equal(trace_writer_free(w), 0);
	one = show(NULL, NULL);
	assert_int_equal(rename(path, old_path), 0);
	w = start(0, false);
	record_session(w);
	assert_int_equal(trace_writer_free(w), 0);
	two = show(NULL, NULL);
	assert_string_equal(one, two);
	assert_int_equal(unlink(old_path), 0);
}

static void what_is_no_recording_is_refused(void **state)
{
	(void)state;
	write_file((const uint8_t *)"hello, world", 12);
	assert_null(show(NULL, NULL));
	write_file(NULL, 0);
	assert_null(show(NULL, NULL));
}

/* Before it is closed, and without waiting for a block to fill. */
static void a_killed_writer_leaves_what_it_wrote(void **state)
{
	struct trace_writer *w = start(0, false);
	struct trace_damage d = {0};

	(void)state;
	record_session(w);
	while (d.n_records < 14) {
		usleep(1000);
		free(show(&d, NULL));
	}
	assert_false(d.has_index);
	assert_int_equal(d.n, 0);
	assert_int_equal(trace_writer_free(w), 0);
}

/* Records at SINCE or later, skipping what need not be read. */
static unsigned records_since(uint64_t since, uint64_t *ret_read)
{
	struct trace_reader *reader;
	struct trace_record r;
	char *why = NULL;
	unsigned n = 0;

	assert_int_equal(trace_reader_open(path, &reader, &why), 0);
	if (ret_read)
		trace_reader_skip_to(reader, since);
	while (trace_reader_next(reader, &r) > 0)
		n += r.time >= since;
	if (ret_read)
		*ret_read = trace_reader_damage(reader)->n_records;
	trace_reader_free(reader);
	return n;
}

static void skipping_leaves_out_nothing_that_is_wanted(void **state)
{
	struct trace_writer *w = start(0, true);
	struct trace_conn *c = trace_conn_new(w, 1, "unix pid 1", 1000);
	autofree char *data = calloc(1, 20001);
	uint64_t n_read;

	(void)state;
	memset(data, 'x', 20000);
	for (unsigned i = 1; i <= 40; i++)
		call(c, i * 1000000, "Tread tag=7 fid=1 offset=0 count=65000",
		     "Rread tag=7 data=#20000", data);
	trace_conn_free(c, 41000000);
	assert_int_equal(trace_writer_free(w), 0);
	for (uint64_t since = 0; since < 43; since += 3) {
		unsigned all = records_since(since * 1000000, NULL);

		assert_int_equal(records_since(since * 1000000, &n_read), all);
		assert_true(n_read >= all);
		if (since > 30)
			assert_true(n_read < 40);
	}
}

static void filters_go_by_time_path_and_name(void **state)
{
	struct exchange_filter f = {.since = 5000000, .until = 6000000};
	struct exchange e = {.kind = EXCHANGE_DONE, .t_well_formed = true, .t.type = Tread};

	(void)state;
	e.request.time = 4000000;
	e.reply.time = 4999999;
	assert_false(exchange_is_wanted(&f, &e));
	e.reply.time = 5000000;
	assert_true(exchange_is_wanted(&f, &e));
	e.request.time = 6000001;
	e.reply.time = 6000002;
	assert_false(exchange_is_wanted(&f, &e));
	e.request.path[0] = (struct trace_text){.p = "docs/a.txt", .len = 10};
	f = (struct exchange_filter){.path = "docs"};
	assert_true(exchange_is_wanted(&f, &e));
	f.path = "/docs/a.txt";
	assert_true(exchange_is_wanted(&f, &e));
	f.path = "doc";
	assert_false(exchange_is_wanted(&f, &e));
	f.path = "*.txt";
	assert_true(exchange_is_wanted(&f, &e));
	f = (struct exchange_filter){0};
	assert_int_equal(exchange_filter_ops(&f, "write,Tread"), 0);
	assert_true(exchange_is_wanted(&f, &e));
	assert_int_equal(exchange_filter_ops(&f, "Rread"), -EINVAL);
	assert_int_equal(exchange_filter_ops(&f, ""), -EINVAL);
	assert_int_equal(exchange_filter_ops(&f, ",read"), -EINVAL);
	assert_int_equal(exchange_filter_errno(&f, "enoent"), 0);
	assert_int_equal(f.error, ENOENT);
	assert_false(exchange_is_wanted(&f, &e));
	assert_int_equal(exchange_filter_errno(&f, "none"), 0);
	f.error = 0;
	assert_true(exchange_is_wanted(&f, &e));
}

static unsigned n_failures;

static void count_failure(void *arg, const char *what)
{
	(void)arg;
	assert_string_equal(what, strerror(EFBIG));
	n_failures++;
}

/* As with a disk that is full: said once, and what was written is there. */
static void a_recording_ends_where_the_disk_is_full(void **state)
{
	const struct trace_writer_config cfg = {
		.path = path, .keep_data = true, .failed = count_failure};
	const struct rlimit small = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
	struct rlimit before;
	struct trace_writer *w;
	struct trace_conn *c;
	struct trace_damage d;
	autofree char *why = NULL, *data = calloc(1, 20001), *text = NULL;

	(void)state;
	memset(data, 'x', 20000);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(trace_writer_new(&cfg, &w, &why), 0);
	c = trace_conn_new(w, 1, "unix pid 1", 1000);
	for (unsigned i = 0; i < 50; i++)
		call(c, 2 + i, "Tread tag=7 fid=1 offset=0 count=65000", "Rread tag=7 data=#20000",
		     data);
	trace_conn_free(c, 7000000);
	assert_int_equal(trace_writer_free(w), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(n_failures, 1);
	text = show(&d, NULL);
	assert_in_range(d.n_records, 5, 20);
	assert_false(d.has_index);
}

/* How many messages R's recording has, and how many it says that it lacks. */
static void count_records(uint64_t *ret_n, uint64_t *ret_lost)
{
	struct trace_reader *reader;
	struct trace_record r;
	char *why = NULL;

	*ret_n = *ret_lost = 0;
	assert_int_equal(trace_reader_open(path, &reader, &why), 0);
	while (trace_reader_next(reader, &r) > 0) {
		*ret_n += r.kind != TRACE_LOST;
		*ret_lost += r.kind == TRACE_LOST ? r.lost : 0;
	}
	trace_reader_free(reader);
}

/* Whether the disk keeps up or not: nothing is missing without a word. */
static void what_is_lost_is_counted(void **state)
{
	const struct trace_writer_config cfg = {.path = path, .max_waiting = 1};
	struct trace_writer_stats stats;
	struct trace_writer *w;
	struct trace_conn *c;
	uint64_t n, lost;
	autofree char *why = NULL;

	(void)state;
	assert_int_equal(trace_writer_new(&cfg, &w, &why), 0);
	c = trace_conn_new(w, 1, "unix pid 1", 1000);
	for (unsigned i = 0; i < 30000; i++)
		call(c, 2 + i, "Tgetattr tag=1 fid=1 request_mask=0x7ff",
		     "Rgetattr tag=1 qid=80.0.1", NULL);
	trace_conn_free(c, 7000000);
	trace_writer_get_stats(w, &stats);
	assert_int_equal(trace_writer_free(w), 0);
	count_records(&n, &lost);
	assert_int_equal(n + lost, 60002);
	assert_int_equal(lost, stats.lost);
}

static int make_dir(void **state)
{
	char dir[] = "/tmp/warren-trace-XXXXXX";

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	memcpy(path, dir, strlen(dir));
	memcpy(old_path, dir, strlen(dir));
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	path[strlen(path) - 2] = '\0';
	return rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(recorded_data_has_the_same_digests),
		cmocka_unit_test(parts_that_overlap_are_told_from_those_that_do_not),
		cmocka_unit_test(a_cut_at_any_byte_loses_only_the_end),
		cmocka_unit_test(a_cut_is_told),
		cmocka_unit_test(a_wrong_bit_is_found_wherever_it_is),
		cmocka_unit_test(a_limited_recording_keeps_the_newest),
		cmocka_unit_test(another_recordings_old_part_is_not_read),
		cmocka_unit_test(what_is_no_recording_is_refused),
		cmocka_unit_test(a_recording_ends_where_the_disk_is_full),
		cmocka_unit_test(skipping_leaves_out_nothing_that_is_wanted),
		cmocka_unit_test(filters_go_by_time_path_and_name),
		cmocka_unit_test(what_is_lost_is_counted),
		cmocka_unit_test(a_killed_writer_leaves_what_it_wrote),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
