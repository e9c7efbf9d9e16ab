/* SPDX-License-Identifier: MIT */
#include "fault.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "fault-impl.h"
#include "macros.h"
#include "settings.h"

static const struct {
	const char *name, *summary;
} kinds[N_KINDS] = {
#define K(id, word, text) [FAULT_##id] = {word, text},
	FAULT_KINDS(K)
#undef K
};

const char *fault_kind_name(size_t i)
{
	return i < N_KINDS ? kinds[i].name : NULL;
}

const char *fault_kind_summary(size_t i)
{
	return i < N_KINDS ? kinds[i].summary : NULL;
}

static struct fault *fault_of(const struct pass_node *n)
{
	return (struct fault *)(void *)n->pass;
}

static bool is_about(const struct fault *f, const struct pass_node *n)
{
	return !fnmatch(f->pattern, n->name, 0);
}

/* One time less; false: it has acted as often as it should. */
static bool take_turn(struct fault *f)
{
	uint64_t left = atomic_load(&f->left);

	do
		if (!left)
			return false;
	while (!atomic_compare_exchange_weak(&f->left, &left, left - 1));
	return true;
}

static size_t total_of(const struct iovec *iov, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

/* How much of a read of ASKED bytes at OFFSET is made at all. */
static size_t shorten(struct fault *f, uint64_t offset, size_t asked)
{
	if (f->kind == FAULT_SHORT && asked > 1 && take_turn(f))
		return asked / 2;
	if (f->kind == FAULT_CUT && offset + asked > f->from && offset < f->to && take_turn(f))
		return offset < f->from ? (size_t)(f->from - offset) : 0;
	return asked;
}

static bool is_of_reads(enum kind kind)
{
	return kind <= FAULT_CUT || kind == FAULT_PADDED || kind == FAULT_SHORT ||
	       kind == FAULT_DELAY || kind == FAULT_REORDER;
}

static bool is_late(struct fault *f)
{
	return f->kind == FAULT_DELAY ||
	       (f->kind == FAULT_REORDER && atomic_fetch_add(&f->reads, 1) % 2 == 0);
}

static int fault_read(struct file *file, const struct call *c, const struct iovec *iov, int n,
		      uint64_t offset, size_t *ret_count)
{
	struct pass_file *pf = pass_file(file);
	struct fault *f = fault_of(pf->node);
	const struct timespec late = {(time_t)(f->by / 1000000), (long)(f->by % 1000000) * 1000};
	struct iovec parts[IOV_MAX];
	uint64_t from, to;
	size_t asked, got = 0;
	int r, n_parts;

	if (!is_about(f, pf->node) || !is_of_reads(f->kind))
		return pass_ops.read(file, c, iov, n, offset, ret_count);
	/* A read that is made again would take its turn twice. */
	if (c->in_place)
		return CALL_WOULD_BLOCK;
	if (is_late(f) && take_turn(f))
		nanosleep(&late, NULL);
	asked = shorten(f, offset, total_of(iov, n));
	n_parts = fault_slice(iov, n, 0, asked, parts);
	r = asked ? pass_ops.read(file, c, parts, n_parts, offset, &got) : 0;
	if (!r && f->kind == FAULT_PADDED)
		got = fault_pad(f, iov, n, offset, asked, got);
	from = MAX(offset, f->from);
	to = MIN(offset + got, f->to);
	if (!r && from < to && f->kind <= FAULT_FOREIGN && take_turn(f)) {
		n_parts = fault_slice(iov, n, (size_t)(from - offset), (size_t)(to - from), parts);
		r = fault_damage(f, pf, c, parts, n_parts, from);
	}
	if (!r)
		*ret_count = got;
	return r;
}

static int fault_write(struct file *file, const struct call *c, const struct iovec *iov, int n,
		       uint64_t offset, size_t *ret_count)
{
	struct pass_file *pf = pass_file(file);
	struct fault *f = fault_of(pf->node);
	size_t total = total_of(iov, n);

	if (!is_about(f, pf->node) || offset >= f->to || offset + total <= f->from ||
	    (f->kind != FAULT_LOST_WRITE && f->kind != FAULT_MISPLACED))
		return pass_ops.write(file, c, iov, n, offset, ret_count);
	if (c->in_place)
		return CALL_WOULD_BLOCK;
	if (!take_turn(f))
		return pass_ops.write(file, c, iov, n, offset, ret_count);
	if (f->kind == FAULT_MISPLACED)
		return pass_ops.write(file, c, iov, n, offset + f->by, ret_count);
	*ret_count = total;
	return 0;
}

static void change_version(struct fault *f, const struct pass_node *n, struct qid *qid)
{
	if (f->kind == FAULT_VERSION && is_about(f, n) && take_turn(f))
		qid->version = atomic_fetch_sub(&f->version, 1);
}

static int fault_getattr(struct node *node, struct file *open, const struct call *c, uint64_t mask,
			 struct attr *ret_attr)
{
	struct pass_node *n = pass_node(node);
	struct fault *f = fault_of(n);
	int r = pass_ops.getattr(node, open, c, mask, ret_attr);

	if (r || !is_about(f, n) || (ret_attr->qid.type & (P9_QTDIR | P9_QTSYMLINK)))
		return r;
	if ((f->kind == FAULT_SIZE || f->kind == FAULT_PADDED) && take_turn(f)) {
		ret_attr->size += f->by;
		atomic_store(&f->told, ret_attr->size);
	}
	if (f->kind == FAULT_SMALLER && take_turn(f))
		ret_attr->size -= MIN(ret_attr->size, f->by);
	change_version(f, n, &ret_attr->qid);
	return 0;
}

/* A file that is chosen by its name gets no bytes of its own, however often it is opened. */
static bool is_victim(const struct fault *f, const struct pass_node *n)
{
	return strcmp(f->pattern, "*") != 0 && is_about(f, n);
}

static int fault_open(struct node *node, const struct call *c, uint32_t flags,
		      struct file **ret_file, struct qid *ret_qid)
{
	struct fault *f = fault_of(pass_node(node));
	struct file *dropped;
	int r = pass_ops.open(node, c, flags, ret_file, ret_qid);

	if (r)
		return r;
	change_version(f, pass_node(node), ret_qid);
	if (f->kind != FAULT_FOREIGN || ret_qid->type & P9_QTDIR || is_victim(f, pass_node(node)))
		return 0;
	pthread_mutex_lock(&f->lock);
	dropped = f->earlier;
	f->earlier = f->latest;
	f->latest = file_ref(pass_file(*ret_file)->lower);
	pthread_mutex_unlock(&f->lock);
	file_unref(dropped);
	return 0;
}

/* What passes the entries of a folder on. */
struct listing {
	struct fault *f;
	emit_fn emit;
	void *arg;
};

static bool emit_others(void *arg, const struct dirent9 *entry)
{
	const struct listing *l = arg;
	autofree char *name = strndup(entry->name.p, entry->name.len);

	if (name && !fnmatch(l->f->pattern, name, 0) && take_turn(l->f))
		return true;
	return l->emit(l->arg, entry);
}

static int fault_readdir(struct file *file, const struct call *c, uint64_t offset, emit_fn emit,
			 void *arg)
{
	struct listing l = {fault_of(pass_file(file)->node), emit, arg};

	return l.f->kind == FAULT_HIDDEN ? pass_ops.readdir(file, c, offset, emit_others, &l)
					 : pass_ops.readdir(file, c, offset, emit, arg);
}

static void fault_free_backend(struct backend *b)
{
	struct fault *f = (struct fault *)(void *)b;

	file_unref(f->latest);
	file_unref(f->earlier);
	pthread_mutex_destroy(&f->lock);
	free(f->first);
	free(f->pattern);
	pass_ops.free_backend(b);
}

static int set_kind(struct fault *f, const char *word, char **ret_why)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (!strcmp(word, kinds[i].name)) {
			f->kind = (enum kind)i;
			return 0;
		}
	return settings_refuse(ret_why, "there is no fault '%s'", word);
}

