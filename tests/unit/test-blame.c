/* SPDX-License-Identifier: MIT */
/* Which layer is blamed, from made-up evidence of each. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "blame.h"
#include "cleanup.h"
#include "compare.h"
#include "digest.h"
#include "known-bugs.h"
#include "look.h"
#include "macros.h"
#include "manifest.h"
#include "wire-facts.h"

#define SIZE 12943U

/* Steps of a usual walk. */
enum { READ = 1, MMAP = 4, DIRECT = 8, SPLICE = 32, READ_AGAIN = 64 };
enum { ALL = READ | MMAP | DIRECT | SPLICE | READ_AGAIN, CACHED = ALL & ~DIRECT };

static struct tally walk = {
	.n_steps = 7,
	.steps = {"read", "drop", "mmap", "direct", "drop", "splice", "read"},
	.is_complete = true,
};

struct made {
	char dir[32];
	int fd;
	struct manifest *m;
	unsigned char bytes[SIZE];
};

static int make_host(void **state)
{
	struct made *h = calloc(1, sizeof(*h));
	FILE *f;
	char path[64];

	strcpy(h->dir, "/tmp/warren-blame-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	for (size_t i = 0; i < SIZE; i++)
		h->bytes[i] = (unsigned char)(i * 7 + i / 4096 + 1);
	snprintf(path, sizeof(path), "%s/f", h->dir);
	f = fopen(path, "we");
	assert_int_equal(fwrite(h->bytes, 1, SIZE, f), SIZE);
	fclose(f);
	h->fd = open(h->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(manifest_start(h->fd, &h->m), 0);
	assert_int_equal(manifest_wait(h->m), 0);
	*state = h;
	return 0;
}

static int remove_host(void **state)
{
	struct made *h = *state;
	char path[64];

	snprintf(path, sizeof(path), "%s/f", h->dir);
	unlink(path);
	rmdir(h->dir);
	manifest_free(h->m);
	close(h->fd);
	free(h);
	return 0;
}

static struct finding tail_by(uint64_t steps)
{
	return (struct finding){
		.path = (char *)"f",
		.class = DAMAGE_ZERO,
		.from = 0x3000,
		.to = SIZE,
		.size = SIZE,
		.steps = steps,
		.right = ALL & ~steps,
		.layer = LAYER_UNKNOWN,
	};
}

/* The answer to the second look: what each step, as it is numbered in what was asked, made of the block;
 * '.' right, 'x' wrong, '-' failed. */
static struct look *look_of(struct made *h, struct finding *f, const char *seen)
{
	static const unsigned words[] = {0, 2, 3, 4, 6};
	struct look *l;
	char line[64];

	walk.findings = f;
	assert_int_equal(look_new(h->m, &walk, &l), 0);
	assert_int_equal(look_line(l, "lk 0"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		uint64_t digest = digest_of(h->bytes + 0x3000, SIZE - 0x3000);

		snprintf(line, sizeof(line), "lb %u 3 %016llx", words[i],
			 (unsigned long long)digest ^ (seen[i] == 'x'));
		if (seen[i] == '-')
			snprintf(line, sizeof(line), "le %u EINVAL", words[i]);
		assert_int_equal(look_line(l, line), 0);
	}
	return l;
}

static struct wire_facts sent(enum seen seen)
{
	return (struct wire_facts){
		.sent = seen,
		.n_replies = 5,
		.n_first = 5,
		.from = 0x3000,
		.to = SIZE,
		.has_request = true,
		.request = {.tag = 7,
			    .offset = 0x3000,
			    .asked = 12288,
			    .got = 655,
			    .time = 220343000,
			    .has_route = true},
		.has_before = true,
		.before = {.offset = 0,
			   .asked = 12288,
			   .got = 12288,
			   .has_route = true,
			   .is_zero_copy = true},
	};
}

static void expect(void **state, struct finding *f, const struct wire_facts *w, const char *seen,
		   enum layer layer, const char *evidence)
{
	struct look *l = seen ? look_of(*state, f, seen) : NULL;
	const struct blame_facts b = {.t = &walk, .wire = w, .look = l};

	blame(&b, f);
	assert_string_equal(layer_name(f->layer), layer_name(layer));
	if (evidence)
		assert_string_equal(f->evidence, evidence);
	free(f->evidence);
	look_free(l);
}

static void bytes_that_the_server_sent_rightly_and_the_cache_has_wrongly(void **state)
{
	const struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(CACHED);

	expect(state, &f, &w, "xxx..", LAYER_PAGE_CACHE,
	       "= exactly the Rread of tag 7 (655 bytes at 0x3000 of 12288 asked for, not "
	       "zero-copy, at 0.220343 s), which followed a zero-copy Rread that ended on a page "
	       "boundary; the server sent the right bytes; O_DIRECT and cache=none read them "
	       "right; wrong again, also after its pages were dropped, and wrong mmap from the "
	       "same "
	       "pages; first bad layer: guest kernel, copy into the page cache");
	assert_string_equal(f.second_look, "stable");
}

static void the_server_is_to_blame_for_what_it_sent(void **state)
{
	const struct wire_facts w = sent(SEEN_WRONG);
	struct finding f = tail_by(ALL);

	expect(state, &f, &w, "xxxxx", LAYER_SERVER, NULL);
	/* Also when it did so once. */
	f = tail_by(MMAP);
	expect(state, &f, &w, ".....", LAYER_SERVER, NULL);
	assert_string_equal(f.second_look, "gone");
}

static void bytes_that_are_wrong_past_the_cache_too_were_lost_on_the_way(void **state)
{
	const struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(ALL);

	expect(state, &f, &w, "xxxxx", LAYER_TRANSPORT, NULL);
	f = tail_by(ALL);
	expect(state, &f, &w, NULL, LAYER_TRANSPORT, NULL);
}

static void without_a_recording_server_and_transport_are_not_told_apart(void **state)
{
	struct finding f = tail_by(ALL);

	expect(state, &f, NULL, "xxxxx", LAYER_UNKNOWN,
	       "the server's messages were not recorded; O_DIRECT and cache=none read them wrong; "
	       "wrong again, also after its pages were dropped, and wrong mmap from the same "
	       "pages; first bad layer: unknown, server or transport: a recording of what the "
	       "server sent would tell");
	/* But the cache is. */
	f = tail_by(CACHED);
	expect(state, &f, NULL, "xxx..", LAYER_PAGE_CACHE, NULL);
}

static void one_way_that_is_wrong_from_right_pages_is_the_reader(void **state)
{
	const struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(MMAP);

	expect(state, &f, &w, "xx...", LAYER_READER, NULL);
	f = tail_by(DIRECT);
	expect(state, &f, &w, "xx.x.", LAYER_READER, NULL);
	/* From the same pages the other way is wrong as well. */
	f = tail_by(MMAP);
	expect(state, &f, &w, "xxx..", LAYER_PAGE_CACHE, NULL);
}

static void pages_that_were_wrong_before_the_walk_are_the_cache(void **state)
{
	struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(READ);

	/* Drop and mmap, direct, drop and splice. */
	w.n_first = 3;
	f.right = ALL & ~READ;
	expect(state, &f, &w, ".....", LAYER_PAGE_CACHE, NULL);
	/* Here the first way has asked for them, too. */
	w.n_first = 4;
	f = tail_by(READ);
	expect(state, &f, &w, ".....", LAYER_UNKNOWN, NULL);
}

static void what_dropping_the_pages_cures_was_in_the_cache(void **state)
{
	const struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(READ);

	expect(state, &f, &w, "x.-..", LAYER_PAGE_CACHE, NULL);
	assert_string_equal(f.second_look, "cache-only");
	f = tail_by(READ);
	expect(state, &f, &w, "x.---", LAYER_PAGE_CACHE, NULL);
}

static void what_was_seen_once_is_not_guessed_at(void **state)
{
	const struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(SPLICE);

	expect(state, &f, &w, ".....", LAYER_UNKNOWN, NULL);
	f = tail_by(CACHED);
	f.right = 0;
	expect(state, &f, NULL, NULL, LAYER_UNKNOWN,
	       "the server's messages were not recorded; first bad layer: unknown, a read past "
	       "the cache (--ways direct) would tell");
}

static void a_write_that_the_host_does_not_hold_is_the_servers(void **state)
{
	struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(READ);

	w.written = SEEN_WRONG;
	w.write = (struct wire_request){.tag = 3, .offset = 0x3000, .asked = 655, .got = 655};
	expect(state, &f, &w, NULL, LAYER_SERVER, NULL);
}

static void attributes_are_the_servers_or_the_guests(void **state)
{
	struct wire_facts w = {.sent = SEEN_WRONG, .text = (char *)"the Rgetattr says so"};
	struct finding f = {.path = (char *)"f", .class = DAMAGE_ATTRIBUTES};

	expect(state, &f, &w, NULL, LAYER_SERVER,
	       "the Rgetattr says so; first bad layer: the server");
	w = (struct wire_facts){.sent = SEEN_RIGHT};
	f = (struct finding){.path = (char *)"f", .class = DAMAGE_ATTRIBUTES};
	expect(state, &f, &w, NULL, LAYER_PAGE_CACHE,
	       "the server told it rightly; first bad layer: guest kernel, what it keeps of names "
	       "and attributes");
	f = (struct finding){.path = (char *)"f", .class = DAMAGE_XATTR};
	w.sent = SEEN_NOT;
	expect(state, &f, &w, NULL, LAYER_UNKNOWN, NULL);
}

/* The bug that explains the tail, if the evidence is W and the kernel VERSION. */
static void expect_bug(void **state, struct finding f, const struct wire_facts *w, const char *seen,
		       const char *version, const char *edits, const char *id, enum certainty c)
{
	const struct known_kernel kernel = {version, edits};
	struct look *l = seen ? look_of(*state, &f, seen) : NULL;
	const struct blame_facts b = {.t = &walk, .wire = w, .look = l, .kernel = &kernel};

	blame(&b, &f);
	assert_string_equal(f.bug ? f.bug->id : "none", id);
	assert_int_equal(f.certainty, c);
	free(f.evidence);
	look_free(l);
}

static void a_copied_tail_behind_a_parked_cursor_is_known(void **state)
{
	struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(CACHED);

	expect_bug(state, f, &w, "xxx..", "6.12.43", "none", "folioq-offset", CERTAINTY_MATCHES);
	expect_bug(state, f, &w, "xxx..", "6.16.3", NULL, "folioq-offset", CERTAINTY_MATCHES);
	/* Where it is said to be fixed it is less sure, unless it was brought back. */
	expect_bug(state, f, &w, "xxx..", "6.12.44", NULL, "folioq-offset", CERTAINTY_FITS);
	expect_bug(state, f, &w, "xxx..", "6.12.117", "folioq-slot,folioq-offset", "folioq-offset",
		   CERTAINTY_MATCHES);
	/* What the server sent was not seen: the place fits. */
	walk.read_size = 12288;
	expect_bug(state, f, NULL, "xxx..", "6.12.43", NULL, "folioq-offset", CERTAINTY_FITS);
	expect_bug(state, f, NULL, "xxx..", "6.12.44", NULL, "none", CERTAINTY_NONE);
	walk.read_size = 0;
}

/* Which bytes it sent is not known, so no more than that it fits. */
static void a_log_of_qemu_shows_the_same_tail(void **state)
{
	struct wire_facts w = sent(SEEN_NOT);
	struct finding f = tail_by(CACHED);

	w.is_logged = true;
	w.request.has_route = w.before.has_route = w.before.is_zero_copy = false;
	w.request.asked = 655;
	expect_bug(state, f, &w, "xxx..", "6.12.43", NULL, "folioq-offset", CERTAINTY_FITS);
	w.request.asked = 12288;
	expect_bug(state, f, &w, "xxx..", "6.12.43", NULL, "none", CERTAINTY_NONE);
	w.request.asked = 655;
	w.before.asked = 1024;
	expect_bug(state, f, &w, "xxx..", "6.12.43", NULL, "none", CERTAINTY_NONE);
	expect(state, &f, &w, "xxxxx", LAYER_UNKNOWN,
	       "= exactly the Rread of tag 7 (655 bytes at 0x3000, at 0.220343 s), which followed "
	       "an Rread that ended on a page boundary; QEMU's server answered it, with which "
	       "bytes "
	       "it does not tell; O_DIRECT reads them right; O_DIRECT and cache=none read them "
	       "wrong; wrong again, also after its pages were dropped, and wrong mmap from the "
	       "same "
	       "pages; first bad layer: unknown, server or transport: QEMU's server does not tell "
	       "what it sent");
}

static void a_tail_that_lies_otherwise_is_not_known(void **state)
{
	struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(CACHED);

	w.before.got = 12287;
	expect_bug(state, f, &w, "xxx..", "6.12.43", NULL, "none", CERTAINTY_NONE);
	w = sent(SEEN_RIGHT);
	w.request.got = 1025;
	expect_bug(state, f, &w, "xxx..", "6.12.43", NULL, "none", CERTAINTY_NONE);
	w = sent(SEEN_RIGHT);
	w.request.has_route = false;
	expect_bug(state, f, &w, "xxx..", "6.12.43", NULL, "none", CERTAINTY_NONE);
	/* The server's fault is none of Linux. */
	w = sent(SEEN_WRONG);
	expect_bug(state, f, &w, "xxxxx", "6.12.43", NULL, "none", CERTAINTY_NONE);
}

static void zero_copy_pages_of_others_are_known(void **state)
{
	struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(CACHED);

	f.class = DAMAGE_RANDOM;
	w.request.got = 8192;
	w.request.is_zero_copy = true;
	expect_bug(state, f, &w, "xxx..", "6.12-rc3", NULL, "folioq-parked", CERTAINTY_MATCHES);
	w.request.offset = 0x2000;
	/* Both fit, and the one or the other was brought back. */
	expect_bug(state, f, &w, "xxx..", "6.12", "folioq-slot", "folioq-slot", CERTAINTY_FITS);
	expect_bug(state, f, &w, "xxx..", "6.12", "folioq-parked", "folioq-parked", CERTAINTY_FITS);
	w.sent = SEEN_NOT;
	w.request.overlaps = true;
	expect_bug(state, f, &w, "xxx..", "6.12-rc1", NULL, "folioq-parked", CERTAINTY_MATCHES);
	w = sent(SEEN_RIGHT);
	w.has_before = false;
	w.request.got = 8192;
	w.request.is_zero_copy = true;
	w.request.offset = 0x2000;
	expect_bug(state, f, &w, "xxx..", "6.12-rc1", NULL, "folioq-slot", CERTAINTY_FITS);
	expect_bug(state, f, &w, "xxx..", "6.12-rc2", NULL, "none", CERTAINTY_NONE);
	/* An end that comes too early is none of its pages. */
	f.class = DAMAGE_SHORT;
	expect_bug(state, f, &w, "xxx..", "6.12-rc1", NULL, "none", CERTAINTY_NONE);
}

static void zeros_that_nobody_asked_for_are_known(void **state)
{
	struct wire_facts w = sent(SEEN_RIGHT);
	struct finding f = tail_by(CACHED);

	w.has_request = w.has_before = false;
	w.n_first = 1; /* by O_DIRECT */
	w.has_size = true;
	w.least_size = 0x3000;
	expect_bug(state, f, &w, "xxx..", "6.12.117", NULL, "zero-point", CERTAINTY_MATCHES);
	w.n_first = 2;
	expect_bug(state, f, &w, "xxx..", "6.12.117", NULL, "none", CERTAINTY_NONE);
	w.n_first = 1;
	expect_bug(state, f, &w, "xxx..", "6.7", NULL, "zero-point", CERTAINTY_FITS);
	/* The first step alone got them; by others the bytes were asked for, later. */
	f = tail_by(READ);
	w.n_first = 4;
	expect_bug(state, f, &w, "...x.", "6.12.117", NULL, "none", CERTAINTY_NONE);
	w.n_first = 3;
	expect_bug(state, f, &w, ".....", "6.12.117", NULL, "zero-point", CERTAINTY_MATCHES);
	w.least_size = 0x100;
	expect_bug(state, f, &w, ".....", "6.12.117", NULL, "zero-point", CERTAINTY_FITS);
	/* It was always so long. */
	w.least_size = SIZE;
	expect_bug(state, f, &w, "xxx..", "6.12.117", NULL, "none", CERTAINTY_NONE);
}

static void padding_and_old_bytes_behind_the_end_are_known(void **state)
{
	struct finding f = tail_by(CACHED);

	f.class = DAMAGE_LONG;
	f.from = SIZE;
	f.to = 16384;
	expect_bug(state, f, NULL, NULL, "6.12.117", NULL, "clear-tail", CERTAINTY_FITS);
	f.class = DAMAGE_PAST_EOF;
	expect_bug(state, f, NULL, NULL, "6.18.5", NULL, "early-unlock", CERTAINTY_MATCHES);
	expect_bug(state, f, NULL, NULL, "6.18.6", NULL, "early-unlock", CERTAINTY_FITS);
	f.from = 16384;
	f.to = 20480;
	expect_bug(state, f, NULL, NULL, "6.18.5", NULL, "none", CERTAINTY_NONE);
}

static void what_was_written_elsewhere_is_explained_by_what_is_missing(void **state)
{
	struct finding stray = {.class = DAMAGE_STRAY, .to = 655, .layer = LAYER_PAGE_CACHE};
	struct finding tail = tail_by(CACHED), other = tail_by(CACHED);
	const struct tally t = {.findings = &tail};

	(void)state;
	tail.next = &stray;
	stray.next = &other;
	tail.layer = other.layer = LAYER_PAGE_CACHE;
	tail.bug = &known_bugs[KNOWN_FOLIOQ_OFFSET];
	tail.certainty = CERTAINTY_FITS;
	known_bugs_spread(&t);
	assert_null(stray.bug);
	tail.certainty = CERTAINTY_MATCHES;
	known_bugs_spread(&t);
	assert_ptr_equal(stray.bug, tail.bug);
	assert_int_equal(stray.certainty, CERTAINTY_FITS);
	assert_null(other.bug);
}

static void an_altered_host_file_is_the_hosts(void **state)
{
	struct finding f = tail_by(0);

	f.class = DAMAGE_HOST_ALTERED;
	expect(state, &f, NULL, NULL, LAYER_HOST_FILE, "first bad layer: the host's file itself");
}

static void a_second_look_is_asked_for_in_words(void **state)
{
	struct made *h = *state;
	struct finding f = tail_by(MMAP | SPLICE), none = {.path = (char *)"g", .to = 1, .size = 1};
	autofree char *text = NULL;
	struct look *l;

	f.next = &none;
	walk.findings = &f;
	assert_int_equal(look_new(h->m, &walk, &l), 0);
	text = look_request(l);
	assert_string_equal(text, "f 12288 12943 mmap drop mmap read direct fresh read\n\n");
	assert_int_equal(look_line(l, "lk 1"), -EINVAL);
	assert_int_equal(look_line(l, "lb 0 3 0123456789abcdef"), -EINVAL);
	assert_int_equal(look_line(l, "lk 0"), 0);
	assert_int_equal(look_line(l, "lb 1 3 0123456789abcdef"), -EINVAL);
	assert_int_equal(look_line(l, "lb 0 4 0123456789abcdef"), -EINVAL);
	assert_int_equal(look_line(l, "lb 0 3 0123456789abcdef*99999999"), -EINVAL);
	assert_int_equal(look_line(l, "walk read"), -EINVAL);
	look_free(l);
}

/* One way at 0x3000, and what follows: only the former was looked at. */
static void what_the_look_did_not_reach_was_not_seen(void **state)
{
	struct made *h = *state;
	struct finding f = tail_by(CACHED), before = f, behind = f;
	struct look *l = look_of(h, &f, ".x-..");

	assert_int_equal(look_at(l, &f, LOOK_AGAIN), SEEN_RIGHT);
	assert_int_equal(look_at(l, &f, LOOK_DROPPED), SEEN_WRONG);
	assert_int_equal(look_at(l, &f, LOOK_OTHER), SEEN_NOT);
	before.from = 0;
	before.to = 4096;
	assert_int_equal(look_at(l, &before, LOOK_AGAIN), SEEN_NOT);
	/* Its first block is right, and there is more. */
	behind.to = SIZE + 1;
	assert_int_equal(look_at(l, &behind, LOOK_AGAIN), SEEN_NOT);
	assert_int_equal(look_at(l, &behind, LOOK_DROPPED), SEEN_WRONG);
	behind.path = (char *)"g";
	assert_int_equal(look_at(l, &behind, LOOK_DROPPED), SEEN_NOT);
	look_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_look_did_not_reach_was_not_seen),
		cmocka_unit_test(bytes_that_the_server_sent_rightly_and_the_cache_has_wrongly),
		cmocka_unit_test(the_server_is_to_blame_for_what_it_sent),
		cmocka_unit_test(bytes_that_are_wrong_past_the_cache_too_were_lost_on_the_way),
		cmocka_unit_test(without_a_recording_server_and_transport_are_not_told_apart),
		cmocka_unit_test(one_way_that_is_wrong_from_right_pages_is_the_reader),
		cmocka_unit_test(pages_that_were_wrong_before_the_walk_are_the_cache),
		cmocka_unit_test(what_dropping_the_pages_cures_was_in_the_cache),
		cmocka_unit_test(what_was_seen_once_is_not_guessed_at),
		cmocka_unit_test(a_write_that_the_host_does_not_hold_is_the_servers),
		cmocka_unit_test(attributes_are_the_servers_or_the_guests),
		cmocka_unit_test(an_altered_host_file_is_the_hosts),
		cmocka_unit_test(a_copied_tail_behind_a_parked_cursor_is_known),
		cmocka_unit_test(a_log_of_qemu_shows_the_same_tail),
		cmocka_unit_test(a_tail_that_lies_otherwise_is_not_known),
		cmocka_unit_test(zero_copy_pages_of_others_are_known),
		cmocka_unit_test(zeros_that_nobody_asked_for_are_known),
		cmocka_unit_test(padding_and_old_bytes_behind_the_end_are_known),
		cmocka_unit_test(what_was_written_elsewhere_is_explained_by_what_is_missing),
		cmocka_unit_test(a_second_look_is_asked_for_in_words),
	};

	return cmocka_run_group_tests(tests, make_host, remove_host);
}
