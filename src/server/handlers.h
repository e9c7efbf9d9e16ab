/* SPDX-License-Identifier: MIT */
/* The handlers of the T-messages, and what they have in common. Internal to server.
 *
 * A handler reads r->msg and fills r->reply. It returns 0, -errno, CALL_WOULD_BLOCK when the
 * backend said so (then it will run again), or REQUEST_PARKED.
 */
#ifndef SERVER_HANDLERS_H
#define SERVER_HANDLERS_H

#include "request.h"

int op_version(struct request *r);
int op_auth(struct request *r);
int op_attach(struct request *r);
int op_flush(struct request *r);
int op_walk(struct request *r);
int op_clunk(struct request *r);
int op_remove(struct request *r);
int op_lopen(struct request *r);
int op_lcreate(struct request *r);
int op_read(struct request *r);
int op_write(struct request *r);
int op_fsync(struct request *r);
int op_readdir(struct request *r);
int op_mkdir(struct request *r);
int op_mknod(struct request *r);
int op_symlink(struct request *r);
int op_link(struct request *r);
int op_rename(struct request *r);
int op_renameat(struct request *r);
int op_unlinkat(struct request *r);
int op_getattr(struct request *r);
int op_setattr(struct request *r);
int op_statfs(struct request *r);
int op_readlink(struct request *r);
int op_xattrwalk(struct request *r);
int op_xattrcreate(struct request *r);
int op_lock(struct request *r);
int op_getlock(struct request *r);

/* The effect of a Tversion that passed its checks, once no other request is left. */
void version_finish(struct request *r);

/* Finds the handler's I-th fid by its NUMBER; the request keeps a reference. KINDS are the bits of
 * enum fid_kind that are allowed. -EBADF when there is none, or none that is open where an open
 * one is needed; -EINVAL for another wrong kind. */
int handler_fid(struct request *r, unsigned i, uint32_t number, unsigned kinds, struct fid **ret_f);

/* Likewise, but the fid is not in the table any more afterwards. For the first fid. */
int handler_take_fid(struct request *r, uint32_t number, struct fid **ret_f);

/* Who asks, by F. */
struct call handler_call(const struct request *r, const struct fid *f);

/* Memory for at most COUNT bytes of file data of the reply in r->iov. *RET_COUNT is how much there
 * is: less than COUNT where msize or the peer's room is smaller. -EMSGSIZE when there is none. */
int handler_payload(struct request *r, uint32_t count, uint32_t *ret_count);

/* Likewise a pipe for COUNT bytes of a file, of whose page the LEAD bytes before them are not wanted.
 * -EOPNOTSUPP, and others: there is none, it would not pay, or there is memory already. */
int handler_pipe(struct request *r, uint32_t count, size_t lead, uint32_t *ret_count, int *ret_fd);

/* The bytes that a Twrite carries, in r->iov. *RET_COUNT is less than the message's count when they
 * lie in more parts than a call can take. */
void handler_data(struct request *r, uint32_t *ret_count);

#endif
