/* SPDX-License-Identifier: MIT */
/* A fid, and a session's table of them.
 *
 * A fid is an object: it says which node a client means by a number, and in which state it is. Once
 * it is in the table nobody changes it; what a message changes (opening, renaming, creating) is
 * done by putting another object in its place, if it is still there. A request holds a reference on
 * each fid that it uses, so that what it works on stays as it was when the request came, whatever
 * other messages do to the number meanwhile. The last reference closes.
 */
#ifndef SERVER_FID_H
#define SERVER_FID_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "cleanup.h"
#include "protocol.h"

struct file;
struct node;
struct pool;
struct xattr_value;

/* Bits, so that a handler can say which of them it takes. */
enum fid_kind {
	FID_PATH = 1,	     /* walked to, not opened */
	FID_OPEN = 2,	     /* by Tlopen or Tlcreate */
	FID_XATTR_READ = 4,  /* made by Txattrwalk */
	FID_XATTR_WRITE = 8, /* made by Txattrcreate */
};

/* Of the last empty reads: how many were the same in a row. Only a guard's memory: not a part of
 * what the fid means. */
struct fid_spin {
	_Atomic uint64_t offset, since_ns;
	atomic_uint asked, n;
};

struct fid {
	atomic_uint refs;
	uint32_t number;
	enum fid_kind kind;
	uint32_t uid;		   /* whom the backend made of the Tattach's */
	uint64_t root;		   /* qid.path of that one's root: ".." leads no further */
	struct qid qid;		   /* as it was when the fid was made */
	struct node *node;	   /* owns a reference */
	struct file *file;	   /* owns a reference; FID_OPEN only, else NULL */
	struct xattr_value *xattr; /* owned; FID_XATTR_ kinds only, else NULL */
	atomic_uint *n_opened;	   /* of the session, counts this one too; FID_OPEN only */
	struct fid_spin spin;
};

/* A fid of one reference, not in a table yet, without a node. It is of the same attach as LIKE, if
 * that is not NULL. NULL when memory is out. */
struct fid *fid_new(uint32_t number, enum fid_kind kind, const struct fid *like);

static inline struct fid *fid_ref(struct fid *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

void fid_unref(struct fid *f);

#define autofid cleanup(cleanup_fid)

static inline void cleanup_fid(struct fid **f)
{
	fid_unref(*f);
}

/* Open addressing: a client chooses the numbers, so they are hashed with a secret. */
struct fid_table {
	pthread_mutex_t lock; /* all below; nothing else is locked while it is held */
	struct fid **slots;
	uint32_t n_slots; /* a power of two */
	uint32_t n, max;
	struct pool *pool; /* NULL: shared with nobody */
	uint64_t secret;
};

int fid_table_init(struct fid_table *t, uint32_t max);
void fid_table_done(struct fid_table *t);

/* Forgets all fids. No request may run meanwhile. */
void fid_table_clear(struct fid_table *t);

/* A reference on the fid NUMBER, NULL if there is none. */
struct fid *fid_table_get(struct fid_table *t, uint32_t number);

/* Puts F into the table, which takes a reference of its own. -EBADF when its number is in use,
 * -EINVAL when it cannot be one, -EMFILE, -ENOMEM; -ENFILE when all clients together have too many.
 */
int fid_table_add(struct fid_table *t, struct fid *f);

/* Puts F in the place of OLD, which has the same number. -EBADF when OLD is there no more. */
int fid_table_replace(struct fid_table *t, const struct fid *old, struct fid *f);

/* Takes the fid NUMBER out; the table's reference is the caller's then. NULL if there is none. */
struct fid *fid_table_take(struct fid_table *t, uint32_t number);

#endif
