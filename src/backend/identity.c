/* SPDX-License-Identifier: MIT */
#include "identity.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The raw calls act on the calling thread; the C library's setgroups acts on all. */

static uint32_t set_fsuid(uint32_t uid)
{
	return (uint32_t)syscall(SYS_setfsuid, uid);
}

static uint32_t set_fsgid(uint32_t gid)
{
	return (uint32_t)syscall(SYS_setfsgid, gid);
}

/* The kernel forgets the signal that a thread gets when its parent dies whenever the thread's
 * identity changes: who starts us as a child counts on it, so it is kept and given back. */
static int keep_death_signal(void)
{
	static _Thread_local int kept = -1;

	if (kept < 0 && prctl(PR_GET_PDEATHSIG, &kept))
		kept = 0;
	return kept;
}

static void restore_death_signal(void)
{
	int kept = keep_death_signal();

	if (kept)
		prctl(PR_SET_PDEATHSIG, kept);
}

bool identity_is_possible(void)
{
	bool possible;

	if (geteuid() != 0)
		return false;
	keep_death_signal();
	set_fsuid(1);
	possible = set_fsuid(0) == 1;
	set_fsgid(1);
	possible = set_fsgid(getegid()) == 1 && possible;
	restore_death_signal();
	return possible;
}

static void drop_groups(void)
{
	static _Thread_local bool dropped;

	if (!dropped)
		syscall(SYS_setgroups, 0, NULL);
	dropped = true;
}

static void raise_dac_override(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	const uint32_t bit = 1u << CAP_DAC_OVERRIDE;

	if (syscall(SYS_capget, &head, data) || !(data[0].permitted & bit))
		return;
	data[0].effective |= bit;
	syscall(SYS_capset, &head, data);
}

int identity_enter(uint32_t uid, uint32_t gid, struct identity *ret_id)
{
	struct identity id = {false, false};

	keep_death_signal();
	drop_groups();
	if (gid != IDENTITY_SAME) {
		id.has_gid = true;
		set_fsgid(gid);
		if (set_fsgid(IDENTITY_SAME) != gid)
			goto refused;
	}
	if (uid != IDENTITY_SAME && uid != 0) {
		id.has_uid = true;
		set_fsuid(uid);
		if (set_fsuid(IDENTITY_SAME) != uid)
			goto refused;
		raise_dac_override();
	}
	*ret_id = id;
	return 0;
refused:
	identity_leave(&id);
	return -EPERM;
}

void identity_enter_writer(uint32_t uid, struct identity *ret_id)
{
	keep_death_signal();
	set_fsuid(uid);
	*ret_id = (struct identity){true, false};
}

/* Going back to user 0 gives the capabilities of files back, too. */
void identity_leave(struct identity *id)
{
	int saved = errno;

	if (id->has_uid)
		set_fsuid(0);
	if (id->has_gid)
		set_fsgid(getegid());
	if (id->has_uid || id->has_gid)
		restore_death_signal();
	*id = (struct identity){false, false};
	errno = saved;
}
