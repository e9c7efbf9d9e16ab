/* SPDX-License-Identifier: MIT */
/* The warren program: finds the verb, hands over. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "macros.h"

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

#define V(name, fn, summary) {#name, fn, summary},
static const struct verb verbs[] = {CMD_VERBS(V)};
#undef V

static void print_help(FILE *f)
{
	fprintf(f,
		"usage: warren VERB [OPTION]... [ARGUMENT]...\n\n"
		"Shares a host folder with a virtual machine over 9P, and proves that the guest\n"
		"reads exactly what the host holds.\n\nverbs:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(f, "  %-8s  %s\n", verbs[i].name, verbs[i].summary);
	fprintf(f, "\n'warren VERB --help' tells more of one; so does 'man warren-VERB'.\n");
}

int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("warren %s\n", WARREN_VERSION);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	/* A peer or a pipe that goes away is an error of the write, not the end of the program. */
	signal(SIGPIPE, SIG_IGN);
	/* So is a file that grows over RLIMIT_FSIZE: a guest's write gets EFBIG. */
	signal(SIGXFSZ, SIG_IGN);
	if (argc < 2)
		return cmd_usage_error(NULL, "which verb?");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version"))
		return cmd_version(argc, argv);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	return cmd_usage_error(NULL, "there is no verb '%s'", argv[1]);
}
