/* SPDX-License-Identifier: MIT */
/* Debian packages of any suite for an ordinary user: a private apt with an empty package database,
 * whose mirror is the system's. Nothing is installed. */
#ifndef LAB_APT_H
#define LAB_APT_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"

struct progress;

/* Where the system gets Debian from; either may be NULL. */
struct mirrors {
	char *debian;
	char *security;
};

#define MIRRORS_INIT \
	{            \
		0    \
	}

/* What `apt-get indextargets --format APT_TARGET_FORMAT` printed. Targets of other archives are
 * passed over; before the first `apt-get update` apt does not know whose they are, then the
 * suite's name and the component tell. -ENOENT when none is Debian's. */
#define APT_TARGET_FORMAT "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(LABEL)"
int mirrors_parse(const char *text, struct mirrors *ret_m);
void mirrors_done(struct mirrors *m);

/* A private apt in the temporary folder of a cache_work. */
struct apt {
	const struct cache_work *work;
	struct progress *progress;
	char *dir, *conf;
};

#define APT_INIT  \
	{         \
		0 \
	}

struct apt_package {
	char *name, *version;
	char *suite;   /* "bookworm-security" */
	char *depends; /* the Depends line, "" if it has none */
	uint64_t size;
	uint64_t installed; /* bytes when it is unpacked, as the package says */
};

void apt_package_done(struct apt_package *p);

/* Makes it for SUITES ("bookworm bookworm-security") and fetches their lists; a suite NAME-security
 * is left out when the system has no security mirror. */
int apt_open(const struct cache_work *w, struct progress *progress, const char *suites,
	     struct apt *ret_a, char **ret_why);
void apt_done(struct apt *a);

/* The version of the package NAME that apt would take. -ENOENT when no suite has it. */
int apt_find(const struct apt *a, const char *name, struct apt_package *ret_p, char **ret_why);

/* The VERSION of the package NAME, whether or not apt would take it; its suite is not asked for
 * (NULL). -ENOENT, without *RET_WHY, when no suite has it (any more). */
int apt_find_version(const struct apt *a, const char *name, const char *version,
		     struct apt_package *ret_p, char **ret_why);

/* Downloads the N packages P into the folder DIR. */
int apt_download(const struct apt *a, const struct apt_package *p, size_t n, const char *dir,
		 char **ret_why);

/* Downloads NAME of SUITE and all that it depends on; *RET_DIR (the caller frees it) has them. */
int apt_download_all(const struct apt *a, const char *name, const char *suite, char **ret_dir,
		     char **ret_why);

/* Unpacks the package file DEB into DIR, without the paths that match one of the shell patterns
 * EXCLUDE (NULL-terminated; may be NULL). */
int deb_unpack(const struct cache_work *w, const char *deb, const char *dir,
	       const char *const *exclude, char **ret_why);

/* As deb_unpack, for each *.deb in FROM. */
int deb_unpack_all(const struct cache_work *w, const char *from, const char *dir,
		   const char *const *exclude, char **ret_why);

/* The file of package NAME among those in DIR; the caller frees it. -ENOENT. */
int deb_find(const char *dir, const char *name, char **ret_path);

/* The version of package NAME among the package files in DIR; the caller frees it. */
int deb_dir_version(const char *dir, const char *name, char **ret_version);

/* Parsers of what apt prints. The version and its suite from `apt-cache policy`; -ENOENT when there
 * is no candidate. */
int apt_parse_policy(const char *text, char **ret_version, char **ret_suite);

/* Does `apt-cache madison` list VERSION? */
bool apt_has_version(const char *madison, const char *version);

/* The value of field KEY in the first paragraph of TEXT, NULL if it has none; the caller frees. */
char *deb822_get(const char *text, const char *key);

/* The word of the Depends line that begins with PREFIX and a digit; the caller frees it. */
char *depends_find(const char *depends, const char *prefix);

#endif
