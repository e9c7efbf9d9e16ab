/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <elf.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "cleanup.h"
#include "guest.h"
#include "kernel.h"
#include "path.h"
#include "unzstd.h"
#include "vmlinux.h"

/* A boot header with one setup sector and a payload of 16 bytes, 32 bytes behind the setup. */
static void make_image(unsigned char image[2048])
{
	memset(image, 0, 2048);
	image[0x1f1] = 1;
	memcpy(image + 0x202, "HdrS\x0f\x02", 6);
	image[0x248] = 32;
	image[0x24c] = 16;
	memcpy(image + 1024 + 32,
	       "\xfd"
	       "7zXZ",
	       6);
}

static void the_payload_is_found(void **state)
{
	unsigned char image[2048];
	size_t n = 0;

	(void)state;
	make_image(image);
	assert_ptr_equal(vmlinux_find_payload(image, sizeof(image), &n), image + 1056);
	assert_int_equal(n, 16);
	assert_non_null(vmlinux_find_payload(image, 1056 + 16, &n));
	assert_null(vmlinux_find_payload(image, 1056 + 15, &n));
}

static void a_header_that_lies_is_refused(void **state)
{
	unsigned char image[2048];
	size_t n;

	(void)state;
	make_image(image);
	memset(image + 0x248, 0xff, 8);
	assert_null(vmlinux_find_payload(image, sizeof(image), &n));
	make_image(image);
	image[0x206] = 7; /* boot protocol 2.07 has no payload fields */
	assert_null(vmlinux_find_payload(image, sizeof(image), &n));
	make_image(image);
	image[0x1f1] = 255;
	assert_null(vmlinux_find_payload(image, sizeof(image), &n));
	assert_null(vmlinux_find_payload(image, 0x24f, &n));
}

static void a_payload_is_unpacked_whatever_packed_it(void **state)
{
	static const char plain[] = "a kernel, a kernel, a kernel, a kernel, a kernel";
	unsigned char packed[512];
	size_t n = ZSTD_compress(packed, sizeof(packed), plain, sizeof(plain), 3), got_n = 0;
	void *got = NULL;

	(void)state;
	assert_false(ZSTD_isError(n));
	memcpy(packed + n, "size", 4); /* as in a bzImage */
	assert_int_equal(vmlinux_unpack(packed, n + 4, &got, &got_n), 0);
	assert_int_equal(got_n, sizeof(plain));
	assert_memory_equal(got, plain, sizeof(plain));
	free(got);
	assert_int_equal(vmlinux_unpack(packed, n - 1, &got, &got_n), -EBADMSG);
	packed[n / 2] ^= 0xff;
	assert_int_not_equal(vmlinux_unpack(packed, 8, &got, &got_n), 0);
	packed[0] = 0x1f; /* gzip */
	assert_int_equal(vmlinux_unpack(packed, n, &got, &got_n), -ENOTSUP);
	assert_int_equal(vmlinux_unpack(packed, 0, &got, &got_n), -ENOTSUP);
}

static void the_unpacked_size_has_a_limit(void **state)
{
	static const char zeroes[300000];
	unsigned char packed[4096];
	size_t n = ZSTD_compress(packed, sizeof(packed), zeroes, sizeof(zeroes), 3), got_n;
	void *got = NULL;

	(void)state;
	assert_false(ZSTD_isError(n));
	assert_int_equal(unzstd(packed, n, sizeof(zeroes) - 1, &got, &got_n), -EFBIG);
	assert_int_equal(unzstd(packed, n, sizeof(zeroes), &got, &got_n), 0);
	assert_int_equal(got_n, sizeof(zeroes));
	free(got);
}

struct program {
	Elf64_Ehdr e;
	Elf64_Phdr h;
	Elf64_Nhdr first;
	char first_name[4], first_value[4];
	Elf64_Nhdr second;
	char second_name[4], second_value[8];
};

