/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "modules.h"
#include "spawn.h"

/* The wanted names and the resulting files as text, both separated by blanks. */
static char *resolve(const char *dep, const char *builtin, const char *wanted, int expect)
{
	autofree char *words = strdup(wanted), *missing = NULL;
	const char *names[16] = {0};
	char **files = NULL;
	char *text = calloc(1, 1024);
	size_t n = 0;
	int r;

	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		names[n++] = w;
	r = modules_resolve_text(dep, builtin, names, &files, &missing);
	assert_int_equal(r, expect);
	if (r)
		return snprintf(text, 1024, "%s", missing ? missing : "-"), text;
	for (size_t i = 0; files[i]; i++)
		sprintf(text + strlen(text), "%s%s", i ? " " : "", files[i]);
	strv_free(files);
	return text;
}

static const char dep[] = "k/9p.ko: k/9pnet.ko k/net/netfs.ko\n"
			  "k/9pnet.ko:\n"
			  "k/net/netfs.ko.xz:\n"
			  "k/net/netfs.ko:\n"
			  "k/virtio_pci.ko: k/virtio.ko k/virtio_ring.ko\n"
			  "k/virtio_ring.ko:\n"
			  "k/virtio.ko: k/virtio_ring.ko\n"
			  "k/snd-pcm.ko.xz: k/in-kernel.ko\n"
			  "k/broken.ko: k/nowhere.ko\n"
			  "k/a.ko: k/b.ko\n"
			  "k/b.ko: k/c.ko\n"
			  "k/c.ko: k/a.ko\n"
			  "k/self.ko: k/self.ko";
static const char builtin[] = "kernel/k/in_kernel.ko\nkernel/k/ext4.ko";

static void what_is_needed_comes_first_and_once(void **state)
{
	autofree char *got = resolve(dep, builtin, "virtio_pci 9p virtio", 0);

	(void)state;
	assert_string_equal(got, "k/virtio_ring.ko k/virtio.ko k/virtio_pci.ko "
				 "k/9pnet.ko k/net/netfs.ko k/9p.ko");
}

static void dash_and_underscore_are_one(void **state)
{
	autofree char *got = resolve(dep, builtin, "snd_pcm", 0);

	(void)state;
	assert_string_equal(got, "k/snd-pcm.ko.xz");
}

static void what_is_built_in_needs_no_file(void **state)
{
	autofree char *got = resolve(dep, builtin, "ext4 in-kernel", 0);

	(void)state;
	assert_string_equal(got, "");
}

static void a_missing_module_is_named(void **state)
{
	autofree char *got = resolve(dep, builtin, "9p ext5", -ENOENT);
	autofree char *needed = resolve(dep, builtin, "broken", -ENOENT);

	(void)state;
	assert_string_equal(got, "ext5");
	assert_string_equal(needed, "nowhere");
}

static void an_optional_module_may_be_missing(void **state)
{
	autofree char *got = resolve(dep, builtin, "?9pnet_fd ?9pnet", 0);

	(void)state;
	assert_string_equal(got, "k/9pnet.ko");
}

static void a_circle_is_an_error(void **state)
{
	(void)state;
	free(resolve(dep, builtin, "a", -ELOOP));
	free(resolve(dep, builtin, "self", -ELOOP));
}

static void rubbish_is_no_module(void **state)
{
	autofree char *got = resolve("\n:\n: x\nno colon\n\n:::\nk/x.ko:\t \n", "\n\n", "x", 0);

	(void)state;
	assert_string_equal(got, "k/x.ko");
}

static void a_folder_without_lists_is_an_error(void **state)
{
	static const char *const wanted[] = {"9p", NULL};
	char *missing = (char *)"";
	char **files;

	(void)state;
	assert_int_equal(modules_resolve("/nonexistent", wanted, &files, &missing), -ENOENT);
	assert_null(missing);
}

/* A temporary file with these bytes; the caller unlinks it. */
static void write_file(char *path, const void *data, size_t n)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

static int read_back(const void *data, size_t n, void **ret_data, size_t *ret_n)
{
	char path[] = "/tmp/test-modules-XXXXXX";
	int r;

	write_file(path, data, n);
	r = modules_read(path, ret_data, ret_n);
	unlink(path);
	return r;
}

static void a_compressed_module_is_unpacked(void **state)
{
	size_t size = 300000, packed = 0, n = 0;
	autofree uint8_t *plain = malloc(size), *xz = malloc(size);
	autofree void *got = NULL;

	(void)state;
	for (size_t i = 0; i < size; i++)
		plain[i] = (uint8_t)(i / 1000);
	assert_int_equal(
		lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, plain, size, xz, &packed, size),
		LZMA_OK);
	assert_int_equal(read_back(xz, packed, &got, &n), 0);
	assert_int_equal(n, size);
	assert_memory_equal(got, plain, size);
	/* Cut short, and damaged. */
	free(steal_ptr(&got));
	assert_int_equal(read_back(xz, packed / 2, &got, &n), -EBADMSG);
	xz[packed / 2] ^= 1;
	assert_int_equal(read_back(xz, packed, &got, &n), -EBADMSG);
}

static void a_plain_module_is_read_as_it_is(void **state)
{
	autofree void *got = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(read_back("\177ELF", 4, &got, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(read_back("\x1f\x8b......", 8, &got, &n), -ENOTSUP);
	assert_int_equal(read_back("\x28\xb5\x2f\xfd....", 8, &got, &n), -EBADMSG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_needed_comes_first_and_once),
		cmocka_unit_test(dash_and_underscore_are_one),
		cmocka_unit_test(what_is_built_in_needs_no_file),
		cmocka_unit_test(a_missing_module_is_named),
		cmocka_unit_test(an_optional_module_may_be_missing),
		cmocka_unit_test(a_circle_is_an_error),
		cmocka_unit_test(rubbish_is_no_module),
		cmocka_unit_test(a_folder_without_lists_is_an_error),
		cmocka_unit_test(a_compressed_module_is_unpacked),
		cmocka_unit_test(a_plain_module_is_read_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
