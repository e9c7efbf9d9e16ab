/* SPDX-License-Identifier: MIT */
/* qid.path is unique over all file systems beneath the export, and stable while the server runs.
 *
 * An inode number of the export's own file system below 2^48 is its own path. Else the number's
 * upper 16 bits, with its file system, are exchanged for a prefix from a table; prefixes are given
 * out as files are met. File systems with numbers all over the 64 bits may use up the 2^15 - 1
 * prefixes: paths of the rest have the highest bit and 63 bits of a hash, where two of a million
 * files collide with a chance of 1 to 18 million.
 */
#include "local-impl.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>

#include "macros.h"

#define LOW_BITS 48
#define MAX_PREFIXES 0x7fff
#define N_PREFIX_SLOTS 0x10000
#define SETTLED_S 2 /* longer than any step of a time stamp */

/* Open addressing; a slot of index 0 is free. Slots are filled once, under local.lock. */
struct prefix_table {
	unsigned n;
	struct prefix {
		uint64_t dev;
		uint16_t high, index;
	} slots[N_PREFIX_SLOTS];
};

/* What the headers of some systems lack. */
#define MAGIC_CIFS 0xff534d42u
#define MAGIC_SMB2 0xfe534d42u
#define MAGIC_CEPH 0x00c36400u
#define MAGIC_GFS2 0x01161970u
#define MAGIC_OCFS2 0x7461636fu
#define MAGIC_NTFS 0x5346544eu
#define MAGIC_NTFS3 0x7366746eu
#define MAGIC_EXFAT 0x2011bab0u

static const uint32_t memory_types[] = {TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC};
static const uint32_t remote_types[] = {
	NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, MAGIC_CIFS,	      MAGIC_SMB2,   V9FS_MAGIC,
	FUSE_SUPER_MAGIC, MAGIC_CEPH,	   AFS_SUPER_MAGIC,   AFS_FS_MAGIC, CODA_SUPER_MAGIC,
	MAGIC_GFS2,	  MAGIC_OCFS2,	   AUTOFS_SUPER_MAGIC};

static const uint32_t pseudo_types[] = {SYSFS_MAGIC, PROC_SUPER_MAGIC, CGROUP_SUPER_MAGIC,
					CGROUP2_SUPER_MAGIC};

/* Where the time of birth may change: on an overlay, when a file is copied up. */
static const uint32_t no_btime_types[] = {OVERLAYFS_SUPER_MAGIC, MSDOS_SUPER_MAGIC, MAGIC_EXFAT,
					  MAGIC_NTFS, MAGIC_NTFS3};

static const uint32_t plain_types[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
				       F2FS_SUPER_MAGIC, TMPFS_MAGIC};

/* As statfs(2) tells them: here not each listing is an access that sets a folder's atime. */
#define LAZY_ATIME (ST_NOATIME | ST_NODIRATIME | ST_RELATIME)

static bool is_one_of(uint32_t type, const uint32_t *types, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (types[i] == type)
			return true;
	return false;
}

struct device *find_device_locked(const struct local *l, uint64_t dev)
{
	struct device *d = l->devices;

	while (d && d->dev != dev)
		d = d->next;
	return d;
}

bool is_known_local(struct local *l, uint64_t dev)
{
	const struct device *d;

	pthread_mutex_lock(&l->lock);
	d = find_device_locked(l, dev);
	pthread_mutex_unlock(&l->lock);
	return d && !d->is_remote;
}

static struct device *add_device_locked(struct local *l, uint64_t dev, const struct statfs *fs)
{
	struct device *d = calloc(1, sizeof(*d));
	uint32_t type = (uint32_t)fs->f_type;

