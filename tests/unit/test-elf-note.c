/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "elf-note.h"

/* A file that has nothing but two notes: some other, and the build-id 01 02 03 04 05. */
struct file {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	Elf64_Nhdr other;
	char other_name[8], other_desc[4];
	Elf64_Nhdr id;
	char id_name[4], id_desc[8];
};

static struct file make_file(void)
{
	struct file f = {0};

	memcpy(f.eh.e_ident, ELFMAG, SELFMAG);
	f.eh.e_ident[EI_CLASS] = ELFCLASS64;
	f.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	f.eh.e_phoff = offsetof(struct file, ph);
	f.eh.e_phentsize = sizeof(f.ph[0]);
	f.eh.e_phnum = 2;
	f.ph[0].p_type = PT_LOAD;
	f.ph[1].p_type = PT_NOTE;
	f.ph[1].p_offset = offsetof(struct file, other);
	f.ph[1].p_filesz = sizeof(f) - offsetof(struct file, other);
	f.other = (Elf64_Nhdr){.n_namesz = 6, .n_descsz = 3, .n_type = NT_GNU_BUILD_ID};
	memcpy(f.other_name, "Linux", 6);
	f.id = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 5, .n_type = NT_GNU_BUILD_ID};
	memcpy(f.id_name, "GNU", 4);
	memcpy(f.id_desc, "\1\2\3\4\xff", 5);
	return f;
}

static void the_build_id_is_found(void **state)
{
	struct file f = make_file();
	autofree char *hex = NULL;

	(void)state;
	assert_int_equal(elf_build_id(&f, sizeof(f), &hex), 0);
	assert_string_equal(hex, "01020304ff");
}

static void a_file_that_is_no_elf_is_refused(void **state)
{
	struct file f = make_file();
	char *hex = NULL;

	(void)state;
	assert_int_equal(elf_build_id("MZ", 2, &hex), -EINVAL);
	f.eh.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(elf_build_id(&f, sizeof(f), &hex), -EINVAL);
	assert_null(hex);
}

static void no_note_is_enoent(void **state)
{
	struct file f = make_file();
	char *hex = NULL;

	(void)state;
	f.ph[1].p_type = PT_LOAD;
	assert_int_equal(elf_build_id(&f, sizeof(f), &hex), -ENOENT);
}

/* A kernel module has sections only. */
static void the_build_id_of_a_module_is_found(void **state)
{
	struct {
		struct file f;
		Elf64_Shdr sh[2];
	} m = {.f = make_file()};
	autofree char *hex = NULL;

	(void)state;
	m.f.eh.e_phnum = 0;
	m.f.eh.e_phentsize = 0;
	m.f.eh.e_shnum = 2;
	m.f.eh.e_shentsize = sizeof(m.sh[0]);
	m.f.eh.e_shoff = sizeof(m.f);
	m.sh[1].sh_type = SHT_NOTE;
	m.sh[1].sh_offset = offsetof(struct file, id);
	m.sh[1].sh_size = sizeof(struct file) - offsetof(struct file, id);
	assert_int_equal(elf_build_id(&m, sizeof(m), &hex), 0);
	assert_string_equal(hex, "01020304ff");
	assert_int_equal(elf_build_id(&m, sizeof(m) - 1, &hex), -EINVAL);
	m.sh[1].sh_offset = UINT64_MAX;
	assert_int_equal(elf_build_id(&m, sizeof(m), &hex), -ENOENT);
}

/* Every prefix, and every byte of the headers changed: no read may leave the buffer, which lies at
 * the end of its own allocation. */
static void broken_files_do_no_harm(void **state)
{
	struct file f = make_file();

	(void)state;
	for (size_t n = 0; n <= sizeof(f); n++) {
		autofree char *copy = malloc(n + 1), *hex = NULL;

		memcpy(copy, &f, n);
		(void)elf_build_id(copy, n, &hex);
	}
	for (size_t i = 0; i < sizeof(f) * 8; i++) {
		autofree unsigned char *copy = malloc(sizeof(f));
		autofree char *hex = NULL;

		memcpy(copy, &f, sizeof(f));
		copy[i / 8] ^= (unsigned char)(1U << i % 8);
		(void)elf_build_id(copy, sizeof(f), &hex);
	}
}

static void our_own_program_can_be_read(void **state)
{
	autofree char *hex = NULL;
	int r = elf_file_build_id("/proc/self/exe", &hex);

	(void)state;
	assert_true(r == 0 || r == -ENOENT);
	assert_int_equal(elf_file_build_id("/nowhere", &hex), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_build_id_is_found),
		cmocka_unit_test(a_file_that_is_no_elf_is_refused),
		cmocka_unit_test(no_note_is_enoent),
		cmocka_unit_test(the_build_id_of_a_module_is_found),
		cmocka_unit_test(broken_files_do_no_harm),
		cmocka_unit_test(our_own_program_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
