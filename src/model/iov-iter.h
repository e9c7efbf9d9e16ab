/* SPDX-License-Identifier: MIT */
/* The cursor of a read: models include/linux/uio.h, iov_iter.h and lib/iov_iter.c.
 *
 * An iterator says where the next byte of a reply goes, in memory that may be described in five
 * ways. It knows no addresses: what works on memory is a step function, which gets spans. */
#ifndef MODEL_IOV_ITER_H
#define MODEL_IOV_ITER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel-rules.h"
#include "phys.h"

struct address_space;
struct folio_queue;

#define ITER_TYPES(T)                                                        \
	T(ITER_UBUF, "UBUF")	 /* a program's memory, as it passed it */   \
	T(ITER_KVEC, "KVEC")	 /* stretches of kernel memory */            \
	T(ITER_BVEC, "BVEC")	 /* pieces of pages */                       \
	T(ITER_XARRAY, "XARRAY") /* the pages of a file, by their numbers */ \
	T(ITER_FOLIOQ, "FOLIOQ") /* a queue of folios */

#define T(id, name) id,
enum iter_type { ITER_TYPES(T) N_ITER_TYPES };
#undef T

extern const char *const iter_type_names[N_ITER_TYPES];

/* Memory in one piece for those who use it, in pages anywhere. */
struct vbuf {
	struct phys *phys;
	const size_t *pfns;
	size_t first; /* where it starts in its first page */
};

struct kvec {
	const struct vbuf *buf;
	size_t base, len; /* base: from the start of BUF */
};

struct bio_vec {
	struct phys *phys;
	size_t pfn, offset, len;
};

struct iov_iter {
	enum iter_type iter_type;
	const struct kernel_rules *rules;
	size_t iov_offset; /* in the segment or folio; UBUF, XARRAY: from the start */
	size_t count;	   /* bytes that may still come */
	union {
		const struct vbuf *ubuf;
		const struct kvec *kvec;
		const struct bio_vec *bvec;
		const struct address_space *xarray;
		const struct folio_queue *folioq;
	};
	union {
		size_t nr_segs;	       /* KVEC, BVEC */
		uint64_t xarray_start; /* place in the file */
		unsigned folioq_slot; /* nr_slots: behind the last, the next segment may come yet */
	};
};

void iov_iter_ubuf(struct iov_iter *i, const struct kernel_rules *rules, const struct vbuf *buf,
		   size_t count);
void iov_iter_kvec(struct iov_iter *i, const struct kernel_rules *rules, const struct kvec *v,
		   size_t nr_segs, size_t count);
void iov_iter_bvec(struct iov_iter *i, const struct kernel_rules *rules, const struct bio_vec *v,
		   size_t nr_segs, size_t count);
void iov_iter_xarray(struct iov_iter *i, const struct kernel_rules *rules,
		     const struct address_space *mapping, uint64_t start, size_t count);
void iov_iter_folio_queue(struct iov_iter *i, const struct kernel_rules *rules,
			  const struct folio_queue *q, unsigned slot, size_t offset, size_t count);

/* Lowers the count to N at most. */
void iov_iter_truncate(struct iov_iter *i, size_t n);
void iov_iter_advance(struct iov_iter *i, size_t n);
void iov_iter_revert(struct iov_iter *i, size_t unroll);

/* Works on LEN bytes at a span, PROGRESS bytes into the whole; returns how many it left. */
typedef size_t iov_step_f(const struct span *s, size_t progress, size_t len, void *priv);

/* Takes the cursor over up to LEN bytes, page by page; returns how many. copy_to_iter,
 * copy_from_iter and iov_iter_zero are this with a step function each. */
size_t iterate_and_advance(struct iov_iter *i, size_t len, iov_step_f *step, void *priv);

/* The pages of the next bytes, at most MAXSIZE and N_PAGES, and takes the cursor over those bytes.
 * *RET_START is where they start in the first page. Returns how many bytes, or -EIO when the cursor
 * stands where it must not. */
ssize_t iov_iter_get_pages(struct iov_iter *i, struct span *pages, size_t maxsize, size_t n_pages,
			   size_t *ret_start);

/* The same by which a read past the page cache takes hold of the program's memory. */
ssize_t iov_iter_extract_pages(struct iov_iter *i, struct span *pages, size_t maxsize,
			       size_t n_pages, size_t *ret_start);

size_t iov_iter_npages(const struct iov_iter *i, size_t max);
size_t iov_iter_single_seg_count(const struct iov_iter *i);

/* What is wrong with the cursor, as text, or NULL: it is in range, and there is room for its
 * count as far as the queue is built. */
const char *iov_iter_check(const struct iov_iter *i);

/* For FOLIOQ: does the cursor stand at the end of a folio (where it must not be used)? */
bool iov_iter_is_parked(const struct iov_iter *i);

/* Inside: iov-iter-folioq.c and iov-iter-flat.c. */
size_t iterate_folioq(struct iov_iter *i, size_t len, iov_step_f *step, void *priv);
void iov_iter_folioq_advance(struct iov_iter *i, size_t n);
void iov_iter_folioq_revert(struct iov_iter *i, size_t unroll);
ssize_t iter_folioq_get_pages(struct iov_iter *i, struct span *pages, size_t maxsize,
			      size_t n_pages, size_t *ret_start);
ssize_t iov_iter_extract_folioq_pages(struct iov_iter *i, struct span *pages, size_t maxsize,
				      size_t n_pages, size_t *ret_start);
const char *iter_folioq_check(const struct iov_iter *i);
/* The span at the cursor of an iterator of another type; LEN shrinks to what is in one page. */
bool iter_flat_span(const struct iov_iter *i, size_t *len, struct span *ret_s);
void iter_flat_advance(struct iov_iter *i, size_t n);
void iter_flat_revert(struct iov_iter *i, size_t unroll);
size_t iter_flat_segment(const struct iov_iter *i);

#endif
