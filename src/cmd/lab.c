/* SPDX-License-Identifier: MIT */
/* warren lab: guest kernels and QEMUs, and what is done with them. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "lab.h"
#include "logging.h"
#include "macros.h"

struct lab_verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static volatile sig_atomic_t caught;

/* What waits returns with -EINTR and removes what it made. */
static void note_signal(int sig)
{
	caught = sig;
}

int lab_signal(void)
{
	return caught;
}

static void catch_signals(void)
{
	const struct sigaction act = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

int lab_fail(int r, char *reason)
{
	log_error("%s", reason ? reason : strerror(-r));
	free(reason);
	return EXIT_ENVIRONMENT;
}

#define V(name, fn, summary) {name, fn, summary},
static const struct lab_verb verbs[] = {LAB_VERBS(V)};
#undef V

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

static int print_help(void)
{
	printf("usage: warren lab kernel list\n"
	       "       warren lab kernel fetch [--update] NAME...\n"
	       "       warren lab kernel build [--update] NAME...\n"
	       "       warren lab kernel build --uml|--x86 --source VERSION [--debug] [--kasan]\n"
	       "                               [--without-fix EDIT]... [--patch FILE]\n"
	       "       warren lab kernel symbols NAME...\n"
	       "       warren lab kernel clean\n"
	       "       warren lab qemu list\n"
	       "       warren lab qemu fetch [NAME]\n"
	       "       warren lab bisect OPTION... [DIR]\n"
	       "       warren lab matrix OPTION... [DIR]\n"
	       "       warren lab run [OPTION]... [--] [COMMAND [ARG]...]\n"
	       "       warren lab report [-o FILE] [RUN]\n"
	       "       warren lab repro [-o FILE] [RUN]\n"
	       "       warren lab gdb [OPTION]... [GUEST] [-- GDB-ARGUMENT...]\n"
	       "       warren lab story [OPTION]\n"
	       "       warren lab watch [OPTION]... -- COMMAND [ARG]...\n\n"
	       "Guest kernels and QEMUs, unpacked into the cache folder ($WARREN_CACHE, else\n"
	       "$XDG_CACHE_HOME/warren, else ~/.cache/warren). Nothing is installed; no root.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-8s  %s\n", verbs[i].name, verbs[i].summary);
	printf("\n  --update            ask the mirror for a newer one even if the cache has one\n"
	       "  --uml, --x86        User Mode Linux, or a small kernel for QEMU\n"
	       "  --source VERSION    of Debian's linux-source: 6.1, 6.12 or newest\n"
	       "  --without-fix EDIT  undo a bug's fix; 'warren lab kernel list' has the names\n"
	       "  --patch FILE        change the source by patch(1) -p1\n"
	       "  --kasan             find bad memory accesses (User Mode Linux)\n"
	       "  --debug             with symbols for gdb; the three above imply it\n");
	return EXIT_OK;
}

int cmd_lab(int argc, char **argv)
{
	if (argc > 1 && is_help(argv[1]))
		return print_help();
	/* These two have no help of their own. */
	if (argc > 2 && (!strcmp(argv[1], "kernel") || !strcmp(argv[1], "qemu")) &&
	    is_help(argv[argc - 1]))
		return print_help();
	if (argc < 2)
		return cmd_usage_error("lab", "which part of the lab?");
	catch_signals();
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 2, argv + 2);
	return cmd_usage_error("lab", "the lab has no '%s'", argv[1]);
}
