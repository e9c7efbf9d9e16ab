/* SPDX-License-Identifier: MIT */
/* What a recording tells about findings: the recording is a real one, of made-up messages about a real
 * file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "compare.h"
#include "digest.h"
#include "manifest.h"
#include "msg.h"
#include "route.h"
#include "trace-conn.h"
#include "trace-writer.h"
#include "wire-facts.h"
#include "wire-lint.h"

#define SIZE 12943U

static char dir[] = "/tmp/warren-wire-XXXXXX";
static char recording[64], file[64];
static unsigned char bytes[SIZE];
static int dir_fd;
static struct manifest *manifest;
static struct trace_writer *writer;
static struct trace_conn *conn;
static uint64_t now;

static size_t bytes_of(const char *text, uint8_t *buf)
{
	char scratch[512];
	struct msg m;
	size_t len;

	assert_int_equal(msg_parse(text, scratch, sizeof(scratch), &m, NULL), 0);
	assert_int_equal(msg_encode(&m, buf, 512, &len), 0);
	return len;
}

/* A request and its reply; DATA goes with the one of them that has some. */
static void call(const char *t, const char *r, const void *data, size_t n, bool is_zero_copy)
{
	uint8_t request[512], reply[512];
	struct iovec iov = {.iov_base = (void *)data, .iov_len = n};
	bool is_write = !strncmp(t, "Twrite", 6);
	struct route route = {0};
	struct trace_message q = {
		.head = request, .head_len = bytes_of(t, request), .time = ++now, .route = &route};
	struct trace_message a = {.head = reply, .head_len = bytes_of(r, reply), .time = ++now};
	struct trace_message *with = is_write ? &q : &a;

	route_add(&route.in, is_zero_copy ? P9_READ_HEADER_SIZE : 8192);
	if (is_zero_copy)
		route_add(&route.in, 4096);
	if (n) {
		with->iov = &iov;
		with->n_iov = 1;
		with->data_len = n;
	}
	trace_conn_request(conn, &q);
	trace_conn_reply(conn, request, q.head_len, &a);
}

static void say(const char *t, const char *r)
{
	call(t, r, NULL, 0, false);
}

/* An Rread of N bytes at OFFSET of the host's file, with a byte of them changed unless WRONG is n. */
static void read_at(unsigned tag, unsigned offset, unsigned n, unsigned wrong, bool is_zero_copy)
{
	unsigned char data[SIZE];
	char t[100], r[100];

	memcpy(data, bytes + offset, n);
	if (wrong < n)
		data[wrong] ^= 1;
	snprintf(t, sizeof(t), "Tread tag=%u fid=1 offset=%u count=12288", tag, offset);
	snprintf(r, sizeof(r), "Rread tag=%u data=#%u", tag, n);
	call(t, r, data, n, is_zero_copy);
}

static void mark(const char *what, unsigned walk)
{
	char t[100];

	snprintf(t, sizeof(t), "Twalk tag=0 fid=0 newfid=9 wname=[.warren-%s-%u]", what, walk);
	say(t, "Rlerror tag=0 ecode=2");
}

static int make(void **state)
{
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(recording, sizeof(recording), "%s/r", dir);
	snprintf(file, sizeof(file), "%s/share", dir);
	assert_int_equal(mkdir(file, 0755), 0);
	dir_fd = open(file, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(file, sizeof(file), "%s/share/f", dir);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 4096 + 1);
	f = fopen(file, "we");
	assert_int_equal(fwrite(bytes, 1, SIZE, f), SIZE);
	fclose(f);
	assert_int_equal(manifest_start(dir_fd, &manifest), 0);
	return manifest_wait(manifest);
}

static int clean(void **state)
{
	char share[64];

	(void)state;
	manifest_free(manifest);
	unlink(file);
	snprintf(share, sizeof(share), "%s/share", dir);
	rmdir(share);
	unlink(recording);
	close(dir_fd);
	return rmdir(dir);
}

static int start(void **state)
{
	const struct trace_writer_config cfg = {.path = recording};
	autofree char *why = NULL;

	(void)state;
	now = 1000;
	assert_int_equal(trace_writer_new(&cfg, &writer, &why), 0);
	conn = trace_conn_new(writer, 1, "unix pid 1", now);
	say("Tversion tag=65535 msize=16384 version=9P2000.L",
	    "Rversion tag=65535 msize=16384 version=9P2000.L");
	say("Tattach tag=0 fid=0 afid=4294967295 n_uname=0", "Rattach tag=0 qid=80.0.1");
	say("Twalk tag=0 fid=0 newfid=1 wname=[f]", "Rwalk tag=0 wqid=[00.0.3]");
	return 0;
}

