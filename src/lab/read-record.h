/* SPDX-License-Identifier: MIT */
/* One call of the kernel's p9_client_read_once as gdb saw it: a line of JSON that
 * lab/gdb/w9_reads.py writes, `warren lab watch` prints and `warren model replay` reads. An object
 * has these members, of which those marked ? may be null:
 *
 *	fid file? offset	of the read; the file's path below the mount
 *	asked count		bytes: of the Tread, and by which the iterator's count went down
 *	zc			true: the reply went straight into the pages; false: it was copied
 *	error			as p9_client_read_once told it: 0 or -errno
 *	iounit msize		of the fid, and of the client
 *	iter iter_type		address in hex (reads of one request have the same), and ITER_...
 *	slot? iov_offset folio_size? count_before
 *				the iterator before: null for another type than ITER_FOLIOQ, or (the
 *				size) behind the last folio of a segment
 *	slot_after? iov_offset_after folio_size_after? count_after
 *	queue?			sizes of the folios from the iterator's segment on
 *	broken why?		a byte did not go into its folio; the words
 *	lost			bytes of which that is known; older recordings have no such member
 *	landed? physical?	of a copy that went behind its folio: "next" (by luck the right page),
 *				"queue" (another page of the same read), "file" (of another file) or
 *				"other", and the physical address
 */
#ifndef LAB_READ_RECORD_H
#define LAB_READ_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iter_place {
	bool has_slot, has_size;
	uint64_t slot, iov_offset, folio_size, count;
};

struct read_record {
	char *file, *iter, *iter_type, *why, *landed; /* iter and iter_type are never NULL */
	uint64_t fid, offset, asked, count, iounit, msize, lost;
	bool zc, broken, has_physical;
	int64_t error;
	struct iter_place before, after;
	uint64_t *queue;
	size_t n_queue;
	uint64_t physical;
};

/* Reads the N bytes of one line. 0, -EINVAL for anything else than such an object, -ENOMEM. */
int read_record_parse(const char *line, size_t n, struct read_record *ret_r);
void read_record_done(struct read_record *r);

/* All lines of TEXT. *RET_LINE is the first that is wrong. Free with read_records_free. */
int read_records_parse(const char *text, size_t n, struct read_record **ret_list, size_t *ret_n,
		       size_t *ret_line);
void read_records_free(struct read_record *list, size_t n);

/* Was the iterator at the end of its folio, where the next one's start was meant? */
bool iter_place_is_parked(const struct iter_place *p);

#endif
