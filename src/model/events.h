/* SPDX-License-Identifier: MIT */
/* What happened in the model, in the order in which it happened: the answers to "which bytes are
 * lost, and in which step" are read off this. */
#ifndef MODEL_EVENTS_H
#define MODEL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iov-iter.h"
#include "phys.h"

enum event_kind {
	EVENT_STEP,	/* a statement of the trace begins; index: its number */
	EVENT_WINDOW,	/* readahead brings COUNT pages from page INDEX on; why */
	EVENT_REQUEST,	/* netfs: COUNT bytes from OFFSET on */
	EVENT_DOWNLOAD, /* a subrequest: COUNT bytes from OFFSET on, from the server */
	EVENT_ZERO,	/* ... to be filled with zeros */
	EVENT_TREAD,	/* OFFSET, COUNT asked for, RECEIVED; zero_copy; cursor before and after */
	EVENT_WRITE,	/* bytes went into memory; see below */
	EVENT_BROKEN,	/* an invariant does not hold; why */
};

enum write_kind { WRITE_DMA, WRITE_COPY, WRITE_ZERO };

/* A cursor as a debugger shows it. */
struct cursor {
	enum iter_type iter_type;
	size_t segment, slot, iov_offset, count; /* segment: counted from the queue's tail */
	size_t folio_size;			 /* 0: no folio at the cursor */
	bool is_parked;
};

struct event {
	enum event_kind kind;
	unsigned step;	/* the statement of the trace, from 0 */
	unsigned tread; /* the Tread that it belongs to, from 1; 0: none */
	uint64_t index, offset, count, received;
	bool zero_copy;
	struct cursor before, after;
	const char *why;
	/* EVENT_WRITE: COUNT bytes that belong to the file's OFFSET went to PFN + page_offset; the
	 * iterator meant the folio that starts at page INDEX, at folio_offset in it. */
	enum write_kind write;
	size_t pfn, page_offset, folio_offset;
	bool is_outside;       /* not in that folio */
	enum page_owner owner; /* of the page that was written to */
	uint64_t owner_index;
};

struct recorder {
	struct event *events;
	size_t n, cap;
	bool is_full;		  /* memory is out: the record is not complete */
	bool is_brief;		  /* only what is wrong is kept: for millions of cases */
	unsigned step, treads;	  /* treads: how many there were */
	unsigned tread;		  /* the running one, 0: none */
	uint64_t outside, broken; /* writes outside their folio; invariants that did not hold */
};

void recorder_done(struct recorder *r);

/* Adds E with the running step and Tread; NULL when nothing is kept. */
struct event *event_add(struct recorder *r, const struct event *e);

/* Moves the bytes of FROM (NULL: zeros) into memory, whosever it is. */
void event_write(struct recorder *r, enum write_kind kind, const struct span *s, size_t len,
		 uint64_t file_offset, const unsigned char *from);

void event_broken(struct recorder *r, const char *why);

/* Checks the cursor, and that it went on by what the operation returned. */
void event_check(struct recorder *r, const struct iov_iter *i);

struct cursor cursor_of(const struct iov_iter *i);

#endif
