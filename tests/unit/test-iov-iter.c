/* SPDX-License-Identifier: MIT */
/* The iterators against a flat buffer: whatever the sequence of advance, revert, pages for a device,
 * copy and zeros, over whatever memory, the bytes are those of one array and a number. That sequence
 * of operations is what the kernel's own tests of iov_iter never had. */
#include "cmocka-all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "folio-queue.h"
#include "iov-iter.h"
#include "macros.h"
#include "page-cache.h"
#include "prng.h"

/* One thread: TSan has nothing to find, and is slow. */
#ifdef __SANITIZE_THREAD__
#define CASES 70
#else
#define CASES 700
#endif
#define OPERATIONS 24
#define MAX_FOLIOS 70 /* more than two segments of the queue */
#define MAX_ORDER 2
#define OTHER_PAGES 16 /* what the other kinds need */
#define MAX_BYTES (MAX_FOLIOS * PAGE_SIZE << MAX_ORDER)
#define MAX_PIECES (MAX_FOLIOS << MAX_ORDER)

static const struct kernel_rules sound, parking = {.has = {[BUG_PARKING] = true}};

/* Bytes FROM to FROM + LEN of the flat buffer stand there in memory. */
struct piece {
	size_t from, len, pfn, offset;
};

struct fixture {
	enum iter_type type;
	uint64_t rng;
	struct kernel_rules rules;
	struct phys phys;
	struct frames frames;
	struct piece pieces[MAX_PIECES];
	size_t n_pieces;
	size_t total, pos, count; /* what there is; where the cursor is; what it may still do */
	unsigned char flat[MAX_BYTES];
	struct iov_iter *iter;
	/* what the iterator needs to point to */
	struct iov_iter own;
	struct rolling_buffer roll;
	struct folio folios[MAX_FOLIOS];
	size_t n_folios, n_linked;
	struct address_space mapping;
	size_t pfns[MAX_PIECES];
	struct vbuf buf;
	struct kvec kvec[MAX_PIECES];
	struct bio_vec bvec[MAX_PIECES];
};

static size_t below(struct fixture *f, size_t n)
{
	return (size_t)prng_below(&f->rng, n);
}

static void add_piece(struct fixture *f, size_t len, size_t pfn, size_t offset)
{
	f->pieces[f->n_pieces++] = (struct piece){f->total, len, pfn, offset};
	f->total += len;
}

static void link_folio(struct fixture *f)
{
	struct folio *folio = &f->folios[f->n_linked++];

	assert_int_equal(rolling_buffer_append(&f->roll, folio), 0);
	for (size_t i = 0; i < (size_t)1 << folio->order; i++)
		add_piece(f, PAGE_SIZE, folio->pfn + i, 0);
	f->count += folio_size(folio);
}

/* Few folios mostly, as a read has them; some of the queue may come later. */
static void make_folioq(struct fixture *f)
{
	for (size_t i = 0; i < f->n_folios; i++) {
		unsigned order = below(f, 3) ? 0 : (unsigned)below(f, MAX_ORDER + 1);
		size_t pfn = frames_get(&f->frames, (size_t)1 << order);

		assert_true(pfn != SIZE_MAX);
		f->folios[i] = (struct folio){.phys = &f->phys, .pfn = pfn, .order = order};
		for (size_t k = 0; k < (size_t)1 << order; k++)
			phys_take(&f->phys, pfn + k, OWNER_FILE, i);
	}
	assert_int_equal(rolling_buffer_init(&f->roll, &f->rules), 0);
	f->iter = &f->roll.iter;
	for (size_t n = 1 + below(f, f->n_folios); n; n--)
		link_folio(f);
}

static void take_pages(struct fixture *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		f->pfns[i] = frames_get(&f->frames, 1);
		phys_take(&f->phys, f->pfns[i], OWNER_BUFFER, i);
	}
	f->buf = (struct vbuf){&f->phys, f->pfns, below(f, 2) ? 0 : below(f, PAGE_SIZE)};
}

static void make_ubuf(struct fixture *f)
{
	size_t n = 1 + below(f, 8);

	take_pages(f, n);
	for (size_t i = 0; i < n; i++) {
		size_t offset = i ? 0 : f->buf.first;

		add_piece(f, PAGE_SIZE - offset, f->pfns[i], offset);
	}
	iov_iter_ubuf(&f->own, &f->rules, &f->buf, f->total);
}

