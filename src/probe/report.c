/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "text.h"

#define DIGESTS_A_LINE 200

void node_stat_from(const struct stat *st, struct node_stat *ret_ns)
{
	*ret_ns = (struct node_stat){
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.nlink = st->st_nlink,
		.size = (uint64_t)st->st_size,
		.ino = st->st_ino,
		.dev = st->st_dev,
		.mtime_s = st->st_mtim.tv_sec,
		.ctime_s = st->st_ctim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
		.ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
	};
}

void report_put_entry(FILE *f, char kind, const char *name, const struct node_stat *ns,
		      const char *target)
{
	fprintf(f, "%c ", kind);
	text_put(f, name, strlen(name));
	fprintf(f,
		" %" PRIo32 " %" PRIu64 " %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRId64
		".%09" PRIu32 " %" PRId64 ".%09" PRIu32 " %" PRIu64 " %" PRIu64,
		ns->mode, ns->nlink, ns->uid, ns->gid, ns->size, ns->mtime_s, ns->mtime_ns,
		ns->ctime_s, ns->ctime_ns, ns->ino, ns->dev);
	if (target) {
		fputc(' ', f);
		text_put(f, target, strlen(target));
	}
	fputc('\n', f);
}

const char *report_errno(int err)
{
	static _Thread_local char number[16];
	const char *name = strerrorname_np(err);

	if (name)
		return name;
	snprintf(number, sizeof(number), "E%d", err);
	return number;
}

static void put_run(struct digest_writer *w)
{
	if (!w->count)
		return;
	fprintf(w->f, "%s%016" PRIx64, w->in_line ? " " : "b ", w->digest);
	if (w->count > 1)
		fprintf(w->f, "*%" PRIu64, w->count);
	if (++w->in_line == DIGESTS_A_LINE) {
		fputc('\n', w->f);
		w->in_line = 0;
	}
	w->count = 0;
}

void digest_writer_add(struct digest_writer *w, uint64_t digest, uint64_t count)
{
	if (w->count && w->digest != digest)
		put_run(w);
	w->digest = digest;
	w->count += count;
}

void digest_writer_end(struct digest_writer *w)
{
	put_run(w);
	if (w->in_line)
		fputc('\n', w->f);
	w->in_line = 0;
}