/* #syscalls faults: clock_nanosleep */
static int parse(struct fault *f, const char *text, char **ret_why)
{
	uint64_t offset = 0, count = 0, by = 4096, times = 0;
	const struct setting table[] = {{"file", .text = &f->pattern},
					{"offset", .number = &offset},
					{"count", .number = &count},
					{"by", .number = &by},
					{"times", .number = &times}};
	autofree char *copy = strdup(text);
	char *rest = copy;
	int r = copy ? set_kind(f, strsep(&rest, ","), ret_why) : -ENOMEM;

	if (!r)
		r = settings_take(rest, table, ARRAY_SIZE(table), ret_why);
	f->from = offset;
	f->to = count ? offset + count : INT64_MAX;
	f->by = by;
	atomic_init(&f->left, times ? times : UINT64_MAX);
	return r;
}

int fault_new(struct backend *lower, const char *text, struct backend **ret_b, char **ret_why)
{
	struct fault *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	*ret_why = NULL;
	if (f && (f->pattern = strdup("*")))
		r = parse(f, text, ret_why);
	if (r) {
		if (f)
			free(f->pattern);
		free(f);
		return r;
	}
	pthread_mutex_init(&f->lock, NULL);
	atomic_init(&f->version, UINT32_MAX);
	pass_init(&f->pass, lower);
	f->pass.ops.name = "fault";
	f->pass.ops.free_backend = fault_free_backend;
	f->pass.ops.read = fault_read;
	f->pass.ops.splice = NULL; /* bytes that are not seen cannot be damaged */
	f->pass.ops.write = fault_write;
	f->pass.ops.getattr = fault_getattr;
	f->pass.ops.open = fault_open;
	f->pass.ops.readdir = fault_readdir;
	*ret_b = &f->pass.backend;
	return 0;
}
