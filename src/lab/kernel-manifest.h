/* SPDX-License-Identifier: MIT */
/* The manifest of a cached kernel: lines of "key value". */
#ifndef LAB_KERNEL_MANIFEST_H
#define LAB_KERNEL_MANIFEST_H

#include <stdio.h>

/* Member, key. All are strings, "" for what there is none of. */
#define KERNEL_MANIFEST_FIELDS(F)                                                            \
	F(name, "name")			      /* kernel.h */                                 \
	F(kind, "kind")			      /* "uml" or "debian" */                        \
	F(release, "release")		      /* uname -r */                                 \
	F(version, "version")		      /* for people */                               \
	F(build_id, "build-id")		      /* hex */                                      \
	F(package, "package")		      /* Debian's, that it came from */              \
	F(package_version, "package-version") /* its version */                              \
	F(suite, "suite")		      /* the suite that had it */                    \
	F(sha256, "sha256")		      /* of the image */                             \
	F(image, "image")		      /* path below the folder */                    \
	F(modules, "modules")		      /* path below the folder */                    \
	F(config, "config")		      /* path below the folder */                    \
	F(vmlinux, "vmlinux")		      /* the program with DWARF, below the folder */ \
	F(gdb_scripts, "gdb-scripts")	      /* folder of vmlinux-gdb.py, "." */            \
	F(sources, "sources")		      /* folder that DWARF calls /linux */           \
	F(config_hash, "config-hash")	      /* built here: of all that went into it */     \
	F(edits, "edits")		      /* the fixes undone, or "none" */              \
	F(patches, "patches")		      /* hash of a patch file, or "none" */

struct kernel_manifest {
#define F(member, key) char *member;
	KERNEL_MANIFEST_FIELDS(F)
#undef F
};

#define KERNEL_MANIFEST_INIT \
	{                    \
		0            \
	}

void kernel_manifest_done(struct kernel_manifest *m);

/* Sets a member to a copy of VALUE (NULL: ""). 0 or -ENOMEM. */
int manifest_set(char **member, const char *value);

/* Unknown keys are passed over. -EINVAL for a line without value, a key twice, a control character,
 * a path that leaves the folder, or when name, release or image is missing. */
int kernel_manifest_parse(const char *text, struct kernel_manifest *ret_m);

int kernel_manifest_print(FILE *f, const struct kernel_manifest *m);

/* DIR/manifest. */
int kernel_manifest_read(const char *dir, struct kernel_manifest *ret_m);
int kernel_manifest_write(const char *dir, const struct kernel_manifest *m);

#endif
