/* SPDX-License-Identifier: MIT */
/* Replays what gdb saw in a kernel. The recording says where the kernel's cursor went, and so, if
 * nobody says which kernel it was, by which rules it goes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "logging.h"
#include "macros.h"
#include "model-verb.h"
#include "read-record.h"
#include "seen-reads.h"
#include "text.h"

/* What is tried when the kernel is not named: the newest first. */
static const char *const versions[] = {"6.12.44", "6.12.43", "6.12-rc2", "6.12-rc1"};

struct recording {
	struct read_record *list;
	size_t n;
	struct seen_read *reads; /* those of one file */
	size_t n_reads;
};

static bool is_over_folios(const struct read_record *r)
{
	return !strcmp(r->iter_type, "ITER_FOLIOQ") && r->before.has_slot && r->after.has_slot &&
	       r->n_queue;
}

static struct seen_cursor cursor_from(const struct iter_place *p)
{
	return (struct seen_cursor){p->slot, p->iov_offset, p->count};
}

/* Reads of one request have the same iterator, and each begins where the one before ended. The
 * address alone would not do: it is on the stack, or allocated anew in the same place. */
static bool goes_on(const struct read_record *before, const struct read_record *r)
{
	return before && !strcmp(before->iter, r->iter) &&
	       before->offset + before->count == r->offset &&
	       before->after.count == r->before.count;
}

/* The reads of the fid and file of record FIRST. */
static void take_file(struct recording *rec, size_t first)
{
	const struct read_record *before = NULL;
	const char *file = rec->list[first].file;

	rec->n_reads = 0;
	for (size_t i = first; i < rec->n; i++) {
		const struct read_record *r = &rec->list[i];

		if (r->fid != rec->list[first].fid || !is_over_folios(r) ||
		    strcmp(r->file ? r->file : "", file ? file : "") != 0)
			continue;
		rec->reads[rec->n_reads++] = (struct seen_read){
			.offset = r->offset,
			.asked = r->asked,
			.count = r->count,
			.iounit = r->iounit,
			.msize = r->msize,
			.zero_copy = r->zc,
			.is_first = !goes_on(before, r),
			.before = cursor_from(&r->before),
			.after = cursor_from(&r->after),
			.queue = r->queue,
			.n_queue = r->n_queue,
		};
		before = r;
	}
}

static bool is_first_of_its_file(const struct recording *rec, size_t i)
{
	const struct read_record *r = &rec->list[i];

	if (!is_over_folios(r))
		return false;
	for (size_t k = 0; k < i; k++) {
		const struct read_record *b = &rec->list[k];

		if (is_over_folios(b) && b->fid == r->fid &&
		    !strcmp(b->file ? b->file : "", r->file ? r->file : ""))
			return false;
	}
	return true;
}

/* By whose rules the kernel's cursor goes: those of the newest of *RET_NAMES, all that fit, or NULL
 * when there is none. The caller frees it. */
static int find_rules(const struct recording *rec, struct kernel_rules *ret_rules, char **ret_names)
{
	char *names = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		autofree char *before = names;
		struct kernel_rules rules;
		size_t different;
		struct model *m;
		int r = kernel_rules_of(versions[i], &rules);

		r = r ? r : seen_reads_run(&rules, rec->reads, rec->n_reads, &m, &different);
		if (r)
			return r;
		model_free(m);
		if (different) {
			steal_ptr(&before);
			continue;
		}
		if (!before)
			*ret_rules = rules;
		if (asprintf(&names, "%s%s%s", before ? before : "", before ? ", " : "",
			     versions[i]) < 0)
			return -ENOMEM;
	}
	*ret_names = names;
	return 0;
}

static char *describe(const struct read_record *first, size_t n, size_t different,
		      const char *names)
{
	autofree char *name = first->file ? text_printable(first->file, strlen(first->file)) : NULL;
	const char *file = name ? name : "a file without a name";
	char *text;
	int r;

	if (names)
		r = asprintf(&text, "%s: %zu reads; the kernel's cursor went as in Linux %s", file,
			     n, names);
	else
		r = asprintf(&text, "%s: %zu reads, of which %zu went another way in the kernel",
			     file, n, different);
	return r < 0 ? NULL : text;
}

static int replay_file(const struct model_options *o, const struct kernel_rules *given,
		       struct recording *rec, size_t first)
{
	struct kernel_rules rules = *given;
	autofree char *about = NULL, *names = NULL;
	size_t different;
	struct model *m;
	int r = 0;

	take_file(rec, first);
	if (!o->has_rules)
		r = find_rules(rec, &rules, &names);
	r = r ? r : seen_reads_run(&rules, rec->reads, rec->n_reads, &m, &different);
	if (r) {
		log_error("the recording of %s cannot be replayed: %s",
			  rec->list[first].file ? rec->list[first].file : "a file",
			  r == -EINVAL ? "its cursors and offsets do not fit together, or it is "
					 "larger than 512 MiB"
				       : strerror(-r));
		return EXIT_USAGE;
	}
	about = describe(&rec->list[first], rec->n_reads, different, names);
	r = model_report(o, m, NULL, about);
	model_free(m);
	return r;
}

int model_replay_recording(const struct model_options *o, const struct kernel_rules *rules,
			   const char *text, size_t n)
{
	struct recording rec = {0};
	size_t line = 0, replayed = 0;
	int code = EXIT_OK, r = read_records_parse(text, n, &rec.list, &rec.n, &line);

	if (r) {
		log_error("line %zu is no read that 'warren lab watch --json' recorded", line);
		return EXIT_USAGE;
	}
	rec.reads = calloc(rec.n + 1, sizeof(*rec.reads));
	for (size_t i = 0; rec.reads && i < rec.n && code <= EXIT_DIFFERENT; i++)
		if (is_first_of_its_file(&rec, i)) {
			r = replay_file(o, rules, &rec, i);
			code = MAX(code, r);
			replayed++;
		}
	if (!replayed && !o->is_json)
		printf("OK: none of %zu reads went over a folio_queue: nothing for this model to "
		       "lose\n",
		       rec.n);
	free(rec.reads);
	read_records_free(rec.list, rec.n);
	return code;
}
