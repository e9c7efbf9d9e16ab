/* SPDX-License-Identifier: MIT */
/* Which path each fid of a connection means, as its messages tell.
 *
 * The tree of the names that were walked is kept as far as fids hold it: a rename moves a node, and
 * with it what is below. Paths are those that this connection's messages imply: what others rename
 * is not seen. Not locked.
 */
#ifndef TRACE_FID_PATHS_H
#define TRACE_FID_PATHS_H

#include "msg.h"
#include "trace-record.h"

struct fid_paths;

/* More fids are not known. */
#define FID_PATHS_MAX (1u << 20)

struct fid_paths *fid_paths_new(void);
void fid_paths_free(struct fid_paths *p);

/* The path of fid NUMBER, relative to the root of its attach, which is "/". Without a P when the
 * fid is not known. Its cookie is kept with it. Valid until the next fid_paths_reply. */
struct trace_text fid_path(struct fid_paths *p, uint32_t number);

/* The fids that a request names by their paths, in the order of the message; NOFID if there is no
 * such one. Not that of newfid. */
void msg_fids(const struct msg *m, uint32_t ret[2]);

/* A reply came (or, as with Tclunk, was sent anyway): REPLY is an Rlerror or M's own. */
void fid_paths_reply(struct fid_paths *p, const struct msg *m, const struct msg *reply);

#endif
