/* SPDX-License-Identifier: MIT */
/* A script for `git bisect run`: builds the UML kernel of the tree that it stands in, outside of
 * it, and asks verify. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel-config.h"
#include "lab-bisect.h"
#include "lab.h"

static const char head[] =
	"#!/bin/sh\n"
	"# For 'git bisect run' in a tree of Linux; printed by 'warren lab bisect --script'.\n"
	"#\n"
	"#	git bisect start BAD GOOD\n"
	"#	git bisect run sh THIS-FILE\n"
	"#\n"
	"# Builds a small User Mode Linux of what is checked out, and lets 'warren verify' read a\n"
	"# corpus in it. Exit code: 0 all is read rightly, 1 damage, 125 it cannot be told: the\n"
	"# tree does not build, or the guest fails. More options for verify: $VERIFY. To bisect "
	"the\n"
	"# fix of a bug, start with 'git bisect start --term-old=broken --term-new=fixed' and set\n"
	"# INVERT=1.\n"
	"set -u\n";

static const char body[] = "# It stays, for each build to go on from the last.\n"
			   "out=${OUT:-$(git rev-parse --absolute-git-dir)/warren-bisect}\n"
			   "mkdir -p \"$out\" || exit 125\n"
			   "cat >\"$out/wanted\" <<'END'\n";

static const char tail[] =
	"END\n"
	"\n"
	"build() {\n"
	"	make -s ARCH=um O=\"$out\" KCONFIG_ALLCONFIG=\"$out/wanted\" KCFLAGS=-w \"$@\"\n"
	"}\n"
	"build allnoconfig >\"$out/log\" 2>&1 && build -j\"$(nproc)\" linux >>\"$out/log\" 2>&1 || "
	"{\n"
	"	echo \"it does not build: see $out/log\" >&2\n"
	"	exit 125\n"
	"}\n"
	"\n"
	"# Damage may land right by luck: one damaged run is enough, and good ones must be "
	"several.\n"
	"verdict=0\n"
	"run=0\n"
	"while [ \"$run\" -lt \"$runs\" ] && [ \"$verdict\" = 0 ]; do\n"
	"	# word splitting is meant\n"
	"	\"$warren\" verify --corpus --quiet --no-record --kernel \"$out/linux\" "
	"${VERIFY:-}\n"
	"	case $? in\n"
	"	0) ;;\n"
	"	1) verdict=1 ;;\n"
	"	130 | 143) exit 128 ;; # git gives up\n"
	"	*) verdict=125 ;;\n"
	"	esac\n"
	"	run=$((run + 1))\n"
	"done\n"
	"if [ -n \"${INVERT:-}\" ] && [ \"$verdict\" != 125 ]; then\n"
	"	verdict=$((1 - verdict))\n"
	"fi\n"
	"exit \"$verdict\"\n";

/* In single quotes of sh. */
static void put_quoted(const char *text)
{
	putchar('\'');
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	putchar('\'');
}

int bisect_print_script(const char *warren, uint32_t runs)
{
	/* Older kernels want INET for 9P. */
	autofree char *config = kernel_config_text(&uml_inet, NULL);

	if (!config)
		return lab_fail(-ENOMEM, NULL);
	fputs(head, stdout);
	fputs("warren=${WARREN:-", stdout);
	put_quoted(warren);
	printf("}\nruns=${RUNS:-%" PRIu32 "}\n", runs);
	fputs(body, stdout);
	fputs(config, stdout);
	fputs(tail, stdout);
	return EXIT_OK;
}
