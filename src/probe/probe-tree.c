/* SPDX-License-Identifier: MIT */
/* Walks the share and reads each file by all steps, window by window: the first way's bytes are
 * digested and kept, those of the others are compared with them. Only what differs is reported
 * twice, so the report stays small and the memory bounded. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "digest.h"
#include "macros.h"
#include "probe-ways.h"
#include "probe.h"
#include "report.h"
#include "text.h"
#include "walk.h"

#define MAX_STEPS 64
#define PROGRESS_INTERVAL_NS (500 * NS_PER_MS)
#define EVIDENCE_A_FILE 64   /* blocks whose bytes are reported */
#define EVIDENCE_A_WALK 1024 /* ... in all files together */
#define DIGESTS_A_WALK 65536 /* blocks of which then only the digest is reported */
#define XATTR_LIST_MAX 65536
#define XATTR_VALUE_MAX 65536

struct step {
	const struct way *way; /* NULL: drop */
	size_t unit;
	bool has_worked, is_off;
};

struct inode_id {
	uint64_t dev, ino;
};

struct tree {
	struct probe *p;
	size_t n_steps;
	struct step steps[MAX_STEPS];
	struct way_file file;
	unsigned char *first, *now; /* a window each */
	struct digest_writer digests;
	void *linked; /* of tsearch: the inodes with more than one name that are read already */
	unsigned evidence_file, evidence_walk, digests_walk; /* what is left */
	bool no_xattr;
	uint64_t told_ns;
	char list[XATTR_LIST_MAX], value[XATTR_VALUE_MAX];
};

/* For every line but "b": ends an unfinished one. */
static FILE *report_of(struct tree *t)
{
	digest_writer_end(&t->digests);
	return t->p->report;
}

static void tell_progress(struct tree *t, uint64_t bytes_more)
{
	uint64_t now = clock_now_ns();

	if (now - t->told_ns < PROGRESS_INTERVAL_NS)
		return;
	t->told_ns = now;
	fprintf(report_of(t), "p %" PRIu64 " %" PRIu64 "\n", t->p->files, t->p->bytes + bytes_more);
	probe_flush(t->p, true);
}

static int compare_ids(const void *a, const void *b)
{
	const struct inode_id *x = a, *y = b;

	return x->dev != y->dev	  ? (x->dev < y->dev ? -1 : 1)
	       : x->ino != y->ino ? (x->ino < y->ino ? -1 : 1)
				  : 0;
}

/* Notes a file with several names; true when it was there. */
static bool was_read(struct tree *t, const struct stat *st)
{
	struct inode_id *id = malloc(sizeof(*id)), **found;

	if (!id)
		return false;
	*id = (struct inode_id){st->st_dev, st->st_ino};
	found = (struct inode_id **)tsearch(id, &t->linked, compare_ids);
	if (found && *found == id)
		return false;
	free(id);
	return found != NULL;
}

static void put_hex(FILE *f, const unsigned char *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	fputc(' ', f);
	for (size_t i = 0; i < n; i++) {
		fputc(digits[p[i] >> 4], f);
		fputc(digits[p[i] & 15], f);
	}
}

static void put_block(struct tree *t, size_t step, uint64_t block, size_t at, size_t n)
{
	FILE *f = report_of(t);
	const unsigned char *now = t->now + at, *first = t->first + at;
	size_t from = 0, end = n;

	while (from < end && now[from] == first[from])
		from++;
	while (end > from && now[end - 1] == first[end - 1])
		end--;
	fprintf(f, "! %zu %" PRIu64 " %016" PRIx64 " %zu", step, block, digest_of(now, n), from);
	put_hex(f, now + from, end - from);
	put_hex(f, first + from, end - from);
	fputc('\n', f);
}

static void put_more_blocks(struct tree *t, size_t step, uint64_t block, uint64_t count)
{
	if (count)
		fprintf(report_of(t), "~ %zu %" PRIu64 " %" PRIu64 "\n", step, block - count,
			count);
}

/* Reports each block of the window (N bytes of it) that STEP read differently. */
static void report_blocks(struct tree *t, size_t step, uint64_t offset, size_t n)
{
	uint64_t more = 0, block = offset / DIGEST_BLOCK;

	for (size_t at = 0; at < n; at += DIGEST_BLOCK, block++) {
		size_t len = MIN(n - at, DIGEST_BLOCK);
		bool differs = memcmp(t->now + at, t->first + at, len) != 0;

		if (differs && t->evidence_file && t->evidence_walk) {
			t->evidence_file--;
			t->evidence_walk--;
			put_block(t, step, block, at, len);
		} else if (differs && t->digests_walk) {
			t->digests_walk--;
			fprintf(report_of(t), "! %zu %" PRIu64 " %016" PRIx64 "\n", step, block,
				digest_of(t->now + at, len));
		} else if (differs) {
			more++;
		} else {
			put_more_blocks(t, step, block, more);
			more = 0;
		}
	}
	put_more_blocks(t, step, block, more);
}

