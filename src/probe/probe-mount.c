/* SPDX-License-Identifier: MIT */
/* Mounts and leaves the share, and marks in it what is done. */
#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "probe.h"
#include "text.h"

static void put_mounted(struct probe *p)
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	struct mntent *m;

	while (f && (m = getmntent(f)))
		if (!strcmp(m->mnt_dir, p->share)) {
			autofree char *line = NULL;

			fputs("mounted ", p->report);
			text_put(p->report, m->mnt_opts, strlen(m->mnt_opts));
			fputc('\n', p->report);
			if (asprintf(&line, "%s %s %s %s %d %d", m->mnt_fsname, m->mnt_dir,
				     m->mnt_type, m->mnt_opts, m->mnt_freq, m->mnt_passno) < 0)
				line = NULL;
			probe_fact(p, "mount", line);
		}
	if (f)
		endmntent(f);
}

int setup_mount(struct probe *p, const char *source, const char *options)
{
	static char share[64];
	int r = p->scratch ? 0 : setup_scratch(&p->scratch);

	if (r < 0)
		return r;
	snprintf(share, sizeof(share), "%s/share", p->scratch);
	mkdir(share, 0755);
	if (mount(source, share, "9p", MS_NOSUID | MS_NODEV, options) < 0)
		return -errno;
	p->share = share;
	p->is_mounted = true;
	put_mounted(p);
	return 0;
}

int setup_unmount(struct probe *p)
{
	if (!p->is_mounted)
		return 0;
	if (umount2(p->share, 0) < 0)
		return -errno;
	p->is_mounted = false;
	return 0;
}

void probe_mark(struct probe *p, const char *what)
{
	autofree char *path = NULL;

	if (asprintf(&path, "%s/.warren-%s-%u", p->share, what, p->walks) < 0)
		path = NULL;
	else
		(void)access(path, F_OK); /* the question is all that counts */
}
