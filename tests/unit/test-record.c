/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cache.h"
#include "cleanup.h"
#include "compare.h"
#include "kernel.h"
#include "record-files.h"
#include "record.h"
#include "run.h"
#include "spawn.h"
#include "verdict.h"

static char dir[] = "/tmp/warren-record-test-XXXXXX";
static const char *const caches[] = {"mmap", NULL}, *const ways[] = {"read", "direct", NULL};
static const unsigned msizes[] = {8192, 0};
static struct kernel kernel = {.name = (char *)"6.12-uml",
			       .release = (char *)"6.12.1",
			       .version = (char *)"6.12.1",
			       .build_id = (char *)"abc",
			       .dir = dir,
			       .image = (char *)"/nonexistent/image",
			       .is_uml = true};

static struct run_plan plan_of(int dir_fd)
{
	return (struct run_plan){
		.dir = dir,
		.dir_fd = dir_fd,
		.guest = GUEST_UML,
		.kernel = &kernel,
		.caches = caches,
		.ways = ways,
		.msizes = msizes,
	};
}

static int records(void)
{
	autofree char *path = NULL;
	autoclosedir DIR *d = NULL;
	int n = 0;

	assert_true(asprintf(&path, "%s/warren/runs", dir) > 0);
	d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	return n;
}

/* A run with one finding: PATH is read as zeros. */
static void add_mount(struct record *r, const struct run_plan *plan, const char *path)
{
	struct finding f = {.path = (char *)path,
			    .class = DAMAGE_ZERO,
			    .from = 2,
			    .to = 5,
			    .steps = 1,
			    .right = 2,
			    .sample = {.n = 3, .has_guest = true, .host = "xyz"}};
	const struct tally t = {.n_steps = 2,
				.steps = {(char *)"read", (char *)"direct"},
				.is_complete = true,
				.findings = &f,
				.n_findings = 1};
	const struct mount_result m = {.cache = "mmap", .tally = &t, .options = "rw,cache=0x5"};
	const struct circumstances c = {.version = "6.12.1", .guest = "UML", .transport = "virtio"};

	record_mount(r, plan, &m, &c, "DAMAGED");
}

static void write_file(const char *name, const char *text)
{
	assert_int_equal(record_write(dir, name, text, strlen(text)), 0);
}

static const char *string_in(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void a_record_holds_what_was_seen(void **state)
{
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct run_plan plan = plan_of(fd);
	const struct run_result result = {.server = (char *)"{\"requests\": 3}"};
	cleanup(cleanup_strv) char **settings = NULL;
	struct record *r;
	autofree char *path = NULL, *found = NULL, *why = NULL, *file = NULL;
	json_t *run, *finding;
	struct stat st;

	(void)state;
	write_file("default.json", "ab\0x");
	assert_int_equal(strv_push(&settings, "--cache=mmap"), 0);
	assert_int_equal(record_begin(&r), 0);
	record_fact(r, "taint", "4096");
	record_fact(r, "mount", "a \xff b");
	add_mount(r, &plan, "default.json");
	assert_int_equal(record_keep(r,
				     &(struct record_end){.plan = &plan,
							  .result = &result,
							  .status = 1,
							  .settings = settings},
				     &path),
			 0);
	record_free(r);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(record_find(NULL, &found, &why), 0);
	assert_string_equal(found, path);
	assert_int_equal(record_load(found, &run, &why), 0);
	assert_string_equal(string_in(json_object_get(run, "kernel"), "release"), "6.12.1");
	assert_string_equal(string_in(json_object_get(run, "facts"), "taint"), "4096");
	assert_string_equal(string_in(json_object_get(run, "facts"), "mount"), "a \\xff b");
	finding = json_array_get(
		json_object_get(json_array_get(json_object_get(run, "mounts"), 0), "list"), 0);
	assert_string_equal(string_in(finding, "path"), "default.json");
	assert_string_equal(string_in(finding, "expected"), "78797a");
	assert_string_equal(string_in(finding, "observed"), "000000");
	json_decref(run);
	assert_true(asprintf(&file, "%s/files/default.json", path) > 0);
	assert_int_equal(access(file, R_OK), 0);
}

static void a_name_and_a_path_find_it(void **state)
{
	autofree char *path = NULL, *again = NULL, *why = NULL, *none = NULL;

	(void)state;
	assert_int_equal(record_find(NULL, &path, &why), 0);
	assert_int_equal(record_find(strrchr(path, '/') + 1, &again, &why), 0);
	assert_string_equal(again, path);
	assert_int_equal(record_find("20200101-000000-1", &none, &why), -ENOENT);
	assert_non_null(strstr(why, "there is no recorded run"));
}

static void counts_of_a_variation_add_up(void **state)
{
	autofree char *path = NULL, *why = NULL;
	json_t *run, *list;

	(void)state;
	assert_int_equal(record_find(NULL, &path, &why), 0);
	assert_int_equal(record_add_variation(path, "cache=none", 3, 0, 0), 0);
	assert_int_equal(record_add_variation(path, "cache=none", 2, 1, 1), 0);
	assert_int_equal(record_add_variation(path, "cache=mmap", 5, 5, 0), 0);
	assert_int_equal(record_set_bisect(path, "6.11", "6.12", NULL), 0);
	assert_int_equal(record_load(path, &run, &why), 0);
	list = json_object_get(run, "variations");
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "runs")), 5);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "damaged")),
			 1);
	assert_string_equal(string_in(json_object_get(run, "bisect"), "good"), "6.11");
	json_decref(run);
}

