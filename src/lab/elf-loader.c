/* SPDX-License-Identifier: MIT */
#include "elf-loader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int elf_find_loader(int fd, Elf64_Phdr *ret_h)
{
	Elf64_Ehdr e;
	Elf64_Phdr h;

	if (pread(fd, &e, sizeof(e), 0) != sizeof(e) || memcmp(e.e_ident, ELFMAG, SELFMAG) ||
	    e.e_ident[EI_CLASS] != ELFCLASS64 || (e.e_phnum && e.e_phentsize != sizeof(h)))
		return -EINVAL;
	for (unsigned i = 0; i < e.e_phnum; i++) {
		off_t at = (off_t)(e.e_phoff + i * sizeof(h));

		if (pread(fd, &h, sizeof(h), at) != sizeof(h))
			return -EINVAL;
		if (h.p_type != PT_INTERP)
			continue;
		if (h.p_filesz < 2 || h.p_filesz >= PATH_MAX)
			return -EINVAL;
		*ret_h = h;
		return 0;
	}
	return -ENOENT;
}

int elf_read_loader(int fd, char ret_loader[static PATH_MAX])
{
	Elf64_Phdr h = {0};
	int r = elf_find_loader(fd, &h);

	if (r)
		return r;
	if (pread(fd, ret_loader, h.p_filesz, (off_t)h.p_offset) != (ssize_t)h.p_filesz)
		return -EIO;
	ret_loader[h.p_filesz - 1] = '\0';
	return *ret_loader == '/' ? 0 : -EINVAL;
}
