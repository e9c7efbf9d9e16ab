/* SPDX-License-Identifier: MIT */
/* A program with the structures and functions of a kernel's 9P client, as far as lab/gdb asks for
 * them, so that its commands can be tried in a moment:
 *
 *	fake-kernel [fixed]	reads a file of 12943 bytes in two reads; with `fixed` the copy that
 *				begins at a folio's end goes on to the next folio
 *
 * -DOLD: as before 6.12, without a folio_queue. The layouts are made up: only names matter. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096U
#define PAGES 8U
#ifdef __clang__
#define kept __attribute__((noinline))
#else
#define kept __attribute__((noinline, noclone))
#endif

enum iter_type { ITER_UBUF, ITER_IOVEC, ITER_BVEC, ITER_KVEC, ITER_FOLIOQ, ITER_XARRAY };
enum pageflags { PG_locked, PG_writeback, PG_uptodate, PG_dirty };

struct hlist_node {
	struct hlist_node *next, **pprev;
};
struct hlist_head {
	struct hlist_node *first;
};
struct list_head {
	struct list_head *next, *prev;
};
struct inode;
struct address_space {
	struct inode *host;
};
struct inode {
	unsigned long i_ino;
	struct address_space *i_mapping;
	void *i_private;
	struct hlist_head i_dentry;
};
struct qstr {
	unsigned int hash, len;
	const unsigned char *name;
};
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	void *d_fsdata;
	union {
		struct hlist_node d_alias;
	} d_u;
};
struct page {
	unsigned long flags;
	struct address_space *mapping;
	unsigned long index;
};
struct folio {
	unsigned long flags;
	struct address_space *mapping;
	unsigned long index;
};
struct folio_batch {
	unsigned char nr;
	struct folio *folios[2];
};
#ifndef OLD
struct folio_queue {
	struct folio_batch vec;
	uint8_t orders[2];
	struct folio_queue *next, *prev;
	unsigned int rreq_id;
};
#endif
struct iov_iter {
	uint8_t iter_type;
	bool data_source;
	size_t iov_offset;
	union {
#ifndef OLD
		const struct folio_queue *folioq;
#endif
		void *xarray;
	};
	size_t count;
	union {
		unsigned long nr_segs;
		uint8_t folioq_slot;
		long long xarray_start;
	};
};
struct xa_node {
	unsigned char shift;
	void *slots[4];
};
struct xarray {
	void *xa_head;
};
struct idr {
	struct xarray idr_rt;
};
struct p9_qid {
	uint8_t type;
	uint32_t version;
	uint64_t path;
};
struct p9_trans_module {
	const char *name;
};
struct p9_client {
	int msize;
	struct p9_trans_module *trans_mod;
	struct idr fids;
};
struct p9_fid {
	struct p9_client *clnt;
	uint32_t fid;
	struct {
		int counter;
	} count;
	int mode;
	struct p9_qid qid;
	uint32_t iounit;
	struct hlist_node dlist, ilist;
};
struct v9fs_session_info {
	struct p9_client *clnt;
	struct list_head slist;
};

static unsigned char memory[PAGES][PAGE] __attribute__((aligned(PAGE)));
static struct page all_pages[PAGES];
struct page *mem_map = all_pages;
unsigned long uml_physmem = (unsigned long)memory;

static unsigned char reply[1024];
static struct p9_trans_module virtio = {"virtio"};
static struct xa_node node;
static struct p9_client client = {.msize = 16384, .trans_mod = &virtio};
static struct v9fs_session_info session = {.clnt = &client};
struct list_head v9fs_sessionlist;
static struct inode inode;
static struct address_space mapping = {&inode};
static struct dentry root = {.d_parent = &root, .d_name = {.len = 1, .name = (void *)"/"}};
static struct dentry dentry = {.d_parent = &root, .d_name = {.len = 4, .name = (void *)"file"}};
static struct p9_fid root_fid = {.clnt = &client, .mode = -1, .count = {1}, .qid = {.type = 0x80}};
static struct p9_fid file_fid = {
	.clnt = &client, .fid = 3, .count = {2}, .iounit = 12288, .qid = {0, 7, 0x1234}};
static bool is_fixed;

#ifndef OLD
/* Pages 3, 2, 1, 6: the one behind the third folio is the second. */
static const unsigned order_in_memory[] = {3, 2, 1, 6};
static struct folio_queue first, second;

