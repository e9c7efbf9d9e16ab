/* SPDX-License-Identifier: MIT */
/* The QEMUs of other Debian releases that can be fetched; lab_qemu_get in kernel.h fetches. */
#ifndef LAB_QEMU_FETCH_H
#define LAB_QEMU_FETCH_H

#include <stddef.h>

/* Name, suites whose lists are needed, suite that QEMU is taken from, sentence for the list. */
#define QEMU_SOURCES(S)                                                            \
	S("trixie", "trixie trixie-security trixie-backports", "trixie-backports", \
	  "Debian 13's backport; has vhost-user-test-device-pci")

struct qemu_source {
	const char *name, *suites, *suite, *summary;
};

extern const struct qemu_source qemu_sources[];
extern const size_t n_qemu_sources;

/* The version and the folder of a QEMU that is in the cache. 0 or -ENOENT. */
int qemu_find(const char *name, char **ret_version, char **ret_root);

#endif