	if (!d)
		return NULL;
	d->dev = dev;
	d->is_memory = is_one_of(type, memory_types, ARRAY_SIZE(memory_types));
	d->is_remote = is_one_of(type, remote_types, ARRAY_SIZE(remote_types));
	d->is_pseudo = is_one_of(type, pseudo_types, ARRAY_SIZE(pseudo_types));
	d->has_btime = !d->is_remote &&
		       !is_one_of(type, no_btime_types, ARRAY_SIZE(no_btime_types));
	d->is_plain = is_one_of(type, plain_types, ARRAY_SIZE(plain_types));
	d->lists_by_ctime = d->is_plain && (uint64_t)fs->f_flags & LAZY_ATIME;
	d->splices = d->is_plain || type == OVERLAYFS_SUPER_MAGIC;
	d->next = l->devices;
	l->devices = d;
	return d;
}

struct device *device_get(struct local *l, int fd, uint64_t dev)
{
	struct device *d;
	struct statfs fs;

	pthread_mutex_lock(&l->lock);
	d = find_device_locked(l, dev);
	pthread_mutex_unlock(&l->lock);
	if (d)
		return d;
	if (fstatfs(fd, &fs))
		fs = (struct statfs){.f_type = 0};
	pthread_mutex_lock(&l->lock);
	d = find_device_locked(l, dev);
	if (!d)
		d = add_device_locked(l, dev, &fs);
	pthread_mutex_unlock(&l->lock);
	return d;
}

int prefixes_new(struct local *l)
{
	l->prefixes = calloc(1, sizeof(*l->prefixes));
	return l->prefixes ? 0 : -ENOMEM;
}

void prefixes_free(struct local *l)
{
	struct device *d, *next;

	for (d = l->devices; d; d = next) {
		next = d->next;
		free(d);
	}
	free(l->prefixes);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15u;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return x ^ x >> 32;
}

/* The prefix of (DEV, HIGH); 0 when there are no more. */
static uint16_t prefix_get_locked(struct prefix_table *t, uint64_t dev, uint16_t high)
{
	uint64_t at = mix(dev + mix(high));

	for (;; at++) {
		struct prefix *p = &t->slots[at % N_PREFIX_SLOTS];

		if (p->index && p->dev == dev && p->high == high)
			return p->index;
		if (p->index)
			continue;
		if (t->n == MAX_PREFIXES)
			return 0;
		*p = (struct prefix){dev, high, (uint16_t)++t->n};
		return p->index;
	}
}

uint64_t qid_path(struct local *l, uint64_t dev, uint64_t ino)
{
	uint16_t high = (uint16_t)(ino >> LOW_BITS), prefix;

	if (dev == l->root_dev && !high)
		return ino;
	pthread_mutex_lock(&l->lock);
	prefix = prefix_get_locked(l->prefixes, dev, high);
	pthread_mutex_unlock(&l->lock);
	if (!prefix)
		return mix(ino + mix(dev)) | 1ull << 63;
	return (uint64_t)prefix << LOW_BITS | (ino & ((1ull << LOW_BITS) - 1));
}

uint8_t qid_type(uint32_t mode)
{
	return S_ISDIR(mode) ? P9_QTDIR : S_ISLNK(mode) ? P9_QTSYMLINK : P9_QTFILE;
}

uint64_t stat_dev(const struct statx *st)
{
	return makedev(st->stx_dev_major, st->stx_dev_minor);
}

bool has_settled(const struct statx *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec >= st->stx_ctime.tv_sec + SETTLED_S;
}

/* From ctime: within the 4 seconds that the low half of the nanoseconds lasts, different for each;
 * beyond, by chance. Never 0, which tells clients not to cache. */
static uint32_t qid_version(const struct statx_timestamp *ctime)
{
	uint64_t ns = (uint64_t)ctime->tv_sec * 1000000000u + ctime->tv_nsec;
	uint32_t v = (uint32_t)ns ^ (uint32_t)(ns >> 32) * 0x9e3779b1u;

	return v ? v : 1;
}

void qid_of(struct local *l, const struct statx *st, struct qid *ret_qid)
{
	ret_qid->type = qid_type(st->stx_mode);
	ret_qid->version = qid_version(&st->stx_ctime);
	ret_qid->path = qid_path(l, stat_dev(st), st->stx_ino);
}