static struct finding tail(void)
{
	return (struct finding){.path = (char *)"f",
				.class = DAMAGE_ZERO,
				.from = 0x3000,
				.to = SIZE,
				.size = SIZE};
}

/* Ends the recording and asks it about F in walk 1. */
static struct wire_facts ask(const struct finding *f, bool has_writes)
{
	struct wire_facts facts = {.f = f};
	const struct wire_question q = {recording, false, manifest, 1, has_writes, &facts, 1};

	trace_conn_free(conn, ++now);
	assert_int_equal(trace_writer_free(writer), 0);
	assert_int_equal(wire_facts_read(&q), 0);
	return facts;
}

static void right_bytes_and_the_request_that_carried_them(void **state)
{
	const struct finding f = tail();
	struct wire_facts w;

	(void)state;
	mark("walk", 1);
	read_at(3, 0, 12288, SIZE, true);
	read_at(7, 12288, 655, SIZE, false);
	mark("look", 1);
	/* What came later is not asked about. */
	read_at(8, 12288, 655, 0, false);
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_RIGHT);
	assert_int_equal(w.n_replies, 1);
	assert_true(w.has_request && w.has_before);
	assert_int_equal(w.request.tag, 7);
	assert_int_equal(w.request.got, 655);
	assert_false(w.request.is_zero_copy);
	assert_true(w.before.is_zero_copy);
}

static void one_wrong_byte_within_an_unaligned_payload(void **state)
{
	struct finding f = tail();
	struct wire_facts w;

	(void)state;
	f.from = 5000;
	f.to = 5001;
	mark("walk", 1);
	read_at(1, 100, 12288, SIZE, true);
	read_at(2, 100, 12288, 4900, true);
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_WRONG);
	assert_int_equal(w.request.tag, 2);
	assert_int_equal(w.from, 4096);
	assert_int_equal(w.to, 8192);
}

/* Of its first and last block the payload has only a part. */
static void the_ends_of_an_unaligned_payload_are_compared_as_they_are(void **state)
{
	struct finding f = tail();
	struct wire_facts w;

	(void)state;
	f.from = 200;
	f.to = 12288;
	mark("walk", 1);
	read_at(1, 100, 12000, SIZE, true);
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_RIGHT);
}

/* Two pages of the file went to one page of the guest: there the second is left, which the server sent rightly. */
static void what_went_to_the_same_memory_twice_is_no_evidence(void **state)
{
	const char *t = "Tread tag=1 fid=1 offset=0 count=8192", *r = "Rread tag=1 data=#8192";
	struct iovec iov[2] = {{.iov_base = bytes + 4096, .iov_len = 4096},
			       {.iov_base = bytes + 4096, .iov_len = 4096}};
	uint8_t request[512], reply[512];
	struct trace_message q = {.head = request, .head_len = bytes_of(t, request)};
	struct trace_message a = {.head = reply,
				  .head_len = bytes_of(r, reply),
				  .iov = iov,
				  .n_iov = 2,
				  .data_len = 8192};
	struct finding f = tail();
	struct wire_facts w;

	(void)state;
	f.from = 0;
	f.to = 4096;
	mark("walk", 1);
	q.time = ++now;
	a.time = ++now;
	trace_conn_request(conn, &q);
	trace_conn_reply(conn, request, q.head_len, &a);
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_NOT);
	assert_true(w.has_request && w.request.overlaps);
}

static void what_is_wrong_elsewhere_in_the_payload_is_another_matter(void **state)
{
	const struct finding f = tail();
	struct wire_facts w;

	(void)state;
	mark("walk", 1);
	read_at(1, 655, 12288, 0, true);
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_RIGHT);
}

static void other_walks_and_other_files_do_not_count(void **state)
{
	const struct finding f = tail();
	struct wire_facts w;

	(void)state;
	read_at(1, 12288, 655, 0, false);
	mark("walk", 1);
	say("Twalk tag=0 fid=0 newfid=2 wname=[g]", "Rwalk tag=0 wqid=[00.0.4]");
	call("Tread tag=2 fid=2 offset=12288 count=655", "Rread tag=2 data=#3", "abc", 3, false);
	mark("walk", 2);
	read_at(3, 12288, 655, 0, false);
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_NOT);
	assert_int_equal(w.n_replies, 0);
}

