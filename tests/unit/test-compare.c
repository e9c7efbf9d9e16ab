/* SPDX-License-Identifier: MIT */
/* A host's folder and a copy that stands for what the guest sees: the probe's own walk reads the
 * copy, in this process, and its report is compared with the host's manifest. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "compare.h"
#include "manifest.h"
#include "probe.h"

#define SIZE 12943 /* of the file "f" */

/* probe.c's, which is the program. */
void probe_flush(struct probe *p, bool now)
{
	(void)p;
	(void)now;
}

void probe_greet(struct probe *p)
{
	(void)p;
}

struct setting {
	char dir[64], host[80], guest[80];
	int fd;
	struct manifest *m;
	struct compare *c;
	const struct tally *t;
	unsigned walks;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* The same content and the same time at every call. */
static void put_file(const char *dir, const char *name, size_t size)
{
	const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000, .tv_nsec = 123456789}};
	char path[200], bytes[SIZE];
	int fd;

	srandom((unsigned)name[0]);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(random() >> 8);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, bytes, size), size);
	futimens(fd, times);
	close(fd);
}

static void touch_folder(const char *path)
{
	const struct timespec times[2] = {{.tv_sec = 2000}, {.tv_sec = 2000}};

	utimensat(AT_FDCWD, path, times, 0);
}

static void put_tree(const char *dir)
{
	char path[200];

	mkdir(dir, 0755);
	snprintf(path, sizeof(path), "%s/sub", dir);
	mkdir(path, 0755);
	put_file(dir, "f", SIZE);
	put_file(dir, "g", 5000);
	put_file(dir, "sub/empty", 0);
	put_file(dir, "n\xff", 1);
	touch_folder(path);
	touch_folder(dir);
}

static int setup(void **state)
{
	struct setting *t = calloc(1, sizeof(*t));

	strcpy(t->dir, "/tmp/test-compare-XXXXXX");
	if (!mkdtemp(t->dir))
		return -1;
	snprintf(t->host, sizeof(t->host), "%s/host", t->dir);
	snprintf(t->guest, sizeof(t->guest), "%s/guest", t->dir);
	put_tree(t->host);
	put_tree(t->guest);
	t->fd = open(t->host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = t;
	return manifest_start(t->fd, &t->m) || manifest_wait(t->m);
}

static int teardown(void **state)
{
	struct setting *t = *state;

	compare_free(t->c);
	manifest_free(t->m);
	close(t->fd);
	nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

static char *report_of(const char *dir)
{
	char *steps[] = {"read", "drop", "pread", "mmap", "splice:700"}, *text = NULL;
	size_t n;
	struct probe p = {.report = open_memstream(&text, &n), .share = dir};

	assert_int_equal(probe_walk(&p, 5, steps), 0);
	fclose(p.report);
	return text;
}

/* Feeds TEXT (taken) to a fresh comparison. */
static void compare_text(struct setting *t, char *text)
{
	char *at = text, *line;

	compare_free(t->c);
	assert_int_equal(compare_new(t->m, ++t->walks, &t->c), 0);
	while ((line = strsep(&at, "\n")))
		if (*line)
			assert_int_equal(compare_line(t->c, line), 0);
	free(text);
	t->t = compare_tally(t->c);
}

static void compare(struct setting *t)
{
	compare_text(t, report_of(t->guest));
	assert_true(t->t->is_complete);
}

static void poke(const char *dir, const char *name, off_t offset, const void *bytes, size_t n)
{
	const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000, .tv_nsec = 123456789}};
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, bytes, n, offset), n);
	futimens(fd, times);
	close(fd);
}

static void expect_one(const struct setting *t, const char *path, enum damage class, uint64_t from,
		       uint64_t to)
{
	assert_int_equal(t->t->n_findings, 1);
	assert_string_equal(t->t->findings->path, path);
	assert_string_equal(damage_name(t->t->findings->class), damage_name(class));
	assert_int_equal(t->t->findings->from, from);
	assert_int_equal(t->t->findings->to, to);
	assert_int_equal(t->t->n_damaged, 1);
	assert_int_equal(t->t->n_changed, 0);
}

static void an_equal_tree_has_no_findings(void **state)
{
	struct setting *t = *state;

	compare(t);
	assert_int_equal(t->t->n_findings, 0);
	assert_int_equal(t->t->n_changed, 0);
	assert_int_equal(t->t->files, 4);
	assert_int_equal(t->t->bytes, SIZE + 5001);
	assert_int_equal(tally_ways(t->t), 4);
}

