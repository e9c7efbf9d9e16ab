/* SPDX-License-Identifier: MIT */
/* The files that operations work on: made in the share, or one that is there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "cleanup.h"
#include "load-parts.h"
#include "macros.h"

#define MANY "many"
#define DATA "data"

static struct str str_at(const char *s)
{
	return str_of(s, strlen(s));
}

int load_walk(struct async *a, uint32_t from, uint32_t fid, const struct names *names)
{
	struct msg m = {.type = Twalk}, r;
	int err;

	m.Twalk.fid = from;
	m.Twalk.newfid = fid;
	m.Twalk.wname = *names;
	err = async_call_now(a, &m, &r);
	/* Fewer than asked for: the one after these is not there. */
	return !err && r.Rwalk.wqid.n != names->n ? -ENOENT : err;
}

static int walk_one(struct async *a, uint32_t from, uint32_t fid, const char *name)
{
	const struct names one = {.n = 1, .at = {str_at(name)}};

	return load_walk(a, from, fid, &one);
}

int load_open(struct async *a, uint32_t fid, uint32_t flags)
{
	struct msg m = {.type = Tlopen}, r;

	m.Tlopen.fid = fid;
	m.Tlopen.flags = flags;
	return async_call_now(a, &m, &r);
}

int load_clunk(struct async *a, uint32_t fid)
{
	struct msg m = {.type = Tclunk}, r;

	m.Tclunk.fid = fid;
	return async_call_now(a, &m, &r);
}

static int make_folder(struct async *a, uint32_t gid, uint32_t parent, const char *name)
{
	struct msg m = {.type = Tmkdir}, r;

	m.Tmkdir.dfid = parent;
	m.Tmkdir.name = str_at(name);
	m.Tmkdir.mode = 0700;
	m.Tmkdir.gid = gid;
	return async_call_now(a, &m, &r);
}

/* A new file in FID_FOLDER, opened as FID_SPARE. */
static int create(struct async *a, uint32_t gid, uint32_t folder, const char *name)
{
	struct msg m = {.type = Tlcreate}, r;
	int err = load_walk(a, folder, FID_SPARE, &(struct names){.n = 0});

	if (err)
		return err;
	m.Tlcreate.fid = FID_SPARE;
	m.Tlcreate.name = str_at(name);
	m.Tlcreate.flags = P9_O_CREAT | P9_O_EXCL | P9_O_RDWR;
	m.Tlcreate.mode = 0600;
	m.Tlcreate.gid = gid;
	err = async_call_now(a, &m, &r);
	if (err)
		load_clunk(a, FID_SPARE);
	return err;
}

/* BYTES of what does not compress, so that a file system stores it. */
static int fill(struct load *l, uint64_t bytes)
{
	uint32_t most = l->msize - P9_IO_HEADER_SIZE;
	uint32_t *block = calloc(1, most + sizeof(*block));
	int err = block ? 0 : -ENOMEM;

	for (uint32_t i = 0, x = 1; !err && i < most / sizeof(*block); i++)
		block[i] = x = x * 1664525 + 1013904223;
	for (uint64_t at = 0; !err && at < bytes && !load_stopped;) {
		struct msg m = {.type = Twrite}, r;

		m.Twrite.fid = FID_SPARE;
		m.Twrite.offset = at;
		m.Twrite.data.count = (uint32_t)MIN(bytes - at, most);
		m.Twrite.data.p = (const uint8_t *)block;
		err = async_call_now(l->control, &m, &r);
		if (!err && (!r.Rwrite.count || r.Rwrite.count > m.Twrite.data.count))
			err = -EIO;
		at += err ? 0 : r.Rwrite.count;
	}
	free(block);
	return err ? err : load_stopped ? -EINTR : 0;
}

/* The components of plan.file. */
static int cut_path(struct load *l, char **ret_why)
{
	char *rest, *one;

	l->names = strdup(l->plan.file);
	if (!l->names)
		return -ENOMEM;
	rest = l->names;
	while ((one = strsep(&rest, "/"))) {
		if (!*one)
			continue;
		if (l->walk_file.n == P9_MAXWELEM)
			return why(ret_why, -EINVAL, "'%s' has more than %d components",
				   l->plan.file, P9_MAXWELEM);
		l->walk_file.at[l->walk_file.n++] = str_at(one);
	}
	if (!l->walk_file.n)
		return why(ret_why, -EINVAL, "'%s' names no file", l->plan.file);
	l->walk_folder = l->walk_file;
	l->walk_folder.n--;
	return 0;
}

static int use_file(struct load *l, char **ret_why)
{
	struct msg m = {.type = Tgetattr}, r;
	int err = cut_path(l, ret_why);

	if (err)
		return err;
	err = load_walk(l->control, FID_ROOT, FID_FILE, &l->walk_file);
	if (!err) {
		m.Tgetattr.fid = FID_FILE;
		m.Tgetattr.request_mask = P9_GETATTR_BASIC;
		err = async_call_now(l->control, &m, &r);
		load_clunk(l->control, FID_FILE);
	}
	if (err)
		return why(ret_why, err, "%s in the share: %s", l->plan.file, strerror(-err));
	l->file_bytes = r.Rgetattr.size;
	return 0;
}

