/* SPDX-License-Identifier: MIT */
#include "instruments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "kernel.h"
#include "macros.h"
#include "slurp.h"

#define CONFIG_LIMIT (1U << 20)

static const struct {
	const char *name;
	unsigned bit;
} bits[] = {
	{"error", 0x0001}, {"9p", 0x0004},   {"vfs", 0x0008},	{"conv", 0x0010}, {"mux", 0x0020},
	{"trans", 0x0040}, {"slab", 0x0080}, {"fcall", 0x0100}, {"fid", 0x0200},  {"pkt", 0x0400},
	{"fsc", 0x0800},   {"vpkt", 0x1000}, {"cache", 0x2000}, {"mmap", 0x4000},
};

int debug_mask_parse(const char *names, unsigned *ret_mask, char **ret_bad)
{
	unsigned mask = 0;

	for (;; names++) {
		size_t len = strcspn(names, ","), i = 0;

		while (i < ARRAY_SIZE(bits) &&
		       (strlen(bits[i].name) != len || memcmp(bits[i].name, names, len) != 0))
			i++;
		if (i == ARRAY_SIZE(bits)) {
			*ret_bad = strndup(names, len);
			return -EINVAL;
		}
		mask |= bits[i].bit;
		names += len;
		if (!*names)
			break;
	}
	*ret_mask = mask;
	return 0;
}

char *debug_mask_names(void)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	for (size_t i = 0; f && i < ARRAY_SIZE(bits); i++)
		fprintf(f, "%s%s", i ? "," : "", bits[i].name);
	if (f)
		fclose(f);
	return text;
}

bool trace_list_is_valid(const char *list)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_";

	for (;; list++) {
		size_t len = strspn(list, letters);

		list += len;
		if (len && *list == ':') {
			len = strspn(++list, letters);
			list += len;
		}
		if (!len || (*list && *list != ','))
			return false;
		if (!*list)
			return true;
	}
}

int kernel_has_option(const struct kernel *k, const char *option)
{
	autofree char *path = NULL, *config = NULL, *line = NULL;

	if (asprintf(&path, "%s/config", k->dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (slurp(path, CONFIG_LIMIT, &config, NULL) || !*config)
		return 0;
	if (asprintf(&line, "%s=", option) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	return strstr(config, line) ? 0 : -ENOTSUP;
}