static void make_kvec(struct fixture *f)
{
	size_t n = 1 + below(f, 6), at = 0;

	take_pages(f, 2 * n);
	f->buf.first = 0;
	for (size_t i = 0; i < n; i++) {
		size_t len = 1 + below(f, 2 * PAGE_SIZE - 200), done = 0;

		f->kvec[i] = (struct kvec){&f->buf, at, len};
		while (done < len) {
			size_t offset = (at + done) % PAGE_SIZE;
			size_t part = MIN(len - done, PAGE_SIZE - offset);

			add_piece(f, part, f->pfns[(at + done) / PAGE_SIZE], offset);
			done += part;
		}
		at += len + below(f, 100);
	}
	iov_iter_kvec(&f->own, &f->rules, f->kvec, n, f->total);
}

static void make_bvec(struct fixture *f)
{
	size_t n = 1 + below(f, 12);

	take_pages(f, n);
	for (size_t i = 0; i < n; i++) {
		size_t offset = below(f, PAGE_SIZE), len = 1 + below(f, PAGE_SIZE - offset);

		f->bvec[i] = (struct bio_vec){&f->phys, f->pfns[i], offset, len};
		add_piece(f, len, f->pfns[i], offset);
	}
	iov_iter_bvec(&f->own, &f->rules, f->bvec, n, f->total);
}

static void make_xarray(struct fixture *f)
{
	size_t n = 1 + below(f, 12), start = below(f, PAGE_SIZE);
	struct folio *folio;

	assert_int_equal(mapping_init(&f->mapping, n * PAGE_SIZE, &f->frames), 0);
	for (size_t i = 0; i < n; i++) {
		size_t offset = i ? 0 : start;

		assert_int_equal(filemap_add_folio(&f->mapping, i, 0, &folio), 0);
		add_piece(f, PAGE_SIZE - offset, folio->pfn, offset);
	}
	iov_iter_xarray(&f->own, &f->rules, &f->mapping, start, f->total);
}

static void (*const makers[N_ITER_TYPES])(struct fixture *f) = {
	[ITER_FOLIOQ] = make_folioq, [ITER_UBUF] = make_ubuf,	  [ITER_KVEC] = make_kvec,
	[ITER_BVEC] = make_bvec,     [ITER_XARRAY] = make_xarray,
};

static struct fixture *make(enum iter_type type, const struct kernel_rules *rules, uint64_t seed,
			    enum layout layout)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*f = (struct fixture){.type = type, .rng = seed * 2 + 1, .rules = *rules};
	f->n_folios = 1 + below(f, below(f, 20) ? 6 : MAX_FOLIOS);
	assert_int_equal(phys_init(&f->phys, frames_needed((f->n_folios << MAX_ORDER) + OTHER_PAGES,
							   1U << MAX_ORDER)),
			 0);
	frames_init(&f->frames, &f->phys, layout, seed);
	f->iter = &f->own;
	makers[type](f);
	if (type != ITER_FOLIOQ)
		f->count = f->total;
	return f;
}

static void end(struct fixture *f)
{
	if (f->type == ITER_FOLIOQ)
		rolling_buffer_clear(&f->roll);
	if (f->type == ITER_XARRAY)
		mapping_done(&f->mapping);
	phys_done(&f->phys);
	free(f);
}

static unsigned char *next_bytes(struct fixture *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		f->flat[f->pos + i] = (unsigned char)(1 + below(f, 255));
	return f->flat + f->pos;
}

static size_t write_step(const struct span *s, size_t progress, size_t len, void *priv)
{
	const unsigned char *from = priv;

	phys_write(s->phys, s->pfn, s->offset, from ? from + progress : NULL, len, 0);
	return 0;
}

static void go(struct fixture *f, size_t n)
{
	f->pos += n;
	f->count -= n;
}

static bool do_advance(struct fixture *f)
{
	size_t n = below(f, f->count + 1);

	iov_iter_advance(f->iter, n);
	go(f, n);
	return true;
}

/* Back to the start at most; for a queue, to where it was truncated at most. */
static bool do_revert(struct fixture *f)
{
	size_t n = below(f, f->pos + 1);

	iov_iter_revert(f->iter, n);
	f->pos -= n;
	f->count += n;
	return true;
}

static bool do_copy(struct fixture *f)
{
	size_t n = below(f, MIN(f->count, (size_t)5000) + 1);
	size_t done = iterate_and_advance(f->iter, n, write_step, next_bytes(f, n));

	go(f, n);
	return done == n;
}

static bool do_zero(struct fixture *f)
{
	size_t n = below(f, MIN(f->count, (size_t)5000) + 1);
	size_t done = iterate_and_advance(f->iter, n, write_step, NULL);

	memset(f->flat + f->pos, 0, n);
	go(f, n);
	return done == n;
}

