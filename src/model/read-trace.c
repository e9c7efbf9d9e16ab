/* SPDX-License-Identifier: MIT */
#include "read-trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"

#define MAX_WORDS 5
#define MAX_STEPS 1000000U
#define MAX_OFFSET (1ULL << 40)

struct words {
	char *w[MAX_WORDS + 1];
	size_t n;
};

static const char *const advice_names[] = {
	[ADVICE_NORMAL] = "normal",	[ADVICE_SEQUENTIAL] = "sequential",
	[ADVICE_RANDOM] = "random",	[ADVICE_WILLNEED] = "willneed",
	[ADVICE_DONTNEED] = "dontneed",
};

void read_trace_init(struct read_trace *t)
{
	*t = (struct read_trace){.config = model_config_default()};
}

void read_trace_done(struct read_trace *t)
{
	free(t->steps);
	free(t->pfns);
}

int read_trace_add(struct read_trace *t, const struct step *s)
{
	if (t->n == t->cap) {
		size_t cap = MAX(2 * t->cap, (size_t)16);
		struct step *more = cap > MAX_STEPS ? NULL : realloc(t->steps, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->steps = more;
		t->cap = cap;
	}
	t->steps[t->n++] = *s;
	return 0;
}

static bool get_number(const char *word, uint64_t max, uint64_t *ret_n)
{
	char *end;
	unsigned long long n;

	if (!word || *word < '0' || *word > '9')
		return false;
	n = strtoull(word, &end, 0);
	if (*end || n > max)
		return false;
	*ret_n = n;
	return true;
}

static int set_u32(const struct words *w, uint64_t min, uint64_t max, uint32_t *field)
{
	uint64_t n;

	if (w->n != 2 || !get_number(w->w[1], max, &n) || n < min)
		return -EINVAL;
	*field = (uint32_t)n;
	return 0;
}

/* The number of WORD in the list, or N. */
static size_t find_word(const char *word, const char *const *list, size_t n)
{
	size_t i = 0;

	while (i < n && (!word || strcmp(word, list[i]) != 0))
		i++;
	return i;
}

static int take_kernel(struct read_trace *t, const struct words *w)
{
	return w->n == 2 ? kernel_rules_of(w->w[1], &t->config.rules) : -EINVAL;
}

static int take_bug(struct read_trace *t, const struct words *w)
{
	enum kernel_bug bug = w->n == 2 ? kernel_bug_find(w->w[1]) : N_KERNEL_BUGS;

	if (bug == N_KERNEL_BUGS)
		return -EINVAL;
	if (!strcmp(w->w[0], "with-bug"))
		kernel_rules_add(&t->config.rules, bug);
	else
		t->config.rules.has[bug] = false;
	return 0;
}

static int take_msize(struct read_trace *t, const struct words *w)
{
	return set_u32(w, 4096, 1U << 26, &t->config.msize);
}

static int take_iounit(struct read_trace *t, const struct words *w)
{
	return set_u32(w, 0, 1U << 26, &t->config.iounit);
}

static int take_reply_limit(struct read_trace *t, const struct words *w)
{
	return set_u32(w, 0, 1U << 26, &t->config.reply_limit);
}

static int take_cache(struct read_trace *t, const struct words *w)
{
	size_t i = find_word(w->w[1], model_cache_names, N_MODEL_CACHES);

	if (i == N_MODEL_CACHES)
		return -EINVAL;
	t->config.cache = (enum model_cache)i;
	return 0;
}

static int take_memory(struct read_trace *t, const struct words *w)
{
	size_t i = find_word(w->w[1], layout_names, N_LAYOUTS);

	if (i == N_LAYOUTS)
		return -EINVAL;
	t->config.layout = (enum layout)i;
	return 0;
}

static int take_copy_only(struct read_trace *t, const struct words *w)
{
	t->config.is_copy_only = true;
	return w->n == 1 ? 0 : -EINVAL;
}

static int take_page(struct read_trace *t, const struct words *w)
{
	uint64_t index, pfn;

	if (w->n != 3 || !get_number(w->w[1], MODEL_MAX_SIZE / PAGE_SIZE, &index) ||
	    !get_number(w->w[2], 1ULL << 52, &pfn))
		return -EINVAL;
	if (!t->pfns) {
		t->n_pfns = MODEL_MAX_SIZE / PAGE_SIZE + 1;
		t->pfns = malloc(t->n_pfns * sizeof(*t->pfns));
		if (!t->pfns)
			return -ENOMEM;
		memset(t->pfns, 0xff, t->n_pfns * sizeof(*t->pfns));
	}
	t->pfns[index] = pfn;
	return 0;
}

static int take_file(struct read_trace *t, const struct words *w)
{
	return w->n == 2 && get_number(w->w[1], MODEL_MAX_SIZE, &t->config.size) ? 0 : -EINVAL;
}

static int get_range(const struct words *w, size_t first, struct step *s)
{
	return get_number(w->w[first], MAX_OFFSET, &s->offset) &&
			       get_number(w->w[first + 1], MAX_OFFSET, &s->len)
		       ? 0
		       : -EINVAL;
}

static int take_advise(struct read_trace *t, const struct words *w)
{
	size_t i = find_word(w->w[1], advice_names, ARRAY_SIZE(advice_names));
	struct step s = {.kind = STEP_ADVISE, .advice = (enum advice)i};
	bool has_range = i == ADVICE_WILLNEED || i == ADVICE_DONTNEED;

	if (i == ARRAY_SIZE(advice_names) || w->n != (has_range ? 4 : 2) ||
	    (has_range && get_range(w, 2, &s)))
		return -EINVAL;
	return read_trace_add(t, &s);
}

static int take_read(struct read_trace *t, const struct words *w)
{
	struct step s = {.kind = STEP_READ};

	if (w->n < 3 || w->n > 4 || get_range(w, 1, &s))
		return -EINVAL;
	if (w->n == 4) {
		size_t i = find_word(w->w[3], advice_names, ADVICE_WILLNEED);
		int r = i == ADVICE_WILLNEED
				? -EINVAL
				: read_trace_add(t, &(struct step){.kind = STEP_ADVISE,
								   .advice = (enum advice)i});

		if (r)
			return r;
	}
	return read_trace_add(t, &s);
}

static int take_open(struct read_trace *t, const struct words *w)
{
	return w->n == 1 ? read_trace_add(t, &(struct step){.kind = STEP_OPEN}) : -EINVAL;
}

static int take_drop(struct read_trace *t, const struct words *w)
{
	return w->n == 1 ? read_trace_add(t, &(struct step){.kind = STEP_DROP}) : -EINVAL;
}

static const struct {
	const char *word;
	int (*take)(struct read_trace *t, const struct words *w);
	const char *why;
} statements[] = {
	{"kernel", take_kernel, "kernel takes a version, such as 6.12.43"},
	{"with-bug", take_bug, "there is no such bug; 'warren model bugs' lists them"},
	{"without-bug", take_bug, "there is no such bug; 'warren model bugs' lists them"},
	{"msize", take_msize, "msize takes a number of at least 4096"},
	{"iounit", take_iounit, "iounit takes a number of bytes; 0: msize decides"},
	{"reply-limit", take_reply_limit, "reply-limit takes a number of bytes"},
	{"cache", take_cache, "cache takes none, readahead, mmap or loose"},
	{"memory", take_memory, "memory takes scattered, ascending, descending or random"},
	{"copy-only", take_copy_only, "copy-only stands alone"},
	{"page", take_page, "page takes the number of a page of the file and one of memory"},
	{"file", take_file, "file takes a size of at most 16777216"},
	{"open", take_open, "open stands alone"},
	{"drop", take_drop, "drop stands alone"},
	{"advise", take_advise,
	 "advise takes normal, sequential or random, or willneed or dontneed OFFSET LENGTH"},
	{"read", take_read, "read takes OFFSET LENGTH, and normal, sequential or random"},
};

int read_trace_line(struct read_trace *t, const char *line, const char **ret_why)
{
	autofree char *copy = strndup(line, strcspn(line, "#\n"));
	char *at = copy, *word;
	struct words w = {0};

	if (!copy)
		return -ENOMEM;
	while ((word = strtok_r(at, " \t\r", &at)))
		if (w.n < MAX_WORDS)
			w.w[w.n++] = word;
	*ret_why = "there is no such statement; 'man warren-model' lists them";
	for (size_t i = 0; w.n && i < ARRAY_SIZE(statements); i++)
		if (!strcmp(w.w[0], statements[i].word)) {
			*ret_why = statements[i].why;
			return statements[i].take(t, &w);
		}
	return w.n ? -EINVAL : 0;
}

void step_print(FILE *f, const struct step *s)
{
	switch (s->kind) {
	case STEP_OPEN:
		fputs("open", f);
		break;
	case STEP_DROP:
		fputs("drop", f);
		break;
	case STEP_ADVISE:
		fprintf(f, "advise %s", advice_names[s->advice]);
		if (s->advice == ADVICE_WILLNEED || s->advice == ADVICE_DONTNEED)
			fprintf(f, " %" PRIu64 " %" PRIu64, s->offset, s->len);
		break;
	case STEP_READ:
		fprintf(f, "read %" PRIu64 " %" PRIu64, s->offset, s->len);
		break;
	}
}

void read_trace_print(FILE *f, const struct read_trace *t)
{
	const struct model_config *c = &t->config;

	for (size_t i = 0; i < N_KERNEL_BUGS; i++)
		fprintf(f, "%s %s\n", c->rules.has[i] ? "with-bug" : "without-bug",
			kernel_bugs[i].name);
	fprintf(f, "msize %u\niounit %u\ncache %s\n", c->msize, c->iounit,
		model_cache_names[c->cache]);
	if (c->layout != LAYOUT_SCATTERED)
		fprintf(f, "memory %s\n", layout_names[c->layout]);
	if (c->reply_limit)
		fprintf(f, "reply-limit %u\n", c->reply_limit);
	if (c->is_copy_only)
		fputs("copy-only\n", f);
	for (size_t i = 0; i < t->n_pfns; i++)
		if (t->pfns[i] != SIZE_MAX)
			fprintf(f, "page %zu %zu\n", i, t->pfns[i]);
	fprintf(f, "file %" PRIu64 "\n", c->size);
	for (size_t i = 0; i < t->n; i++) {
		step_print(f, &t->steps[i]);
		fputc('\n', f);
	}
}

int read_trace_run(struct read_trace *t, struct model **ret_m)
{
	struct model *m;
	int r;

	t->config.pfns = t->pfns;
	r = model_new(&t->config, &m);
	if (r)
		return r;
	for (size_t i = 0; i < t->n && !r; i++)
		r = model_step(m, &t->steps[i], NULL, NULL);
	if (!r && m->rec.is_full)
		r = -ENOMEM;
	if (r)
		model_free(m);
	else
		*ret_m = m;
	return r;
}
