/* SPDX-License-Identifier: MIT */
/* The file systems that the server sees: an empty root that cannot be written to, in it the export
 * and, if it needs one, the folder of recordings. Nothing there is a device, runs, or gives rights.
 * /proc has no place in it: of that there is /proc/self/fd, by a descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "sandbox-impl.h"

#define PLAIN (MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

/* A new, empty file system, attached nowhere. */
static int make_root(int *ret_fd)
{
	autoclose int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "size", "65536", 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, PLAIN);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int set_attributes(int fd, unsigned flags, uint64_t attributes)
{
	struct mount_attr a = {.attr_set = attributes};

	return mount_setattr(fd, "", AT_EMPTY_PATH | flags, &a, sizeof(a)) ? -errno : 0;
}

/* What is at PATH, with what is mounted in it, once more. */
static int clone_folder(const char *path, bool readonly, int *ret_fd)
{
	autoclose int fd = open_tree(AT_FDCWD, path,
				     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	int r;

	if (fd < 0)
		return -errno;
	r = set_attributes(fd, AT_RECURSIVE, PLAIN | (readonly ? MOUNT_ATTR_RDONLY : 0));
	if (r)
		return r;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int make_parts(const struct sandbox_plan *p, struct tree *t, char *why)
{
	int r;

	/* What is mounted or unmounted on the host from now on is so here too; never the reverse. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return explain(why, -errno, "mounts cannot be made ours");
	r = make_root(&t->root_fd);
	if (r)
		return explain(why, r, "no empty root can be mounted");
	if (mkdirat(t->root_fd, "export", 0755) || mkdirat(t->root_fd, "record", 0755))
		return explain(why, -errno, "no folder in the empty root");
	r = clone_folder(p->export_dir, p->readonly, &t->export_fd);
	if (r)
		return explain(why, r, "%s cannot be mounted alone", p->export_dir);
	if (p->record_dir)
		r = clone_folder(p->record_dir, false, &t->record_fd);
	if (r)
		return explain(why, r, "%s cannot be mounted alone", p->record_dir);
	/* Alone, so that no ".." leads from it into /proc. */
	r = clone_folder("/proc/self/fd", true, &t->proc_fd);
	return r ? explain(why, r, "there is no /proc") : 0;
}

int tree_make(const struct sandbox_plan *p, struct tree *ret_t, char *why)
{
	struct tree t = TREE_INIT;
	int r = make_parts(p, &t, why);

	if (r) {
		tree_done(&t);
		return r;
	}
	*ret_t = t;
	return 0;
}

static int attach(int fd, int dir_fd, const char *name)
{
	if (fd < 0)
		return 0;
	return move_mount(fd, "", dir_fd, name, MOVE_MOUNT_F_EMPTY_PATH) ? -errno : 0;
}

int tree_enter(struct tree *t, char *why)
{
	int r = attach(t->root_fd, AT_FDCWD, "/");

	if (!r)
		r = attach(t->export_fd, t->root_fd, "export");
	if (!r)
		r = attach(t->record_fd, t->root_fd, "record");
	if (!r)
		r = set_attributes(t->root_fd, 0, PLAIN | MOUNT_ATTR_RDONLY);
	if (r)
		return explain(why, r, "the new root takes no mounts");
	/* The old root comes to lie on the new one, from where it is taken. */
	if (fchdir(t->root_fd) || syscall(SYS_pivot_root, ".", "."))
		return explain(why, -errno, "the root cannot be changed, is it an initramfs?");
	if (umount2(".", MNT_DETACH) || chdir("/"))
		return explain(why, -errno, "the old root cannot be left");
	close(t->root_fd);
	t->root_fd = -1;
	return 0;
}

void tree_done(struct tree *t)
{
	int *const fds[] = {&t->root_fd, &t->export_fd, &t->record_fd, &t->proc_fd};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
