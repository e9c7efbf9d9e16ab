/* SPDX-License-Identifier: MIT */
/* The loader that a dynamic program names: 64-bit, little-endian. */
#ifndef LAB_ELF_LOADER_H
#define LAB_ELF_LOADER_H

#include <elf.h>
#include <limits.h>

/* Where the loader's name is in the file FD. 0, -ENOENT: a static program, -EINVAL: no such program. */
int elf_find_loader(int fd, Elf64_Phdr *ret_h);

/* The name itself, an absolute path. Errors as above, and -EIO. */
int elf_read_loader(int fd, char ret_loader[static PATH_MAX]);

#endif
