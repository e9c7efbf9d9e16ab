/* SPDX-License-Identifier: MIT */
/* Namespaces. As root none but those that shut something away; an ordinary user needs a user
 * namespace first, in which it has the capabilities for the others and stays who it is. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "sandbox-impl.h"

static bool has_capability(unsigned cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return !syscall(SYS_capget, &head, data) && data[cap / 32].effective & 1u << cap % 32;
}

static int write_file(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
}

/* ID alone is mapped, to itself. */
static int map_id(const char *path, unsigned id)
{
	char line[40];

	snprintf(line, sizeof(line), "%u %u 1\n", id, id);
	return write_file(path, line);
}

/* Until the seal, files are opened with the permissions that the user has outside. */
static int keep_only_mounts(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}, {0}};

	data[0].permitted = data[0].effective = 1u << CAP_SYS_ADMIN | 1u << CAP_SETPCAP;
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

static int enter_user(char *why)
{
	unsigned uid = geteuid(), gid = getegid();
	int r;

	if (unshare(CLONE_NEWUSER))
		return explain(why, -errno,
			       "user namespaces are not allowed here, see the sysctls "
			       "user.max_user_namespaces and kernel.unprivileged_userns_clone");
	r = write_file("/proc/self/setgroups", "deny");
	if (!r)
		r = map_id("/proc/self/uid_map", uid);
	if (!r)
		r = map_id("/proc/self/gid_map", gid);
	if (!r)
		r = keep_only_mounts();
	return r ? explain(why, r, "the user namespace takes no ids") : 0;
}

static void enter(struct sandbox *s, enum sandbox_layer layer, int flags)
{
	char why[WHY_SIZE] = "";
	int r;

	if (!is_wanted(s, layer))
		return;
	r = unshare(flags) ? -errno : 0;
	if (r)
		explain(why, r, "not allowed");
	sandbox_note(s, layer, r, why);
}

static void enter_all_but_user(struct sandbox *s)
{
	enter(s, LAYER_PID, CLONE_NEWPID);
	enter(s, LAYER_IPC, CLONE_NEWIPC | CLONE_NEWUTS);
	enter(s, LAYER_MOUNT, CLONE_NEWNS);
}

void namespaces_enter(struct sandbox *s)
{
	char why[WHY_SIZE] = "";
	int r;

	if (has_capability(CAP_SYS_ADMIN)) {
		s->layers[LAYER_USER].state = LAYER_UNNEEDED;
		enter_all_but_user(s);
		return;
	}
	if (!is_wanted(s, LAYER_USER))
		return;
	/* In a namespace that knows user 0 alone it could not act as others. */
	if (geteuid() == 0 && has_capability(CAP_SETUID))
		r = explain(why, -EPERM, "user 0 without CAP_SYS_ADMIN: a container's root?");
	else
		r = enter_user(why);
	sandbox_note(s, LAYER_USER, r, why);
	if (!r) {
		enter_all_but_user(s);
		return;
	}
	for (unsigned l = LAYER_PID; l <= LAYER_NET; l++)
		sandbox_note(s, l, r, "needs the user namespace");
}

/* Sockets keep the network in which they were made: those that listen still do. */
int namespace_net(char *why)
{
	if (unshare(CLONE_NEWNET))
		return explain(why, -errno, "not allowed");
	return 0;
}
