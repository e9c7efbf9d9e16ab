/* SPDX-License-Identifier: MIT */
/* Reads into a pipe. What the kernel says of the page cache is what the test wants it to say. */
#include "local-kit.h"

#include <sys/ioctl.h>

#include "macros.h"
#include "page-hooks.h"

#define SIZE 200000u

static struct node *node;
static struct file *file;
static int ends[2]; /* of the pipe */

static enum { ALL_CACHED, ONE_LACKS, REFUSED } cache;
static unsigned n_asked, n_splices;
static off_t cut_to;	 /* before the first splice; -1: not */
static int splice_errno; /* of the first splice */

static int tell_cached(uint64_t offset, uint64_t len, uint64_t *ret_pages)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	n_asked++;
	if (cache == REFUSED)
		return EPERM;
	*ret_pages = (offset + len - 1) / page - offset / page + (cache == ALL_CACHED);
	return 0;
}

static int meet_splice(bool from_file, size_t *count)
{
	int err = splice_errno;

	(void)count;
	assert_true(from_file);
	n_splices++;
	splice_errno = 0;
	if (cut_to >= 0) {
		char path[128];

		snprintf(path, sizeof(path), "%s/f", dir_path);
		assert_int_equal(truncate(path, cut_to), 0);
		cut_to = -1;
	}
	return err;
}

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16));
}

/* The device as if it were of a disk, whatever the tests run on. */
static struct device *device(void)
{
	union {
		const struct device *given;
		struct device *d;
	} u = {container_of(node, struct local_node, node)->inode->device};

	return u.d;
}

static int start(void **state)
{
	uint8_t *bytes = malloc(SIZE);
	int fd;

	assert_int_equal(setup(state), 0);
	fd = openat(host, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	for (uint32_t i = 0; i < SIZE; i++)
		bytes[i] = byte_at(i);
	assert_int_equal(write(fd, bytes, SIZE), SIZE);
	close(fd);
	free(bytes);
	node = walk(root, "f");
	file = open_node(node, P9_O_RDONLY);
	device()->is_memory = false;
	device()->splices = true;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, 1 << 18) >= 1 << 18);
	cache = ALL_CACHED;
	n_asked = n_splices = 0;
	cut_to = -1;
	splice_errno = 0;
	return 0;
}

static int stop(void **state)
{
	close(ends[0]);
	close(ends[1]);
	file_unref(file);
	node_unref(node);
	return teardown(state);
}

static int in_pipe(void)
{
	int n;

	assert_int_equal(ioctl(ends[0], FIONREAD, &n), 0);
	return n;
}

static int try_splice(const struct call *c, uint64_t offset, size_t count, size_t *ret_n)
{
	return file->ops->splice(file, c, ends[1], count, offset, ret_n);
}

/* It puts the N bytes at OFFSET into the pipe, and no others. */
static void splices(const struct call *c, uint64_t offset, size_t count, size_t n)
{
	size_t got = SIZE_MAX;
	uint8_t *bytes = malloc(count);

	assert_int_equal(try_splice(c, offset, count, &got), 0);
	assert_int_equal(got, n);
	assert_int_equal(in_pipe(), n);
	if (n)
		assert_int_equal(read(ends[0], bytes, count), n);
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != byte_at(offset + i))
			fail_msg("offset %llu, count %zu: byte %zu is wrong",
				 (unsigned long long)offset, count, i);
	free(bytes);
}

static void any_range_is_exact(void **state)
{
	static const uint64_t offsets[] = {0, 1, 4095, 4096, 4097, 8191, 65535, 65536, 70001};
	static const size_t counts[] = {1, 4095, 4096, 4097, 32768, 65512, 100000, 129999};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		for (size_t k = 0; k < ARRAY_SIZE(counts); k++) {
			splices(&me, offsets[i], counts[k], counts[k]);
			splices(&in_place, offsets[i], counts[k], counts[k]);
		}
	assert_true(n_asked > 0);
}

