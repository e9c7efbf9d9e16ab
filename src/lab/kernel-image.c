/* SPDX-License-Identifier: MIT */
#include "kernel-make.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apt.h"
#include "cleanup.h"
#include "kernel-manifest.h"
#include "kernel-names.h"
#include "path.h"
#include "progress.h"
#include "tool.h"

#define ROOM_MIB 450

/* Modules that no guest of ours needs: nine tenths of them. */
static const char *const excluded[] = {
	"./usr/share",
	"*/System.map*",
	"*/kernel/sound",
	"*/kernel/drivers/[!bcfnv]*",
	"*/kernel/drivers/bluetooth",
	"*/kernel/drivers/bus",
	"*/kernel/drivers/clk",
	"*/kernel/drivers/comedi",
	"*/kernel/drivers/cpufreq",
	"*/kernel/drivers/crypto",
	"*/kernel/drivers/cxl",
	"*/kernel/drivers/firewire",
	"*/kernel/drivers/fpga",
	"*/kernel/drivers/ntb",
	"*/kernel/drivers/nfc",
	"*/kernel/drivers/nvdimm",
	"*/kernel/drivers/video",
	"*/kernel/drivers/vfio",
	"*/kernel/drivers/net/wireless",
	"*/kernel/drivers/net/ethernet/[!i]*",
	"*/kernel/drivers/net/ethernet/intel/[!e]*",
	"*/kernel/drivers/net/[cdfhimpstuw]*",
	"*/kernel/net/[!9cdpuv]*",
	"*/kernel/net/ceph",
	"*/kernel/fs/[!9abcefjmnotu]*",
	"*/kernel/fs/btrfs",
	"*/kernel/fs/bcachefs",
	"*/kernel/fs/ceph",
	"*/kernel/fs/ocfs2",
	"*/kernel/fs/nfs*",
	"*/kernel/arch/x86/kvm",
	NULL,
};

struct names {
	/* linux-image-RELEASE; since 7.0 also linux-base-, linux-binary- and linux-modules-RELEASE
	 */
	struct apt_package parts[4];
	size_t n;
	const char *release; /* within parts[0].name */
};

static void names_done(struct names *n)
{
	for (size_t i = 0; i < n->n; i++)
		apt_package_done(&n->parts[i]);
}

/* The packages that the meta package leads to. */
static int resolve(const struct apt *a, const char *meta, struct names *n, char **ret_why)
{
	static const char *const others[] = {"linux-base-", "linux-binary-", "linux-modules-"};
	cleanup(apt_package_done) struct apt_package m = {0};
	autofree char *image = NULL;
	int r = apt_find(a, meta, &m, ret_why);

	if (r)
		return r;
	image = depends_find(m.depends, "linux-image-");
	if (!image)
		return lab_why(-ENOENT, ret_why, "package %s %s leads to no kernel (%s)", meta,
			       m.version, m.depends);
	r = apt_find(a, image, &n->parts[0], ret_why);
	if (r)
		return r;
	n->n = 1;
	n->release = n->parts[0].name + strlen("linux-image-");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		autofree char *part = depends_find(n->parts[0].depends, others[i]);

		if (!part)
			continue;
		r = apt_find(a, part, &n->parts[n->n], ret_why);
		if (r)
			return r;
		n->n++;
	}
	return 0;
}

/* Moves FROM/NAME to TO; -ENOENT when there is none. */
static int move(const char *from, const char *name, const char *to)
{
	autofree char *path = path_join(from, name);

	return !path ? -ENOMEM : rename(path, to) ? -errno : 0;
}

/* boot/vmlinuz-RELEASE, since 7.0 usr/lib/modules/RELEASE/vmlinuz; the same for the configuration.
 */
static int take_file(const char *unpacked, const char *name, const char *release, const char *to)
{
	autofree char *boot = NULL, *usr = NULL;
	int r;

	if (asprintf(&boot, "boot/%s-%s", name, release) < 0 ||
	    asprintf(&usr, "usr/lib/modules/%s/%s", release, name) < 0)
		return -ENOMEM;
	r = move(unpacked, boot, to);
	return r == -ENOENT ? move(unpacked, usr, to) : r;
}

