/* SPDX-License-Identifier: MIT */
/* A program with its libraries and its loader, so that it runs on any distribution: on one with another C
 * library, or with none where this program expects it. */
#ifndef LAB_BUNDLE_H
#define LAB_BUNDLE_H

/* The loader's name in a folder of libraries. */
#define BUNDLE_LOADER "ld-linux-x86-64.so.2"

/* Copies the libraries that PROGRAM needs, and its loader, into the folder DIR. 0 or -errno with *RET_WHY; nothing
 * to do for a static program. */
int bundle_libraries(const char *program, const char *dir, char **ret_why);

/* Copies FROM to TO, with the owner's x if it has that; follows links. */
int bundle_copy(const char *from, const char *to);

/* Makes LOADER the loader of the program at PATH (for 64-bit ELF): where it is relative, the program is to be
 * started in the folder that it is relative to. -ENOSPC when there is no room for the name, -ENOENT for a
 * static program. */
int bundle_set_loader(const char *path, const char *loader);

#endif
