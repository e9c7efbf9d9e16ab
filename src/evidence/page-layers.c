/* SPDX-License-Identifier: MIT */
/* The layers as boxes in the way of the bytes, the first bad one marked. */
#include <string.h>

#include "layer.h"
#include "mail-parts.h"
#include "page-html.h"
#include "page-parts.h"

static int find_layer(const char *name)
{
	for (int i = 0; name && i < LAYER_UNKNOWN; i++)
		if (!strcmp(name, layer_name((enum layer)i)))
			return i;
	return LAYER_UNKNOWN;
}

/* A box behind the first bad one only passes on what it was given. */
static const char *const states[][2] = {{"right", "right"},
					{"first", "first bad layer"},
					{"behind", "passes it on"},
					{"", "not known"}};

static void put_layer(FILE *f, enum layer layer, enum layer bad)
{
	size_t state = bad == LAYER_UNKNOWN ? 3 : layer < bad ? 0 : layer == bad ? 1 : 2;

	fprintf(f, "<li class=\"%s\">", states[state][0]);
	html_element(f, "b", NULL, layer_name(layer));
	html_element(f, "span", "soft", layer_meaning(layer));
	fputs("<br>", f);
	html_element(f, "span", "state", states[state][1]);
	fputs("</li>\n", f);
}

/* No damage: every layer had the right bytes, up to the reader. */
static void put_all(FILE *f, json_t *first)
{
	int bad = first ? find_layer(record_string(first, "layer")) : LAYER_UNKNOWN + 1;

	fputs("<ol class=layers>\n", f);
	for (int i = 0; i < LAYER_UNKNOWN; i++)
		put_layer(f, (enum layer)i, (enum layer)bad);
	fputs("</ol>\n", f);
}

void page_put_layers(FILE *f, json_t *run)
{
	json_t *first = record_first_finding(run);
	const char *evidence = record_string(first, "evidence");

	html_element(f, "h2", NULL, "Where the bytes were lost");
	put_all(f, first);
	if (evidence)
		html_element(f, "p", NULL, evidence);
	else if (first)
		html_element(f, "p", "soft", "What was seen does not tell which layer it was.");
}
