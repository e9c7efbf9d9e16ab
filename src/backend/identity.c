/* SPDX-License-Identifier: MIT */
#include "identity.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ASK 0xffffffffu /* no id: the calls change nothing, and tell what is */

static _Thread_local struct {
	bool is_known; /* the rest is set, and the groups are dropped */
	bool overrides_modes;
	uint32_t uid, gid;
	uint32_t own_uid, own_gid; /* asked once: these do not change */
} self;

/* The raw calls act on the calling thread; the C library's setgroups acts on all. */

/* #syscalls identity: setfsuid geteuid */
static uint32_t set_fsuid(uint32_t uid)
{
	return (uint32_t)syscall(SYS_setfsuid, uid);
}

/* #syscalls identity: setfsgid getegid */
static uint32_t set_fsgid(uint32_t gid)
{
	return (uint32_t)syscall(SYS_setfsgid, gid);
}

/* #syscalls identity: setgroups */
static void know_self(void)
{
	if (self.is_known)
		return;
	syscall(SYS_setgroups, 0, NULL);
	self.own_uid = geteuid();
	self.own_gid = getegid();
	self.uid = set_fsuid(ASK);
	self.gid = set_fsgid(ASK);
	self.is_known = true;
}

/* The kernel forgets the signal that a thread gets when its parent dies whenever the thread's
 * identity changes: who starts us as a child counts on it. */

/* #syscalls identity: prctl */
static int death_signal(void)
{
	int sig;

	return prctl(PR_GET_PDEATHSIG, &sig) ? 0 : sig;
}

static void restore_death_signal(int sig)
{
	if (sig)
		prctl(PR_SET_PDEATHSIG, sig);
}

/* #syscalls identity: capget capset */
static bool set_override(bool on)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	const uint32_t bits = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;

	if (syscall(SYS_capget, &head, data))
		return false;
	data[0].effective &= ~bits;
	if (on)
		data[0].effective |= data[0].permitted & bits;
	return !syscall(SYS_capset, &head, data) && data[0].permitted & bits;
}

static int change(uint32_t uid, uint32_t gid)
{
	int sig = death_signal();

	if (self.overrides_modes && self.uid) /* else the kernel has given them */
		set_override(false);
	self.overrides_modes = false;
	if (gid != self.gid) {
		set_fsgid(gid);
		self.gid = set_fsgid(ASK);
	}
	if (uid != self.uid) {
		set_fsuid(uid);
		self.uid = set_fsuid(ASK);
	}
	restore_death_signal(sig);
	return self.uid == uid && self.gid == gid ? 0 : -EPERM;
}

int identity_become(uint32_t uid, uint32_t gid)
{
	int saved = errno, r;

	know_self();
	if (gid == IDENTITY_OWN_GROUP)
		gid = self.own_gid;
	if (uid == self.uid && gid == self.gid && !self.overrides_modes)
		return 0;
	r = change(uid, gid);
	if (r)
		change(self.own_uid, self.own_gid);
	errno = saved;
	return r;
}

void identity_become_ourselves(void)
{
	know_self();
	identity_become(self.own_uid, self.own_gid);
}

bool identity_override_modes(void)
{
	int saved = errno, sig;

	know_self();
	if (self.overrides_modes || !self.uid)
		return false;
	sig = death_signal();
	self.overrides_modes = set_override(true);
	restore_death_signal(sig);
	errno = saved;
	return self.overrides_modes;
}

bool identity_is_possible(void)
{
	bool possible;

	if (geteuid() != 0)
		return false;
	possible = !identity_become(1, 1) && !identity_become(1, IDENTITY_NO_GROUP);
	identity_become_ourselves();
	return possible;
}