static void a_zeroed_tail_in_the_guest_is_damage_with_its_range(void **state)
{
	static const char zeros[655];
	struct setting *t = *state;

	poke(t->guest, "f", 0x3000, zeros, sizeof(zeros));
	compare(t);
	expect_one(t, "f", DAMAGE_ZERO, 0x3000, SIZE);
	assert_int_equal(t->t->findings->steps, 1 | 4 | 8 | 16);
	assert_int_equal(t->t->findings->right, 0);
}

static void one_damaged_byte_in_the_guest_is_found(void **state)
{
	struct setting *t = *state;

	poke(t->guest, "g", 4999, "\x55", 1);
	compare(t);
	assert_int_equal(t->t->n_damaged, 1);
	assert_int_equal(t->t->findings->from, 4999);
	assert_int_equal(t->t->findings->to, 5000);
}

static void a_shorter_file_is_short(void **state)
{
	struct setting *t = *state;
	char path[200];

	snprintf(path, sizeof(path), "%s/f", t->guest);
	assert_int_equal(truncate(path, 10000), 0);
	poke(t->guest, "f", 0, "", 0);
	compare(t);
	assert_int_equal(t->t->n_findings, 2);
	assert_int_equal(t->t->findings->class, DAMAGE_ATTRIBUTES);
	assert_int_equal(t->t->findings->next->class, DAMAGE_SHORT);
	assert_int_equal(t->t->findings->next->from, 10000);
	assert_int_equal(t->t->findings->next->to, SIZE);
	assert_int_equal(t->t->n_damaged, 1);
}

static void a_longer_file_is_long(void **state)
{
	struct setting *t = *state;

	poke(t->guest, "f", SIZE, "abc", 3);
	compare(t);
	assert_int_equal(t->t->n_findings, 2);
	assert_int_equal(t->t->findings->next->class, DAMAGE_LONG);
	assert_int_equal(t->t->findings->next->from, SIZE);
	assert_int_equal(t->t->findings->next->to, SIZE + 3);
}

static void names_that_come_or_go_are_damage(void **state)
{
	struct setting *t = *state;
	char path[200];

	snprintf(path, sizeof(path), "%s/g", t->guest);
	unlink(path);
	put_file(t->guest, "h", 10);
	touch_folder(t->guest);
	compare(t);
	assert_int_equal(t->t->n_findings, 2);
	assert_int_equal(t->t->n_damaged, 2);
	assert_int_equal(t->t->findings->class, DAMAGE_MISSING);
	assert_string_equal(t->t->findings->path, "g");
	assert_int_equal(t->t->findings->next->class, DAMAGE_EXTRA);
	assert_string_equal(t->t->findings->next->path, "h");
}

/* The bytes are those of the host's file: it is named. */
static void a_write_into_memory_of_others_is_damage(void **state)
{
	struct setting *t = *state;
	autofree char *text = report_of(t->guest), *more = NULL;
	char *walked = strstr(text, "walked "), hex[41] = "", hex_twice[121] = "";
	unsigned char bytes[20], twice[60];
	autoclose int fd = openat(t->fd, "f", O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, bytes, sizeof(bytes), 12288), sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	/* 40 bytes over what stood there */
	assert_int_equal(pread(fd, twice, sizeof(twice), 8192), sizeof(twice));
	for (size_t i = 0; i < sizeof(twice); i++)
		snprintf(hex_twice + 2 * i, 3, "%02x", i < 40 ? twice[i] : 0xee);
	assert_true(asprintf(&more, "%.*sstray 812 16 %s\nstray 7 0 00\nstray 8 0 %s\n%s",
			     (int)(walked - text), text, hex, hex_twice, walked) > 0);
	compare_text(t, steal_ptr(&more));
	assert_int_equal(t->t->n_findings, 3);
	assert_int_equal(t->t->n_strays, 3);
	assert_int_equal(t->t->n_damaged, 0);
	assert_int_equal(t->t->findings->class, DAMAGE_STRAY);
	assert_int_equal(t->t->findings->from, 16);
	assert_int_equal(t->t->findings->to, 36);
	assert_non_null(strstr(t->t->findings->text,
			       "page 812 of another program has the 20 bytes of f from 0x3000 on"));
	assert_non_null(strstr(t->t->findings->next->text, "1 strange byte: "));
	assert_non_null(strstr(t->t->findings->next->next->text,
			       "has the 40 bytes of f from 0x2000 on, over others"));
}

static void another_mode_is_damage(void **state)
{
	struct setting *t = *state;
	char path[200];

	snprintf(path, sizeof(path), "%s/sub/empty", t->guest);
	chmod(path, 0600);
	compare(t);
	expect_one(t, "sub/empty", DAMAGE_ATTRIBUTES, 0, 0);
	assert_string_equal(t->t->findings->text, "mode 0644 on the host, 0600 in the guest");
}

