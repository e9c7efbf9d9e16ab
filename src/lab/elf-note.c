/* SPDX-License-Identifier: MIT */
#include "elf-note.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"

static char *make_hex(const unsigned char *p, size_t n)
{
	char *hex = malloc(2 * n + 1);

	for (size_t i = 0; hex && i < n; i++)
		sprintf(hex + 2 * i, "%02x", p[i]);
	return hex;
}

static uint64_t padded(uint32_t n)
{
	return ((uint64_t)n + 3) & ~UINT64_C(3);
}

static int search_notes(const unsigned char *p, uint64_t size, char **ret_hex)
{
	Elf64_Nhdr note;

	while (size >= sizeof(note)) {
		uint64_t length;

		memcpy(&note, p, sizeof(note));
		length = sizeof(note) + padded(note.n_namesz) + padded(note.n_descsz);
		if (length > size)
			return -ENOENT;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz &&
		    !memcmp(p + sizeof(note), "GNU", 4)) {
			char *hex = make_hex(p + sizeof(note) + 4, note.n_descsz);

			if (!hex)
				return -ENOMEM;
			*ret_hex = hex;
			return 0;
		}
		p += length;
		size -= length;
	}
	return -ENOENT;
}

/* Are COUNT entries of ENTRY bytes at OFFSET within the FILE bytes? */
static bool has_table(size_t file, uint64_t offset, uint64_t count, size_t entry)
{
	return offset <= file && (file - offset) / entry >= count;
}

static int search_segments(const unsigned char *bytes, size_t size, const Elf64_Ehdr *eh,
			   char **ret_hex)
{
	Elf64_Phdr ph;

	for (unsigned i = 0; i < eh->e_phnum; i++) {
		int r;

		memcpy(&ph, bytes + eh->e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_NOTE || ph.p_offset > size)
			continue;
		r = search_notes(bytes + ph.p_offset, MIN(ph.p_filesz, size - ph.p_offset),
				 ret_hex);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

/* Modules have no segments. */
static int search_sections(const unsigned char *bytes, size_t size, const Elf64_Ehdr *eh,
			   char **ret_hex)
{
	Elf64_Shdr sh;

	for (unsigned i = 0; i < eh->e_shnum; i++) {
		int r;

		memcpy(&sh, bytes + eh->e_shoff + i * sizeof(sh), sizeof(sh));
		if (sh.sh_type != SHT_NOTE || sh.sh_offset > size)
			continue;
		r = search_notes(bytes + sh.sh_offset, MIN(sh.sh_size, size - sh.sh_offset),
				 ret_hex);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

int elf_build_id(const void *elf, size_t size, char **ret_hex)
{
	const unsigned char *bytes = elf;
	Elf64_Ehdr eh;
	int r = -ENOENT;

	if (size < sizeof(eh))
		return -EINVAL;
	memcpy(&eh, bytes, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return -EINVAL;
	if ((eh.e_phnum && (eh.e_phentsize != sizeof(Elf64_Phdr) ||
			    !has_table(size, eh.e_phoff, eh.e_phnum, sizeof(Elf64_Phdr)))) ||
	    (eh.e_shnum && (eh.e_shentsize != sizeof(Elf64_Shdr) ||
			    !has_table(size, eh.e_shoff, eh.e_shnum, sizeof(Elf64_Shdr)))))
		return -EINVAL;
	if (eh.e_phnum)
		r = search_segments(bytes, size, &eh, ret_hex);
	return r == -ENOENT ? search_sections(bytes, size, &eh, ret_hex) : r;
}

int elf_file_build_id(const char *path, char **ret_hex)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_size <= 0)
		return -EINVAL;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r = elf_build_id(map, (size_t)st.st_size, ret_hex);
	munmap(map, (size_t)st.st_size);
	return r;
}
