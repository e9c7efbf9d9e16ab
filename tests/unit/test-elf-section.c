/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf-section.h"

/* Nothing but three sections: none, names, ".debug_info". */
struct file {
	Elf64_Ehdr eh;
	Elf64_Shdr sh[3];
	char names[32];
};

static struct file make_file(void)
{
	struct file f = {0};

	memcpy(f.eh.e_ident, ELFMAG, SELFMAG);
	f.eh.e_ident[EI_CLASS] = ELFCLASS64;
	f.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	f.eh.e_shoff = offsetof(struct file, sh);
	f.eh.e_shentsize = sizeof(f.sh[0]);
	f.eh.e_shnum = 3;
	f.eh.e_shstrndx = 1;
	f.sh[1].sh_offset = offsetof(struct file, names);
	f.sh[1].sh_size = sizeof(f.names);
	memcpy(f.names + 1, ".names", 7);
	memcpy(f.names + 8, ".debug_info", 12);
	f.sh[1].sh_name = 1;
	f.sh[2].sh_name = 8;
	f.sh[2].sh_size = 100;
	return f;
}

static void a_section_is_found_by_its_name(void **state)
{
	struct file f = make_file();

	(void)state;
	assert_true(elf_has_section(&f, sizeof(f), ".debug_info"));
	assert_true(elf_has_section(&f, sizeof(f), ".names"));
	assert_false(elf_has_section(&f, sizeof(f), ".debug_inf"));
	assert_false(elf_has_section(&f, sizeof(f), ".debug_info2"));
}

static void an_empty_section_does_not_count(void **state)
{
	struct file f = make_file();

	(void)state;
	f.sh[2].sh_size = 0;
	assert_false(elf_has_section(&f, sizeof(f), ".debug_info"));
}

static void broken_files_have_none(void **state)
{
	struct file f = make_file();

	(void)state;
	assert_false(elf_has_section("MZ", 2, ".debug_info"));
	for (size_t n = 0; n < sizeof(f); n++)
		assert_false(elf_has_section(&f, n, ".debug_info"));
	f.eh.e_shstrndx = 3;
	assert_false(elf_has_section(&f, sizeof(f), ".debug_info"));
	f = make_file();
	f.sh[2].sh_name = UINT32_MAX;
	assert_false(elf_has_section(&f, sizeof(f), ".debug_info"));
	f = make_file();
	f.eh.e_shoff = UINT64_MAX;
	assert_false(elf_has_section(&f, sizeof(f), ".debug_info"));
	f = make_file();
	f.sh[1].sh_offset = UINT64_MAX;
	assert_false(elf_has_section(&f, sizeof(f), ".debug_info"));
}

static struct file clear(struct file f)
{
	char path[] = "/tmp/test-elf-section-XXXXXX";
	int fd = mkstemp(path);

	assert_int_equal(write(fd, &f, sizeof(f)), sizeof(f));
	assert_int_equal(elf_file_clear_addresses(path), 0);
	assert_int_equal(pread(fd, &f, sizeof(f), 0), sizeof(f));
	close(fd);
	unlink(path);
	return f;
}

static void a_module_forgets_where_its_sections_were(void **state)
{
	struct file f = make_file(), wanted;

	(void)state;
	f.eh.e_type = ET_REL;
	wanted = f;
	f.sh[1].sh_addr = 0x5a0;
	f.sh[2].sh_addr = UINT64_MAX;
	f = clear(f);
	assert_memory_equal(&f, &wanted, sizeof(f));
}

static void a_program_keeps_its_addresses(void **state)
{
	struct file f = make_file(), got;

	(void)state;
	f.eh.e_type = ET_EXEC;
	f.sh[2].sh_addr = 0x1000;
	got = clear(f);
	assert_memory_equal(&got, &f, sizeof(f));
	assert_int_equal(elf_file_clear_addresses("/nowhere"), -ENOENT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_is_found_by_its_name),
		cmocka_unit_test(an_empty_section_does_not_count),
		cmocka_unit_test(broken_files_have_none),
		cmocka_unit_test(a_module_forgets_where_its_sections_were),
		cmocka_unit_test(a_program_keeps_its_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