static struct program make_program(void)
{
	struct program p = {
		.e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64},
		      .e_phnum = 1,
		      .e_phoff = offsetof(struct program, h)},
		.h = {.p_type = PT_NOTE, .p_offset = offsetof(struct program, first)},
		.first = {.n_namesz = 4, .n_descsz = 3, .n_type = 6},
		.first_name = "Xen",
		.second = {.n_namesz = 4, .n_descsz = 8, .n_type = 18},
		.second_name = "Xen",
	};

	p.h.p_filesz = sizeof(p) - p.h.p_offset;
	return p;
}

static void the_entry_note_is_found(void **state)
{
	struct program p = make_program();

	(void)state;
	assert_true(vmlinux_has_pvh(&p, sizeof(p)));
	p.second.n_type = 17;
	assert_false(vmlinux_has_pvh(&p, sizeof(p)));
}

static void a_program_that_lies_is_refused(void **state)
{
	struct program p = make_program();

	(void)state;
	assert_false(vmlinux_has_pvh(&p, sizeof(p) - 1));
	assert_false(vmlinux_has_pvh(&p, 10));
	p.e.e_phoff = UINT64_MAX;
	assert_false(vmlinux_has_pvh(&p, sizeof(p)));
	p = make_program();
	p.h.p_offset = UINT64_MAX - 8;
	assert_false(vmlinux_has_pvh(&p, sizeof(p)));
	p = make_program();
	p.first.n_descsz = UINT32_MAX;
	assert_false(vmlinux_has_pvh(&p, sizeof(p)));
	p = make_program();
	p.e.e_ident[EI_CLASS] = ELFCLASS32;
	assert_false(vmlinux_has_pvh(&p, sizeof(p)));
}

static void check_words(struct guest_config cfg, const char *source, const char *options)
{
	char *got_source, *got_options;

	assert_int_equal(guest_mount_words(&cfg, &got_source, &got_options), 0);
	assert_string_equal(got_source, source);
	assert_string_equal(got_options, options);
	free(got_source);
	free(got_options);
}

static void each_share_has_its_mount_words(void **state)
{
	(void)state;
	check_words((struct guest_config){.share = SHARE_VHOST_USER}, "warren",
		    "trans=virtio,version=9p2000.L");
	check_words((struct guest_config){.share = SHARE_QEMU_9PFS, .mount_tag = "x"}, "x",
		    "trans=virtio,version=9p2000.L");
	check_words((struct guest_config){.share = SHARE_TCP, .port = 564}, "10.0.2.2",
		    "trans=tcp,port=564,version=9p2000.L");
}

static void nothing_beside_a_kernel_of_the_users_is_taken_for_it(void **state)
{
	char dir[] = "/tmp/test-vmlinux-XXXXXX";
	autofree char *image = NULL, *program = NULL, *path = NULL;
	struct kernel k = {.dir = dir, .is_outside = true};

	(void)state;
	assert_non_null(mkdtemp(dir));
	image = path_join(dir, "vmlinuz-6.1");
	program = path_join(dir, "program");
	k.image = image;
	assert_int_equal(path_write(image, "new", 3), 0);
	assert_int_equal(path_write(program, "old", 3), 0);
	assert_int_equal(vmlinux_get(&k, &path), 0);
	assert_string_equal(path, image);
	unlink(image);
	unlink(program);
	rmdir(dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_payload_is_found),
		cmocka_unit_test(a_header_that_lies_is_refused),
		cmocka_unit_test(a_payload_is_unpacked_whatever_packed_it),
		cmocka_unit_test(the_unpacked_size_has_a_limit),
		cmocka_unit_test(the_entry_note_is_found),
		cmocka_unit_test(a_program_that_lies_is_refused),
		cmocka_unit_test(each_share_has_its_mount_words),
		cmocka_unit_test(nothing_beside_a_kernel_of_the_users_is_taken_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
