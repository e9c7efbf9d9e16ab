/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "classify.h"
#include "cleanup.h"
#include "compare-parts.h"
#include "compare-pieces.h"
#include "corpus.h"
#include "host-file.h"
#include "macros.h"

#define CLASSIFIED_MAX 64 /* blocks of a file that are looked at closely */

/* The judgement of one file. */
struct judge {
	struct compare *c;
	struct pieces pieces;
	const struct node *n; /* that has the content */
	int fd;		      /* the host's file */
	unsigned left;	      /* blocks that may still be looked at closely */
	unsigned char host[DIGEST_BLOCK];
};

void content_clear(struct content *l)
{
	for (size_t i = 0; i < l->n_sightings; i++)
		free(l->sightings[i].bytes);
	free(l->sightings);
	l->sightings = NULL;
	l->n_sightings = 0;
	l->first_step = 0;
	l->has_lengths = l->failed = l->length = 0;
	runs_clear(&l->runs);
}

/* The length of block BLOCK in a file of LENGTH bytes. */
static size_t block_len(uint64_t block, uint64_t length)
{
	uint64_t at = block * DIGEST_BLOCK;

	return at >= length ? 0 : (size_t)MIN(length - at, DIGEST_BLOCK);
}

/* The host's block, padded with zeros; how many bytes of it there are. */
static size_t read_host_block(struct judge *j, uint64_t block)
{
	ssize_t n = pread(j->fd, j->host, DIGEST_BLOCK, (off_t)(block * DIGEST_BLOCK));

	n = n < 0 ? 0 : n;
	memset(j->host + n, 0, DIGEST_BLOCK - (size_t)n);
	return (size_t)n;
}

static bool is_at(const struct sighting *s, uint64_t block)
{
	return block >= s->block && block - s->block < s->count;
}

/* Steps that saw this block as DIGEST; all that did not see it as the first way did when DIGEST is
 * NULL. */
static uint64_t steps_seeing(const struct content *l, uint64_t block, const uint64_t *digest)
{
	uint64_t steps = 0;

	for (size_t i = 0; i < l->n_sightings; i++) {
		const struct sighting *s = &l->sightings[i];

		if (is_at(s, block) && (!digest || (s->has_digest && s->digest == *digest)))
			steps |= UINT64_C(1) << s->step;
	}
	return steps;
}

/* All that saw it as the first way did, itself included. */
static uint64_t steps_with_first(const struct judge *j, uint64_t block)
{
	return reading_steps(j->c) & ~steps_seeing(&j->c->content, block, NULL) &
	       ~j->c->content.failed;
}

/* BUF becomes BASE with the bytes that a sighting knows of one of its two sides; false unless the
 * result has the digest. */
static bool rebuild(const unsigned char *base, const struct sighting *s, bool is_first, size_t n,
		    uint64_t digest, unsigned char *buf)
{
	if (!s->n || s->from + s->n > n)
		return false;
	memcpy(buf, base, n);
	memcpy(buf + s->from, s->bytes + (is_first ? s->n : 0), s->n);
	return digest_of(buf, n) == digest;
}

/* The bytes of the first way, if a way that read them rightly tells them. */
static bool rebuild_first(const struct judge *j, uint64_t block, size_t n, uint64_t digest,
			  unsigned char *buf)
{
	const struct content *l = &j->c->content;

	for (size_t i = 0; i < l->n_sightings; i++)
		if (is_at(&l->sightings[i], block) &&
		    rebuild(j->host, &l->sightings[i], true, n, digest, buf))
			return true;
	return false;
}

/* Zeros and flipped bits were tried on the host's bytes until the digest fitted: the guest's bytes are
 * known then, even if nobody told them. */
static void take_sample(struct judge *j, const unsigned char *guest, const struct diagnosis *d,
			struct sample *ret_s)
{
	ret_s->n = MIN(d->to - d->from, SAMPLE_BYTES);
	memcpy(ret_s->host, j->host + d->from, ret_s->n);
	ret_s->has_guest = guest || (d->class == DAMAGE_ZERO && d->is_exact);
	if (guest)
		memcpy(ret_s->guest, guest + d->from, ret_s->n);
}

static int classify_block(struct judge *j, uint64_t block, size_t n, uint64_t digest,
			  const unsigned char *guest, struct piece *p)
{
	const struct specimen s = {
		.host = j->host,
		.guest = guest,
		.n = n,
		.digest = digest,
		.offset = block * DIGEST_BLOCK,
		.host_fd = j->fd,
		.manifest = j->c->m,
		.owners = &j->c->owners,
		.node = j->n,
		.is_thorough = !guest && j->left == CLASSIFIED_MAX && j->c->thorough_left,
	};

	j->c->thorough_left -= s.is_thorough;
	j->left--;
	classify(&s, &p->d);
	p->has_digest = true;
	p->digest = digest;
	p->from = s.offset + p->d.from;
	p->to = s.offset + p->d.to;
	take_sample(j, guest, &p->d, &p->sample);
	return pieces_add(&j->pieces, p);
}

