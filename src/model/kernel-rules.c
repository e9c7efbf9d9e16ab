/* SPDX-License-Identifier: MIT */
#include "kernel-rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_RC 0xffffU

#define B(id, name, commit, versions, summary) [id] = {name, commit, versions, summary},
const struct kernel_bug_row kernel_bugs[N_KERNEL_BUGS] = {KERNEL_BUGS(B)};
#undef B

static bool take_number(const char **at, unsigned *ret_n)
{
	char *end;
	unsigned long n;

	if (**at < '0' || **at > '9')
		return false;
	n = strtoul(*at, &end, 10);
	if (n >= NO_RC)
		return false;
	*at = end;
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

static uint64_t key_of(const char *version)
{
	return version_key(&version);
}

/* VERSIONS as in the table. */
static bool is_within(uint64_t key, const char *versions)
{
	while (*versions) {
		uint64_t from = version_key(&versions), before = UINT64_MAX;

		versions += strspn(versions, ".");
		if (*versions && *versions != ' ')
			before = version_key(&versions);
		versions += strspn(versions, " ");
		if (key >= from && key < before)
			return true;
	}
	return false;
}

int kernel_rules_of(const char *version, struct kernel_rules *ret_r)
{
	uint64_t key = key_of(version);
	struct kernel_rules r = {
		.has_folio_queue = key >= key_of("6.12-rc1"),
		.has_netfs_direct = key >= key_of("6.8-rc1"),
	};

	if (!key)
		return -EINVAL;
	for (size_t i = 0; i < N_KERNEL_BUGS; i++)
		r.has[i] = is_within(key, kernel_bugs[i].versions);
	*ret_r = r;
	return 0;
}

void kernel_rules_add(struct kernel_rules *r, enum kernel_bug bug)
{
	r->has[bug] = true;
	/* The fix of the second hides the first: no kernel had the first alone. */
	if (bug == BUG_GET_PAGES_SLOT)
		r->has[BUG_GET_PAGES_PARKED] = true;
}

enum kernel_bug kernel_bug_find(const char *name)
{
	size_t i = 0;

	while (i < N_KERNEL_BUGS && strcmp(name, kernel_bugs[i].name) != 0)
		i++;
	return (enum kernel_bug)i;
}