/* What virtio does with the pages: the bytes of the reply go into them one after the other. */
static bool do_pages(struct fixture *f, bool is_extract)
{
	struct span pages[MAX_PIECES];
	size_t want = below(f, 2) ? below(f, f->count + 1) : f->count / PAGE_SIZE * PAGE_SIZE;
	size_t max = 1 + below(f, 2) * MAX_PIECES / 2, start = 0, done = 0;
	ssize_t n = is_extract ? iov_iter_extract_pages(f->iter, pages, want, max, &start)
			       : iov_iter_get_pages(f->iter, pages, want, max, &start);
	const unsigned char *from;

	if (n < 0 || (size_t)n > want || (!n && want))
		return false;
	from = next_bytes(f, (size_t)n);
	for (size_t i = 0; done < (size_t)n; i++, start = 0) {
		size_t part = MIN((size_t)n - done, PAGE_SIZE - start);

		phys_write(pages[i].phys, pages[i].pfn, start, from + done, part, 0);
		done += part;
	}
	go(f, (size_t)n);
	return true;
}

/* The same place in its other form. */
static bool do_recode(struct fixture *f)
{
	struct iov_iter *i = f->iter;

	if (f->type != ITER_FOLIOQ)
		return true;
	if (iov_iter_is_parked(i)) {
		i->iov_offset = 0;
		i->folioq_slot++;
	} else if (!i->iov_offset && i->folioq_slot && i->folioq_slot < PAGEVEC_SIZE) {
		i->folioq_slot--;
		i->iov_offset = folioq_folio_size(i->folioq, i->folioq_slot);
	}
	return true;
}

static bool do_link(struct fixture *f)
{
	if (f->type == ITER_FOLIOQ && f->n_linked < f->n_folios)
		link_folio(f);
	return true;
}

static bool do_operation(struct fixture *f)
{
	switch (below(f, 9)) {
	case 0:
		return do_advance(f);
	case 1:
		return do_revert(f);
	case 2:
	case 3:
		return do_copy(f);
	case 4:
		return do_zero(f);
	case 5:
		return do_pages(f, false);
	case 6:
		return do_pages(f, true);
	case 7:
		return do_recode(f);
	default:
		return do_link(f);
	}
}

/* Is each byte where it belongs, and nothing anywhere else? */
static bool memory_is_right(const struct fixture *f)
{
	for (size_t i = 0; i < f->n_pieces; i++) {
		const struct piece *p = &f->pieces[i];

		if (memcmp(phys_bytes(&f->phys, p->pfn) + p->offset, f->flat + p->from, p->len))
			return false;
	}
	for (size_t pfn = 0; pfn < f->phys.n_pages; pfn++) {
		const unsigned char *bytes = phys_bytes(&f->phys, pfn);

		if (f->phys.pages[pfn].owner == OWNER_CANARY &&
		    (bytes[0] != PHYS_CANARY || memcmp(bytes, bytes + 1, PAGE_SIZE - 1)))
			return false;
	}
	return true;
}

/* Bytes from the queue's first folio to the cursor. */
static size_t position(const struct iov_iter *i)
{
	const struct folio_queue *q = i->folioq;
	size_t pos = i->iov_offset, slots = i->folioq_slot;

	for (; q; q = q->prev, slots = q ? PAGEVEC_SIZE : 0)
		for (size_t slot = 0; slot < slots; slot++)
			pos += folioq_folio_size(q, (unsigned)slot);
	return pos;
}

static bool cursor_is_right(const struct fixture *f)
{
	if (f->type == ITER_FOLIOQ && position(f->iter) != f->pos)
		return false;
	return !iov_iter_check(f->iter) && f->iter->count == f->count;
}

/* One random case. With a bug, the cursor may leave the queue: the first sign of that ends it. */
static bool holds(enum iter_type type, const struct kernel_rules *rules, uint64_t seed,
		  enum layout layout, bool is_never_parked)
{
	struct fixture *f = make(type, rules, seed, layout);
	bool ok = true;

	for (unsigned i = 0; i < OPERATIONS && ok; i++) {
		if (is_never_parked && iov_iter_is_parked(f->iter))
			iov_iter_advance(f->iter, 0);
		ok = do_operation(f) && cursor_is_right(f);
	}
	ok = ok && memory_is_right(f);
	end(f);
	return ok;
}

static void check_type(enum iter_type type, const struct kernel_rules *rules)
{
	for (uint64_t seed = 0; seed < CASES; seed++) {
		enum layout layout = (enum layout)(seed % N_LAYOUTS);

		if (!holds(type, rules, seed, layout, false))
			fail_msg("%s: seed %u fails", iter_type_names[type], (unsigned)seed);
	}
}