static void make_queue(struct iov_iter *to)
{
	for (unsigned i = 0; i < 4; i++) {
		struct page *p = &all_pages[order_in_memory[i]];
		struct folio_queue *q = i < 2 ? &first : &second;

		*p = (struct page){1UL << PG_locked, &mapping, i};
		q->vec.folios[i % 2] = (struct folio *)p;
		q->vec.nr = i % 2 + 1;
	}
	first.next = &second;
	second.prev = &first;
	*to = (struct iov_iter){.iter_type = ITER_FOLIOQ, .folioq = &first, .count = 12943};
}

static void park(struct iov_iter *i)
{
	i->folioq = &second;
	i->folioq_slot = 0;
	i->iov_offset = PAGE;
	i->count = 655;
}

static void move_copy(struct iov_iter *i, size_t bytes)
{
	i->folioq_slot = 1;
	i->iov_offset = is_fixed ? bytes : 0;
}
#else
static void make_queue(struct iov_iter *to)
{
	*to = (struct iov_iter){.iter_type = ITER_XARRAY, .count = 12943};
}

static void park(struct iov_iter *i)
{
	i->iov_offset = 12288;
	i->count = 655;
}

static void move_copy(struct iov_iter *i, size_t bytes)
{
	i->iov_offset += bytes;
}
#endif

kept long iov_iter_get_pages_alloc2(struct iov_iter *i, struct page ***pages, size_t maxsize,
				    size_t *start)
{
	static struct page *list[3] = {&all_pages[3], &all_pages[2], &all_pages[1]};

	*pages = list;
	*start = 0;
	park(i);
	return (long)maxsize;
}

kept size_t _copy_to_iter(const void *addr, size_t bytes, struct iov_iter *i)
{
	memcpy(memory[is_fixed ? 6 : 2], addr, bytes);
	move_copy(i, bytes);
	i->count -= bytes;
	return bytes;
}

kept void *p9_client_zc_rpc(struct p9_client *c, int8_t type, struct iov_iter *uidata,
			    struct iov_iter *uodata, int inlen)
{
	struct page **list;
	size_t start;

	(void)c, (void)type, (void)uodata;
	iov_iter_get_pages_alloc2(uidata, &list, (size_t)inlen, &start);
	return list;
}

kept int p9_client_read_once(struct p9_fid *fid, uint64_t offset, struct iov_iter *to, int *err)
{
	*err = 0;
	(void)offset;
	if (to->count > 1024)
		return p9_client_zc_rpc(fid->clnt, 116, to, NULL, 12288) ? 12288 : 0;
	return (int)_copy_to_iter(reply, to->count, to);
}

static void mount_it(void)
{
	client.fids.idr_rt.xa_head = (char *)&node + 2;
	node.slots[0] = &root_fid;
	node.slots[3] = &file_fid;
	v9fs_sessionlist.next = v9fs_sessionlist.prev = &session.slist;
	session.slist.next = session.slist.prev = &v9fs_sessionlist;
	inode.i_mapping = &mapping;
	inode.i_dentry.first = &dentry.d_u.d_alias;
	dentry.d_u.d_alias.pprev = &inode.i_dentry.first;
	inode.i_private = &file_fid.ilist;
	file_fid.ilist.pprev = (struct hlist_node **)&inode.i_private;
	root.d_fsdata = &root_fid.dlist;
	root_fid.dlist.pprev = (struct hlist_node **)&root.d_fsdata;
}

int main(int argc, char **argv)
{
	struct iov_iter to;
	int err;

	is_fixed = argc > 1 && !strcmp(argv[1], "fixed");
	memset(reply, 'r', sizeof(reply));
	mount_it();
	make_queue(&to);
	p9_client_read_once(&file_fid, 0, &to, &err);
	p9_client_read_once(&file_fid, 12288, &to, &err);
	return to.count != 0;
}
