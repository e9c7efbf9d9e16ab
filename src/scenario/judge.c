/* SPDX-License-Identifier: MIT */
#include "judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "content.h"
#include "macros.h"
#include "seen.h"

#define PAGE 4096U
#define RUNS_TOLD 4U

/* How many of the bytes are what. */
struct tally {
	size_t stale, gone, wrong, zeros, past;
};

static bool is_in(const struct content *const *list, size_t n, size_t at, unsigned char byte)
{
	for (size_t i = 0; i < n; i++)
		if (at < list[i]->n && list[i]->at[at] == byte)
			return true;
	return false;
}

static void count_byte(const struct expected *e, size_t at, unsigned char byte, struct tally *t)
{
	if (at < e->truth->n && e->truth->at[at] == byte)
		return;
	if (is_in(e->may, e->n_may, at, byte))
		t->stale++;
	else if (!byte && at >= e->truth->n && e->is_mapping)
		return;
	else if (!byte && at >= e->truth->n)
		t->past++;
	else if (!byte)
		t->zeros++;
	else if (is_in(e->gone, e->n_gone, at, byte))
		t->gone++;
	else
		t->wrong++;
}

/* Is so short an answer that of a time that may still be seen? */
static enum mark mark_length(const struct expected *e, const struct seen *s, size_t offset,
			     size_t count)
{
	if (e->is_mapping || *s->error || s->has_more ||
	    s->data.n == content_left(e->truth, offset, count))
		return MARK_NEW;
	for (size_t i = 0; i < e->n_may; i++)
		if (s->data.n == content_left(e->may[i], offset, count))
			return MARK_STALE;
	for (size_t i = 0; i < e->n_gone; i++)
		if (s->data.n == content_left(e->gone[i], offset, count))
			return MARK_OLD;
	return s->data.n < content_left(e->truth, offset, count) ? MARK_LOST : MARK_WRONG;
}

/* "a*10000 zeros*300000", of the first few runs. */
static void put_runs(FILE *f, const struct content *c, size_t offset, size_t count)
{
	size_t end = offset + content_left(c, offset, count), runs = 0, next;

	if (offset >= end)
		fputs("nothing", f);
	for (size_t at = offset; at < end; at = next) {
		for (next = at + 1; next < end && c->at[next] == c->at[at]; next++)
			;
		if (runs++ == RUNS_TOLD) {
			fputs(" ...", f);
			return;
		}
		if (runs > 1)
			fputc(' ', f);
		if (!c->at[at])
			fputs("zeros", f);
		else if (c->at[at] > ' ' && c->at[at] < 127)
			fputc(c->at[at], f);
		else
			fprintf(f, "\\x%02x", c->at[at]);
		fprintf(f, "*%zu", next - at);
	}
}

static void tell_data(const struct expected *e, const struct seen *s, size_t offset, size_t count,
		      struct judgement *j)
{
	FILE *f = fmemopen(j->text, sizeof(j->text) - 1, "w");

	if (!f)
		return;
	put_runs(f, &s->data, 0, s->data.n);
	if (*s->error)
		fprintf(f, ", then %s", s->error);
	fputs(", where the file holds ", f);
	put_runs(f, e->truth, offset, count);
	fclose(f);
	j->text[sizeof(j->text) - 1] = '\0';
}

static enum mark mark_of(const struct tally *t)
{
	return t->zeros || t->past ? MARK_ZEROS
	       : t->wrong	   ? MARK_WRONG
	       : t->gone	   ? MARK_OLD
	       : t->stale	   ? MARK_STALE
				   : MARK_NEW;
}

void judge_read(const struct expected *e, const struct seen *s, size_t offset, size_t count,
		struct judgement *ret_j, bool *ret_past)
{
	struct tally t = {0};
	enum mark by_length = mark_length(e, s, offset, count);

	for (size_t i = 0; i < s->data.n; i++)
		count_byte(e, offset + i, s->data.at[i], &t);
	*ret_past = t.past && !t.zeros;
	ret_j->mark = MAX(mark_of(&t), by_length);
	if (s->has_more)
		ret_j->mark = MAX(ret_j->mark, MARK_WRONG);
	if (ret_j->mark > MARK_STALE)
		tell_data(e, s, offset, count, ret_j);
}

/* Is all there of what the file holds, wherever it might stand? If not, a byte that is not. */
static unsigned char find_lost(const struct content *truth, const struct content *seen)
{
	size_t n[256] = {0};

	for (size_t i = 0; i < seen->n; i++)
		n[seen->at[i]]++;
	for (size_t i = 0; i < truth->n; i++)
		if (!n[truth->at[i]]--)
			return truth->at[i];
	return 0;
}

void judge_host(const struct expected *e, const struct seen *s, struct judgement *ret_j,
		unsigned char *ret_lost)
{
	bool past;

	*ret_lost = 0;
	judge_read(e, s, 0, MAX(e->truth->n, s->data.n), ret_j, &past);
	if (ret_j->mark <= MARK_STALE)
		return;
	*ret_lost = find_lost(e->truth, &s->data);
	if (*ret_lost)
		ret_j->mark = MARK_LOST;
	else if (!e->keeps_order && s->data.n == e->truth->n)
		*ret_j = (struct judgement){.mark = MARK_NEW};
}

void judge_size(const struct expected *e, uint64_t size, struct judgement *ret_j)
{
	ret_j->mark = MARK_WRONG;
	for (size_t i = 0; i < e->n_gone; i++)
		if (e->gone[i]->n == size)
			ret_j->mark = MARK_OLD;
	for (size_t i = 0; i < e->n_may; i++)
		if (e->may[i]->n == size)
			ret_j->mark = MARK_STALE;
	if (e->truth->n == size)
		ret_j->mark = MARK_NEW;
	if (ret_j->mark > MARK_STALE)
		snprintf(ret_j->text, sizeof(ret_j->text), "size %" PRIu64 ", where it is %zu",
			 size, e->truth->n);
}