static void a_passing_run_leaves_nothing(void **state)
{
	struct record *r;
	int before = records();

	(void)state;
	assert_int_equal(record_begin(&r), 0);
	assert_int_equal(record_write(record_folder(r), "report", "x", 1), 0);
	record_free(r);
	assert_int_equal(records(), before);
}

static void keep_one(void)
{
	const struct run_plan plan = plan_of(-1);
	const struct run_result result = {0};
	autofree char *path = NULL;
	struct record *r;

	assert_int_equal(record_begin(&r), 0);
	record_keep(r, &(struct record_end){.plan = &plan, .result = &result, .status = 4}, &path);
	record_free(r);
}

static void the_newest_ten_stay(void **state)
{
	(void)state;
	for (int i = 0; i < 15; i++) {
		char name[64];

		keep_one();
		/* Names tell the second and the process. */
		snprintf(name, sizeof(name), "%s/warren/runs/20300101-0000%02d-1", dir, i);
		mkdir(name, 0700);
	}
	keep_one();
	assert_int_equal(records(), RECORDS_KEPT);
}

/* No file can grow: as on a disk that is full. */
static void a_full_disk_costs_no_older_record(void **state)
{
	const struct rlimit none = {.rlim_max = RLIM_INFINITY};
	struct rlimit old;
	autofree char *path = NULL;
	struct record *r;
	const struct run_plan plan = plan_of(-1);
	const struct run_result result = {0};
	int before = records(), err;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(record_begin(&r), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	setrlimit(RLIMIT_FSIZE, &none);
	err = record_keep(r, &(struct record_end){.plan = &plan, .result = &result, .status = 1},
			  &path);
	setrlimit(RLIMIT_FSIZE, &old);
	record_free(r);
	assert_int_equal(err, -EFBIG);
	assert_null(path);
	assert_int_equal(records(), before);
}

static void a_link_is_not_followed(void **state)
{
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *link = NULL;
	uint64_t room = 1 << 20;

	(void)state;
	assert_true(asprintf(&link, "%s/link", dir) > 0);
	assert_int_equal(symlink("/etc/passwd", link), 0);
	assert_int_equal(record_copy_file(fd, "link", dir, &room), -ELOOP);
	room = 1;
	assert_int_equal(record_copy_file(fd, "default.json", dir, &room), -EFBIG);
}

static void what_is_no_record_is_refused(void **state)
{
	autofree char *why = NULL;
	json_t *run;

	(void)state;
	write_file("run.json", "{\"record\": 1}");
	assert_int_equal(record_load(dir, &run, &why), -EINVAL);
	assert_non_null(strstr(why, "is no record of this warren's"));
}

/* Scripts are made of these. */
static void settings_that_are_no_texts_are_refused(void **state)
{
	static const char *const forms[] = {
		"\"settings\": [1], \"guest\": {}", "\"guest\": {\"words\": [\"a\", null]}",
		"\"settings\": [\"--a\"], \"guest\": {\"words\": [\"b\"]}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		autofree char *text = NULL, *why = NULL;
		json_t *run = NULL;

		assert_true(
			asprintf(&text,
				 "{\"record\": 1, \"kernel\": {}, \"server\": {}, \"verdict\": {}, "
				 "\"facts\": {}, \"mounts\": [], %s}",
				 forms[i]) > 0);
		write_file("run.json", text);
		assert_int_equal(record_load(dir, &run, &why), i < 2 ? -EINVAL : 0);
		json_decref(run);
	}
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	return setenv("XDG_STATE_HOME", dir, 1);
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_holds_what_was_seen),
		cmocka_unit_test(a_name_and_a_path_find_it),
		cmocka_unit_test(counts_of_a_variation_add_up),
		cmocka_unit_test(a_passing_run_leaves_nothing),
		cmocka_unit_test(a_link_is_not_followed),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(settings_that_are_no_texts_are_refused),
		cmocka_unit_test(a_full_disk_costs_no_older_record),
		cmocka_unit_test(the_newest_ten_stay),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
