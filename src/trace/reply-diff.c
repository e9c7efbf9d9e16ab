/* SPDX-License-Identifier: MIT */
#include "reply-diff.h"

#include <inttypes.h>
#include <string.h>

#include "exchange-text.h"
#include "macros.h"

static bool is_number_same(FILE *f, const char *what, uint64_t then, uint64_t now)
{
	if (then == now)
		return true;
	fprintf(f, "%s %" PRIu64 ", now %" PRIu64, what, then, now);
	return false;
}

static bool is_mode_same(FILE *f, uint32_t then, uint32_t now)
{
	if (then == now)
		return true;
	fprintf(f, "mode %#" PRIo32 ", now %#" PRIo32, then, now);
	return false;
}

static bool is_text_same(FILE *f, struct str then, struct str now)
{
	if (then.len == now.len && (!then.len || !memcmp(then.p, now.p, then.len)))
		return true;
	fputs("another text", f);
	return false;
}

static bool is_data_same(FILE *f, const struct trace_record *then, const struct data *now)
{
	struct trace_record r = {.data = now->p, .payload_len = now->count, .grid = then->grid};
	uint32_t n = trace_n_digests(then->grid, then->payload_len);

	if (!is_number_same(f, "bytes", then->payload_len, now->count))
		return false;
	for (uint32_t i = 0; i < n && trace_has_digests(then); i++)
		if (trace_digest(then, i) != trace_digest(&r, i)) {
			fprintf(f, "other bytes in block %" PRIu32 " of %" PRIu32, i + 1, n);
			return false;
		}
	return true;
}

static bool is_walk_same(FILE *f, const struct qids *then, const struct qids *now)
{
	if (!is_number_same(f, "qids", then->n, now->n))
		return false;
	for (unsigned i = 0; i < then->n; i++)
		if (!is_number_same(f, "qid.type", then->at[i].type, now->at[i].type))
			return false;
	return true;
}

static bool is_attr_same(FILE *f, const struct msg_Rgetattr *then, const struct msg_Rgetattr *now)
{
	/* how large a folder is, is its file system's affair */
	bool is_dir = (then->mode & 0170000) == 0040000;

	return is_mode_same(f, then->mode, now->mode) &&
	       is_number_same(f, "uid", then->uid, now->uid) &&
	       is_number_same(f, "gid", then->gid, now->gid) &&
	       (is_dir || (is_number_same(f, "size", then->size, now->size) &&
			   is_number_same(f, "nlink", then->nlink, now->nlink)));
}

static bool is_error_same(FILE *f, uint32_t then, uint32_t now)
{
	char a[16], b[16];

	if (then == now)
		return true;
	fprintf(f, "%s, now %s", then ? errno_text(then, a) : "ok",
		now ? errno_text(now, b) : "ok");
	return false;
}

bool reply_is_same(FILE *f, const struct exchange *e, const struct msg *now)
{
	const struct msg *then = &e->r;

	if (then->type == Rlerror || now->type == Rlerror)
		return is_error_same(f, exchange_errno(e),
				     now->type == Rlerror ? now->Rlerror.ecode : 0);
	if (!is_number_same(f, "type", then->type, now->type))
		return false;
	switch (then->type) {
	case Rversion:
		return is_number_same(f, "msize", then->Rversion.msize, now->Rversion.msize) &&
		       is_text_same(f, then->Rversion.version, now->Rversion.version);
	case Rread:
		return is_data_same(f, &e->reply, &now->Rread.data);
	case Rwrite:
		return is_number_same(f, "bytes", then->Rwrite.count, now->Rwrite.count);
	case Rwalk:
		return is_walk_same(f, &then->Rwalk.wqid, &now->Rwalk.wqid);
	case Rlopen:
		return is_number_same(f, "qid.type", then->Rlopen.qid.type, now->Rlopen.qid.type);
	case Rgetattr:
		return is_attr_same(f, &then->Rgetattr, &now->Rgetattr);
	case Rreadlink:
		return is_text_same(f, then->Rreadlink.target, now->Rreadlink.target);
	case Rxattrwalk:
		return is_number_same(f, "size", then->Rxattrwalk.size, now->Rxattrwalk.size);
	case Rlock:
		return is_number_same(f, "status", then->Rlock.status, now->Rlock.status);
	default:
		return true;
	}
}