static void another_type_is_damage(void **state)
{
	struct setting *t = *state;
	char path[200];

	snprintf(path, sizeof(path), "%s/sub/empty", t->guest);
	unlink(path);
	assert_int_equal(symlink("x", path), 0);
	snprintf(path, sizeof(path), "%s/sub", t->guest);
	touch_folder(path);
	compare(t);
	expect_one(t, "sub/empty", DAMAGE_TYPE, 0, 0);
}

static void a_file_written_on_the_host_meanwhile_is_no_damage(void **state)
{
	struct setting *t = *state;
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/g", t->host);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "changed", 7, 0), 7);
	close(fd);
	compare_text(t, report_of(t->host));
	assert_int_equal(t->t->n_findings, 0);
	assert_int_equal(t->t->n_changed, 1);
	assert_string_equal(t->t->changed->path, "g");
}

static void a_file_removed_on_the_host_meanwhile_is_no_damage(void **state)
{
	struct setting *t = *state;
	char path[200];

	snprintf(path, sizeof(path), "%s/g", t->host);
	unlink(path);
	put_file(t->host, "new", 5);
	compare_text(t, report_of(t->host));
	assert_int_equal(t->t->n_findings, 0);
	assert_true(t->t->n_changed >= 2);
}

static void a_byte_planted_on_the_host_without_a_change_of_time_is_damage(void **state)
{
	struct setting *t = *state;

	poke(t->host, "f", 0x1234, "\x55", 1);
	compare_text(t, report_of(t->host));
	expect_one(t, "f", DAMAGE_HOST_ALTERED, 0x1234, 0x1235);
}

/* The guest, like the manifest, has the file as it was. */
static void what_an_old_manifest_says_is_stale_when_the_host_has_more(void **state)
{
	struct setting *t = *state;
	autofree char *report = report_of(t->guest);
	char *at = report, *line, path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/f", t->host);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "changed", 7, 5000), 7);
	close(fd);
	assert_int_equal(compare_new(t->m, ++t->walks, &t->c), 0);
	compare_with_old_manifest(t->c);
	while ((line = strsep(&at, "\n")))
		if (*line)
			assert_int_equal(compare_line(t->c, line), 0);
	t->t = compare_tally(t->c);
	expect_one(t, "f", DAMAGE_STALE, 4096, 8192);
}

/* As an ordinary user, whom modes stop; root becomes one for that. */
static void what_the_user_may_not_read_is_no_damage(void **state)
{
	struct setting *t = *state;
	bool is_root = geteuid() == 0;
	char path[200];

	snprintf(path, sizeof(path), "%s/f", t->host);
	chmod(path, 0);
	snprintf(path, sizeof(path), "%s/sub", t->host);
	chmod(path, 0);
	manifest_free(t->m);
	if (is_root) {
		chmod(t->dir, 0755);
		assert_int_equal(seteuid(65534), 0);
	}
	assert_int_equal(manifest_start(t->fd, &t->m), 0);
	assert_int_equal(manifest_wait(t->m), 0);
	compare_text(t, report_of(t->host));
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	chmod(path, 0755);
	assert_int_equal(t->t->n_findings, 0);
	assert_int_equal(t->t->n_unreadable, 2);
	assert_string_equal(t->t->unreadable->next->path[0] == 'f' ? "f" : "sub",
			    t->t->unreadable->next->path);
}

static void a_second_walk_over_one_manifest_starts_afresh(void **state)
{
	struct setting *t = *state;

	compare(t);
	compare(t);
	assert_int_equal(t->t->n_findings, 0);
}

static char *replace(char *text, const char *from, const char *to)
{
	char *at = strstr(text, from), *out;

	assert_non_null(at);
	assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
	free(text);
	return out;
}

static void a_name_that_is_listed_twice_is_damage(void **state)
{
	struct setting *t = *state;
	char *text = report_of(t->guest), *line = strstr(text, "\nf empty"), *twice;

	assert_true(asprintf(&twice, "%.*s", (int)(strchr(strchr(line + 1, '\n') + 1, '\n') - line),
			     line) > 0);
	text = replace(text, "\nup\n", "\nUP\n");
	line = replace(twice, "\n", "\n");
	{
		autofree char *both = NULL;

		assert_true(asprintf(&both, "%s\nup\n", line) > 0);
		text = replace(text, "\nUP\n", both);
	}
	free(line);
	compare_text(t, text);
	expect_one(t, "sub/empty", DAMAGE_DUPLICATE, 0, 0);
}

