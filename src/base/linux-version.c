/* SPDX-License-Identifier: MIT */
#include "linux-version.h"

#include <string.h>

#include "number.h"

#define NO_RC 0xffffU

static bool take_number(const char **at, unsigned *ret_n)
{
	uint64_t n;

	if (!number_take(at, 0, NO_RC - 1, &n))
		return false;
	*ret_n = (unsigned)n;
	return true;
}

/* A number that orders versions: a release candidate comes before its release. 0 if it is none.
 * *AT moves behind the part that counts. */
static uint64_t version_key(const char **at)
{
	unsigned major, minor, patch = 0, rc = NO_RC;

	if (!take_number(at, &major) || **at != '.' || (++*at, !take_number(at, &minor)))
		return 0;
	if (**at == '.' && (*at)[1] >= '0' && (*at)[1] <= '9') {
		++*at;
		if (!take_number(at, &patch))
			return 0;
	}
	if (!strncmp(*at, "-rc", 3)) {
		*at += 3;
		if (!take_number(at, &rc))
			return 0;
	}
	return (uint64_t)major << 48 | (uint64_t)minor << 32 | (uint64_t)patch << 16 | rc;
}

uint64_t linux_version_key(const char *version)
{
	return version_key(&version);
}

bool linux_version_is_within(const char *version, const char *versions)
{
	uint64_t key = linux_version_key(version);

	while (*versions) {
		uint64_t from = version_key(&versions), before = UINT64_MAX;

		versions += strspn(versions, ".");
		if (*versions && *versions != ' ')
			before = version_key(&versions);
		versions += strspn(versions, " ");
		if (key && key >= from && key < before)
			return true;
	}
	return false;
}
