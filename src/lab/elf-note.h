/* SPDX-License-Identifier: MIT */
/* The GNU build-id of an ELF program or kernel module: 64-bit, little-endian. */
#ifndef LAB_ELF_NOTE_H
#define LAB_ELF_NOTE_H

#include <stddef.h>

/* Hex of the build-id in the SIZE bytes at ELF (any bytes; caller frees). -ENOENT when it has none,
 * -EINVAL when it is no such ELF file. */
int elf_build_id(const void *elf, size_t size, char **ret_hex);

/* The same of the file PATH. */
int elf_file_build_id(const char *path, char **ret_hex);

#endif
