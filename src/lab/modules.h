/* SPDX-License-Identifier: MIT */
/* Which module files a kernel needs for a feature, from the lists that depmod left beside them:
 * modules.dep ("FILE: FILES it needs") and modules.builtin (what is in the kernel already). */
#ifndef LAB_MODULES_H
#define LAB_MODULES_H

#include <stddef.h>

/* The files for the modules WANTED (names as lsmod prints them, '-' and '_' are one;
 * NULL-terminated), with all that they need, in an order in which they can be inserted. Names are
 * relative to DIR. A name that begins with '?' may be missing. The caller frees *RET_FILES with
 * strv_free; it is never NULL on success. 0, or -errno. -ENOENT: DIR has no modules.dep, or a
 * module is missing: *RET_MISSING (the caller frees it) is its name, NULL for modules.dep itself.
 * -ELOOP: modules that need one another. */
int modules_resolve(const char *dir, const char *const *wanted, char ***ret_files,
		    char **ret_missing);

/* The same, reading the text of both lists from memory. */
int modules_resolve_text(const char *dep, const char *builtin, const char *const *wanted,
			 char ***ret_files, char **ret_missing);

/* The module FILE, unpacked if it is compressed (.xz, .zst). The caller frees *RET_DATA.
 * -ENOTSUP: compressed in a way that we do not know. */
int modules_read(const char *file, void **ret_data, size_t *ret_n);

#endif
