/* SPDX-License-Identifier: MIT */
#include "corpus.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "number.h"
#include "path.h"

#define PAGE 4096U
#define IO_HEADER 24U /* what Linux leaves of msize for the rest of a Tread and its reply */
#define ZERO_COPY_MIN 1024U
#define SEGMENT_SLOTS 31U	  /* folios in one struct folio_queue */
#define TREADS_MAX 3U		  /* whole Treads before a tail */
#define TREADS_BYTES (640U << 10) /* ... in bytes: a corpus stays small */
#define SHORT_MAX (64U << 10)	  /* of larger things there are few files */
#define RANDOM_MAX 10000U
#define SIZE_MAX_BYTES (1U << 30)
#define MTIME 1000000000

/* The tails that a last Tread can have: with up to 1024 bytes it is copied, else not. */
static const int tails[] = {
	-1, 0, 1, 655, (int)ZERO_COPY_MIN - 1, (int)ZERO_COPY_MIN, (int)ZERO_COPY_MIN + 1};

static bool get_number(const char **at, uint32_t min, uint32_t max, uint32_t *ret_n)
{
	uint64_t n;

	if (!number_take(at, min, max, &n))
		return false;
	*ret_n = (uint32_t)n;
	return true;
}

static bool skip_word(const char **at, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*at, word, n) != 0)
		return false;
	*at += n;
	return true;
}

static bool get_size(const char **at, struct corpus_spec *s)
{
	if (skip_word(at, "boundaries")) {
		s->has_boundaries = true;
		return true;
	}
	if (skip_word(at, "random:"))
		return get_number(at, 1, RANDOM_MAX, &s->random_count) && skip_word(at, ":") &&
		       get_number(at, 1, SIZE_MAX_BYTES, &s->random_max);
	if (s->n_sizes == CORPUS_LIST_MAX ||
	    !get_number(at, 0, SIZE_MAX_BYTES, &s->sizes[s->n_sizes]))
		return false;
	s->n_sizes++;
	return true;
}

static bool get_sizes(const char **at, struct corpus_spec *s)
{
	s->has_boundaries = false;
	s->random_count = 0;
	s->n_sizes = 0;
	do
		if (!get_size(at, s))
			return false;
	while (skip_word(at, "+"));
	return true;
}

static bool get_msizes(const char **at, struct corpus_spec *s)
{
	s->n_msizes = 0;
	do
		if (s->n_msizes == CORPUS_LIST_MAX ||
		    !get_number(at, 4096, 1U << 20, &s->msizes[s->n_msizes++]))
			return false;
	while (skip_word(at, "+"));
	return true;
}

static bool get_word(const char **at, struct corpus_spec *s)
{
	if (skip_word(at, "sizes="))
		return get_sizes(at, s);
	if (skip_word(at, "msize="))
		return get_msizes(at, s);
	if (skip_word(at, "seed="))
		return get_number(at, 0, UINT16_MAX, &s->seed);
	if (skip_word(at, "generation="))
		return get_number(at, 1, UINT8_MAX, &s->generation);
	return skip_word(at, "iounit=") && get_number(at, 0, 1U << 20, &s->iounit);
}

int corpus_parse(const char *text, struct corpus_spec *ret_s, const char **ret_bad)
{
	struct corpus_spec s = {
		.has_boundaries = true,
		.seed = 1,
		.generation = 1,
		.msizes = {16384, 512000},
		.n_msizes = 2,
		.iounit = 12288,
	};
	const char *at = text ? text : "";

	while (*at) {
		const char *word = at;

		if (!get_word(&at, &s) || (*at && *at != ',') || (*at && !at[1])) {
			*ret_bad = word;
			return -EINVAL;
		}
		at += *at == ',';
	}
	*ret_s = s;
	return 0;
}

static void put_list(FILE *f, const char *before, const uint32_t *n, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(f, "%s%" PRIu32, i ? "+" : before, n[i]);
}

