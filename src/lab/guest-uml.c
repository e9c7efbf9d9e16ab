/* SPDX-License-Identifier: MIT */
/* User Mode Linux as a guest: the kernel is a program whose root file system is the host's, through
 * hostfs, so that the probe runs from where it is. Its virtio_uml driver connects to our server's
 * socket as a vhost-user front end. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest-parts.h"
#include "kernel.h"
#include "slurp.h"
#include "spawn.h"

#define VIRTIO_ID_9P 9

/* UML maps its memory file executable; a folder mounted noexec refuses that. */
static bool may_execute(const char *dir)
{
	autoclose int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	void *p;

	if (fd < 0 || ftruncate(fd, 4096))
		return false;
	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return false;
	munmap(p, 4096);
	return true;
}

static unsigned long long room_mib(const char *dir)
{
	struct statvfs st;

	if (statvfs(dir, &st))
		return 0;
	return (unsigned long long)st.f_bavail * st.f_frsize >> 20;
}

static bool can_hold_memory(const char *dir, unsigned mib)
{
	return !access(dir, W_OK | X_OK) && may_execute(dir) && room_mib(dir) >= mib;
}

/* Memory on a disk works, and is slow: the last choice. */
static int make_memory_folder(struct launch *l, char **ret_why)
{
	const char *candidates[] = {"/dev/shm", getenv("TMPDIR"), "/tmp"};
	unsigned mib = guest_memory_mib(l->cfg);
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
		if (!candidates[i] || candidates[i][0] != '/' ||
		    !can_hold_memory(candidates[i], mib))
			continue;
		r = state_folder_make(candidates[i], &l->memory);
		return r ? guest_why(ret_why, r, "cannot make a folder in %s: %s", candidates[i],
				     strerror(-r))
			 : 0;
	}
	return guest_why(
		ret_why, -ENOSPC,
		"no folder can hold the guest's %u MiB of memory: /dev/shm has %llu MiB "
		"free%s; enlarge it (mount -o remount,exec,size=1G /dev/shm) or set TMPDIR",
		mib, room_mib("/dev/shm"), may_execute("/dev/shm") ? "" : " and is mounted noexec");
}

/* A kernel that says how it was configured must have what we need. */
static int check_kernel(const struct kernel *k, char **ret_why)
{
	static const char *const needed[] = {"CONFIG_NET_9P_VIRTIO=y", "CONFIG_9P_FS=y",
					     "CONFIG_VIRTIO_UML=y", "CONFIG_HOSTFS=y"};
	autofree char *path = NULL, *config = NULL;

	if (access(k->image, X_OK))
		return guest_why(ret_why, -errno, "cannot run the kernel %s: %s", k->image,
				 strerror(errno));
	if (asprintf(&path, "%s/config", k->dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (slurp(path, 1 << 20, &config, NULL))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!strstr(config, needed[i]))
			return guest_why(ret_why, -ENOTSUP,
					 "kernel %s was built without 9P (%s): take another, see "
					 "'warren lab kernel list'",
					 k->name, needed[i]);
	return 0;
}

static int check_share(const struct guest_config *cfg, char **ret_why)
{
	struct stat st;

	if (cfg->share != SHARE_VHOST_USER)
		return guest_why(ret_why, -ENOTSUP,
				 "a UML guest takes its share by vhost-user only");
	if (stat(cfg->socket_path, &st) || !S_ISSOCK(st.st_mode))
		return guest_why(ret_why, -ENOTSOCK,
				 "no vhost-user socket at %s: start the server first",
				 cfg->socket_path);
	return 0;
}

static int write_job(const struct launch *l)
{
	autofree char *job = NULL, *parts = NULL, *place = NULL;
	int n;

	if (asprintf(&place, "%s/", l->dir) < 0)
		place = NULL;
	parts = place ? guest_job_parts(l->cfg, place, "/dev/tty1") : NULL;
	n = parts ? asprintf(&job, "report %sreport\n%s%s", place, parts,
			     l->cfg->job ? l->cfg->job : "")
		  : -1;
	if (n < 0) {
		job = NULL;
		return -ENOMEM;
	}
	return guest_write_file(l->dir, "job", job, (size_t)n);
}

/* Kernel words first, then "--" and what the first process gets. */
static int make_words(struct launch *l)
{
	const struct guest_config *cfg = l->cfg;
	int r = strv_push(&l->argv, cfg->kernel->image);

	r = r ? r : strv_pushf(&l->argv, "mem=%uM", guest_memory_mib(cfg));
	r = r ? r : strv_push(&l->argv, "root=none");
	r = r ? r : strv_push(&l->argv, "rootfstype=hostfs");
	r = r ? r : strv_push(&l->argv, "rootflags=/");
	r = r ? r : strv_push(&l->argv, "rw");
	r = r ? r : strv_push(&l->argv, "con=null");
	r = r ? r : strv_push(&l->argv, "con0=null,fd:1");
	if (!r && cfg->terminal)
		r = strv_push(&l->argv, "con1=fd:0");
	if (!r && cfg->dmesg)
		r = strv_push(&l->argv, GUEST_LOG_WORDS);
	r = r ? r : strv_push(&l->argv, "panic=-1");
	r = r ? r : strv_pushf(&l->argv, "uml_dir=%s/uml/", l->dir);
	r = r ? r : strv_push(&l->argv, "umid=guest");
	r = r ? r : strv_pushf(&l->argv, "virtio_uml.device=%s/9p:%d", l->dir, VIRTIO_ID_9P);
	r = r ? r : strv_pushf(&l->argv, "init=%s/probe", l->dir);
	if (!r && cfg->kernel_args)
		r = strv_push(&l->argv, cfg->kernel_args);
	r = r ? r : strv_push(&l->argv, "--");
	return r ? r : strv_pushf(&l->argv, "%s/job", l->dir);
}

static bool is_setting(const char *word, const char *name)
{
	return strncmp(word, name, strlen(name)) == 0;
}

/* UML puts its memory file where TMPDIR says. */
static int make_env(struct launch *l)
{
	int r = strv_pushf(&l->env, "TMPDIR=%s", l->memory.path);

	for (char **word = environ; !r && *word; word++)
		if (!is_setting(*word, "TMPDIR=") && !is_setting(*word, "TMP=") &&
		    !is_setting(*word, "TEMP="))
			r = strv_push(&l->env, *word);
	return r;
}

int uml_prepare(struct launch *l, char **ret_why)
{
	int r = check_kernel(l->cfg->kernel, ret_why);

	r = r ? r : check_share(l->cfg, ret_why);
	r = r ? r : make_memory_folder(l, ret_why);
	if (r)
		return r;
	r = guest_link(l->dir, "9p", l->cfg->socket_path);
	r = r ? r : guest_link(l->dir, "probe", l->cfg->probe);
	r = r ? r : write_job(l);
	r = r ? r : make_words(l);
	r = r ? r : make_env(l);
	if (r)
		return guest_why(ret_why, r, "cannot prepare %s: %s", l->dir, strerror(-r));
	l->own_pids = true;
	l->read_only = !l->cfg->writable_root;
	/* Its physical memory begins behind the program and its heap: a random gap between the two
	 * is up to a gigabyte of memory map, and of boot time. */
	l->no_randomize = true;
	l->stopped = l->cfg->stopped;
	return 0;
}
