/* SPDX-License-Identifier: MIT */
#include "classify-parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "cleanup.h"
#include "digest.h"
#include "macros.h"
#include "manifest.h"
#include "owner.h"

#define SEARCH_BYTES (1U << 20)	   /* around the block, when bytes are known */
#define SEARCH_DIGESTS (64U << 10) /* ... when each place costs a digest */
#define NEEDLE_MIN 16

const char *damage_name(enum damage d)
{
#define X(symbol, name, meaning) name,
	static const char *const names[] = {DAMAGE_CLASSES(X)};
#undef X

	return names[d];
}

const char *damage_meaning(enum damage d)
{
#define X(symbol, name, meaning) meaning,
	static const char *const meanings[] = {DAMAGE_CLASSES(X)};
#undef X

	return meanings[d];
}

static bool is_all_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

bool classify_range(const unsigned char *host, const unsigned char *guest, size_t n,
		    struct diagnosis *d)
{
	size_t from = 0, to = n;

	while (from < n && host[from] == guest[from])
		from++;
	while (to > from && host[to - 1] == guest[to - 1])
		to--;
	if (from == to)
		return false;
	d->from = from;
	d->to = to;
	d->is_exact = true;
	return true;
}

static bool fits(const struct specimen *s, const unsigned char *guess)
{
	return digest_of(guess, s->n) == s->digest;
}

/* Zeros from somewhere to the end, from the start to somewhere, or all over. */
static bool guess_zeros(const struct specimen *s, unsigned char *guess)
{
	memcpy(guess, s->host, s->n);
	for (size_t at = s->n; at-- > 0;) {
		guess[at] = 0;
		if (fits(s, guess))
			return true;
	}
	memcpy(guess, s->host, s->n);
	for (size_t at = 0; at < s->n; at++) {
		guess[at] = 0;
		if (fits(s, guess))
			return true;
	}
	return false;
}

static bool is_one_bit(unsigned char a, unsigned char b)
{
	unsigned flipped = a ^ b;

	return flipped && !(flipped & (flipped - 1));
}

/* Zeros of the host that touch the lost range belong to it when they reach the block's edge. */
static bool classify_zero(const struct specimen *s, struct diagnosis *d)
{
	unsigned char guess[DIGEST_BLOCK];
	const unsigned char *guest = s->guest;
	struct diagnosis found = *d;

	if (!guest && !guess_zeros(s, guess))
		return false;
	guest = guest ? guest : guess;
	if (!classify_range(s->host, guest, s->n, &found) ||
	    !is_all_zero(guest + found.from, found.to - found.from))
		return false;
	if (found.to - found.from == 1 && is_one_bit(s->host[found.from], 0))
		return false;
	if (is_all_zero(guest, found.from))
		found.from = 0;
	if (is_all_zero(guest + found.to, s->n - found.to))
		found.to = s->n;
	*d = found;
	return true;
}

static bool guess_bit(const struct specimen *s, unsigned char *guess)
{
	memcpy(guess, s->host, s->n);
	for (size_t at = 0; at < s->n; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			guess[at] ^= (unsigned char)(1U << bit);
			if (fits(s, guess))
				return true;
			guess[at] ^= (unsigned char)(1U << bit);
		}
	return false;
}

static bool classify_bitflip(const struct specimen *s, struct diagnosis *d)
{
	unsigned char guess[DIGEST_BLOCK];
	const unsigned char *guest = s->guest;
	struct diagnosis found = *d;

	if (!guest && !guess_bit(s, guess))
		return false;
	guest = guest ? guest : guess;
	if (!classify_range(s->host, guest, s->n, &found) || found.to - found.from != 1 ||
	    !is_one_bit(s->host[found.from], guest[found.from]))
		return false;
	*d = found;
	return true;
}

/* The host's file from REACH before the block to REACH behind it; the caller frees it. */
static unsigned char *read_around(const struct specimen *s, uint64_t reach, uint64_t *ret_start,
				  size_t *ret_n)
{
	uint64_t start = s->offset > reach ? s->offset - reach : 0;
	size_t want = (size_t)(s->offset - start) + s->n + reach;
	unsigned char *buf = s->host_fd < 0 ? NULL : malloc(want);
	ssize_t n = buf ? pread(s->host_fd, buf, want, (off_t)start) : -1;

	if (n < 0) {
		free(buf);
		return NULL;
	}
	*ret_start = start;
	*ret_n = (size_t)n;
	return buf;
}

static bool is_telling(const unsigned char *p, size_t n)
{
	return n >= NEEDLE_MIN && memcmp(p, p + 1, n - 1) != 0;
}

static bool find_bytes_elsewhere(const struct specimen *s, struct diagnosis *d)
{
	struct diagnosis found = *d;
	autofree unsigned char *around = NULL;
	unsigned char *at;
	uint64_t start;
	size_t n;

	if (!classify_range(s->host, s->guest, s->n, &found) ||
	    !is_telling(s->guest + found.from, found.to - found.from))
		return false;
	around = read_around(s, SEARCH_BYTES, &start, &n);
	at = around ? memmem(around, n, s->guest + found.from, found.to - found.from) : NULL;
	if (!at)
		return false;
	found.shift = (int64_t)(start + (uint64_t)(at - around)) -
		      (int64_t)(s->offset + found.from);
	*d = found;
	return found.shift != 0;
}

