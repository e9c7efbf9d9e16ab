/* SPDX-License-Identifier: MIT */
/* warren lab kernel: guest kernels in the cache. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel-edits.h"
#include "kernel-names.h"
#include "kernel-spec.h"
#include "kernel-tree.h"
#include "kernel.h"
#include "lab.h"
#include "spawn.h"

static unsigned to_mb(uint64_t bytes)
{
	return (unsigned)((bytes + 500000) / 1000000);
}

static int list_variants(void)
{
	cleanup(cleanup_strv) char **names = NULL;
	int r = kernel_find_variants(&names);

	for (char **name = names; !r && *name; name++)
		printf("%s\n", *name);
	return r;
}

static int list_kernels(void)
{
	uint64_t trees = 0;
	int r;

	for (size_t i = 0; i < n_kernel_sources; i++) {
		const struct kernel_source *s = &kernel_sources[i];
		struct kernel *k = NULL;

		r = kernel_find(s->name, &k);
		if (r && r != -ENOENT)
			return lab_fail(r, NULL);
		printf("%-26s %-22s %s\n", s->name, r ? "-" : k->release, s->summary);
		kernel_free(k);
	}
	r = list_variants();
	if (r)
		return lab_fail(r, NULL);
	for (size_t i = 0; i < n_kernel_edits; i++)
		printf("%s-without-%s: undoes %s: %s\n", i ? "..." : "NAME", kernel_edits[i].name,
		       kernel_edits[i].fixed_by, kernel_edits[i].summary);
	if (!kernel_trees_size(false, &trees) && trees)
		printf("build trees: %u MB, which 'warren lab kernel clean' frees\n", to_mb(trees));
	return EXIT_OK;
}

static int clean_trees(void)
{
	uint64_t bytes = 0;
	int r = kernel_trees_size(true, &bytes);

	if (r)
		return lab_fail(r, NULL);
	printf("%u MB of build trees removed\n", to_mb(bytes));
	return EXIT_OK;
}

/* REASON belongs to us. */
static int show_kernel(int r, struct kernel *k, char *reason)
{
	if (r)
		return lab_fail(r, reason);
	printf("%s %s %s\n", k->name, k->release, k->dir);
	kernel_free(k);
	return EXIT_OK;
}

static int get_kernel(const char *name, bool update)
{
	struct kernel_spec s;
	struct kernel *k = NULL;
	char *reason = NULL;
	bool uml = !kernel_spec_by_name(name, &s, NULL) && kernel_source_is_uml(s.source);
	int r = update ? kernel_update(name, uml, &k, &reason) : kernel_get(name, uml, &k, &reason);

	return show_kernel(r, k, reason);
}

