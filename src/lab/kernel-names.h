/* SPDX-License-Identifier: MIT */
/* The kernels that can be fetched or built, and the names that they go by. */
#ifndef LAB_KERNEL_NAMES_H
#define LAB_KERNEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct kernel_config;

/* What --source newest means. */
#define KERNEL_NEWEST "trixie-backports"

/* Name, alias (or ""), package, suites that may have it, configuration (none: Debian's image),
 * sentence for `warren lab kernel list`. */
#define KERNEL_SOURCES(S)                                                                          \
	S("6.12-uml", "uml", "linux-source-6.12", "bookworm-backports bookworm-security",          \
	  &uml_plain, "small User Mode Linux, the default of 'warren verify'")                     \
	S("6.12-uml-fuse", "", "linux-source-6.12", "bookworm-backports bookworm-security",        \
	  &uml_fuse, "the same, with virtiofs besides, for 'tools/bench'")                         \
	S("6.1-uml", "", "linux-source-6.1", "bookworm bookworm-security", &uml_inet,              \
	  "small User Mode Linux, of Debian 12's kernel")                                          \
	S("6.12-uml-debug", "", "linux-source-6.12", "bookworm-backports bookworm-security",       \
	  &uml_debug, "with debug information and tracepoints, for gdb")                           \
	S("6.1-uml-debug", "", "linux-source-6.1", "bookworm bookworm-security", &uml_inet_debug,  \
	  "the same, of Debian 12's kernel")                                                       \
	S("6.12-x86", "", "linux-source-6.12", "bookworm-backports bookworm-security", &x86_debug, \
	  "small, for QEMU, all built in, with debug information and tracepoints")                 \
	S("trixie-backports-uml", "", "linux-source", "trixie-backports", &uml_plain,              \
	  "small User Mode Linux, of Debian 13's backport")                                        \
	S("trixie-backports-uml-debug", "", "linux-source", "trixie-backports", &uml_debug,        \
	  "the same, with debug information and tracepoints")                                      \
	S("trixie-backports-x86", "", "linux-source", "trixie-backports", &x86_debug,              \
	  "small, for QEMU, of Debian 13's backport")                                              \
	S("6.1", "bookworm", "linux-image-amd64", "bookworm bookworm-security", NULL,              \
	  "Debian 12's kernel")                                                                    \
	S("6.12", "bookworm-backports", "linux-image-amd64", "bookworm-backports", NULL,           \
	  "Debian 12's backport, the default of '--guest qemu'")                                   \
	S("trixie", "", "linux-image-amd64", "trixie trixie-security", NULL, "Debian 13's kernel") \
	S("trixie-backports", "", "linux-image-amd64", "trixie-backports", NULL,                   \
	  "Debian 13's backport, the newest")

struct kernel_source {
	const char *name, *alias, *package, *suites;
	const struct kernel_config *config; /* NULL: one of Debian's images */
	const char *summary;
};

extern const struct kernel_source kernel_sources[];
extern const size_t n_kernel_sources;

bool kernel_source_is_uml(const struct kernel_source *s);

/* The source that NAME means for a guest of that kind; NULL or "" is the kind's default, and
 * "6.12" is "6.12-uml" for UML. NULL when there is none. */
const struct kernel_source *kernel_source_find(const char *name, bool uml);

/* Any kind. */
const struct kernel_source *kernel_source_by_name(const char *name);

/* All names of those that are built here, or fetched, as the next one. */
char *kernel_source_list_made(bool built);

/* All names that fit the kind of guest, in one line; the caller frees it, NULL when memory is out. */
char *kernel_source_list(bool uml);

#endif