static void an_error_where_the_host_reads_is_damage(void **state)
{
	struct setting *t = *state;

	compare_text(t, replace(report_of(t->guest), "s 12943 4\n", "e 3 4096 EIO\ns 12943 3\n"));
	expect_one(t, "f", DAMAGE_ERROR, 4096, 4096);
	assert_int_equal(t->t->findings->steps, 8);
	assert_string_equal(t->t->findings->text, "mmap: EIO");
}

static void a_guest_without_memory_is_no_damage(void **state)
{
	struct setting *t = *state;
	char *text = report_of(t->guest);

	text = replace(text, "s 12943 4\n", "e 3 4096 ENOMEM\ns 12943 3\n");
	compare_text(t, replace(text, "\nup\n", "\nup ENOMEM\n"));
	assert_int_equal(t->t->n_findings, 0);
	assert_int_equal(t->t->n_starved, 2);
	assert_true(!strcmp(t->t->starved->path, "sub") || !strcmp(t->t->starved->path, "f"));
	assert_string_not_equal(t->t->starved->path, t->t->starved->next->path);
}

/* Only that it read something else is known. */
static void a_way_that_differs_from_a_wrong_one_is_not_wrong_for_that(void **state)
{
	static const char zeros[655];
	struct setting *t = *state;

	poke(t->guest, "f", 0x3000, zeros, sizeof(zeros));
	compare_text(t, replace(report_of(t->guest), "s 12943 4\n", "~ 3 3 1\ns 12943 4\n"));
	expect_one(t, "f", DAMAGE_ZERO, 0x3000, SIZE);
	assert_int_equal(t->t->findings->steps, 1 | 4 | 16);
	assert_true(t->t->findings->sample.has_guest);
	assert_int_equal(t->t->findings->sample.n, SAMPLE_BYTES);
	assert_memory_equal(t->t->findings->sample.guest, zeros, SAMPLE_BYTES);
	assert_memory_not_equal(t->t->findings->sample.host, zeros, SAMPLE_BYTES);
}

static void bytes_behind_the_end_are_damage(void **state)
{
	struct setting *t = *state;

	compare_text(t,
		     replace(report_of(t->guest), "s 12943 4\n", "past 3 12943 0102\ns 12943 4\n"));
	expect_one(t, "f", DAMAGE_PAST_EOF, 12943, 12945);
}

static void two_files_taken_for_one_are_damage(void **state)
{
	struct setting *t = *state;
	char *text = report_of(t->guest), f[100], g[100];
	struct stat st;

	/* Both with two links and the same inode, as a guest sees what a bad qid gives. */
	snprintf(f, sizeof(f), "%s/f", t->guest);
	stat(f, &st);
	(void)g;
	snprintf(f, sizeof(f), " 1 %u %u 12943 ", st.st_uid, st.st_gid);
	snprintf(g, sizeof(g), " 2 %u %u 12943 ", st.st_uid, st.st_gid);
	text = replace(text, f, g);
	snprintf(f, sizeof(f), " 1 %u %u 5000 ", st.st_uid, st.st_gid);
	snprintf(g, sizeof(g), " 2 %u %u 5000 ", st.st_uid, st.st_gid);
	text = replace(text, f, g);
	snprintf(f, sizeof(f), "%s/g", t->guest);
	snprintf(g, sizeof(g), " %lu ", st.st_ino);
	stat(f, &st);
	snprintf(f, sizeof(f), " %lu ", st.st_ino);
	text = replace(text, f, g);
	compare_text(t, text);
	assert_int_equal(t->t->n_findings, 3);
	assert_int_equal(t->t->findings->class, DAMAGE_ATTRIBUTES);
}

static void a_malformed_line_is_refused(void **state)
{
	static const char *const bad[] = {
		"q",
		"f",
		"f x",
		"up",
		"b zz",
		"b 12*0",
		"! 9 1 2",
		"! 0 1 2 4096 aa aa",
		"! 0 1 2 0 aa aabb",
		"! 0 1 2 0 aax aabb",
		"z 0",
		"past 0 1 0g",
		"error x y z",
		"unsupported 77 EIO",
		"walked",
		"walked 1",
		"s -1",
		"p 1",
		"d . 40755 2 0 0 1 1.5 1.5 1 1 x",
		"d . 9 2 0 0 1 1.5 1.5 1 1",
		"d . 40755 2 0 0 1 1 1.5 1 1",
		"f \"a\\x00b\" 100644 1 0 0 1 1.5 1.5 1 1",
		"s 99999999999999999999",
		"walk read",
	};
	struct setting *t = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(compare_new(t->m, 99, &t->c), 0);
		assert_int_equal(compare_line(t->c, "walk read mmap"), 0);
		if (compare_line(t->c, bad[i]) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
		compare_free(t->c);
		t->c = NULL;
	}
}

