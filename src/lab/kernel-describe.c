/* SPDX-License-Identifier: MIT */
#include "kernel-make.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "apt.h"
#include "cleanup.h"
#include "kernel-config.h"
#include "kernel-manifest.h"
#include "kernel-names.h"
#include "path.h"
#include "tool.h"
#include "vmlinux.h"

char *upstream_version(const char *package_version)
{
	return strndup(package_version, strcspn(package_version, "-~+"));
}

bool kernel_entry_exists(const struct kernel_job *job, const char *entry)
{
	autofree char *path = NULL;

	return asprintf(&path, "%s/kernels/%s/manifest", job->work->cache, entry) > 0 &&
	       !access(path, F_OK);
}

static int hash_file(const struct cache_work *w, const char *path, char **ret_hex, char **ret_why)
{
	autofree char *out = NULL;
	int r = tool_capture(
		&(struct tool){.argv = (const char *const[]){"sha256sum", "-b", path, NULL}}, w,
		&out, ret_why);

	if (r)
		return r;
	*ret_hex = strndup(out, strcspn(out, " "));
	return *ret_hex ? 0 : -ENOMEM;
}

int kernel_describe(const struct kernel_job *job, const struct apt_package *p, const char *dir,
		    struct kernel_manifest *m, char **ret_why)
{
	autofree char *image = path_join(dir, "image");
	autofree char *version = upstream_version(p->version);
	const struct kernel_config *c = job->spec->source->config;
	const char *kind = !c ? "debian" : c->arch->is_uml ? "uml" : "x86";
	int r;

	if (!image || !version || manifest_set(&m->name, job->spec->name) ||
	    manifest_set(&m->kind, kind) || manifest_set(&m->version, version) ||
	    manifest_set(&m->image, "image") || manifest_set(&m->config, "config") ||
	    manifest_set(&m->package, p->name) || manifest_set(&m->package_version, p->version) ||
	    manifest_set(&m->suite, p->suite))
		return -ENOMEM;
	r = vmlinux_build_id(image, &m->build_id);
	if (r && r != -ENOENT && r != -EINVAL && r != -ENOTSUP)
		return lab_why(r, ret_why, "cannot read %s: %s", image, strerror(-r));
	return hash_file(job->work, image, &m->sha256, ret_why);
}
