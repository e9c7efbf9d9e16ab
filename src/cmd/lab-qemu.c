/* SPDX-License-Identifier: MIT */
/* warren lab qemu: QEMUs of other Debian releases in the cache. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel.h"
#include "lab.h"
#include "qemu-fetch.h"
#include "spawn.h"

static int list_qemus(void)
{
	for (size_t i = 0; i < n_qemu_sources; i++) {
		autofree char *version = NULL, *root = NULL;
		int r = qemu_find(qemu_sources[i].name, &version, &root);

		if (r && r != -ENOENT)
			return lab_fail(r, NULL);
		printf("%-18s %-22s %s\n", qemu_sources[i].name, r ? "-" : version,
		       qemu_sources[i].summary);
	}
	return EXIT_OK;
}

static int fetch(const struct qemu_source *s)
{
	cleanup(cleanup_strv) char **argv = NULL;
	char *reason = NULL;
	int r = qemu_fetch(s, &argv, &reason);

	if (r)
		return lab_fail(r, reason);
	for (char **word = argv; *word; word++)
		printf("%s%c", *word, word[1] ? ' ' : '\n');
	return EXIT_OK;
}

int lab_qemu(int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "list"))
		return list_qemus();
	if (argc < 1 || argc > 2 || strcmp(argv[0], "fetch"))
		return cmd_usage_error("lab", "'qemu' takes list or fetch [NAME]");
	for (size_t i = 0; i < n_qemu_sources; i++)
		if (argc < 2 || !strcmp(argv[1], qemu_sources[i].name))
			return fetch(&qemu_sources[i]);
	return cmd_usage_error("lab", "there is no QEMU '%s'; 'warren lab qemu list' lists them",
			       argv[1]);
}