/* A block that the first way read wrongly. */
static int judge_first_block(struct judge *j, uint64_t block)
{
	const struct content *l = &j->c->content;
	size_t n_guest = block_len(block, l->length), n_host = read_host_block(j, block);
	size_t n = MIN(n_guest, n_host);
	unsigned char guest[DIGEST_BLOCK];
	uint64_t digest, should;
	struct piece p = {0};

	if (!runs_at(&l->runs, block, &digest) || !runs_at(&j->n->runs, block, &should))
		return 0;
	/* A shorter or longer file ends in this block: SHORT and LONG say that already. */
	if (n_guest != n_host && digest_of(j->host, n_guest) == digest)
		return 0;
	if (n_guest > n_host)
		return 0;
	p.steps = steps_with_first(j, block);
	p.right = steps_seeing(l, block, &should);
	return classify_block(j, block, n, digest,
			      rebuild_first(j, block, n, digest, guest) ? guest : NULL, &p);
}

static int judge_first_way(struct judge *j)
{
	const struct content *l = &j->c->content;
	uint64_t block = 0, count;
	int r = 0;

	while (!r && j->pieces.n < PIECES_MAX &&
	       runs_differ(&j->n->runs, &l->runs, &block, &count)) {
		uint64_t end = block + count;

		for (; !r && j->left && block < end; block++)
			r = judge_first_block(j, block);
		if (!r && block < end)
			r = pieces_add_range(&j->pieces, DAMAGE_DIFFERENT, block * DIGEST_BLOCK,
					     MIN(end * DIGEST_BLOCK, l->length),
					     steps_with_first(j, block), 0);
		block = end;
	}
	return r;
}

/* A block that another way read otherwise than the first: as it should be, or not. */
static int judge_sighting(struct judge *j, const struct sighting *s)
{
	const struct content *l = &j->c->content;
	size_t n = MIN(block_len(s->block, l->length), read_host_block(j, s->block));
	unsigned char first[DIGEST_BLOCK], guest[DIGEST_BLOCK];
	const unsigned char *base = j->host;
	uint64_t digest, should;
	struct piece p = {.steps = steps_seeing(l, s->block, &s->digest)};

	if (!n || !runs_at(&l->runs, s->block, &digest) ||
	    !runs_at(&j->n->runs, s->block, &should) || s->digest == should)
		return 0;
	if (digest != should)
		base = rebuild_first(j, s->block, n, digest, first) ? first : NULL;
	else
		p.right = steps_with_first(j, s->block);
	if (!j->left)
		return pieces_add_range(&j->pieces, DAMAGE_DIFFERENT, s->block * DIGEST_BLOCK,
					s->block * DIGEST_BLOCK + n, p.steps, p.right);
	return classify_block(j, s->block, n, s->digest,
			      base && rebuild(base, s, false, n, s->digest, guest) ? guest : NULL,
			      &p);
}

static bool was_judged(const struct content *l, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (l->sightings[k].has_digest && l->sightings[k].block == l->sightings[i].block &&
		    l->sightings[k].digest == l->sightings[i].digest)
			return true;
	return false;
}

/* Otherwise a way that read something else may have read it rightly. */
static bool is_right_by_first(const struct judge *j, const struct sighting *s)
{
	uint64_t digest, should;

	return runs_at(&j->c->content.runs, s->block, &digest) &&
	       runs_at(&j->n->runs, s->block, &should) && digest == should;
}

static int judge_other_ways(struct judge *j)
{
	const struct content *l = &j->c->content;
	int r = 0;

	for (size_t i = 0; i < l->n_sightings && !r; i++) {
		const struct sighting *s = &l->sightings[i];

		if (s->block >= l->runs.blocks)
			continue;
		if (!s->has_digest && is_right_by_first(j, s))
			r = pieces_add_range(
				&j->pieces, DAMAGE_DIFFERENT, s->block * DIGEST_BLOCK,
				MIN((s->block + MIN(s->count, l->runs.blocks)) * DIGEST_BLOCK,
				    l->length),
				UINT64_C(1) << s->step, 0);
		else if (s->has_digest && !was_judged(l, i))
			r = judge_sighting(j, s);
	}
	return r;
}

static int judge_length(struct judge *j, uint64_t length, uint64_t steps)
{
	uint64_t should = j->n->length;

	if (length == should || !steps)
		return 0;
	return length < should
		       ? pieces_add_range(&j->pieces, DAMAGE_SHORT, length, should, steps, 0)
		       : pieces_add_range(&j->pieces, DAMAGE_LONG, should, length, steps, 0);
}

