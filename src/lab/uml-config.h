/* SPDX-License-Identifier: MIT */
/* The configurations of the UML kernels that we build, as small as they can be: the build is what
 * a first `warren verify` waits for. */
#ifndef LAB_UML_CONFIG_H
#define LAB_UML_CONFIG_H

#include <stddef.h>

struct uml_variant {
	const char *const *options; /* "NAME=y" or "NAME=n" without CONFIG_, ended by NULL */
	const char *const *patches; /* names, ended by NULL */
	unsigned n_objects;	    /* about so many files are compiled: for the progress line */
	unsigned megabytes;	    /* about so much room the build needs */
};

extern const struct uml_variant uml_plain, uml_inet, uml_debug;

/* The text for KCONFIG_ALLCONFIG; the caller frees it, NULL when memory is out. Options that it
 * does not name are off. */
char *uml_config_text(const struct uml_variant *v);

#define UML_HASH_SIZE 17

/* Names all that goes into a build besides the source: options, patches and the recipe. */
int uml_config_hash(const struct uml_variant *v, char hash[UML_HASH_SIZE]);

/* The first option asked for that the resulting configuration TEXT does not have as asked; NULL
 * when all is well. */
const char *uml_config_missing(const struct uml_variant *v, const char *text);

#endif
