/* SPDX-License-Identifier: MIT */
/* Replies of success: what they may say, and what is so from then on. */
#include <inttypes.h>
#include <stdlib.h>

#include "lint-parts.h"

static void check_version(struct lint *l, struct lint_conn *c, const struct trace_record *r,
			  struct qid qid)
{
	bool is_new;
	struct lint_file *f;

	/* a log of QEMU does not tell all qids */
	f = qid.path ? lint_entry(&c->files, qid.path, sizeof(*f), &is_new) : NULL;
	if (!f)
		return;
	if (f->n_versions && f->versions[f->n_versions % OLD_VERSIONS] == qid.version)
		return;
	for (unsigned i = 1; qid.version && i < MIN(f->n_versions, OLD_VERSIONS); i++)
		if (f->versions[(f->n_versions - i) % OLD_VERSIONS] == qid.version &&
		    l->asked > f->changed)
			lint_found(l, LINT_QID_VERSION, r,
				   "version %" PRIu32 " of file %" PRIx64 " again, after %" PRIu32,
				   qid.version, qid.path,
				   f->versions[f->n_versions % OLD_VERSIONS]);
	f->versions[++f->n_versions % OLD_VERSIONS] = qid.version;
	f->changed = r->time;
}

static void note_size(struct lint_conn *c, const struct msg_Rgetattr *a)
{
	bool is_new;
	struct lint_file *f;

	f = a->qid.path ? lint_entry(&c->files, a->qid.path, sizeof(*f), &is_new) : NULL;
	if (!f || !(a->valid & P9_GETATTR_SIZE) || (a->mode & 0170000) != 0100000)
		return;
	f->has_size = true;
	f->size = a->size;
}

static struct lint_file *file_of(const struct lint_conn *c, uint32_t fid)
{
	const struct lint_fid *f = u64_map_get(&c->fids, fid);

	return f && f->file && !f->is_xattr ? u64_map_get(&c->files, f->file) : NULL;
}

/* Sizes are not known any more: this file may have another. */
static void forget_size(const struct lint_conn *c, uint32_t fid)
{
	struct lint_file *f = file_of(c, fid);

	if (f)
		f->has_size = false;
}

static void check_read(struct lint *l, const struct lint_conn *c, const struct trace_record *r,
		       const struct msg_Tread *t, uint32_t count)
{
	const struct lint_file *f = file_of(c, t->fid);
	uint64_t end = t->offset + count;

	if (count > t->count)
		lint_found(l, LINT_COUNT, r, "%" PRIu32 " bytes, and %" PRIu32 " were asked for",
			   count, t->count);
	if (!f || !f->has_size)
		return;
	if (!count && t->count && t->offset < f->size)
		lint_found(l, LINT_SIZE_EMPTY, r,
			   "nothing at %" PRIu64 " of a file of %" PRIu64 " bytes", t->offset,
			   f->size);
	else if (count && end > f->size)
		lint_found(l, LINT_SIZE_BEYOND, r, "bytes up to %" PRIu64 " of a file of %" PRIu64,
			   end, f->size);
}

static void check_open(struct lint *l, const struct lint_conn *c, const struct trace_record *r,
		       uint32_t fid)
{
	const struct lint_fid *f = u64_map_get(&c->fids, fid);

	if (f && !f->is_open && !f->is_xattr)
		lint_found(l, LINT_NOT_OPEN, r, "fid %" PRIu32 " is not open", fid);
}

static void check_iounit(struct lint *l, const struct lint_conn *c, const struct trace_record *r,
			 uint32_t iounit)
{
	if (c->msize && iounit > c->msize - P9_IO_HEADER_SIZE)
		lint_found(l, LINT_IOUNIT, r, "%" PRIu32 ", and msize is %" PRIu32, iounit,
			   c->msize);
}

static void make_fid(struct lint_conn *c, uint32_t number, uint64_t file)
{
	struct lint_fid *f = lint_set_fid(c, number, FID_MADE);

	if (f)
		f->file = file;
}

