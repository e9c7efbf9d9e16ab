/* SPDX-License-Identifier: MIT */
/* How the entries of the kernel cache come into being. */
#ifndef LAB_KERNEL_MAKE_H
#define LAB_KERNEL_MAKE_H

#include <stdbool.h>

#include "cache.h"
#include "kernel-spec.h"

struct apt_package;
struct kernel_manifest;
struct progress;

/* What both ways of making a kernel need. */
struct kernel_job {
	const struct kernel_spec *spec;
	const char *patch; /* the file for spec->patch */
	bool update;	   /* ask the mirror, even if a build tree is at hand */
	struct cache_work *work;
	struct progress *progress;
};

/* Fetch or build the newest kernel of the source, and publish it in kernels/. 0 as well when the
 * cache has that one already. A build that changes the source publishes the unchanged kernel too,
 * if the cache has none: it is nearly free. */
int kernel_fetch_image(const struct kernel_job *job, char **ret_why);
int kernel_build(const struct kernel_job *job, char **ret_why);

/* "6.1.192" of "6.1.192-2"; the caller frees it. */
char *upstream_version(const char *package_version);

/* Does kernels/ENTRY exist? */
bool kernel_entry_exists(const struct kernel_job *job, const char *entry);

/* Fills in the fields that both ways share: origin, version, hash of the image DIR/image. */
int kernel_describe(const struct kernel_job *job, const struct apt_package *p, const char *dir,
		    struct kernel_manifest *m, char **ret_why);

#endif