static int judge_lengths(struct judge *j)
{
	const struct content *l = &j->c->content;
	int r = judge_length(j, l->length, reading_steps(j->c) & ~l->has_lengths & ~l->failed);

	for (size_t i = 0; i < j->c->t.n_steps && !r; i++)
		if (l->has_lengths & UINT64_C(1) << i)
			r = judge_length(j, l->lengths[i], UINT64_C(1) << i);
	return r;
}

/* What a file of a corpus held before, its units tell, as long as one of the block is left. */
static bool diagnose_from_corpus(const struct specimen *s, struct diagnosis *d)
{
	unsigned char before[DIGEST_BLOCK];
	struct corpus_origin o;
	size_t from = 0, to = s->n;

	if (!corpus_find_origin(s->host, s->n, &o))
		return false;
	corpus_fill(o.id, o.generation, o.offset, before, s->n);
	if (digest_of(before, s->n) != s->digest)
		return false;
	while (from < to && before[from] == s->host[from])
		from++;
	while (to > from && before[to - 1] == s->host[to - 1])
		to--;
	d->from = from;
	d->to = to;
	d->is_exact = true;
	return true;
}

/* The host's own bytes are not those of the manifest: where, as closely as digests tell. */
static int judge_altered(struct judge *j, const struct runs *now)
{
	uint64_t block = 0, count;
	int r = 0;

	while (!r && j->pieces.n < PIECES_MAX && runs_differ(&j->n->runs, now, &block, &count)) {
		struct piece p = {
			.d = {.class = DAMAGE_HOST_ALTERED},
			.from = block * DIGEST_BLOCK,
			.to = MIN((block + count) * DIGEST_BLOCK, j->n->length),
		};
		struct specimen s = {.host = j->host, .host_fd = -1, .is_thorough = true};
		struct diagnosis d = {0};

		if (count == 1 && j->left == CLASSIFIED_MAX && j->c->thorough_left) {
			j->c->thorough_left--;
			j->left--;
			s.n = read_host_block(j, block);
			if (runs_at(&j->n->runs, block, &s.digest) && !diagnose_from_corpus(&s, &d))
				classify(&s, &d);
		}
		if (d.is_exact) {
			p.to = p.from + d.to;
			p.from += d.from;
		}
		r = pieces_add(&j->pieces, &p);
		block += count;
	}
	return r;
}

static bool is_as_it_should(const struct compare *c, const struct node *n)
{
	const struct content *l = &c->content;

	return !l->n_sightings && !l->has_lengths && l->length == n->length &&
	       runs_equal(&l->runs, &n->runs);
}

/* The guest has what the manifest says; but that is of an older moment. */
static int judge_old(struct compare *c, const struct node *n)
{
	autoclose int fd = host_open(manifest_root_fd(c->m), c->node, O_RDONLY | O_NONBLOCK);
	uint64_t block = 0, count, length;
	struct runs now = {0};
	int r = 0;

	if (fd < 0 || host_recheck(manifest_root_fd(c->m), c->node, false, NULL) != HOST_CHANGED ||
	    host_digest(fd, NULL, NULL, &now, &length) < 0) {
		runs_done(&now);
		return 0;
	}
	while (!r && runs_differ(&n->runs, &now, &block, &count)) {
		r = add_finding(c, c->node, NULL, DAMAGE_STALE, block * DIGEST_BLOCK,
				MIN((block + count) * DIGEST_BLOCK, n->length), reading_steps(c), 0,
				strdup("as the manifest has it, which is older than the host's "
				       "file"));
		block += count;
	}
	runs_done(&now);
	return r;
}

int judge_content(struct compare *c)
{
	struct judge j = {
		.c = c, .pieces = {.c = c}, .n = c->node->same, .fd = -1, .left = CLASSIFIED_MAX};
	autoclose int fd = -1;
	struct runs now = {0};
	enum host_state state;
	int r;

	if (c->node->err || j.n->err)
		return note_unreadable(c, c->node);
	/* No way worked: each has told its error. */
	if (!(reading_steps(c) & ~c->content.failed))
		return 0;
	if (is_as_it_should(c, j.n))
		return c->is_old ? judge_old(c, j.n) : 0;
	state = host_recheck(manifest_root_fd(c->m), c->node, true, &now);
	fd = j.fd = state == HOST_CHANGED
			    ? -1
			    : host_open(manifest_root_fd(c->m), c->node, O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		runs_done(&now);
		return note_changed(c, c->node, NULL);
	}
	if (state == HOST_SILENT) {
		r = judge_altered(&j, &now);
	} else {
		r = judge_lengths(&j);
		if (!r)
			r = judge_first_way(&j);
		if (!r)
			r = judge_other_ways(&j);
	}
	runs_done(&now);
	return r ? r : pieces_end(&j.pieces);
}