static void an_end_that_comes_too_early(void **state)
{
	struct finding f = tail();
	struct wire_facts w;

	(void)state;
	f.class = DAMAGE_SHORT;
	mark("walk", 1);
	read_at(1, 12288, 0, 0, false);
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_WRONG);
	assert_int_equal(w.request.got, 0);
}

static void a_write_that_the_host_does_not_hold(void **state)
{
	const struct finding f = tail();
	struct wire_facts w;

	(void)state;
	call("Twrite tag=4 fid=1 offset=12288 data=#3", "Rwrite tag=4 count=3", "abc", 3, false);
	mark("walk", 1);
	w = ask(&f, true);
	assert_int_equal(w.written, SEEN_WRONG);
	assert_int_equal(w.write.tag, 4);
}

static void what_was_written_over_again_is_not_lost(void **state)
{
	const struct finding f = tail();
	struct wire_facts w;

	(void)state;
	call("Twrite tag=4 fid=1 offset=12288 data=#3", "Rwrite tag=4 count=3", "abc", 3, false);
	call("Twrite tag=5 fid=1 offset=12288 data=#3", "Rwrite tag=5 count=3", bytes + 12288, 3,
	     false);
	mark("walk", 1);
	w = ask(&f, true);
	assert_int_equal(w.written, SEEN_RIGHT);
	assert_int_equal(w.n_writes, 2);
}

static void the_block_that_the_guest_has_went_over_the_wire_before(void **state)
{
	unsigned char old[655];
	struct finding f = tail();
	struct wire_facts w;

	(void)state;
	memcpy(old, bytes + 12288, sizeof(old));
	old[0] ^= 1;
	f.has_digest = true;
	f.digest = digest_of(old, sizeof(old));
	read_at(1, 12288, 655, 0, false);
	mark("walk", 1);
	read_at(2, 12288, 655, SIZE, false);
	w = ask(&f, false);
	assert_true(w.was_before);
	assert_int_equal(w.earlier.tag, 1);
	assert_int_equal(w.sent, SEEN_RIGHT);
}

static void a_wrong_size_in_an_rgetattr(void **state)
{
	struct finding f = {
		.path = (char *)"f", .class = DAMAGE_LONG, .from = SIZE, .to = SIZE + 5};
	struct wire_facts w;

	(void)state;
	say("Tgetattr tag=6 fid=1 request_mask=0x7ff",
	    "Rgetattr tag=6 valid=0x7ff qid=00.1.2 mode=0100644 nlink=1 size=12345");
	mark("walk", 1);
	say("Tgetattr tag=6 fid=1 request_mask=0x7ff",
	    "Rgetattr tag=6 valid=0x7ff qid=00.1.2 mode=0100644 nlink=1 size=12948");
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_WRONG);
	assert_true(w.has_size);
	assert_int_equal(w.least_size, 12345);
	assert_string_equal(w.text,
			    "the Rgetattr of tag 6 says size 12948, the host's file has 12943");
	wire_facts_done(&w, 1);
}

/* A listing of the root with the name NAME in it, to its end. */
static void list(const char *name)
{
	struct dirent9 d = {.offset = 1, .name = {.p = name, .len = (uint16_t)strlen(name)}};
	uint8_t data[64];
	size_t n = dirent_encode(&d, data, sizeof(data));
	char r[64];

	snprintf(r, sizeof(r), "Rreaddir tag=0 data=#%zu", n);
	call("Treaddir tag=0 fid=0 offset=0 count=4096", r, data, n, false);
	say("Treaddir tag=0 fid=0 offset=1 count=4096", "Rreaddir tag=0 data=#0");
}

static void a_listing_that_lacks_the_name(void **state)
{
	const struct finding f = {.path = (char *)"f", .class = DAMAGE_MISSING};
	struct wire_facts w;

	(void)state;
	mark("walk", 1);
	list("g");
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_WRONG);
	assert_string_equal(w.text, "the server's listing of its folder lacks it");
	wire_facts_done(&w, 1);
}

static void a_listing_that_has_the_name(void **state)
{
	const struct finding f = {.path = (char *)"f", .class = DAMAGE_MISSING};
	struct wire_facts w;

	(void)state;
	mark("walk", 1);
	list("f");
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_RIGHT);
}

static void a_name_that_only_the_listing_has(void **state)
{
	const struct finding f = {.path = (char *)"g", .class = DAMAGE_EXTRA};
	struct wire_facts w;

	(void)state;
	mark("walk", 1);
	list("g");
	w = ask(&f, false);
	assert_int_equal(w.sent, SEEN_WRONG);
	wire_facts_done(&w, 1);
}