char *corpus_text(const struct corpus_spec *s)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	const char *between = "";

	if (!f)
		return NULL;
	fputs("sizes=", f);
	if (s->has_boundaries) {
		fputs("boundaries", f);
		between = "+";
	}
	if (s->random_count) {
		fprintf(f, "%srandom:%" PRIu32 ":%" PRIu32, between, s->random_count,
			s->random_max);
		between = "+";
	}
	put_list(f, between, s->sizes, s->n_sizes);
	fprintf(f, ",seed=%" PRIu32 ",generation=%" PRIu32, s->seed, s->generation);
	put_list(f, ",msize=", s->msizes, s->n_msizes);
	fprintf(f, ",iounit=%" PRIu32, s->iounit);
	fclose(f);
	return text;
}

uint32_t corpus_read_size(uint32_t msize, uint32_t iounit)
{
	return iounit ? MIN(iounit, msize - IO_HEADER) : msize - IO_HEADER;
}

/* A growing list of sizes. */
struct sizes {
	uint32_t *n;
	size_t count, cap;
	int err;
};

static void add_size(struct sizes *l, uint32_t size)
{
	uint32_t *more;

	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 256;
		more = reallocarray(l->n, l->cap, sizeof(*more));
		if (!more) {
			l->err = -ENOMEM;
			l->cap = l->count;
			return;
		}
		l->n = more;
	}
	l->n[l->count++] = size;
}

static void add_around(struct sizes *l, uint32_t size)
{
	if (size)
		add_size(l, size - 1);
	add_size(l, size);
	add_size(l, size + 1);
}

/* Files of K Treads of UNIT bytes and a tail; of long ones not all tails. */
static void add_treads(struct sizes *l, uint32_t unit)
{
	for (uint32_t k = 1; unit && k <= TREADS_MAX && k * unit <= TREADS_BYTES; k++)
		for (size_t i = 0; i < ARRAY_SIZE(tails); i++)
			if (unit <= SHORT_MAX || tails[i] == 0 || tails[i] == 655 ||
			    tails[i] == (int)ZERO_COPY_MIN + 1)
				add_size(l, (uint32_t)((int)(k * unit) + tails[i]));
}

/* The readahead window of 9P is all pages that fit in a message; a reader that announces itself
 * has twice as much. */
static void add_mount(struct sizes *l, uint32_t msize, uint32_t iounit)
{
	uint32_t window = (msize - IO_HEADER) / PAGE * PAGE;

	if (msize <= SHORT_MAX) {
		add_around(l, msize - IO_HEADER);
		add_around(l, msize);
	}
	add_treads(l, window);
	add_treads(l, corpus_read_size(msize, iounit));
}

static void add_boundaries(struct sizes *l, const struct corpus_spec *s)
{
	static const uint32_t in_page[] = {1, 655, PAGE / 2, PAGE - 1};
	static const uint32_t others[] = {0,
					  CORPUS_UNIT,
					  ZERO_COPY_MIN,
					  PAGE,
					  2 * PAGE,
					  (SEGMENT_SLOTS - 1) * PAGE,
					  SEGMENT_SLOTS * PAGE,
					  (SEGMENT_SLOTS + 1) * PAGE,
					  2 * SEGMENT_SLOTS * PAGE};

	add_size(l, CORPUS_STORY);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		add_around(l, others[i]);
	for (uint32_t page = 0; page < 4; page++)
		for (size_t i = 0; i < ARRAY_SIZE(in_page); i++)
			add_size(l, page * PAGE + in_page[i]);
	for (size_t i = 0; i < s->n_msizes; i++)
		add_mount(l, s->msizes[i], s->iounit);
}

