/* SPDX-License-Identifier: MIT */
/* The QEMUs of other Debian releases that can be fetched, and what belongs to them; lab_qemu_get in
 * kernel.h fetches. */
#ifndef LAB_QEMU_FETCH_H
#define LAB_QEMU_FETCH_H

#include <stdbool.h>
#include <stddef.h>

/* Name, program, suites whose lists are needed, suite that it is taken from, sentence for the list. */
#define QEMU_SOURCES(S)                                                                          \
	S("trixie", &qemu_system, "trixie trixie-security trixie-backports", "trixie-backports", \
	  "Debian 13's backport; has vhost-user-test-device-pci")                                \
	S("virtiofsd", &qemu_virtiofsd, "trixie trixie-security", "trixie",                      \
	  "Debian 13's server of virtiofs, for 'tools/bench'")

/* What is fetched, and how it is started from its folder. */
struct qemu_program {
	const char *package;
	const char *const *excluded; /* paths that no start reads */
	const char *const *words;    /* "@" is the folder; NULL-terminated */
	bool has_modules;
};

struct qemu_source {
	const char *name;
	const struct qemu_program *program;
	const char *suites, *suite, *summary;
};

extern const struct qemu_program qemu_system, qemu_virtiofsd;
extern const struct qemu_source qemu_sources[];
extern const size_t n_qemu_sources;

/* As lab_qemu_get in kernel.h, for any row of the table. */
int qemu_fetch(const struct qemu_source *s, char ***ret_argv, char **ret_why);

/* The version and the folder of what is in the cache. 0 or -ENOENT. */
int qemu_find(const char *name, char **ret_version, char **ret_root);

#endif
