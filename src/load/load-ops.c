/* SPDX-License-Identifier: MIT */
/* THE table of operations, and their steps. */
#include <string.h>

#include "load-parts.h"
#include "macros.h"

uint64_t lane_random(struct lane *l)
{
	/* xorshift64 */
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random;
}

static bool step_getattr(struct lane *l, struct msg *m)
{
	if (l->step)
		return false;
	m->type = Tgetattr;
	m->Tgetattr.fid = FID_FILE;
	m->Tgetattr.request_mask = P9_GETATTR_BASIC;
	return true;
}

static void fill_walk(struct msg *m, uint32_t from, uint32_t to)
{
	m->type = Twalk;
	m->Twalk.fid = from;
	m->Twalk.newfid = to;
	m->Twalk.wname.n = 0;
}

static bool fill_clunk(struct msg *m, uint32_t fid)
{
	m->type = Tclunk;
	m->Tclunk.fid = fid;
	return true;
}

static bool step_walk(struct lane *l, struct msg *m)
{
	const struct names *file = &l->conn->run->load->walk_file;

	if (l->step == 0) {
		fill_walk(m, FID_FOLDER, l->fid);
		m->Twalk.wname.n = 1;
		m->Twalk.wname.at[0] = file->at[file->n - 1];
		return true;
	}
	return l->step == 1 && !l->failed && fill_clunk(m, l->fid);
}

static bool step_open(struct lane *l, struct msg *m)
{
	if (l->step == 0) {
		fill_walk(m, FID_FILE, l->fid);
		return true;
	}
	if (l->step == 1 && !l->failed) {
		m->type = Tlopen;
		m->Tlopen.fid = l->fid;
		m->Tlopen.flags = P9_O_RDONLY;
		return true;
	}
	return l->step == 2 && fill_clunk(m, l->fid);
}

/* Where the next read or write begins; all of it lies in the file. */
static uint64_t next_offset(struct lane *l)
{
	const struct load_run *r = l->conn->run;
	uint64_t blocks = r->load->file_bytes / r->size;

	if (!blocks)
		return 0;
	if (!r->cell->sequential)
		return lane_random(l) % blocks * r->size;
	/* The lanes of a connection take turns. */
	return (l->offset += l->conn->n_lanes) % blocks * r->size;
}

static bool step_read(struct lane *l, struct msg *m)
{
	if (l->step)
		return false;
	m->type = Tread;
	m->Tread.fid = FID_OPENED;
	m->Tread.offset = next_offset(l);
	m->Tread.count = l->conn->run->size;
	return true;
}

static void reply_read(struct lane *l, const struct msg *reply)
{
	lane_count(l, reply->Rread.data.count, 0);
}

static bool step_write(struct lane *l, struct msg *m)
{
	static const uint8_t zeros[1 << 20];

	if (l->step)
		return false;
	m->type = Twrite;
	m->Twrite.fid = FID_OPENED;
	m->Twrite.offset = next_offset(l);
	m->Twrite.data = (struct data){.count = l->conn->run->size, .p = zeros};
	return true;
}

static void reply_write(struct lane *l, const struct msg *reply)
{
	lane_count(l, reply->Rwrite.count, 0);
}

static bool step_create(struct lane *l, struct msg *m)
{
	struct str name = str_of(l->name, strlen(l->name));

	switch (l->step) {
	case 0:
		fill_walk(m, FID_FOLDER, l->fid);
		return true;
	case 1:
		m->type = Tlcreate;
		m->Tlcreate.fid = l->fid;
		m->Tlcreate.name = name;
		m->Tlcreate.flags = P9_O_CREAT | P9_O_EXCL | P9_O_RDWR;
		m->Tlcreate.mode = 0600;
		m->Tlcreate.gid = l->conn->run->load->plan.uid;
		return !l->failed;
	case 2:
		if (l->failed)
			return fill_clunk(m, l->fid);
		m->type = Tremove;
		m->Tremove.fid = l->fid;
		return true;
	default:
		return false;
	}
}

/* One Treaddir; at the end of the folder it begins again. */
static bool step_readdir(struct lane *l, struct msg *m)
{
	if (l->step)
		return false;
	m->type = Treaddir;
	m->Treaddir.fid = l->dir_fid;
	m->Treaddir.offset = l->offset;
	m->Treaddir.count = l->conn->run->load->msize - P9_IO_HEADER_SIZE;
	return true;
}

static void reply_readdir(struct lane *l, const struct msg *reply)
{
	const struct data *d = &reply->Rreaddir.data;
	uint64_t last = 0, entries = 0;

	for (uint32_t at = 0; at < d->count;) {
		struct dirent9 e;
		size_t size;

		if (dirent_decode(d->p + at, d->count - at, &e, &size))
			break;
		at += (uint32_t)size;
		last = e.offset;
		entries++;
	}
	lane_count(l, d->count, entries);
	l->offset = last;
}

static const struct load_op *choose_mixed(struct lane *l);

static const struct load_op ops[] = {
	{"getattr", "Tgetattr of one file", step_getattr, NULL, false, false, NULL},
	{"walk", "Twalk of one name, Tclunk", step_walk, NULL, false, false, NULL},
	{"open", "Twalk, Tlopen, Tclunk", step_open, NULL, false, false, NULL},
	{"read", "Tread of --size bytes", step_read, reply_read, false, false, NULL},
	{"write", "Twrite of --size bytes", step_write, reply_write, true, false, NULL},
	{"create", "Twalk, Tlcreate, Tremove", step_create, NULL, true, false, NULL},
	{"readdir", "Treaddir of all that fits", step_readdir, reply_readdir, false, true, NULL},
	{"mixed", "8 getattr : 4 walk : 2 open : 4 read : 1 write : 1 create", NULL, NULL, true,
	 false, choose_mixed},
};

static const struct load_op *choose_mixed(struct lane *l)
{
	/* indices into the table */
	static const uint8_t parts[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 5};

	return &ops[parts[lane_random(l) % ARRAY_SIZE(parts)]];
}

const struct load_op *load_op_at(unsigned i)
{
	return i < ARRAY_SIZE(ops) ? &ops[i] : NULL;
}

const struct load_op *load_op_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	return NULL;
}

const char *load_op_name(const struct load_op *op)
{
	return op->name;
}

const char *load_op_summary(const struct load_op *op)
{
	return op->summary;
}

bool load_op_writes(const struct load_op *op)
{
	return op->writes;
}