static void digest_window(struct tree *t, size_t n)
{
	for (size_t at = 0; at < n; at += DIGEST_BLOCK)
		digest_writer_add(&t->digests, digest_of(t->first + at, MIN(n - at, DIGEST_BLOCK)),
				  1);
}

static bool means_unsupported(int err)
{
	return err == EINVAL || err == EOPNOTSUPP || err == ENOSYS || err == ENODEV;
}

static void report_failure(struct tree *t, size_t step, uint64_t at, int err)
{
	struct step *s = &t->steps[step];

	if (!s->has_worked && means_unsupported(err)) {
		s->is_off = true;
		fprintf(report_of(t), "unsupported %zu %s\n", step, report_errno(err));
		return;
	}
	fprintf(report_of(t), "e %zu %" PRIu64 " %s\n", step, at, report_errno(err));
}

static void report_past(struct tree *t, size_t step)
{
	if (!t->file.n_past)
		return;
	fprintf(report_of(t), "past %zu %" PRIu64, step, t->file.size);
	put_hex(t->p->report, t->file.past, t->file.n_past);
	fputc('\n', t->p->report);
	t->file.n_past = 0;
}

/* What the steps found in one window. */
struct window {
	uint64_t offset;
	ssize_t got;	/* by the first way that worked; -1 before */
	size_t n_steps; /* that worked */
};

static void take_first(struct tree *t, struct window *w, size_t step, ssize_t got, bool is_planned)
{
	if (!is_planned)
		fprintf(report_of(t), "r %" PRIu64 " %zu\n", w->offset, step);
	w->got = got;
	digest_window(t, (size_t)got);
}

static void compare_with_first(struct tree *t, struct window *w, size_t step, ssize_t got)
{
	size_t n = (size_t)MIN(got, w->got);

	if (memcmp(t->now, t->first, n) != 0)
		report_blocks(t, step, w->offset, n);
	if (got != w->got)
		fprintf(report_of(t), "z %zu %" PRIu64 "\n", step, w->offset + (uint64_t)got);
}

static void read_window(struct tree *t, struct window *w)
{
	bool is_planned = true; /* until a way before has failed */

	for (size_t i = 0; i < t->n_steps; i++) {
		struct step *s = &t->steps[i];
		uint64_t at = w->offset;
		ssize_t got;

		if (!s->way)
			way_drop(&t->file);
		if (!s->way || s->is_off)
			continue;
		got = s->way->fill(&t->file, s->unit, w->offset, w->got < 0 ? t->first : t->now,
				   &at);
		if (got < 0) {
			report_failure(t, i, at, (int)-got);
			is_planned = false;
			continue;
		}
		probe_damage(t->p, s->way->name, w->got < 0 ? t->first : t->now, (size_t)got);
		s->has_worked = true;
		w->n_steps++;
		if (w->got < 0)
			take_first(t, w, i, got, is_planned);
		else
			compare_with_first(t, w, i, got);
		report_past(t, i);
	}
}

static void read_file(struct tree *t, const struct walk_entry *e)
{
	struct window w = {.got = -1};

	t->file.dir_fd = e->dir_fd;
	t->file.name = e->name;
	t->file.fd = e->fd;
	t->file.size = (uint64_t)e->st.st_size;
	t->evidence_file = EVIDENCE_A_FILE;
	for (;;) {
		read_window(t, &w);
		if (w.got < (ssize_t)WAY_WINDOW)
			break;
		w = (struct window){.offset = w.offset + WAY_WINDOW, .got = -1};
		tell_progress(t, w.offset);
	}
	w.offset += w.got > 0 ? (uint64_t)w.got : 0;
	t->p->files++;
	t->p->bytes += w.offset;
	fprintf(report_of(t), "s %" PRIu64 " %zu\n", w.offset, w.n_steps);
	way_file_done(&t->file);
}

static void put_xattrs(struct tree *t, int fd)
{
	ssize_t n = t->no_xattr ? 0 : flistxattr(fd, t->list, sizeof(t->list));

	if (n < 0) {
		t->no_xattr = errno == EOPNOTSUPP;
		fprintf(report_of(t), "xfail %s\n", report_errno(errno));
	}
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(t->list + at) + 1) {
		const char *name = t->list + at;
		ssize_t len;

		if (strncmp(name, "user.", 5) != 0)
			continue;
		len = fgetxattr(fd, name, t->value, sizeof(t->value));
		if (len < 0 && errno != ENODATA)
			fprintf(report_of(t), "xfail %s\n", report_errno(errno));
		if (len < 0)
			continue;
		fputs("x ", report_of(t));
		text_put(t->p->report, name, strlen(name));
		fputc(' ', t->p->report);
		text_put(t->p->report, t->value, (size_t)len);
		fputc('\n', t->p->report);
	}
}