/* How many of the cases on a kernel of that version fail. */
static unsigned failures_with(const char *version, bool is_never_parked)
{
	struct kernel_rules rules;
	unsigned n = 0;

	assert_int_equal(kernel_rules_of(version, &rules), 0);
	for (uint64_t seed = 0; seed < CASES; seed++)
		n += !holds(ITER_FOLIOQ, &rules, seed, LAYOUT_SCATTERED, is_never_parked);
	print_message("%s%s: %u of %u cases fail\n", version,
		      is_never_parked ? ", never parked" : "", n, CASES);
	return n;
}

static void a_folio_queue_is_as_a_flat_buffer(void **state)
{
	(void)state;
	check_type(ITER_FOLIOQ, &sound);
}

static void parking_alone_is_harmless(void **state)
{
	(void)state;
	check_type(ITER_FOLIOQ, &parking);
}

static void so_are_all_other_kinds(void **state)
{
	(void)state;
	for (int type = 0; type < N_ITER_TYPES; type++)
		if (type != ITER_FOLIOQ)
			check_type((enum iter_type)type, &parking);
}

/* The three bugs hide each other: each version has one less, and the first is the only one that
 * needs no parked cursor. */
static void each_bug_is_found(void **state)
{
	(void)state;
	assert_true(failures_with("6.12-rc1", true) > CASES / 50);
	assert_int_equal(failures_with("6.12-rc2", true), 0);
	assert_true(failures_with("6.12-rc2", false) > failures_with("6.12-rc6", false));
	assert_true(failures_with("6.12.43", false) > CASES / 50);
	assert_int_equal(failures_with("6.12.44", false), 0);
}

static void what_was_advanced_can_be_reverted(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < CASES; seed++)
		for (int type = 0; type < N_ITER_TYPES; type++) {
			struct fixture *f = make((enum iter_type)type, &parking, seed,
						 LAYOUT_RANDOM);
			struct iov_iter before;
			size_t n;

			iov_iter_advance(f->iter, below(f, f->count + 1));
			before = *f->iter;
			n = below(f, before.count + 1);
			iov_iter_advance(f->iter, n);
			iov_iter_revert(f->iter, n);
			assert_int_equal(f->iter->count, before.count);
			assert_null(iov_iter_check(f->iter));
			/* A queue's cursor may come back in its other form. */
			if (type == ITER_FOLIOQ)
				assert_int_equal(position(f->iter), position(&before));
			else
				assert_int_equal(f->iter->iov_offset, before.iov_offset);
			end(f);
		}
}

/* Behind the last folio of a full segment the cursor waits for the next segment, and goes on when
 * it is there. */
static void a_cursor_waits_for_the_next_segment(void **state)
{
	struct fixture *f = make(ITER_FOLIOQ, &sound, 1, LAYOUT_ASCENDING);
	struct folio folios[PAGEVEC_SIZE + 1];
	struct rolling_buffer roll;
	unsigned char bytes[100];

	(void)state;
	assert_int_equal(rolling_buffer_init(&roll, &sound), 0);
	for (size_t i = 0; i <= PAGEVEC_SIZE; i++) {
		folios[i] = (struct folio){.phys = &f->phys, .pfn = frames_get(&f->frames, 1)};
		phys_take(&f->phys, folios[i].pfn, OWNER_FILE, i);
		if (i < PAGEVEC_SIZE)
			assert_int_equal(rolling_buffer_append(&roll, &folios[i]), 0);
	}
	iov_iter_advance(&roll.iter, PAGEVEC_SIZE * PAGE_SIZE);
	assert_int_equal(roll.iter.folioq_slot, PAGEVEC_SIZE);
	assert_null(iov_iter_check(&roll.iter));
	assert_int_equal(rolling_buffer_append(&roll, &folios[PAGEVEC_SIZE]), 0);
	assert_int_equal(roll.iter.folioq_slot, 0);
	memset(bytes, 7, sizeof(bytes));
	assert_int_equal(iterate_and_advance(&roll.iter, 100, write_step, bytes), 100);
	assert_memory_equal(phys_bytes(&f->phys, folios[PAGEVEC_SIZE].pfn), bytes, 100);
	rolling_buffer_clear(&roll);
	end(f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folio_queue_is_as_a_flat_buffer),
		cmocka_unit_test(parking_alone_is_harmless),
		cmocka_unit_test(so_are_all_other_kinds),
		cmocka_unit_test(each_bug_is_found),
		cmocka_unit_test(what_was_advanced_can_be_reverted),
		cmocka_unit_test(a_cursor_waits_for_the_next_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
