/* SPDX-License-Identifier: MIT */
#include "kernel-names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-config.h"
#include "macros.h"

#define S(name, alias, package, suites, config, summary) \
	{name, alias, package, suites, config, summary},
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

bool kernel_source_is_uml(const struct kernel_source *s)
{
	return s->config && s->config->arch->is_uml;
}

const struct kernel_source *kernel_source_find(const char *name, bool uml)
{
	const struct kernel_source *s;
	char longer[64];

	if (!name || !*name)
		name = uml ? "6.12-uml" : "6.12";
	s = kernel_source_by_name(name);
	if (s && kernel_source_is_uml(s) == uml)
		return s;
	snprintf(longer, sizeof(longer), "%s-uml", name);
	return uml ? kernel_source_by_name(longer) : NULL;
}

static bool is_built(const struct kernel_source *s)
{
	return s->config != NULL;
}

static char *list_names(bool (*has)(const struct kernel_source *s), bool wanted)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < n_kernel_sources; i++)
		if (has(&kernel_sources[i]) == wanted)
			fprintf(f, "%s%s", ftell(f) ? ", " : "", kernel_sources[i].name);
	fclose(f);
	return text;
}

char *kernel_source_list(bool uml)
{
	return list_names(kernel_source_is_uml, uml);
}

char *kernel_source_list_made(bool built)
{
	return list_names(is_built, built);
}