static void at_the_end_there_is_less(void **state)
{
	size_t n;

	(void)state;
	splices(&me, SIZE - 1000, 40000, 1000);
	splices(&me, SIZE, 40000, 0);
	splices(&me, SIZE + 5000, 40000, 0);
	splices(&in_place, SIZE - 40000, 40000, 40000);
	/* that there is an end can only be seen by reading */
	assert_int_equal(try_splice(&in_place, SIZE - 39999, 40000, &n), -EOPNOTSUPP);
	assert_int_equal(in_pipe(), 0);
}

static void a_range_that_no_file_has_is_refused(void **state)
{
	size_t n;

	(void)state;
	assert_int_equal(try_splice(&me, (uint64_t)INT64_MAX, 2, &n), -EINVAL);
	assert_int_equal(try_splice(&me, UINT64_MAX, 2, &n), -EINVAL);
	assert_int_equal(in_pipe(), 0);
}

static void in_place_it_does_not_wait_for_a_disk(void **state)
{
	size_t n;

	(void)state;
	cache = ONE_LACKS;
	assert_int_equal(try_splice(&in_place, 4096, 65536, &n), CALL_WOULD_BLOCK);
	assert_int_equal(n_splices, 0);
	assert_int_equal(in_pipe(), 0);
	splices(&me, 4096, 65536, 65536);
}

static void where_the_cache_cannot_be_asked_about_it_is_left_to_read(void **state)
{
	size_t n;

	(void)state;
	cache = REFUSED;
	assert_int_equal(try_splice(&in_place, 0, 65536, &n), -EPERM);
	assert_int_equal(try_splice(&in_place, 0, 65536, &n), -EOPNOTSUPP);
	assert_int_equal(n_asked, 1);
	assert_int_equal(n_splices, 0);
}

static void a_file_in_memory_is_not_asked_about(void **state)
{
	(void)state;
	device()->is_memory = true;
	cache = REFUSED;
	splices(&in_place, 0, 65536, 65536);
	assert_int_equal(n_asked, 0);
}

static void a_file_that_shrinks_meanwhile_gives_what_it_has(void **state)
{
	(void)state;
	cut_to = 50001;
	splices(&in_place, 10000, 65536, 40001);
	cut_to = 20000;
	splices(&me, 30000, 65536, 0);
}

static void a_signal_is_no_end(void **state)
{
	(void)state;
	splice_errno = EINTR;
	splices(&me, 10000, 65536, 65536);
	assert_true(n_splices > 1);
}

static void a_file_system_that_cannot_is_not_asked_again(void **state)
{
	unsigned before;
	size_t n;

	(void)state;
	splice_errno = EINVAL;
	assert_int_equal(try_splice(&me, 0, 65536, &n), -EINVAL);
	before = n_splices;
	assert_int_equal(try_splice(&me, 0, 65536, &n), -EOPNOTSUPP);
	assert_int_equal(n_splices, before);
}

static void a_pipe_without_room_is_an_error(void **state)
{
	size_t n;

	(void)state;
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 8192), 8192);
	assert_true(try_splice(&me, 0, 65536, &n) < 0);
}

static void other_file_systems_and_folders_are_read(void **state)
{
	struct file *folder = open_node(root, P9_O_RDONLY);
	size_t n;

	(void)state;
	assert_int_equal(folder->ops->splice(folder, &me, ends[1], 65536, 0, &n), -EOPNOTSUPP);
	file_unref(folder);
	device()->splices = false;
	assert_int_equal(try_splice(&me, 0, 65536, &n), -EOPNOTSUPP);
	assert_int_equal(n_splices, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(any_range_is_exact),
		T(at_the_end_there_is_less),
		T(a_range_that_no_file_has_is_refused),
		T(in_place_it_does_not_wait_for_a_disk),
		T(where_the_cache_cannot_be_asked_about_it_is_left_to_read),
		T(a_file_in_memory_is_not_asked_about),
		T(a_file_that_shrinks_meanwhile_gives_what_it_has),
		T(a_signal_is_no_end),
		T(a_file_system_that_cannot_is_not_asked_again),
		T(a_pipe_without_room_is_an_error),
		T(other_file_systems_and_folders_are_read),
	};

	page_hook_cachestat = tell_cached;
	page_hook_splice = meet_splice;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