/* Makes lib/modules of it, wherever the release has it. */
static int take_modules(const char *unpacked, const char *entry)
{
	autofree char *lib = NULL, *to = NULL;
	int r;

	if (asprintf(&lib, "%s/modules/lib", entry) < 0 || !(to = path_join(lib, "modules")))
		return -ENOMEM;
	r = make_dirs(lib);
	if (!r)
		r = move(unpacked, "usr/lib/modules", to);
	return r == -ENOENT ? move(unpacked, "lib/modules", to) : r;
}

/* Debian runs depmod when the package is installed: so do we, for our folder. */
static int index_modules(const struct kernel_job *job, const char *entry, const char *release,
			 char **ret_why)
{
	autofree char *base = path_join(entry, "modules");

	if (!base)
		return -ENOMEM;
	return tool_run(&(struct tool){.argv = (const char *const[]){"/sbin/depmod", "-b", base,
								     release, NULL}},
			job->work, ret_why);
}

static int assemble(const struct kernel_job *job, const struct names *n, const char *unpacked,
		    const char *entry, char **ret_why)
{
	cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;
	autofree char *image = path_join(entry, "image"), *config = path_join(entry, "config");
	autofree char *modules = NULL;
	int r = image && config ? make_dirs(entry) : -ENOMEM;

	if (!r)
		r = take_file(unpacked, "vmlinuz", n->release, image);
	if (!r)
		r = take_file(unpacked, "config", n->release, config);
	if (!r)
		r = take_modules(unpacked, entry);
	if (r)
		return lab_why(r, ret_why, "package %s is not laid out as expected: %s",
			       n->parts[0].name, strerror(-r));
	/* dpkg keeps it from others; it is the mirror's, no secret. */
	(void)!chmod(image, 0644);
	r = index_modules(job, entry, n->release, ret_why);
	if (!r)
		r = kernel_describe(job, &n->parts[0], entry, &m, ret_why);
	if (r)
		return r;
	if (asprintf(&modules, "modules/lib/modules/%s", n->release) < 0 ||
	    manifest_set(&m.release, n->release) || manifest_set(&m.modules, modules))
		return -ENOMEM;
	return kernel_manifest_write(entry, &m);
}

static int fetch(const struct kernel_job *job, const struct apt *a, const struct names *n,
		 const char *entry_name, char **ret_why)
{
	autofree char *debs = path_join(job->work->tmp, "debs");
	autofree char *unpacked = path_join(job->work->tmp, "unpacked");
	autofree char *entry = path_join(job->work->tmp, "entry");
	int r;

	if (!debs || !unpacked || !entry)
		return -ENOMEM;
	r = apt_download(a, n->parts, n->n, debs, ret_why);
	if (r)
		return r;
	progress_step(job->progress, "unpacking");
	r = deb_unpack_all(job->work, debs, unpacked, excluded, ret_why);
	if (!r)
		r = assemble(job, n, unpacked, entry, ret_why);
	if (!r)
		r = cache_work_publish(job->work, "entry", "kernels", entry_name);
	if (!r)
		progress_step(job->progress, "%s is ready", n->release);
	return r;
}

int kernel_fetch_image(const struct kernel_job *job, char **ret_why)
{
	static const char *const programs[] = {"/sbin/depmod", "kmod",	   "sha256sum", "coreutils",
					       "xz",	       "xz-utils", NULL};
	cleanup(names_done) struct names names = {0};
	cleanup(apt_done) struct apt a = APT_INIT;
	autofree char *entry = NULL;
	int r = tool_need("fetching a kernel", programs, ret_why);

	if (!r)
		r = cache_work_make_tmp(job->work, ROOM_MIB, ret_why);
	if (!r)
		r = apt_open(job->work, job->progress, job->spec->source->suites, &a, ret_why);
	if (!r)
		r = resolve(&a, job->spec->source->package, &names, ret_why);
	if (r)
		return r;
	if (asprintf(&entry, "%s_%s", job->spec->name, names.parts[0].version) < 0)
		return -ENOMEM;
	if (kernel_entry_exists(job, entry)) {
		progress_step(job->progress, "%s is the newest already", names.release);
		return 0;
	}
	return fetch(job, &a, &names, entry, ret_why);
}
