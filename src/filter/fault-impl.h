/* SPDX-License-Identifier: MIT */
/* The inside of the fault filter: what fault.c, which decides when something is damaged, and
 * fault-data.c, which does it to the bytes of a read, share. */
#ifndef FILTER_FAULT_IMPL_H
#define FILTER_FAULT_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "fault.h"
#include "pass.h"

enum kind {
#define K(id, ...) FAULT_##id,
	FAULT_KINDS(K)
#undef K
		N_KINDS
};

struct fault {
	struct pass pass; /* first */
	enum kind kind;
	char *pattern;
	uint64_t from, to; /* the range */
	uint64_t by;
	atomic_uint_least64_t left; /* times that it may act */
	_Atomic uint32_t version, reads;
	_Atomic uint64_t told; /* PADDED: the size */

	pthread_mutex_t lock;	       /* for what follows */
	struct file *latest, *earlier; /* the files of LOWER that were opened last; references */
	uint8_t *first;		       /* the range as it was read first; NULL: not yet */
	size_t first_len;
};

/* The parts of LEN bytes behind the first SKIP of IOV. Returns how many they are. */
int fault_slice(const struct iovec *iov, int n, size_t skip, size_t len, struct iovec *out);

/* Damages what was read of FILE from OFFSET (in the range) on: IOV. */
int fault_damage(struct fault *f, struct pass_file *file, const struct call *c,
		 const struct iovec *iov, int n, uint64_t offset);

/* Zeros behind the GOT of ASKED bytes that are there, up to the size that was told. Returns how many
 * there are then. */
size_t fault_pad(const struct fault *f, const struct iovec *iov, int n, uint64_t offset,
		 size_t asked, size_t got);

#endif
