/* SPDX-License-Identifier: MIT */
#include "identity.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ASK 0xffffffffu /* no id: the calls change nothing, and tell what is */

static _Thread_local struct {
	bool is_known;	 /* the rest is set, and the groups are dropped */
	bool has_joined; /* groups */
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

/* False if it stays in them. */
static bool leave_joined(void)
{
	if (self.has_joined)
		self.has_joined = syscall(SYS_setgroups, 0, NULL) != 0;
	return !self.has_joined;
}

static int change(uint32_t uid, uint32_t gid)
{
	int sig = death_signal();

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
	r = leave_joined() ? 0 : -EPERM;
	if (!r && (uid != self.uid || gid != self.gid))
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

bool identity_join(const uint32_t *gids, unsigned n)
{
	int saved = errno;

	know_self();
	if (self.has_joined || !self.uid)
		return false;
	self.has_joined = !syscall(SYS_setgroups, n, gids);
	errno = saved;
	return self.has_joined;
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
