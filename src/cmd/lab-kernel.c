/* SPDX-License-Identifier: MIT */
/* warren lab kernel: guest kernels in the cache. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel-names.h"
#include "kernel.h"
#include "lab.h"

static int list_kernels(void)
{
	for (size_t i = 0; i < n_kernel_sources; i++) {
		const struct kernel_source *s = &kernel_sources[i];
		struct kernel *k = NULL;
		int r = kernel_find(s->name, &k);

		if (r && r != -ENOENT)
			return lab_fail(r, NULL);
		printf("%-18s %-22s %s\n", s->name, r ? "-" : k->release, s->summary);
		kernel_free(k);
	}
	return EXIT_OK;
}

static int get_kernel(const char *name, bool update)
{
	const struct kernel_source *s = kernel_source_by_name(name);
	struct kernel *k = NULL;
	char *reason = NULL;
	bool uml = s && s->variant;
	int r = update ? kernel_update(name, uml, &k, &reason) : kernel_get(name, uml, &k, &reason);

	if (r)
		return lab_fail(r, reason);
	printf("%s %s %s\n", k->name, k->release, k->dir);
	kernel_free(k);
	return EXIT_OK;
}

/* fetch takes Debian's images, build ours: the wrong word would surprise with its cost. */
static int check_kind(const char *word, const char *name)
{
	const struct kernel_source *s = kernel_source_by_name(name);
	autofree char *images = kernel_source_list(false), *built = kernel_source_list(true);
	bool build = !strcmp(word, "build");

	if (!s)
		return cmd_usage_error("lab",
				       "there is no kernel '%s'; fetch takes %s; build takes %s",
				       name, images, built);
	if (!s->variant == !build)
		return EXIT_OK;
	return cmd_usage_error("lab", "'%s' is %s; %s takes %s", name,
			       build ? "fetched, not built" : "built, not fetched", word,
			       build ? built : images);
}

static int get_kernels(int argc, char **argv)
{
	bool update = argc > 1 && !strcmp(argv[1], "--update");
	int r = EXIT_OK;

	if (argc < 2 + update)
		return cmd_usage_error("lab", "which kernel shall I %s?", argv[0]);
	for (int i = 1 + update; i < argc && !r; i++)
		r = check_kind(argv[0], argv[i]);
	for (int i = 1 + update; i < argc && !r; i++)
		r = get_kernel(argv[i], update);
	return r;
}

int lab_kernel(int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "list"))
		return list_kernels();
	if (argc && (!strcmp(argv[0], "fetch") || !strcmp(argv[0], "build")))
		return get_kernels(argc, argv);
	return cmd_usage_error("lab", "'kernel' takes list, fetch NAME... or build NAME...");
}
