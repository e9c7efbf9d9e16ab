/* SPDX-License-Identifier: MIT */
#include "elf-section.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

struct view {
	const unsigned char *bytes;
	size_t n;
	Elf64_Ehdr eh;
};

static bool get_header(struct view *v)
{
	if (v->n < sizeof(v->eh))
		return false;
	memcpy(&v->eh, v->bytes, sizeof(v->eh));
	return !memcmp(v->eh.e_ident, ELFMAG, SELFMAG) && v->eh.e_ident[EI_CLASS] == ELFCLASS64 &&
	       v->eh.e_ident[EI_DATA] == ELFDATA2LSB && v->eh.e_shentsize == sizeof(Elf64_Shdr) &&
	       v->eh.e_shoff <= v->n &&
	       (v->n - v->eh.e_shoff) / sizeof(Elf64_Shdr) >= v->eh.e_shnum &&
	       v->eh.e_shstrndx < v->eh.e_shnum;
}

static Elf64_Shdr get_section(const struct view *v, unsigned i)
{
	Elf64_Shdr sh;

	memcpy(&sh, v->bytes + v->eh.e_shoff + i * sizeof(sh), sizeof(sh));
	return sh;
}

bool elf_has_section(const void *elf, size_t n, const char *name)
{
	struct view v = {.bytes = elf, .n = n};
	size_t len = strlen(name) + 1;
	Elf64_Shdr names;

	if (!get_header(&v))
		return false;
	names = get_section(&v, v.eh.e_shstrndx);
	if (names.sh_offset > n || names.sh_size > n - names.sh_offset)
		return false;
	for (unsigned i = 0; i < v.eh.e_shnum; i++) {
		Elf64_Shdr sh = get_section(&v, i);

		if (sh.sh_size && sh.sh_name < names.sh_size && names.sh_size - sh.sh_name >= len &&
		    !memcmp(v.bytes + names.sh_offset + sh.sh_name, name, len))
			return true;
	}
	return false;
}

bool elf_file_has_section(const char *path, const char *name)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool has;
	void *map;

	if (fd < 0 || fstat(fd, &st) || st.st_size <= 0)
		return false;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return false;
	has = elf_has_section(map, (size_t)st.st_size, name);
	munmap(map, (size_t)st.st_size);
	return has;
}

static void clear_addresses(unsigned char *bytes, size_t n)
{
	struct view v = {.bytes = bytes, .n = n};

	if (!get_header(&v) || v.eh.e_type != ET_REL)
		return;
	for (unsigned i = 0; i < v.eh.e_shnum; i++)
		memset(bytes + v.eh.e_shoff + i * sizeof(Elf64_Shdr) +
			       offsetof(Elf64_Shdr, sh_addr),
		       0, sizeof(Elf64_Addr));
}

int elf_file_clear_addresses(const char *path)
{
	autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!st.st_size)
		return 0;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	clear_addresses(map, (size_t)st.st_size);
	return munmap(map, (size_t)st.st_size) ? -errno : 0;
}