/* The oldest part of a large recording is thrown away, and the walk began in that: nobody knows what was
 * before it. */
static void a_walk_that_does_not_begin_in_it_tells_nothing(void **state)
{
	struct finding f = tail();
	struct wire_facts facts = {.f = &f};
	const struct wire_question q = {recording, false, manifest, 1, true, &facts, 1};
	unsigned char old[655];

	(void)state;
	memcpy(old, bytes + 12288, sizeof(old));
	old[0] ^= 1;
	f.class = DAMAGE_RANDOM;
	f.has_digest = true;
	f.digest = digest_of(old, sizeof(old));
	read_at(1, 12288, 655, 0, false);
	mark("look", 1);
	trace_conn_free(conn, ++now);
	assert_int_equal(trace_writer_free(writer), 0);
	assert_int_equal(wire_facts_read(&q), -ENODATA);
}

static unsigned n_versions;

static void on_version(void *ctx, const char *path, const char *what)
{
	(void)ctx;
	assert_string_equal(path, "f");
	assert_non_null(strstr(what, "version 1 "));
	n_versions++;
}

static void a_version_that_comes_again_is_told_with_its_file(void **state)
{
	const char *t = "Tgetattr tag=6 fid=1 request_mask=0x7ff";
	const struct finding f = tail();

	(void)state;
	say(t, "Rgetattr tag=6 valid=0x7ff qid=00.1.3 mode=0100644 nlink=1 size=12943");
	say(t, "Rgetattr tag=6 valid=0x7ff qid=00.2.3 mode=0100644 nlink=1 size=12943");
	say(t, "Rgetattr tag=6 valid=0x7ff qid=00.1.3 mode=0100644 nlink=1 size=12943");
	say(t, "Rgetattr tag=6 valid=0x7ff qid=00.9.3 mode=0100644 nlink=1 size=12943");
	mark("walk", 1);
	ask(&f, false);
	n_versions = 0;
	assert_int_equal(wire_lint_versions(recording, on_version, NULL), 0);
	assert_int_equal(n_versions, 1);
}

static void put_log(const char *text)
{
	FILE *f = fopen(recording, "we");

	trace_conn_free(conn, ++now);
	assert_int_equal(trace_writer_free(writer), 0);
	assert_true(fputs(text, f) >= 0 && !fclose(f));
}

#define LOG_ATTACH                                                                       \
	"1@1.000001:v9fs_version tag 65535 id 100 msize 16384 version 9P2000.L\n"        \
	"1@1.000002:v9fs_version_return tag 65535 id 100 msize 16384 version 9P2000.L\n" \
	"1@1.000003:v9fs_attach tag 0 id 104 fid 0 afid -1 uname nobody aname \n"        \
	"1@1.000004:v9fs_attach_return tag 0 id 104 type 128 version 1 path 1\n"         \
	"1@1.000005:v9fs_walk tag=0 id=110 fid=0 newfid=1 nwnames=1 wnames={f}\n"        \
	"1@1.000006:v9fs_walk_return tag 0 id 110 nwnames 1 qids 0x1\n"

/* The walk that says from where on the second look reads. */
#define LOG_MARK                                                      \
	"1@1.000007:v9fs_walk tag=0 id=110 fid=0 newfid=2 nwnames=1 " \
	"wnames={.warren-walk-1}\n"                                   \
	"1@1.000008:v9fs_rerror tag 0 id 110 err 2\n"

/* What the log that was put says about F. */
static int read_log(const struct finding *f, struct wire_facts *w)
{
	const struct wire_question q = {recording, true, manifest, 1, false, w, 1};

	*w = (struct wire_facts){.f = f};
	return wire_facts_read(&q);
}

static void a_log_of_qemu_tells_ranges_and_no_bytes(void **state)
{
	struct finding f = tail();
	struct wire_facts w;

	(void)state;
	put_log(LOG_ATTACH LOG_MARK
		"1@1.000009:v9fs_getattr tag 0 id 24 fid 1 request_mask 6143\n"
		"1@1.000010:v9fs_getattr_return tag 0 id 24 getattr={result_mask 6143 "
		"mode 33188 uid "
		"0 gid 0}\n"
		"1@1.000011:v9fs_read tag 3 id 116 fid 1 off 0 max_count 12288\n"
		"1@1.000012:v9fs_read_return tag 3 id 116 count 12288 err 12299\n"
		"1@1.000013:v9fs_read tag 4 id 116 fid 1 off 12288 max_count 655\n"
		"1@1.000014:v9fs_read_return tag 4 id 116 count 655 err 666\n");
	assert_int_equal(read_log(&f, &w), 0);
	assert_true(w.is_logged && w.has_request && w.has_before);
	assert_int_equal(w.request.tag, 4);
	assert_int_equal(w.request.got, 655);
	assert_int_equal(w.sent, SEEN_NOT);
	/* The size is not logged. */
	assert_false(w.has_size);
	/* Nor are names of listings. */
	f.class = DAMAGE_MISSING;
	assert_int_equal(read_log(&f, &w), 0);
	assert_int_equal(w.sent, SEEN_NOT);
}

