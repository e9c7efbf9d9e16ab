/* SPDX-License-Identifier: MIT */
#include "kernel-names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "uml-config.h"

#define S(name, alias, package, suites, variant, summary) \
	{name, alias, package, suites, variant, summary},
const struct kernel_source kernel_sources[] = {KERNEL_SOURCES(S)};
#undef S
const size_t n_kernel_sources = ARRAY_SIZE(kernel_sources);

const struct kernel_source *kernel_source_by_name(const char *name)
{
	for (size_t i = 0; i < n_kernel_sources && *name; i++)
		if (!strcmp(name, kernel_sources[i].name) || !strcmp(name, kernel_sources[i].alias))
			return &kernel_sources[i];
	return NULL;
}

const struct kernel_source *kernel_source_find(const char *name, bool uml)
{
	const struct kernel_source *s;
	char longer[64];

	if (!name || !*name)
		name = uml ? "6.12-uml" : "6.12";
	s = kernel_source_by_name(name);
	if (s && !s->variant == !uml)
		return s;
	snprintf(longer, sizeof(longer), "%s-uml", name);
	return uml ? kernel_source_by_name(longer) : NULL;
}

char *kernel_source_list(bool uml)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < n_kernel_sources; i++)
		if (!kernel_sources[i].variant == !uml)
			fprintf(f, "%s%s", ftell(f) ? ", " : "", kernel_sources[i].name);
	fclose(f);
	return text;
}