static void put_error(struct tree *t, const struct walk_entry *e)
{
	fputs("error ", report_of(t));
	text_put(t->p->report, e->name, strlen(e->name));
	fprintf(t->p->report, " %s %s\n", e->op, report_errno(e->err));
}

static int on_entry(void *ctx, const struct walk_entry *e)
{
	struct tree *t = ctx;
	struct node_stat ns;
	mode_t mode = e->st.st_mode;
	bool has_stat = !e->err || strcmp(e->op, "stat") != 0, is_known;
	char kind = S_ISDIR(mode) ? 'd' : S_ISREG(mode) ? 'f' : S_ISLNK(mode) ? 'l' : 'o';

	tell_progress(t, 0);
	if (!has_stat) {
		put_error(t, e);
		return 0;
	}
	is_known = kind == 'f' && e->fd >= 0 && e->st.st_nlink > 1 && was_read(t, &e->st);
	node_stat_from(&e->st, &ns);
	report_put_entry(report_of(t), is_known ? 'h' : kind, e->name, &ns, e->target);
	if (e->err)
		put_error(t, e);
	if (e->err && kind == 'd')
		fputs("up\n", t->p->report);
	if (e->fd >= 0)
		put_xattrs(t, e->fd);
	if (kind == 'f' && e->fd >= 0 && !is_known)
		read_file(t, e);
	return 0;
}

static int on_leave(void *ctx, int err)
{
	FILE *f = report_of(ctx);

	fprintf(f, err ? "up %s\n" : "up\n", report_errno(err));
	return 0;
}

static int plan_steps(struct tree *t, size_t n, char *const *words)
{
	for (size_t i = 0; i < n; i++) {
		struct step *s = &t->steps[i];

		if (!strcmp(words[i], "drop"))
			continue;
		s->way = way_find(words[i], &s->unit);
		if (!s->way)
			return -EINVAL;
	}
	t->n_steps = n;
	return 0;
}

static unsigned char *map_window(void)
{
	void *p = mmap(NULL, WAY_WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	return p == MAP_FAILED ? NULL : p;
}

static void put_plan(struct tree *t, size_t n, char *const *words)
{
	fputs("walk", t->p->report);
	for (size_t i = 0; i < n; i++)
		fprintf(t->p->report, " %s", words[i]);
	fputc('\n', t->p->report);
	probe_flush(t->p, true);
}

static int walk_share(struct tree *t, size_t n, char *const *words)
{
	static const struct walk_visitor visitor = {on_entry, on_leave};
	autoclose int fd = -1;

	if (!t->p->share || plan_steps(t, n, words) < 0)
		return -EINVAL;
	if (!t->first || !t->now)
		return -ENOMEM;
	fd = open(t->p->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	walk_raise_fd_limit();
	t->p->walks++;
	probe_mark(t->p, "walk");
	t->p->files = t->p->bytes = 0;
	put_plan(t, n, words);
	walk_tree(fd, &visitor, t);
	report_of(t);
	memory_scan(t->p);
	fprintf(report_of(t), "walked %" PRIu64 " %" PRIu64 "\n", t->p->files, t->p->bytes);
	return 0;
}

int probe_walk(struct probe *p, size_t n, char *const *words)
{
	struct tree *t = n > MAX_STEPS ? NULL : calloc(1, sizeof(*t));
	int r;

	if (n > MAX_STEPS)
		return -E2BIG;
	if (!t)
		return -ENOMEM;
	t->p = p;
	t->digests.f = p->report;
	t->file.direct_fd = t->file.pipe[0] = t->file.pipe[1] = -1;
	t->first = map_window();
	t->now = map_window();
	t->told_ns = clock_now_ns();
	t->evidence_walk = EVIDENCE_A_WALK;
	t->digests_walk = DIGESTS_A_WALK;
	r = walk_share(t, n, words);
	tdestroy(t->linked, free);
	if (t->first)
		munmap(t->first, WAY_WINDOW);
	if (t->now)
		munmap(t->now, WAY_WINDOW);
	for (size_t i = 0; i < ARRAY_SIZE(t->file.pipe); i++)
		if (t->file.pipe[i] >= 0)
			close(t->file.pipe[i]);
	free(t);
	return r;
}
