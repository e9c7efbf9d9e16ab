/* SPDX-License-Identifier: MIT */
/* The sections of an ELF program: 64-bit, little-endian. */
#ifndef LAB_ELF_SECTION_H
#define LAB_ELF_SECTION_H

#include <stdbool.h>
#include <stddef.h>

/* Has the file of N bytes at ELF (any bytes) a section of that name with something in it? */
bool elf_has_section(const void *elf, size_t n, const char *name);

/* The same of the file PATH; false when it cannot be read. */
bool elf_file_has_section(const char *path, const char *name);

/* Sets the address of each section of the relocatable file PATH (a kernel module) to 0. Linkers leave
 * some there, which mean nothing, but keep gdb from placing the sections one by one. Other files
 * are left alone. 0 or -errno. */
int elf_file_clear_addresses(const char *path);

#endif
