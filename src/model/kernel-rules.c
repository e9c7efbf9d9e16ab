/* SPDX-License-Identifier: MIT */
#include "kernel-rules.h"

#include <errno.h>
#include <string.h>

#include "linux-version.h"

#define B(id, name, commit, versions, summary) [id] = {name, commit, versions, summary},
const struct kernel_bug_row kernel_bugs[N_KERNEL_BUGS] = {KERNEL_BUGS(B)};
#undef B

int kernel_rules_of(const char *version, struct kernel_rules *ret_r)
{
	uint64_t key = linux_version_key(version);
	struct kernel_rules r = {
		.has_folio_queue = key >= linux_version_key("6.12-rc1"),
		.has_netfs_direct = key >= linux_version_key("6.8-rc1"),
	};

	if (!key)
		return -EINVAL;
	for (size_t i = 0; i < N_KERNEL_BUGS; i++)
		r.has[i] = linux_version_is_within(version, kernel_bugs[i].versions);
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