/* fetch takes Debian's images, build ours: the wrong word would surprise with its cost. */
static int check_kind(const char *word, const char *name)
{
	autofree char *images = kernel_source_list_made(false),
		      *built = kernel_source_list_made(true), *reason = NULL;
	bool build = !strcmp(word, "build");
	struct kernel_spec s;
	int r = kernel_spec_by_name(name, &s, &reason);

	if (r == -ENOENT)
		return cmd_usage_error("lab",
				       "there is no kernel '%s'; fetch takes %s; build takes %s",
				       name, images, built);
	if (r)
		return cmd_usage_error("lab", "%s", reason ? reason : strerror(-r));
	if (!s.source->config == !build)
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

/* What `build` was asked for in options. */
struct order {
	const char *kind, *source; /* "" until given */
	const char *patch;
	const char *edits[KERNEL_EDITS_MAX];
	size_t n_edits;
	bool debug, kasan;
};

static int take_option(struct order *o, int option)
{
	switch (option) {
	case 'u':
	case 'x':
		o->kind = option == 'u' ? "-uml" : "-x86";
		return EXIT_OK;
	case 's':
		o->source = optarg;
		return EXIT_OK;
	case 'w':
		if (o->n_edits == KERNEL_EDITS_MAX)
			return cmd_usage_error("lab", "no more than %d fixes can be undone",
					       KERNEL_EDITS_MAX);
		o->edits[o->n_edits++] = optarg;
		return EXIT_OK;
	case 'p':
		o->patch = optarg;
		return EXIT_OK;
	case 'k':
		o->kasan = true;
		return EXIT_OK;
	case 'd':
		o->debug = true;
		return EXIT_OK;
	default:
		return cmd_usage_error("lab", "'kernel build' does not take it like that; "
					      "'warren lab --help' shows how");
	}
}

static int parse_order(int argc, char **argv, struct order *o)
{
	static const struct option options[] = {
		{"uml", no_argument, NULL, 'u'},
		{"x86", no_argument, NULL, 'x'},
		{"source", required_argument, NULL, 's'},
		{"without-fix", required_argument, NULL, 'w'},
		{"patch", required_argument, NULL, 'p'},
		{"kasan", no_argument, NULL, 'k'},
		{"debug", no_argument, NULL, 'd'},
		{0},
	};
	int option, r = EXIT_OK;

	optind = 0;
	opterr = 0;
	while (!r && (option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		r = take_option(o, option);
	if (!r && optind < argc)
		r = cmd_usage_error("lab", "either NAME... or --uml or --x86: what is '%s'?",
				    argv[optind]);
	if (!r && (!*o->kind || !*o->source))
		r = cmd_usage_error("lab", "build takes NAME..., or --uml or --x86, and --source");
	return r;
}

/* Who changes a kernel wants to look into it: such a one always has its symbols. */
static int choose_base(const struct order *o, char **ret_name)
{
	bool debug = o->debug || o->n_edits || o->patch || o->kasan;
	const char *source = strcmp(o->source, "newest") ? o->source : KERNEL_NEWEST;

	return asprintf(ret_name, "%s%s%s", source, o->kind,
			debug && !strcmp(o->kind, "-uml") ? "-debug" : "") < 0
		       ? -ENOMEM
		       : 0;
}

static int apply_order(const struct order *o, struct kernel_spec *s)
{
	autofree char *reason = NULL;
	int r = 0;

	for (size_t i = 0; i < o->n_edits && !r; i++)
		r = kernel_spec_add_edit(s, o->edits[i], &reason);
	if (!r && o->kasan)
		r = kernel_spec_add_kasan(s, &reason);
	return r ? cmd_usage_error("lab", "%s", reason ? reason : strerror(-r)) : EXIT_OK;
}

static int build_order(int argc, char **argv)
{
	struct order o = {.kind = "", .source = ""};
	struct kernel_spec s;
	struct kernel *k = NULL;
	autofree char *name = NULL;
	char *reason = NULL;
	bool uml;
	int r = parse_order(argc, argv, &o);

	if (r)
		return r;
	if (choose_base(&o, &name))
		return lab_fail(-ENOMEM, NULL);
	r = check_kind("build", name);
	if (r)
		return r;
	r = kernel_spec_by_name(name, &s, NULL);
	if (r)
		return lab_fail(r, NULL);
	r = apply_order(&o, &s);
	if (r)
		return r;
	uml = kernel_source_is_uml(s.source);
	r = o.patch ? kernel_get_patched(s.name, uml, o.patch, &k, &reason)
		    : kernel_get(s.name, uml, &k, &reason);
	return show_kernel(r, k, reason);
}

static bool is_order(int argc, char **argv)
{
	return argc > 1 && !strncmp(argv[1], "--", 2) && strcmp(argv[1], "--update") != 0;
}

int lab_kernel(int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "list"))
		return list_kernels();
	if (argc == 1 && !strcmp(argv[0], "clean"))
		return clean_trees();
	if (argc && !strcmp(argv[0], "symbols"))
		return lab_symbols(argc - 1, argv + 1);
	if (argc && !strcmp(argv[0], "build") && is_order(argc, argv))
		return build_order(argc, argv);
	if (argc && (!strcmp(argv[0], "fetch") || !strcmp(argv[0], "build")))
		return get_kernels(argc, argv);
	return cmd_usage_error("lab", "'kernel' takes list, fetch NAME..., symbols NAME..., build "
				      "or clean");
}