static void an_end_too_early_in_a_log_of_qemu_is_the_servers(void **state)
{
	const struct finding f = tail();
	struct wire_facts w;

	(void)state;
	put_log(LOG_ATTACH LOG_MARK
		"1@1.000013:v9fs_read tag 4 id 116 fid 1 off 12288 max_count 655\n"
		"1@1.000014:v9fs_read_return tag 4 id 116 count 0 err 11\n");
	assert_int_equal(read_log(&f, &w), 0);
	assert_int_equal(w.sent, SEEN_WRONG);
}

/* Before QEMU 10.0. */
static void a_log_of_qemu_without_names_tells_nothing(void **state)
{
	const struct finding f = tail();
	struct wire_facts w;

	(void)state;
	put_log("1@1.000005:v9fs_walk tag 0 id 110 fid 0 newfid 1 nwnames 1\n"
		"1@1.000006:v9fs_walk_return tag 0 id 110 nwnames 1 qids 0x1\n");
	assert_int_equal(read_log(&f, &w), -ENODATA);
	assert_true(w.is_logged);
}

static uint64_t read_so_far(void)
{
	unsigned long n = 0;
	FILE *f = fopen("/proc/self/io", "re");

	if (!f)
		return 0;
	assert_int_equal(fscanf(f, "rchar: %lu", &n), 1);
	fclose(f);
	return n;
}

/* What has been looked through is not looked through again. */
static void waiting_for_the_mark_reads_a_recording_once(void **state)
{
	uint64_t before, size;
	struct stat st;

	(void)state;
	for (unsigned i = 0; i < 50000; i++)
		read_at(i % 100, 0, 12288, SIZE, true);
	trace_conn_free(conn, ++now);
	assert_int_equal(trace_writer_free(writer), 0);
	assert_int_equal(stat(recording, &st), 0);
	size = (uint64_t)st.st_size;
	before = read_so_far();
	assert_false(wire_facts_wait(recording, 1, 300));
	/* Its last blocks are, once in 20 ms. */
	assert_true(read_so_far() - before < size + 300 / 20 * 4 * 65536U);
}

static void the_mark_is_there_when_its_reply_is(void **state)
{
	(void)state;
	mark("look", 1);
	trace_conn_free(conn, ++now);
	assert_int_equal(trace_writer_free(writer), 0);
	assert_false(wire_facts_wait(recording, 2, 0));
	assert_true(wire_facts_wait(recording, 1, 0));
}

#define TEST(f) cmocka_unit_test_setup(f, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right_bytes_and_the_request_that_carried_them),
		TEST(one_wrong_byte_within_an_unaligned_payload),
		TEST(the_ends_of_an_unaligned_payload_are_compared_as_they_are),
		TEST(what_went_to_the_same_memory_twice_is_no_evidence),
		TEST(what_is_wrong_elsewhere_in_the_payload_is_another_matter),
		TEST(other_walks_and_other_files_do_not_count),
		TEST(an_end_that_comes_too_early),
		TEST(a_write_that_the_host_does_not_hold),
		TEST(what_was_written_over_again_is_not_lost),
		TEST(the_block_that_the_guest_has_went_over_the_wire_before),
		TEST(a_wrong_size_in_an_rgetattr),
		TEST(a_listing_that_lacks_the_name),
		TEST(a_listing_that_has_the_name),
		TEST(a_name_that_only_the_listing_has),
		TEST(a_walk_that_does_not_begin_in_it_tells_nothing),
		TEST(a_version_that_comes_again_is_told_with_its_file),
		TEST(a_log_of_qemu_tells_ranges_and_no_bytes),
		TEST(an_end_too_early_in_a_log_of_qemu_is_the_servers),
		TEST(a_log_of_qemu_without_names_tells_nothing),
		TEST(waiting_for_the_mark_reads_a_recording_once),
		TEST(the_mark_is_there_when_its_reply_is),
	};

	return cmocka_run_group_tests(tests, make, clean);
}