/* SplitMix64: the same on every machine. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int compare_sizes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int corpus_sizes(const struct corpus_spec *s, uint32_t **ret_sizes, size_t *ret_n)
{
	struct sizes l = {0};
	uint64_t state = s->seed;
	size_t kept = 0;

	if (s->has_boundaries)
		add_boundaries(&l, s);
	for (size_t i = 0; i < s->n_sizes; i++)
		add_size(&l, s->sizes[i]);
	for (uint32_t i = 0; i < s->random_count; i++)
		add_size(&l, (uint32_t)(next_random(&state) % ((uint64_t)s->random_max + 1)));
	if (l.err) {
		free(l.n);
		return l.err;
	}
	if (l.count)
		qsort(l.n, l.count, sizeof(*l.n), compare_sizes);
	for (size_t i = 0; i < l.count; i++)
		if (!kept || l.n[kept - 1] != l.n[i])
			l.n[kept++] = l.n[i];
	*ret_sizes = l.n;
	*ret_n = kept;
	return 0;
}

static void put_hex(char *to, unsigned digits, uint32_t n)
{
	static const char hex[] = "0123456789abcdef";

	for (; digits--; n >>= 4)
		to[digits] = hex[n & 15];
}

static void make_unit(uint16_t id, uint8_t generation, uint32_t offset, char *unit)
{
	put_hex(unit, 4, id);
	put_hex(unit + 4, 2, generation);
	put_hex(unit + 6, 8, offset);
	unit[14] = '.';
	unit[15] = '\n';
}

void corpus_fill(uint16_t id, uint8_t generation, uint32_t offset, void *buf, size_t n)
{
	char unit[CORPUS_UNIT], *at = buf;

	while (n) {
		size_t skip = offset % CORPUS_UNIT, len = MIN(CORPUS_UNIT - skip, n);

		make_unit(id, generation, offset - (uint32_t)skip, unit);
		memcpy(at, unit + skip, len);
		at += len;
		n -= len;
		offset += (uint32_t)len;
	}
}

static bool get_hex(const char *from, unsigned digits, uint32_t *ret_n)
{
	uint32_t n = 0;

	for (; digits--; from++) {
		if (*from >= '0' && *from <= '9')
			n = n << 4 | (uint32_t)(*from - '0');
		else if (*from >= 'a' && *from <= 'f')
			n = n << 4 | (uint32_t)(*from - 'a' + 10);
		else
			return false;
	}
	*ret_n = n;
	return true;
}

bool corpus_find_origin(const void *bytes, size_t n, struct corpus_origin *ret_o)
{
	const char *p = bytes;
	uint32_t id, generation, offset;

	for (size_t at = 0; at + CORPUS_UNIT <= n; at++) {
		if (p[at + 14] != '.' || p[at + 15] != '\n' || !get_hex(p + at, 4, &id) ||
		    !get_hex(p + at + 4, 2, &generation) || !get_hex(p + at + 6, 8, &offset) ||
		    offset % CORPUS_UNIT || offset < at || !generation)
			continue;
		*ret_o = (struct corpus_origin){(uint16_t)id, (uint8_t)generation,
						offset - (uint32_t)at};
		return true;
	}
	return false;
}

static int write_content(const struct corpus_spec *s, int fd, uint16_t id, uint32_t size)
{
	char buf[1 << 16];
	int r = 0;

	for (uint32_t at = 0; at < size && !r; at += (uint32_t)sizeof(buf)) {
		size_t n = MIN(size - at, sizeof(buf));

		corpus_fill(id, (uint8_t)s->generation, at, buf, n);
		r = write_all(fd, buf, n);
	}
	return r;
}

static int make_file(const struct corpus_spec *s, int dir_fd, uint16_t id, uint32_t size)
{
	static const struct timespec times[2] = {{.tv_sec = MTIME}, {.tv_sec = MTIME}};
	char name[32] = "default.json";
	autoclose int fd = -1;
	int r;

	if (size != CORPUS_STORY)
		snprintf(name, sizeof(name), "file-%04x-%" PRIu32, id, size);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_content(s, fd, id, size);
	return r ? r : futimens(fd, times) < 0 ? -errno : 0;
}

int corpus_make(const struct corpus_spec *s, int dir_fd)
{
	autofree uint32_t *sizes = NULL;
	size_t n = 0;
	int r = corpus_sizes(s, &sizes, &n);

	/* Ids of different seeds do not meet soon. */
	for (size_t i = 0; i < n && !r; i++)
		r = make_file(s, dir_fd, (uint16_t)((size_t)s->seed * 4099 + i), sizes[i]);
	return r;
}
