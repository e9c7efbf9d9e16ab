/* SPDX-License-Identifier: MIT */
/* Opened files of synth. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "macros.h"
#include "synth-impl.h"
#include "synth.h"

#define BLOCK_SIZE 4096

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t word_at(uint64_t size, uint64_t index)
{
	return mix(mix(size + 0x9e3779b97f4a7c15u) + index);
}

uint8_t synth_byte(uint64_t size, uint64_t offset)
{
	return (uint8_t)(word_at(size, offset / 8) >> offset % 8 * 8);
}

static void fill(uint64_t size, uint64_t offset, uint8_t *p, size_t n)
{
	while (n) {
		uint64_t word = word_at(size, offset / 8) >> offset % 8 * 8;
		size_t count = MIN(n, 8 - (size_t)(offset % 8));

		for (size_t i = 0; i < count; i++, word >>= 8)
			*p++ = (uint8_t)word;
		offset += count;
		n -= count;
	}
}

/* Under synth.lock for a file of /tmp. */
uint64_t synth_size(const struct synth_node *n)
{
	return n->kind == SYNTH_SIZE	   ? n->number
	       : n->kind == SYNTH_BLOCK	   ? BLOCK_SIZE
	       : n->kind == SYNTH_TMP_FILE ? n->tmp->size
					   : 0;
}

static bool is_writable(enum synth_kind k)
{
	return k == SYNTH_TMP_FILE || k == SYNTH_IOERROR || k == SYNTH_BLOCK;
}

static bool wants_to_write(uint32_t flags)
{
	return (flags & P9_O_ACCMODE) != P9_O_RDONLY || flags & P9_O_TRUNC;
}

static int check_open(const struct synth_node *n, uint32_t flags, const struct qid *qid)
{
	if (synth_error(n))
		return synth_error(n);
	if ((flags & P9_O_ACCMODE) == P9_O_ACCMODE)
		return -EINVAL;
	if (qid->type & P9_QTDIR)
		return wants_to_write(flags) ? -EISDIR : 0;
	if (flags & P9_O_DIRECTORY)
		return -ENOTDIR;
	if (n->tmp && !S_ISREG(n->tmp->mode))
		return S_ISLNK(n->tmp->mode) ? -ELOOP : -ENXIO;
	return wants_to_write(flags) && !is_writable(n->kind) ? -EACCES : 0;
}

int synth_open(struct node *node, const struct call *c, uint32_t flags, struct file **ret_file,
	       struct qid *ret_qid)
{
	struct synth_node *n = synth_node(node);
	struct synth_file *f;
	struct qid qid;
	int r;

	(void)c;
	pthread_mutex_lock(&n->synth->lock);
	synth_qid(n, &qid);
	r = check_open(n, flags, &qid);
	if (!r && n->tmp && flags & P9_O_TRUNC) {
		tmp_resize_locked(n->tmp, 0);
		tmp_touch_locked(n->synth, n->tmp);
		synth_qid(n, &qid);
	}
	pthread_mutex_unlock(&n->synth->lock);
	if (r)
		return r;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->file.ops = node->ops;
	atomic_init(&f->file.refs, 1);
	node_ref(node);
	f->node = n;
	f->flags = flags;
	*ret_file = &f->file;
	*ret_qid = qid;
	return 0;
}

void synth_free_file(struct file *file)
{
	struct synth_file *f = synth_file(file);

	synth_free_locks(f);
	node_unref(&f->node->node);
	free(f);
}

/* Waits for synth_release. */
static int block(struct synth *s, const struct call *c)
{
	pthread_mutex_lock(&s->lock);
	if (!s->released && c->in_place) {
		pthread_mutex_unlock(&s->lock);
		return CALL_WOULD_BLOCK;
	}
	s->n_blocked += !s->released;
	pthread_cond_broadcast(&s->changed);
	if (!s->released) {
		while (!s->released)
			pthread_cond_wait(&s->changed, &s->lock);
		s->n_blocked--;
	}
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int check_io(const struct synth_file *f, const struct call *c, uint32_t wrong_access)
{
	const struct synth_node *n = f->node;

	if ((f->flags & P9_O_ACCMODE) == wrong_access)
		return -EBADF;
	if (n->kind == SYNTH_IOERROR)
		return -(int)n->number;
	return n->kind == SYNTH_BLOCK ? block(n->synth, c) : 0;
}

static void read_part(const struct synth_node *n, uint64_t offset, uint8_t *p, size_t count)
{
	if (n->tmp)
		memcpy(p, n->tmp->data + offset, count);
	else
		fill(synth_size(n), offset, p, count);
}

int synth_read(struct file *file, const struct call *c, const struct iovec *iov, int n,
	       uint64_t offset, size_t *ret_count)
{
	struct synth_file *f = synth_file(file);
	struct synth *s = f->node->synth;
	struct qid qid;
	size_t done = 0;
	int r = check_io(f, c, P9_O_WRONLY);

	if (r)
		return r;
	pthread_mutex_lock(&s->lock);
	synth_qid(f->node, &qid);
	for (int i = 0; i < n && !(qid.type & P9_QTDIR); i++) {
		uint64_t size = synth_size(f->node), left = offset < size ? size - offset : 0;
		size_t count = (size_t)MIN(iov[i].iov_len, left);

		if (count)
			read_part(f->node, offset, iov[i].iov_base, count);
		offset += count;
		done += count;
	}
	pthread_mutex_unlock(&s->lock);
	if (qid.type & P9_QTDIR)
		return -EISDIR;
	*ret_count = done;
	return 0;
}

static int write_locked(struct synth_file *f, const struct iovec *iov, int n, uint64_t offset,
			size_t total)
{
	struct tmp_file *t = f->node->tmp;
	int r = 0;

	if (f->flags & P9_O_APPEND)
		offset = t->size;
	if (total > UINT64_MAX - offset)
		return -EFBIG;
	if (total && offset + total > t->size)
		r = tmp_resize_locked(t, offset + total);
	if (r)
		return r;
	for (int i = 0; i < n; i++) {
		if (iov[i].iov_len)
			memcpy(t->data + offset, iov[i].iov_base, iov[i].iov_len);
		offset += iov[i].iov_len;
	}
	tmp_touch_locked(f->node->synth, t);
	return 0;
}

int synth_write(struct file *file, const struct call *c, const struct iovec *iov, int n,
		uint64_t offset, size_t *ret_count)
{
	struct synth_file *f = synth_file(file);
	size_t total = 0;
	int r = check_io(f, c, P9_O_RDONLY);

	if (r)
		return r;
	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	if (f->node->tmp) {
		pthread_mutex_lock(&f->node->synth->lock);
		r = write_locked(f, iov, n, offset, total);
		pthread_mutex_unlock(&f->node->synth->lock);
	}
	if (!r)
		*ret_count = total;
	return r;
}

int synth_fsync(struct file *file, const struct call *c, bool datasync)
{
	struct synth_file *f = synth_file(file);

	(void)datasync;
	if (c->in_place)
		return CALL_WOULD_BLOCK;
	return f->node->kind == SYNTH_IOERROR ? -(int)f->node->number : 0;
}
