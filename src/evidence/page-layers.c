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

static const char *word_of(json_t *o, const char *key)
{
	const char *word = record_string(o, key);

	return word ? word : "?";
}

void page_put_evidence(FILE *f, json_t *finding)
{
	const char *evidence = record_string(finding, "evidence");
	json_t *bug = record_at(finding, "bug");

	if (!evidence)
		return;
	fputs("<p>", f);
	if (*evidence == '=')
		html_textf(f, "The range is%s.", evidence + 1);
	else
		html_textf(f, "%s.", evidence);
	if (json_is_object(bug))
		html_textf(f, " It %s the known bug %s: \u201c%s\u201d, fixed by %s.",
			   word_of(bug, "certainty"), word_of(bug, "id"), word_of(bug, "title"),
			   word_of(bug, "fixed"));
	fputs("</p>\n", f);
}

void page_put_layers(FILE *f, json_t *run)
{
	json_t *first = record_first_finding(run);

	html_element(f, "h2", NULL, "Where the bytes were lost");
	put_all(f, first);
	if (first && !record_string(first, "evidence"))
		html_element(f, "p", "soft", "What was seen does not tell which layer it was.");
	else if (first)
		page_put_evidence(f, first);
}
