/* SPDX-License-Identifier: MIT */
#include "guest-tell.h"

#include <string.h>

#include "cleanup.h"
#include "console-scan.h"
#include "logging.h"

/* Of the rest the sentences will do. */
#define BLOCKS 2

/* Without the frames of a call trace that the kernel itself is not sure of ("? "). */
static void print_block(FILE *f, const char *block)
{
	while (*block) {
		size_t len = strcspn(block, "\n");

		if (!memmem(block, len, "] ? ", 4) && !memmem(block, len, "  ? ", 4))
			fprintf(f, "    %.*s\n", (int)len, block);
		block += len + (block[len] == '\n');
	}
}

void tell_kernel_reports(FILE *f, const struct console_reports *r)
{
	autofree char *sentence = console_sentence(r);
	size_t blocks = 0;

	if (!r->n)
		return;
	fprintf(f, "the guest's kernel %s: %s\n",
		r->bugs ? "reported a bug, so nothing it did proves anything" : "warned",
		sentence ? sentence : "");
	for (size_t i = 0; i < r->n; i++) {
		const struct console_report *c = &r->kept[i];

		if ((r->bugs && !c->is_bug) || blocks == BLOCKS) {
			fprintf(f, "  %s\n", c->sentence);
			continue;
		}
		print_block(f, c->block);
		blocks++;
	}
	fflush(f);
}

void tell_unconfined(void)
{
	log_warn("this system allows no mount namespaces: the guest could change all files that "
		 "you can, not only those of the share");
}

void tell_console(const char *console)
{
	const char *end = console && *console ? "\n" : NULL;

	if (!end)
		return;
	fprintf(stderr, "--- the end of the guest's console:\n%s%s---\n", console,
		console[strlen(console) - 1] == '\n' ? "" : end);
}
