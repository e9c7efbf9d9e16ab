/* SPDX-License-Identifier: MIT */
/* warren lab: guest kernels and QEMUs. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel-names.h"
#include "kernel.h"
#include "logging.h"
#include "macros.h"
#include "qemu-fetch.h"
#include "spawn.h"

/* Word after `warren lab`, function, summary. A function gets the words after its own. */
#define LAB_VERBS(V)                                                   \
	V("kernel", lab_kernel, "list, fetch and build guest kernels") \
	V("qemu", lab_qemu, "list and fetch QEMUs of other Debian releases")

struct lab_verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

/* A handler that does nothing: what waits returns with -EINTR and removes what it made. */
static void note_signal(int sig)
{
	(void)sig;
}

static void catch_signals(void)
{
	const struct sigaction act = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static int fail(int r, char *reason)
{
	log_error("%s", reason ? reason : strerror(-r));
	free(reason);
	return EXIT_ENVIRONMENT;
}

static int list_kernels(void)
{
	for (size_t i = 0; i < n_kernel_sources; i++) {
		const struct kernel_source *s = &kernel_sources[i];
		struct kernel *k = NULL;
		int r = kernel_find(s->name, &k);

		if (r && r != -ENOENT)
			return fail(r, NULL);
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
		return fail(r, reason);
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

static int lab_kernel(int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "list"))
		return list_kernels();
	if (argc && (!strcmp(argv[0], "fetch") || !strcmp(argv[0], "build")))
		return get_kernels(argc, argv);
	return cmd_usage_error("lab", "'kernel' takes list, fetch NAME... or build NAME...");
}

static int list_qemus(void)
{
	for (size_t i = 0; i < n_qemu_sources; i++) {
		autofree char *version = NULL, *root = NULL;
		int r = qemu_find(qemu_sources[i].name, &version, &root);

		if (r && r != -ENOENT)
			return fail(r, NULL);
		printf("%-18s %-22s %s\n", qemu_sources[i].name, r ? "-" : version,
		       qemu_sources[i].summary);
	}
	return EXIT_OK;
}

static int fetch_qemu(const char *name)
{
	cleanup(cleanup_strv) char **argv = NULL;
	char *reason = NULL;
	int r = lab_qemu_get(name, &argv, &reason);

	if (r)
		return fail(r, reason);
	for (char **word = argv; *word; word++)
		printf("%s%c", *word, word[1] ? ' ' : '\n');
	return EXIT_OK;
}

static int lab_qemu(int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "list"))
		return list_qemus();
	if (argc < 1 || argc > 2 || strcmp(argv[0], "fetch"))
		return cmd_usage_error("lab", "'qemu' takes list or fetch [NAME]");
	for (size_t i = 0; i < n_qemu_sources; i++)
		if (argc < 2 || !strcmp(argv[1], qemu_sources[i].name))
			return fetch_qemu(qemu_sources[i].name);
	return cmd_usage_error("lab", "there is no QEMU '%s'; 'warren lab qemu list' lists them",
			       argv[1]);
}

#define V(name, fn, summary) {name, fn, summary},
static const struct lab_verb verbs[] = {LAB_VERBS(V)};
#undef V

static int print_help(void)
{
	printf("usage: warren lab kernel list\n"
	       "       warren lab kernel fetch [--update] NAME...\n"
	       "       warren lab kernel build [--update] NAME...\n"
	       "       warren lab qemu list\n"
	       "       warren lab qemu fetch [NAME]\n\n"
	       "Guest kernels and QEMUs, unpacked into the cache folder ($WARREN_CACHE, else\n"
	       "$XDG_CACHE_HOME/warren, else ~/.cache/warren). Nothing is installed; no root.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-8s  %s\n", verbs[i].name, verbs[i].summary);
	printf("\n  --update  ask the mirror for a newer one even if the cache has one\n");
	return EXIT_OK;
}

int cmd_lab(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return print_help();
	if (argc < 2)
		return cmd_usage_error("lab", "which part of the lab?");
	catch_signals();
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 2, argv + 2);
	return cmd_usage_error("lab", "the lab has no '%s'", argv[1]);
}
