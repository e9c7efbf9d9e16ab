/* SPDX-License-Identifier: MIT */
#include "verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compare.h"
#include "known-bugs.h"
#include "macros.h"
#include "relation.h"
#include "text.h"

#define EVIDENCE_MAX 100
#define LEFT_OUT_MAX 10

const char *bytes_text(char *buf, unsigned long long bytes)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	double n = (double)bytes / 1000;
	size_t i = 0;

	if (bytes < 1000) {
		snprintf(buf, 32, "%llu byte%s", bytes, bytes == 1 ? "" : "s");
		return buf;
	}
	for (; n >= 999.95 && i + 1 < ARRAY_SIZE(units); i++)
		n /= 1000;
	snprintf(buf, 32, "%.1f %s", n, units[i]);
	return buf;
}

enum verdict verdict_of(const struct tally *t)
{
	if (t->n_findings)
		return VERDICT_DAMAGED;
	return t->is_complete && tally_ways(t) && !t->n_starved ? VERDICT_OK : VERDICT_NONE;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void put_circumstances(FILE *f, const struct circumstances *c)
{
	fprintf(f, " in Linux %s (%s%s%s, %s, cache=%s, msize=%lu)", c->version, c->guest,
		c->server ? " with " : "", c->server ? c->server : "", c->transport, c->cache,
		c->msize);
}

/* Those that were only counted are none of the list. */
static uint64_t count_unasked(const struct tally *t)
{
	uint64_t kept = 0, unasked = 0;

	for (const struct finding *d = t->findings; d; d = d->next, kept++)
		unasked += d->is_unasked;
	return unasked ? unasked + (t->n_findings - kept) : 0;
}

static void put_left_out(FILE *f, const struct tally *t)
{
	if (t->n_changed)
		fprintf(f,
			"; %" PRIu64
			" changed on the host while being verified and %s not compared",
			t->n_changed, t->n_changed == 1 ? "was" : "were");
	if (t->n_unreadable)
		fprintf(f, "; %" PRIu64 " not readable by you and not compared", t->n_unreadable);
	if (t->n_starved && t->n_findings)
		fprintf(f, "; the guest had no memory for %" PRIu64 " other%s (ENOMEM)",
			t->n_starved, plural(t->n_starved));
	if (count_unasked(t))
		fprintf(f, "; for %" PRIu64 " of the findings the layer was not looked for",
			count_unasked(t));
	if (t->no_xattrs)
		fprintf(f, "; the share has no extended attributes");
}

/* STEPS and all others of the same ways: a way that is wrong once is not right. */
static uint64_t same_ways(const struct tally *t, uint64_t steps)
{
	uint64_t same = steps;

	for (size_t i = 0; i < t->n_steps; i++)
		for (size_t k = 0; k < t->n_steps; k++)
			if (steps >> k & 1 && !strcmp(t->steps[i], t->steps[k]))
				same |= UINT64_C(1) << i;
	return same;
}

/* "by read and mmap, right by direct" */
static void put_steps(FILE *f, const struct tally *t, const struct finding *d)
{
	autofree char *wrong = tally_step_names(t, d->steps);
	autofree char *right = tally_step_names(t, d->right & ~same_ways(t, d->steps));

	if (wrong && *wrong)
		fprintf(f, " by %s", wrong);
	if (right && *right)
		fprintf(f, ", right by %s", right);
}

char *finding_relation(const struct tally *t, const struct finding *d)
{
	/* Other places than a file's are not cut into Treads. */
	if (!d->size)
		return NULL;
	return relation_text(&(struct relation){d->from, d->to, d->size, t->read_size});
}

static void put_bug(FILE *f, const struct finding *d)
{
	autofree char *text = d->bug ? known_bug_text(d->bug, d->certainty) : NULL;

	if (text)
		fprintf(f, "; %s", text);
	else if (d->evidence && (d->layer == LAYER_PAGE_CACHE || d->layer == LAYER_READER ||
				 d->layer == LAYER_TRANSPORT))
		fputs("; no known bug fits", f);
}

char *finding_sentence(const struct tally *t, const struct finding *d)
{
	autofree char *relation = finding_relation(t, d);
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	if (d->to - d->from == 1)
		fprintf(f, "byte 0x%" PRIx64 " is %s", d->from, damage_name(d->class));
	else if (d->to > d->from)
		fprintf(f, "bytes 0x%" PRIx64 "-0x%" PRIx64 " are %s", d->from, d->to - 1,
			damage_name(d->class));
	else if (d->class == DAMAGE_ERROR && d->steps)
		fprintf(f, "%s at 0x%" PRIx64, damage_name(d->class), d->from);
	else
		fputs(damage_name(d->class), f);
	put_steps(f, t, d);
	fprintf(f, " (%s%s%s)", d->text ? d->text : damage_meaning(d->class), relation ? "; " : "",
		relation ? relation : "");
	if (d->evidence)
		fprintf(f, "%s%s", *d->evidence == '=' ? " " : "; ", d->evidence);
	put_bug(f, d);
	fclose(f);
	return text;
}

static void put_path(FILE *f, const char *path)
{
	autofree char *printable = text_printable(path, strlen(path));

	fputs(printable ? printable : "?", f);
}

static void put_finding(FILE *f, const struct tally *t, const struct finding *d)
{
	autofree char *sentence = finding_sentence(t, d);

	put_path(f, d->path);
	fprintf(f, ": %s", sentence ? sentence : "?");
}

static void put_ok(FILE *f, const struct tally *t, const struct circumstances *c)
{
	char size[32];
	unsigned ways = tally_ways(t);

	fprintf(f, "OK: %" PRIu64 " file%s, %s read %u way%s", t->files, plural(t->files),
		bytes_text(size, t->bytes), ways, plural(ways));
	put_circumstances(f, c);
	fputs(": every byte is the host's", f);
}

/* The finding that says most: with a known bug, else with a layer, else the first. */
static const struct finding *choose_finding(const struct tally *t)
{
	const struct finding *best = t->findings;
	int best_rank = -1;

	for (const struct finding *d = t->findings; d; d = d->next) {
		int rank = (int)d->certainty * 2 + (d->layer != LAYER_UNKNOWN);

		if (rank > best_rank) {
			best = d;
			best_rank = rank;
		}
	}
	return best;
}

static void put_damaged(FILE *f, const struct tally *t, const struct circumstances *c)
{
	const struct finding *shown = choose_finding(t);
	char size[32];

	fprintf(f, "DAMAGED: %" PRIu64 " of %" PRIu64 " file%s differ%s", t->n_damaged, t->files,
		plural(t->files), t->n_damaged == 1 ? "s" : "");
	if (t->n_strays)
		fprintf(f, " and memory of the guest was overwritten in %" PRIu64 " place%s",
			t->n_strays, plural(t->n_strays));
	put_circumstances(f, c);
	if (t->n_findings > 1)
		fprintf(f, ", %" PRIu64 " findings, %s; %s", t->n_findings,
			bytes_text(size, t->bad_bytes), shown == t->findings ? "the first" : "one");
	fputs(": ", f);
	put_finding(f, t, shown);
	if (!t->is_complete)
		fputs("; the guest did not read on to the end", f);
}

static void put_failed(FILE *f, const struct tally *t, const struct circumstances *c)
{
	if (t->n_starved)
		fprintf(f, "FAILED: the guest ran out of memory (ENOMEM) at %" PRIu64 " name%s",
			t->n_starved, plural(t->n_starved));
	else
		fputs("FAILED: no way of reading works", f);
	put_circumstances(f, c);
	if (t->n_starved)
		fputs(": give it more (--memory), or a smaller --msize", f);
}

char *verdict_sentence(const struct tally *t, const struct circumstances *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	switch (verdict_of(t)) {
	case VERDICT_OK:
		put_ok(f, t, c);
		break;
	case VERDICT_DAMAGED:
		put_damaged(f, t, c);
		break;
	case VERDICT_NONE:
		put_failed(f, t, c);
		break;
	}
	put_left_out(f, t);
	fclose(f);
	return text;
}

static void put_paths(FILE *f, const struct path_list *l, uint64_t n, const char *what)
{
	for (unsigned i = 0; l && i < LEFT_OUT_MAX; l = l->next, i++) {
		fputs("  ", f);
		put_path(f, l->path);
		fprintf(f, ": %s\n", what);
	}
	if (l)
		fprintf(f, "  ... and %" PRIu64 " more: %s\n", n - LEFT_OUT_MAX, what);
}

void verdict_evidence(FILE *f, const struct tally *t)
{
	const struct finding *d = t->findings;

	for (unsigned i = 0; d && i < EVIDENCE_MAX; d = d->next, i++) {
		fputs("  ", f);
		put_finding(f, t, d);
		fputc('\n', f);
	}
	if (d)
		fprintf(f, "  ... and %" PRIu64 " more findings\n", t->n_findings - EVIDENCE_MAX);
	put_paths(f, t->changed, t->n_changed, "changed on the host while being verified");
	put_paths(f, t->unreadable, t->n_unreadable, "not readable by you");
	put_paths(f, t->starved, t->n_starved, "the guest had no memory for it (ENOMEM)");
	for (size_t i = 0; i < t->n_steps; i++)
		if (t->off_steps & UINT64_C(1) << i)
			fprintf(f, "  %s is not possible here: %s\n", t->steps[i],
				report_errno(t->off_errs[i]));
}
