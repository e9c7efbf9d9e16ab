/* SPDX-License-Identifier: MIT */
#include "guards.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "clock.h"
#include "core.h"
#include "handlers.h"
#include "macros.h"
#include "session.h"

#define FRESH_NS (30 * NS_PER_SEC)
#define SPIN_READS 4096u
#define SPIN_GAP_NS (10 * NS_PER_MS)  /* on average: a program that polls sleeps for longer */
#define WRITE_GAP_NS (10 * NS_PER_MS) /* writes closer than this are not looked between */
#define PSEUDO_MAX 65536u	      /* larger pseudo files are left as they are */

const struct guard_info guard_table[N_GUARDS] = {
#define G(id, word, on, text) [GUARD_##id] = {.name = word, .summary = text, .by_default = on},
	GUARDS(G)
#undef G
};

uint32_t guards_default(void)
{
	uint32_t mask = 0;

	for (unsigned g = 0; g < N_GUARDS; g++)
		mask |= (uint32_t)guard_table[g].by_default << g;
	return mask;
}

/* The bits that the word of LEN bytes names; 0: none. */
static uint32_t bits_of(const char *word, size_t len)
{
	if (len == 3 && !memcmp(word, "all", 3))
		return (1u << N_GUARDS) - 1;
	for (unsigned g = 0; g < N_GUARDS; g++)
		if (strlen(guard_table[g].name) == len && !memcmp(word, guard_table[g].name, len))
			return 1u << g;
	return 0;
}

int guards_parse(const char *text, uint32_t *mask, const char **ret_bad, size_t *ret_len)
{
	uint32_t result = *mask;

	for (const char *word = text;; word++) {
		size_t len = strcspn(word, ",");
		bool no = len > 3 && !memcmp(word, "no-", 3);
		size_t skip = no ? 3 : 0;
		uint32_t bits = bits_of(word + skip, len - skip);

		if (len == 4 && !memcmp(word, "none", 4)) {
			result = 0;
		} else if (!bits) {
			*ret_bad = word;
			*ret_len = len;
			return -EINVAL;
		} else {
			result = no ? result & ~bits : result | bits;
		}
		word += len;
		if (!*word)
			break;
	}
	*mask = result;
	return 0;
}

static bool is_on(const struct request *r, enum guard g)
{
	return r->session->server->cfg.guards >> g & 1;
}

/* Counts, and tells it if it is the session's first. */
static void acted(struct request *r, enum guard g, const char *fmt, ...) printf_like(3, 4);

static void acted(struct request *r, enum guard g, const char *fmt, ...)
{
	struct server *s = r->session->server;
	char what[160];
	va_list args;

	atomic_fetch_add_explicit(&s->guard_counts[g], 1, memory_order_relaxed);
	if (!s->cfg.guard_acted ||
	    atomic_fetch_or_explicit(&r->session->guards_told, 1u << g, memory_order_relaxed) >> g &
		    1)
		return;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	s->cfg.guard_acted(s->cfg.guard_ctx, g, what);
}

/* Not the coarse clock: since Linux 6.13 mtime may be finer than that. */
static uint64_t wall_clock_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

/* A client reads in steps of iounit, or of msize less a header where that is 0. The bug needs a step
 * that ends at a page's end, with more to read in the same request of the page cache. With an odd
 * size that happens once in 4096 steps, with 32 times an odd number once in 128: requests are never
 * that long.
 */
#define ROUND_MASK 63u

uint32_t guard_iounit(struct request *r, struct qid qid)
{
	uint32_t most = atomic_load(&r->session->channel->msize) - P9_IO_HEADER_SIZE;

	/* A directory has none: Linux would size its Treaddir by it. */
	if (qid.type & P9_QTDIR)
		return 0;
	if (r->session->server->cfg.iounit)
		return MIN(r->session->server->cfg.iounit, most);
	if (!is_on(r, GUARD_IOUNIT) || most & ROUND_MASK)
		return 0;
	acted(r, GUARD_IOUNIT, "with msize %u reads would end at pages: iounit is %u",
	      most + P9_IO_HEADER_SIZE, most - 1);
	return most - 1;
}

/* The time when F's content was changed last, ns of the wall clock; 0: unknown. */
static uint64_t changed_ns(struct request *r, const struct fid *f, struct attr *ret_a)
{
	struct call c = handler_call(r, f);
	uint64_t content, all;

	/* Where this would have to wait, opening, reading and writing have gone to a worker. */
	if (backend_call(f->node, getattr, f->file, &c, P9_GETATTR_BASIC, ret_a))
		return 0;
	/* A client may set the former, and its renames change the latter. */
	content = ret_a->mtime.sec * NS_PER_SEC + ret_a->mtime.nsec;
	all = ret_a->ctime.sec * NS_PER_SEC + ret_a->ctime.nsec;
	return MIN(content, all);
}

void guard_opened(struct request *r, const struct fid *f, uint32_t flags, struct qid *qid)
{
	struct attr a;
	uint64_t changed;

	if (qid->type & P9_QTDIR)
		return;
	if ((flags & P9_O_ACCMODE) != P9_O_RDONLY)
		guard_written(r, f->node);
	if (!is_on(r, GUARD_FRESH))
		return;
	changed = changed_ns(r, f, &a);
	if (!changed || wall_clock_ns() >= changed + FRESH_NS)
		return;
	qid->version = 0;
	acted(r, GUARD_FRESH,
	      "a file was changed less than 30 s ago: clients are told not to cache it");
}

