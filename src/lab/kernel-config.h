/* SPDX-License-Identifier: MIT */
/* The configurations of the kernels that we build, as small as they can be: the build is what a
 * first `warren verify` waits for. */
#ifndef LAB_KERNEL_CONFIG_H
#define LAB_KERNEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

/* A way of building: what make is asked for, and what it makes, below the source folder. */
struct kernel_arch {
	const char *make_arch; /* "ARCH=um" */
	const char *goal;
	const char *image;		     /* what a guest starts */
	const char *program;		     /* the ELF program with all symbols */
	const char *const *programs;	     /* pairs for tool_need */
	const char *const *parts;	     /* of the source: words for tar */
	const char *header, *header_package; /* of C, that the build's own tools need; or NULL */
	bool is_uml;
};

struct kernel_config {
	const struct kernel_arch *arch;
	const char *
		recipe; /* raised when the way of building changes: cached kernels are built anew */
	const char *const
		*options;   /* "NAME=y", "NAME=y?" or "NAME=n" without CONFIG_, ended by NULL */
	unsigned n_objects; /* about so many files are compiled: for the progress line */
	unsigned megabytes; /* about so much room the build needs */
	bool is_debug; /* keeps DWARF, gdb's scripts and, for the next variant, the build tree */
};

extern const struct kernel_config uml_plain, uml_fuse, uml_inet, uml_debug, uml_inet_debug,
	x86_debug;

/* What a kernel with KASAN has besides. */
extern const char *const kernel_kasan_options[];

/* The text for KCONFIG_ALLCONFIG; the caller frees it, NULL when memory is out. Options that it
 * does not name are off. MORE may be NULL. */
char *kernel_config_text(const struct kernel_config *c, const char *const *more);

/* The first option asked for that the resulting configuration TEXT does not have as asked; NULL
 * when all is well. */
const char *kernel_config_missing(const struct kernel_config *c, const char *const *more,
				  const char *text);

#endif