static void walked(struct lint *l, struct lint_conn *c, const struct trace_record *r,
		   const struct msg_Twalk *t, const struct qids *q)
{
	const struct lint_fid *from = u64_map_get(&c->fids, t->fid);
	uint64_t file = q->n ? q->at[q->n - 1].path : from ? from->file : 0;

	if (q->n > t->wname.n || (t->wname.n && !q->n))
		lint_found(l, LINT_WALK_QIDS, r, "%u qids for %u names", q->n, t->wname.n);
	for (unsigned i = 0; i < q->n; i++)
		check_version(l, c, r, q->at[i]);
	if (q->n == t->wname.n)
		make_fid(c, t->newfid, file);
	else if (t->newfid != t->fid)
		lint_forget(&c->fids, t->newfid);
}

static void opened(struct lint *l, struct lint_conn *c, const struct trace_record *r, uint32_t fid,
		   struct qid qid, uint32_t iounit)
{
	struct lint_fid *f = u64_map_get(&c->fids, fid);

	check_version(l, c, r, qid);
	check_iounit(l, c, r, iounit);
	if (!f)
		f = lint_set_fid(c, fid, FID_MADE);
	if (!f)
		return;
	f->is_open = true;
	f->file = qid.path;
}

static void version_agreed(struct lint *l, struct lint_conn *c, const struct trace_record *r,
			   const struct msg *t, const struct msg *m)
{
	if (m->Rversion.msize > t->Tversion.msize)
		lint_found(l, LINT_MSIZE, r, "msize %" PRIu32 ", and %" PRIu32 " was asked for",
			   m->Rversion.msize, t->Tversion.msize);
	c->msize = m->Rversion.msize;
	c->is_partial = false;
	u64_map_done(&c->fids, free);
}

void lint_succeeded(struct lint *l, struct lint_conn *c, const struct trace_record *r,
		    const struct msg *t, const struct msg *m)
{
	struct lint_fid *f;

	switch (m->type) {
	case Rversion:
		version_agreed(l, c, r, t, m);
		break;
	case Rattach:
		check_version(l, c, r, m->Rattach.qid);
		make_fid(c, t->Tattach.fid, m->Rattach.qid.path);
		break;
	case Rwalk:
		walked(l, c, r, &t->Twalk, &m->Rwalk.wqid);
		break;
	case Rxattrwalk:
		f = lint_set_fid(c, t->Txattrwalk.newfid, FID_MADE);
		if (f)
			f->is_xattr = true;
		break;
	case Rxattrcreate:
		f = u64_map_get(&c->fids, t->Txattrcreate.fid);
		if (f)
			f->is_xattr = true;
		break;
	case Rlopen:
		forget_size(c, t->Tlopen.fid); /* O_TRUNC */
		opened(l, c, r, t->Tlopen.fid, m->Rlopen.qid, m->Rlopen.iounit);
		break;
	case Rlcreate:
		opened(l, c, r, t->Tlcreate.fid, m->Rlcreate.qid, m->Rlcreate.iounit);
		break;
	case Rgetattr:
		check_version(l, c, r, m->Rgetattr.qid);
		note_size(c, &m->Rgetattr);
		break;
	case Rsetattr:
		forget_size(c, t->Tsetattr.fid);
		break;
	case Rread:
		check_open(l, c, r, t->Tread.fid);
		check_read(l, c, r, &t->Tread, m->Rread.data.count);
		break;
	case Rreaddir:
		check_open(l, c, r, t->Treaddir.fid);
		if (m->Rreaddir.data.count > t->Treaddir.count)
			lint_found(l, LINT_COUNT, r,
				   "%" PRIu32 " bytes, and %" PRIu32 " were asked for",
				   m->Rreaddir.data.count, t->Treaddir.count);
		break;
	case Rwrite:
		check_open(l, c, r, t->Twrite.fid);
		forget_size(c, t->Twrite.fid);
		if (m->Rwrite.count > t->Twrite.data.count)
			lint_found(l, LINT_COUNT, r,
				   "%" PRIu32 " bytes, and %" PRIu32 " were given", m->Rwrite.count,
				   t->Twrite.data.count);
		break;
	default:
		break;
	}
}