int files_make(struct load *l, char **ret_why)
{
	int err;

	if (l->plan.file)
		return use_file(l, ret_why);
	snprintf(l->folder, sizeof(l->folder), "warren-bench-%d", (int)getpid());
	err = make_folder(l->control, l->plan.uid, FID_ROOT, l->folder);
	if (err) {
		err = why(ret_why, err,
			  "cannot make a folder in the share (%s): give --file PATH, a file "
			  "that is there, to measure without writing",
			  strerror(-err));
		l->folder[0] = '\0';
		return err;
	}
	l->walk_folder = (struct names){.n = 1, .at = {str_at(l->folder)}};
	l->walk_file = (struct names){.n = 2, .at = {str_at(l->folder), str_at(DATA)}};
	l->file_bytes = l->plan.file_bytes;
	err = walk_one(l->control, FID_ROOT, FID_FOLDER, l->folder);
	if (!err)
		err = create(l->control, l->plan.uid, FID_FOLDER, DATA);
	if (!err) {
		err = fill(l, l->file_bytes);
		load_clunk(l->control, FID_SPARE);
	}
	if (err)
		return why(ret_why, err,
			   "cannot write the file to work on, of %llu MiB (--file-size): %s",
			   (unsigned long long)(l->file_bytes >> 20), strerror(-err));
	return 0;
}

/* The I-th name in the folder with many. */
static void name_entry(char *buf, size_t n, unsigned i)
{
	snprintf(buf, n, "entry-%08u", i);
}

int files_make_many(struct load *l, char **ret_why)
{
	char name[32];
	int err;

	if (l->has_many || l->plan.file)
		return 0;
	err = make_folder(l->control, l->plan.uid, FID_FOLDER, MANY);
	l->has_many = !err;
	if (!err)
		err = walk_one(l->control, FID_FOLDER, FID_FILE, MANY);
	for (unsigned i = 0; !err && i < l->plan.entries; i++) {
		name_entry(name, sizeof(name), i);
		err = load_stopped ? -EINTR : create(l->control, l->plan.uid, FID_FILE, name);
		if (!err)
			load_clunk(l->control, FID_SPARE);
	}
	load_clunk(l->control, FID_FILE);
	if (err)
		return why(ret_why, err, "cannot make a folder of %u entries (--entries): %s",
			   l->plan.entries, strerror(-err));
	return 0;
}

/* By Tremove, which every server has; Tunlinkat is younger. */
static int remove_one(struct async *a, uint32_t folder, struct str name)
{
	const struct names one = {.n = 1, .at = {name}};
	struct msg m = {.type = Tremove}, r;
	int err = load_walk(a, folder, FID_SPARE, &one);

	if (err)
		return err;
	m.Tremove.fid = FID_SPARE;
	return async_call_now(a, &m, &r);
}

/* Removes what a listing holds. *RET_N: how many were removed. */
static int remove_listed(struct async *a, uint32_t folder, const uint8_t *p, size_t left,
			 unsigned *ret_n)
{
	struct dirent9 e;
	size_t size;
	int err = 0;

	for (*ret_n = 0; !err && left && !dirent_decode(p, left, &e, &size);
	     p += size, left -= size) {
		if (str_is(e.name, ".") || str_is(e.name, ".."))
			continue;
		err = remove_one(a, folder, e.name);
		*ret_n += !err;
		if (err == -ENOENT)
			err = 0;
	}
	return err;
}

/* Empties the folder FID. Listed from its begin again and again, for what is removed meanwhile moves
 * the rest about on some servers. */
static int empty(struct load *l, uint32_t fid)
{
	uint32_t room = MIN(l->msize - P9_IO_HEADER_SIZE, 65536u);
	autofree uint8_t *listing = malloc(room);
	unsigned removed = 1;
	int err = listing ? 0 : -ENOMEM;

	while (!err && removed) {
		struct msg m = {.type = Treaddir}, r;
		uint32_t n = 0;

		removed = 0;
		err = load_walk(l->control, fid, FID_OPENED, &(struct names){.n = 0});
		if (err)
			break;
		m.Treaddir.fid = FID_OPENED;
		m.Treaddir.count = room;
		err = load_open(l->control, FID_OPENED, P9_O_RDONLY | P9_O_DIRECTORY);
		if (!err)
			err = async_call_now(l->control, &m, &r);
		if (!err) {
			n = MIN(r.Rreaddir.data.count, room);
			memcpy(listing, r.Rreaddir.data.p, n);
		}
		load_clunk(l->control, FID_OPENED);
		if (!err)
			err = remove_listed(l->control, fid, listing, n, &removed);
	}
	return err;
}

int files_remove(struct load *l)
{
	int err = 0;

	if (l->has_many && !walk_one(l->control, FID_FOLDER, FID_FILE, MANY)) {
		err = empty(l, FID_FILE);
		load_clunk(l->control, FID_FILE);
	}
	/* Also what operations were about that did not end: the file of a create. */
	if (!err)
		err = empty(l, FID_FOLDER);
	return err ? err : remove_one(l->control, FID_ROOT, str_at(l->folder));
}