/* Has F been truncated to less than OFFSET + ASKED bytes, after a getattr said that it has them? */
static bool has_shrunk(struct request *r, const struct fid *f, uint64_t offset, uint32_t asked)
{
	const struct file_memory *m = f->node->memory;
	struct attr a;

	if (!m || offset + asked > atomic_load_explicit(&m->told_size, memory_order_relaxed) ||
	    !changed_ns(r, f, &a))
		return false;
	return a.size < offset + asked;
}

static void start_spin(struct fid_spin *s, uint64_t now)
{
	atomic_store_explicit(&s->since_ns, now, memory_order_relaxed);
	atomic_store_explicit(&s->n, 1, memory_order_relaxed);
}

/* Is this empty read one of many that are the same? What counts is how long all took, not each: on a busy
 * host a client that spins pauses too. */
static bool is_spinning(struct fid *f, uint64_t offset, uint32_t asked)
{
	struct fid_spin *s = &f->spin;
	uint64_t now = clock_now_ns();
	bool same = atomic_exchange_explicit(&s->offset, offset, memory_order_relaxed) == offset;

	same = atomic_exchange_explicit(&s->asked, asked, memory_order_relaxed) == asked && same;
	if (!same)
		start_spin(s, now);
	if (!same || atomic_fetch_add_explicit(&s->n, 1, memory_order_relaxed) < SPIN_READS)
		return false;
	if (now - atomic_load_explicit(&s->since_ns, memory_order_relaxed) <=
	    SPIN_READS * SPIN_GAP_NS)
		return true;
	start_spin(s, now);
	return false;
}

int guard_read(struct request *r, struct fid *f, uint64_t offset, uint32_t asked, size_t got)
{
	if (got >= asked || f->kind != FID_OPEN)
		return 0;
	if (is_on(r, GUARD_SHRUNK) && has_shrunk(r, f, offset, asked)) {
		acted(r, GUARD_SHRUNK, "a file was truncated while a client reads it: it gets EIO");
		return -EIO;
	}
	if (!got && is_on(r, GUARD_SPIN) && is_spinning(f, offset, asked)) {
		acted(r, GUARD_SPIN,
		      "a client repeats a read at the end of a file for ever: it gets EIO");
		return -EIO;
	}
	return 0;
}

void guard_change(struct request *r, struct node *n)
{
	if (n->memory && is_on(r, GUARD_WRITERS))
		atomic_fetch_add(&n->memory->n_changing, 1);
}

void guard_changed(struct request *r, struct node *n, bool it_was)
{
	if (it_was)
		guard_written(r, n);
	if (n->memory && is_on(r, GUARD_WRITERS))
		atomic_fetch_sub(&n->memory->n_changing, 1);
}

/* What we see may be the change of another client that is under way (its thread may have been
 * stopped, on a busy host for long, before it could tell that the change is ours), or was when we looked. */
void guard_write(struct request *r, const struct fid *f)
{
	const struct file_memory *m = f->node->memory;
	uint64_t ours;
	struct attr a;

	guard_change(r, f->node);
	if (!m || !is_on(r, GUARD_WRITERS))
		return;
	ours = atomic_load(&m->ours_until);
	if (wall_clock_ns() < ours + WRITE_GAP_NS)
		return;
	if (changed_ns(r, f, &a) > ours && atomic_load(&m->n_changing) == 1 &&
	    atomic_load(&m->ours_until) == ours)
		acted(r, GUARD_WRITERS,
		      "a client writes to a file that was changed on the host: a client that "
		      "writes back whole pages undoes such changes");
}

void guard_written(struct request *r, struct node *n)
{
	if (n->memory && is_on(r, GUARD_WRITERS))
		atomic_store(&n->memory->ours_until, wall_clock_ns());
}

void guard_told_size(struct node *n, uint64_t size)
{
	if (n->memory)
		atomic_store_explicit(&n->memory->told_size, size, memory_order_relaxed);
}

/* How much there is to read, at most PSEUDO_MAX; -errno. */
static int64_t measure(struct request *r, const struct fid *f)
{
	struct call c = handler_call(r, f);
	struct iovec part = {.iov_base = arena_alloc(&r->arena, PSEUDO_MAX), .iov_len = PSEUDO_MAX};
	struct file *file;
	struct qid qid;
	size_t sum = 0, n = 1;
	int err = part.iov_base ? backend_call(f->node, open, &c, P9_O_RDONLY | P9_O_NONBLOCK,
					       &file, &qid)
				: -ENOMEM;

	if (err)
		return err;
	while (!err && n && sum < PSEUDO_MAX) {
		part.iov_len = PSEUDO_MAX - sum;
		err = backend_call(file, read, &c, &part, 1, sum, &n);
		sum += err ? 0 : n;
	}
	file_unref(file);
	return err ? err : (int64_t)sum;
}

int guard_getattr(struct request *r, const struct fid *f, struct attr *a)
{
	int64_t size;

	if (a->is_pseudo && S_ISREG(a->mode) && a->size && a->size < PSEUDO_MAX &&
	    is_on(r, GUARD_PSEUDO)) {
		if (handler_call(r, f).in_place)
			return CALL_WOULD_BLOCK;
		size = measure(r, f);
		if (size >= 0 && (uint64_t)size != a->size) {
			acted(r, GUARD_PSEUDO,
			      "a pseudo file claims %llu bytes and holds %lld: the latter is told",
			      (unsigned long long)a->size, (long long)size);
			a->size = (uint64_t)size;
		}
	}
	guard_told_size(f->node, a->size);
	return 0;
}
