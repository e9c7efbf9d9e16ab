/* SPDX-License-Identifier: MIT */
/* Orders versions of Linux: "6.12.43", "6.12-rc1", or a release such as "6.12.95+deb12-amd64". */
#ifndef BASE_LINUX_VERSION_H
#define BASE_LINUX_VERSION_H

#include <stdbool.h>
#include <stdint.h>

/* A number that grows with the version; a release candidate comes before its release. 0: it is none. */
uint64_t linux_version_key(const char *version);

/* VERSIONS: "FROM..BEFORE" with blanks between, the second one of each is the first without; nothing
 * behind the dots: up to the newest. */
bool linux_version_is_within(const char *version, const char *versions);

#endif
