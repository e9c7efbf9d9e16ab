/* SPDX-License-Identifier: MIT */
/* What a process gives up of itself: capabilities, new privileges, memory, being looked into. */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox-impl.h"

/* From the bounding set, for what might be executed; the kernel's last one is where it says no. */
static int drop_bounding(uint64_t keep)
{
	for (unsigned cap = 0; cap < 64; cap++) {
		int is_set = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (is_set < 0)
			break;
		if (is_set && !(keep & 1ull << cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) &&
		    errno != EPERM)
			return -errno;
	}
	return 0;
}

int confine_capabilities(uint64_t keep, char *why)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	int r = drop_bounding(keep);

	if (r)
		return explain(why, r, "the bounding set cannot be changed");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    syscall(SYS_capget, &head, data))
		return explain(why, -errno, "capabilities cannot be read");
	for (unsigned i = 0; i < 2; i++) {
		const uint32_t kept = (uint32_t)(keep >> (32 * i));

		data[i].permitted &= kept;
		data[i].effective &= kept;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data))
		return explain(why, -errno, "capabilities cannot be given up");
	return 0;
}

static int limit(__rlimit_resource_t resource, rlim_t max)
{
	struct rlimit l;

	if (getrlimit(resource, &l))
		return -errno;
	l.rlim_max = MIN(l.rlim_max, max);
	l.rlim_cur = MIN(l.rlim_cur, l.rlim_max);
	return setrlimit(resource, &l) ? -errno : 0;
}

/* RLIMIT_DATA counts what a peer can make us allocate; the guest's memory, which is mapped shared,
 * has no part in it. */
int confine_limits(const struct sandbox_plan *p, char *why)
{
	struct rlimit now;
	int r = getrlimit(RLIMIT_NOFILE, &now) ? -errno : 0;

	if (!r)
		r = limit(RLIMIT_NOFILE, p->max_descriptors ? p->max_descriptors : now.rlim_cur);
	if (!r && p->max_memory)
		r = limit(RLIMIT_DATA, p->max_memory);
	if (!r)
		r = limit(RLIMIT_CORE, 0);
	if (r)
		return explain(why, r, "the limits of resources cannot be set");
	return 0;
}

int confine_no_new_privs(char *why)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return explain(why, -errno, "this kernel does not know it");
	return 0;
}

int confine_undumpable(char *why)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return explain(why, -errno, "refused");
	return 0;
}