static bool find_digest_elsewhere(const struct specimen *s, struct diagnosis *d)
{
	autofree unsigned char *around = NULL;
	uint64_t start;
	size_t n;

	around = read_around(s, SEARCH_DIGESTS, &start, &n);
	for (size_t i = 0; around && i + s->n <= n; i++) {
		if (start + i == s->offset || !fits(s, around + i))
			continue;
		d->shift = (int64_t)(start + i) - (int64_t)s->offset;
		return classify_range(s->host, around + i, s->n, d);
	}
	return false;
}

static bool classify_shifted(const struct specimen *s, struct diagnosis *d)
{
	return s->guest ? find_bytes_elsewhere(s, d) : find_digest_elsewhere(s, d);
}

/* Looks for the digest in all files; the node's own counts as shifted. */
static const struct node *find_owner(const struct node *n, uint64_t digest, uint64_t *ret_block)
{
	uint64_t block = 0;

	for (size_t i = 0; i < n->runs.n; block += n->runs.r[i].count, i++)
		if (n->runs.r[i].digest == digest) {
			*ret_block = block;
			return n;
		}
	for (size_t i = 0; i < n->n_children; i++) {
		const struct node *found = find_owner(n->children[i], digest, ret_block);

		if (found)
			return found;
	}
	return NULL;
}

static bool classify_foreign(const struct specimen *s, struct diagnosis *d)
{
	uint64_t block;
	const struct node *owner;

	if (!s->manifest || s->digest == digest_of_zeros())
		return false;
	owner = find_owner(manifest_root(s->manifest), s->digest, &block);
	if (!owner)
		return false;
	d->foreign = owner;
	d->foreign_offset = block * DIGEST_BLOCK;
	d->from = 0;
	d->to = s->n;
	return true;
}

/* Not a whole block of another file, but some bytes of one in ours. */
static bool classify_foreign_bytes(const struct specimen *s, struct diagnosis *d)
{
	unsigned char guess[DIGEST_BLOCK];
	const unsigned char *guest = s->guest;
	struct diagnosis found = *d;

	if (!s->owners)
		return false;
	if (!guest && !owner_guess_tail(s->owners, s->host, s->n, s->digest, guess, &found.foreign,
					&found.foreign_offset))
		return false;
	if (!classify_range(s->host, guest ? guest : guess, s->n, &found))
		return false;
	if (guest && !owner_find(s->owners, guest + found.from, found.to - found.from,
				 &found.foreign, &found.foreign_offset))
		return false;
	if (!guest)
		found.foreign_offset += found.from;
	*d = found;
	return true;
}

static bool classify_stale(const struct specimen *s, struct diagnosis *d)
{
	return classify_old(s, false, d);
}

static bool classify_torn(const struct specimen *s, struct diagnosis *d)
{
	return classify_old(s, true, d);
}

static bool guess_byte(const struct specimen *s, unsigned char *guess)
{
	memcpy(guess, s->host, s->n);
	for (size_t at = 0; at < s->n; at++) {
		for (unsigned value = 0; value < 256; value++) {
			guess[at] = (unsigned char)value;
			if (fits(s, guess))
				return true;
		}
		guess[at] = s->host[at];
	}
	return false;
}

/* The last row: it takes what is left. */
static bool classify_random(const struct specimen *s, struct diagnosis *d)
{
	unsigned char guess[DIGEST_BLOCK];
	const unsigned char *guest = s->guest;

	if (!guest && s->is_thorough && guess_byte(s, guess))
		guest = guess;
	if (guest)
		classify_range(s->host, guest, s->n, d);
	return true;
}

static const struct {
	enum damage class;
	bool (*is_it)(const struct specimen *s, struct diagnosis *d);
} rows[] = {
	{DAMAGE_ZERO, classify_zero},
	{DAMAGE_STALE, classify_stale},
	{DAMAGE_TORN, classify_torn},
	{DAMAGE_BITFLIP, classify_bitflip},
	{DAMAGE_SHIFTED, classify_shifted},
	{DAMAGE_FOREIGN, classify_foreign},
	{DAMAGE_FOREIGN, classify_foreign_bytes},
	{DAMAGE_RANDOM, classify_random},
};

void classify(const struct specimen *s, struct diagnosis *ret_d)
{
	struct diagnosis d = {.to = s->n};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		d.class = rows[i].class;
		if (rows[i].is_it(s, &d))
			break;
	}
	if (d.class == DAMAGE_FOREIGN && d.foreign->same == s->node) {
		d.class = DAMAGE_SHIFTED;
		d.shift = (int64_t)d.foreign_offset - (int64_t)(s->offset + d.from);
	}
	*ret_d = d;
}