/* Their names are shown to people. */
static void a_walk_has_steps_that_are_known(void **state)
{
	static const char *const bad[] = {"walk fish",	   "walk read \"\\x1b[2J\"", "walk read:",
					  "walk read:x",   "walk read:1234567890",   "walk drop:1",
					  "walk \"read \""};
	struct setting *t = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(compare_new(t->m, 99, &t->c), 0);
		if (compare_line(t->c, bad[i]) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
		compare_free(t->c);
		t->c = NULL;
	}
	assert_int_equal(compare_new(t->m, 99, &t->c), 0);
	assert_int_equal(compare_line(t->c, "walk mmap-seq drop splice:700"), 0);
}

static void a_manifest_reads_back_as_it_was_saved(void **state)
{
	struct setting *t = *state;
	autofree char *text = NULL, *again = NULL;
	struct manifest *loaded;
	unsigned line;
	char path[200], other[200];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/f", t->host);
	snprintf(other, sizeof(other), "%s/a-link", t->host);
	assert_int_equal(link(path, other), 0);
	snprintf(other, sizeof(other), "%s/s", t->host);
	assert_int_equal(symlink("to where", other), 0);
	manifest_free(t->m);
	assert_int_equal(manifest_start(t->fd, &t->m), 0);
	assert_int_equal(manifest_wait(t->m), 0);
	f = open_memstream(&text, &n);
	assert_int_equal(manifest_save(t->m, f), 0);
	fclose(f);
	f = fmemopen(text, n, "r");
	assert_int_equal(manifest_load(f, t->fd, &loaded, &line), 0);
	fclose(f);
	f = open_memstream(&again, &n);
	assert_int_equal(manifest_save(loaded, f), 0);
	fclose(f);
	/* The first name of an inode may have moved. */
	assert_int_equal(strlen(text), strlen(again));
	manifest_free(t->m);
	t->m = loaded;
	compare_text(t, report_of(t->host));
	assert_int_equal(t->t->n_findings, 0);
	assert_int_equal(t->t->n_changed, 0);
}

static void a_malformed_manifest_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} bad[] = {
		{"", 1},
		{"hello\n", 1},
		{"warren-manifest 1\n", 2},
		{"warren-manifest 1\nd . 40755 2 0 0 1 1.5 1.5 1 1\n", 3},
		{"warren-manifest 1\nb 12\n", 2},
		{"warren-manifest 1\nd . 40755 2 0 0 1 1.5 1.5 1 1\nf x 1\n", 3},
		{"warren-manifest 1\nd . 40755 2 0 0 1 1.5 1.5 1 1\nup\nup\n", 4},
	};
	struct setting *t = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *f = fmemopen((void *)bad[i].text, strlen(bad[i].text) + 1, "r");
		struct manifest *m;
		unsigned line = 0;

		assert_int_equal(manifest_load(f, t->fd, &m, &line), -EINVAL);
		assert_int_equal(line, bad[i].line);
		fclose(f);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_equal_tree_has_no_findings),
		TEST(a_zeroed_tail_in_the_guest_is_damage_with_its_range),
		TEST(one_damaged_byte_in_the_guest_is_found),
		TEST(a_shorter_file_is_short),
		TEST(a_longer_file_is_long),
		TEST(names_that_come_or_go_are_damage),
		TEST(a_write_into_memory_of_others_is_damage),
		TEST(another_mode_is_damage),
		TEST(another_type_is_damage),
		TEST(a_file_written_on_the_host_meanwhile_is_no_damage),
		TEST(a_file_removed_on_the_host_meanwhile_is_no_damage),
		TEST(a_byte_planted_on_the_host_without_a_change_of_time_is_damage),
		TEST(what_an_old_manifest_says_is_stale_when_the_host_has_more),
		TEST(what_the_user_may_not_read_is_no_damage),
		TEST(a_second_walk_over_one_manifest_starts_afresh),
		TEST(a_name_that_is_listed_twice_is_damage),
		TEST(an_error_where_the_host_reads_is_damage),
		TEST(a_guest_without_memory_is_no_damage),
		TEST(a_way_that_differs_from_a_wrong_one_is_not_wrong_for_that),
		TEST(bytes_behind_the_end_are_damage),
		TEST(two_files_taken_for_one_are_damage),
		TEST(a_malformed_line_is_refused),
		TEST(a_walk_has_steps_that_are_known),
		TEST(a_manifest_reads_back_as_it_was_saved),
		TEST(a_malformed_manifest_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
