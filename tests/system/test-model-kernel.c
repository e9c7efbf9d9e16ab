/* SPDX-License-Identifier: MIT */
/* The model against the real kernel: random sequences of reads, run in UML, and each byte of the page
 * cache, of what the program got and of what went astray compared with what the model says. The
 * guest tells digests and page frames (probe-sequence.c); the frames tell the model who stands
 * behind whom. On a kernel without the bug both have to find nothing lost, on the one with it the
 * same bytes. MODEL_SEED=N chooses other sequences. */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "digest.h"
#include "guest.h"
#include "kernel.h"
#include "macros.h"
#include "model.h"
#include "path.h"
#include "prng.h"
#include "probe.h"
#include "spawn.h"
#include "text.h"

#define MAX_STEPS 8
#define MAX_PAGES 256
#define MEMORY_MIB 128
#define FIXED "6.12-uml-debug"
#define BROKEN FIXED "-without-"

/* A server and what is mounted from it in one boot; each mount runs PER_MOUNT sequences. */
static const struct boot {
	uint32_t iounit, msizes[3];
} boots[] = {
	{12288, {16384, 20504, 131096}},
	{0, {12312, 16384, 36888}},
	{4096, {8216, 16384, 512000}},
};
#define N_MOUNTS (ARRAY_SIZE(boots) * 3)
#define N_SEQUENCES 1000
#define PER_MOUNT ((N_SEQUENCES + N_MOUNTS - 1) / N_MOUNTS)

struct sequence {
	uint64_t size;
	size_t n;
	struct step steps[MAX_STEPS];
};

/* What the guest said of one. */
struct observed {
	size_t n_reads, n_pages;
	struct {
		uint64_t bytes, digest;
	} reads[MAX_STEPS];
	struct {
		size_t index, pfn;
		uint64_t digest, canary, canary_digest;
		bool has_canary, is_changed;
	} pages[MAX_PAGES];
	bool is_complete;
};

static struct {
	unsigned compared, disagree, damaged;
	uint64_t bytes, lost, strays, unseen;
} totals;

static char base[] = "/tmp/test-model-XXXXXX";
static char export[64], socket_path[64];
static unsigned file_number;

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(base))
		return -1;
	snprintf(export, sizeof(export), "%s/export", base);
	snprintf(socket_path, sizeof(socket_path), "%s/9p", base);
	return mkdir(export, 0755);
}

static void remove_files(void)
{
	for (; file_number; file_number--) {
		char path[128];

		snprintf(path, sizeof(path), "%s/f%u", export, file_number - 1);
		unlink(path);
	}
}

static int tear_down(void **state)
{
	(void)state;
	remove_files();
	rmdir(export);
	unlink(socket_path);
	return rmdir(base);
}

static uint64_t random_size(uint64_t *rng, uint64_t rsize)
{
	uint64_t chunks = 1 + prng_below(rng, 4), size;

	switch (prng_below(rng, 4)) {
	case 0:
		size = prng_below(rng, 6 * rsize);
		break;
	case 1:
		size = chunks * rsize + 1000 + prng_below(rng, 50);
		break;
	default:
		size = chunks * rsize + prng_below(rng, 1100);
	}
	return MIN(MAX(size, 1), (uint64_t)MAX_PAGES * PAGE_SIZE);
}

static struct step random_advice(uint64_t *rng, uint64_t size)
{
	struct step s = {.kind = STEP_ADVISE};

	s.advice = (enum advice)prng_below(rng, 4);
	if (s.advice == ADVICE_WILLNEED) {
		s.offset = prng_below(rng, size);
		s.len = prng_below(rng, 2) ? 0 : 1 + prng_below(rng, size);
	}
	return s;
}

static struct step random_read(uint64_t *rng, uint64_t size, uint64_t next)
{
	static const uint64_t lengths[] = {1, 1000, 4096, 8192, 16384, 65536, 131072};
	struct step s = {.kind = STEP_READ};

	s.offset = prng_below(rng, 3) ? next : prng_below(rng, size + 100);
	s.len = prng_below(rng, 3) ? lengths[prng_below(rng, ARRAY_SIZE(lengths))]
				   : 1 + prng_below(rng, size);
	return s;
}

static struct sequence random_sequence(uint64_t *rng, uint64_t rsize)
{
	struct sequence q = {.size = random_size(rng, rsize), .n = 1 + prng_below(rng, MAX_STEPS)};
	uint64_t next = 0;

	for (size_t i = 0; i < q.n; i++) {
		if (prng_below(rng, i ? 6 : 2) == 0) {
			q.steps[i] = random_advice(rng, q.size);
			continue;
		}
		q.steps[i] = random_read(rng, q.size, next);
		next = q.steps[i].offset + q.steps[i].len;
	}
	return q;
}

static void put_statement(FILE *f, const struct sequence *q, unsigned number)
{
	static const char *const advices[] = {"normal", "sequential", "random", "willneed"};

	fprintf(f, "sequence f%u", number);
	for (size_t i = 0; i < q->n; i++) {
		const struct step *s = &q->steps[i];
		bool is_read = s->kind == STEP_READ;

		fprintf(f, " %s", is_read ? "read" : advices[s->advice]);
		if (is_read || s->advice == ADVICE_WILLNEED)
			fprintf(f, ":%" PRIu64 ":%" PRIu64, s->offset, s->len);
	}
	fputc('\n', f);
}

static void make_file(const struct sequence *q, unsigned number)
{
	autofree unsigned char *bytes = malloc(q->size);
	char path[128];

	model_fill(bytes, q->size, number);
	snprintf(path, sizeof(path), "%s/f%u", export, number);
	assert_int_equal(path_write(path, bytes, q->size), 0);
}

static const char *line_after(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : NULL;
}

static void take_page(struct observed *o, const char *line)
{
	char canary[32];
	size_t n = o->n_pages;

	if (n == MAX_PAGES || sscanf(line, "qp %zu %zx %" SCNx64 " %31s", &o->pages[n].index,
				     &o->pages[n].pfn, &o->pages[n].digest, canary) != 4)
		return;
	o->pages[n].has_canary = canary[0] != '-';
	o->pages[n].canary = strtoull(canary, NULL, 10);
	o->n_pages++;
}

static void take_change(struct observed *o, const char *line)
{
	size_t last = o->n_pages - 1;

	if (o->n_pages && sscanf(line, "qs %*u %*u %" SCNx64, &o->pages[last].canary_digest) == 1)
		o->pages[last].is_changed = true;
}

/* Reads one sequence's lines from *AT on. */
static bool take_observed(const char **at, struct observed *o)
{
	const char *line = *at;

	*o = (struct observed){0};
	while (line && strncmp(line, "q ", 2))
		line = line_after(line);
	for (; line && !o->is_complete; line = line_after(line)) {
		size_t n = o->n_reads;

		if (!strncmp(line, "qr ", 3) && n < MAX_STEPS) {
			o->n_reads += sscanf(line, "qr %" SCNu64 " %" SCNx64, &o->reads[n].bytes,
					     &o->reads[n].digest) == 2;
		} else if (!strncmp(line, "qp ", 3)) {
			take_page(o, line);
		} else if (!strncmp(line, "qs ", 3)) {
			take_change(o, line);
		}
		o->is_complete = !strncmp(line, "qe", 2);
	}
	*at = line;
	return o->is_complete;
}

static bool differs(const char *what, uint64_t model, uint64_t kernel)
{
	if (model == kernel)
		return false;
	fprintf(stderr, "  %s: model %" PRIu64 " (%" PRIx64 "), kernel %" PRIu64 " (%" PRIx64 ")\n",
		what, model, model, kernel, kernel);
	return true;
}

/* The page behind page I of OBSERVED, as the model left it: the kernel's canary has other bytes
 * where nobody wrote. */
static bool stray_differs(const struct model *m, const struct observed *o, size_t i)
{
	unsigned char should[PAGE_SIZE];
	const struct folio *f = mapping_folio(&m->mapping, o->pages[i].index);
	const uint32_t *origins = phys_origins(&m->phys, f->pfn + 1);
	bool is_written = false;

	if (m->phys.pages[f->pfn + 1].owner != OWNER_CANARY)
		return false;
	memory_canary(o->pages[i].canary, should);
	for (size_t at = 0; at < PAGE_SIZE; at++)
		if (origins[at]) {
			should[at] = phys_bytes(&m->phys, f->pfn + 1)[at];
			is_written = true;
		}
	totals.strays += is_written;
	if (!o->pages[i].has_canary) {
		totals.unseen += is_written;
		return false;
	}
	if (differs("written behind the page", is_written, o->pages[i].is_changed))
		return true;
	return is_written && differs("the bytes behind the page", digest_of(should, PAGE_SIZE),
				     o->pages[i].canary_digest);
}

static bool pages_differ(const struct model *m, const struct observed *o)
{
	size_t n = 0;

	for (size_t i = 0; i < m->mapping.n_folios; i++)
		n += m->mapping.folios[i] != NULL;
	if (differs("pages in the cache", n, o->n_pages))
		return true;
	for (size_t i = 0; i < o->n_pages; i++) {
		const struct folio *f = mapping_folio(&m->mapping, o->pages[i].index);

		if (differs("a page is in the cache", f != NULL, true) ||
		    differs("the page's bytes", digest_of(phys_bytes(&m->phys, f->pfn), PAGE_SIZE),
			    o->pages[i].digest) ||
		    stray_differs(m, o, i))
			return true;
		totals.bytes += PAGE_SIZE;
	}
	return false;
}

static bool reads_differ(struct model *m, const struct sequence *q, const struct observed *o)
{
	static unsigned char buf[MAX_PAGES * PAGE_SIZE + PAGE_SIZE];
	size_t reads = 0, n = 0;

	for (size_t i = 0; i < q->n; i++) {
		assert_int_equal(model_step(m, &q->steps[i], buf, &n), 0);
		if (q->steps[i].kind != STEP_READ)
			continue;
		if (differs("bytes of a read", n, o->reads[reads].bytes) ||
		    differs("the read's bytes", digest_of(buf, n), o->reads[reads].digest))
			return true;
		reads++;
	}
	return differs("reads", reads, o->n_reads);
}

static void compare(const struct model_config *like, const struct sequence *q,
		    const struct observed *o, unsigned number)
{
	struct model_config c = *like;
	autofree unsigned char *bytes = malloc(q->size);
	size_t pfns[MAX_PAGES];
	struct model *m;

	for (size_t i = 0; i < MAX_PAGES; i++)
		pfns[i] = SIZE_MAX;
	for (size_t i = 0; i < o->n_pages; i++)
		pfns[o->pages[i].index] = o->pages[i].pfn;
	model_fill(bytes, q->size, number);
	c.size = q->size;
	c.bytes = bytes;
	c.pfns = pfns;
	assert_int_equal(model_new(&c, &m), 0);
	totals.compared++;
	if (reads_differ(m, q, o) || pages_differ(m, o)) {
		totals.disagree++;
		fprintf(stderr, "msize %u, iounit %u, file of %" PRIu64 " bytes: ", c.msize,
			c.iounit, q->size);
		put_statement(stderr, q, number);
	}
	totals.lost += m->lost;
	totals.damaged += m->lost > 0;
	model_free(m);
}

/* One request is cheapest when both ends are on one CPU. */
static unsigned choose_cpu(void)
{
	return (unsigned)getpid() % (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

static void serve(uint32_t iounit, struct child *c)
{
	char line[256] = "", fd[16], number[16], cpu[16];
	int fds[2];
	struct spawn s = SPAWN_INIT;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	snprintf(fd, sizeof(fd), "%d", fds[1]);
	snprintf(number, sizeof(number), "%u", iounit);
	snprintf(cpu, sizeof(cpu), "%u", choose_cpu());
	/* without what it does for kernels like these */
	const char *argv[] = {getenv("WARREN"),
			      "serve",
			      "--quiet",
			      "--cpu",
			      cpu,
			      "--guard",
			      "no-iounit",
			      "--ready-fd",
			      fd,
			      "--socket-path",
			      socket_path,
			      export,
			      iounit ? "--iounit" : NULL,
			      number,
			      NULL};
	s.argv = argv;
	s.keep = &fds[1];
	s.n_keep = 1;
	assert_int_equal(spawn_start(&s, c), 0);
	close(fds[1]);
	for (size_t n = 0; n < sizeof(line) - 1 && !strchr(line, '\n'); n++)
		assert_int_equal(read(fds[0], line + n, 1), 1);
	close(fds[0]);
}

static char *read_report(struct guest *g)
{
	size_t n = 0, cap = 1 << 20;
	char *report = malloc(cap);
	ssize_t got;

	while ((got = guest_read(g, report + n, cap - n - 1)) > 0) {
		n += (size_t)got;
		if (cap - n < 1 << 16)
			report = realloc(report, cap *= 2);
	}
	report[n] = '\0';
	if (got || !strstr(report, "\nend 0\n"))
		fprintf(stderr, "%.2000s\n%s\n", report + (n > 2000 ? n - 2000 : 0),
			guest_console_tail(g));
	assert_int_equal(got, 0);
	return report;
}

static uint32_t rsize_of(const struct boot *b, size_t mount)
{
	uint32_t max = b->msizes[mount] - 24;

	return b->iounit && b->iounit < max ? b->iounit : max;
}

static char *make_job(const struct boot *b, const char *source, const char *options,
		      struct sequence *list, uint64_t *rng)
{
	static const char *const caches[] = {"readahead", "mmap", "loose"};
	char *job = NULL;
	size_t size;
	FILE *f = open_memstream(&job, &size);

	fputs("fragment 60\n", f);
	for (size_t i = 0; i < 3; i++) {
		autofree char *all = NULL;

		assert_true(asprintf(&all, "%s,cache=%s,msize=%u", options, caches[i],
				     b->msizes[i]) > 0);
		fprintf(f, "mount %s ", source);
		text_put(f, all, strlen(all));
		fputc('\n', f);
		for (size_t k = 0; k < PER_MOUNT; k++) {
			struct sequence *q = &list[i * PER_MOUNT + k];

			*q = random_sequence(rng, rsize_of(b, i));
			make_file(q, file_number);
			put_statement(f, q, file_number++);
		}
		fputs("unmount\n", f);
	}
	fclose(f);
	return job;
}

static void compare_boot(const struct boot *b, const struct model_config *like, const char *report,
			 const struct sequence *list)
{
	struct model_config c = *like;
	struct observed o;

	c.iounit = b->iounit;
	for (unsigned i = 0; i < 3 * PER_MOUNT; i++) {
		c.msize = b->msizes[i / PER_MOUNT];
		if (!take_observed(&report, &o))
			fail_msg("the guest told only of %u sequences", i);
		compare(&c, &list[i], &o, i);
	}
	remove_files();
}

static void run_boot(const struct boot *b, const struct kernel *k, const struct model_config *like,
		     uint64_t *rng)
{
	cleanup(child_done) struct child server = CHILD_INIT;
	struct guest_config cfg = {.kind = GUEST_UML,
				   .kernel = k,
				   .share = SHARE_VHOST_USER,
				   .socket_path = socket_path,
				   .probe = getenv("WARREN_PROBE"),
				   .memory_mib = MEMORY_MIB,
				   .cpu = choose_cpu() + 1,
				   .kernel_args = "init_on_alloc=1"};
	autofree struct sequence *list = calloc(3 * PER_MOUNT, sizeof(*list));
	autofree char *source = NULL, *options = NULL, *job = NULL, *why = NULL, *report = NULL;
	struct guest *g;

	assert_int_equal(guest_mount_words(&cfg, &source, &options), 0);
	job = make_job(b, source, options, list, rng);
	cfg.job = job;
	serve(b->iounit, &server);
	if (guest_start(&cfg, &g, &why))
		fail_msg("%s", why);
	report = read_report(g);
	guest_free(g);
	compare_boot(b, like, report, list);
}

/* BUG: the one that the kernel has, or N_KERNEL_BUGS. */
static void compare_kernel(const struct kernel *k, enum kernel_bug bug)
{
	struct model_config c = model_config_default();
	uint64_t start = clock_now_ns(), rng = 12943;

	if (getenv("MODEL_SEED"))
		rng = strtoull(getenv("MODEL_SEED"), NULL, 10) + 1;
	assert_int_equal(kernel_rules_of(k->version, &c.rules), 0);
	if (bug != N_KERNEL_BUGS)
		kernel_rules_add(&c.rules, bug);
	memset(&totals, 0, sizeof(totals));
	for (size_t i = 0; i < ARRAY_SIZE(boots); i++)
		run_boot(&boots[i], k, &c, &rng);
	print_message("%s: %u sequences compared, %u disagree; %" PRIu64 " bytes of page cache, "
		      "%" PRIu64 " of them lost in %u files, %" PRIu64 " pages behind a page "
		      "written to (%" PRIu64 " where nobody looks); %.1f s\n",
		      k->name, totals.compared, totals.disagree, totals.bytes, totals.lost,
		      totals.damaged, totals.strays, totals.unseen,
		      (double)(clock_now_ns() - start) / NS_PER_SEC);
	assert_true(totals.compared >= N_SEQUENCES);
	assert_int_equal(totals.disagree, 0);
}

static struct kernel *get_kernel(const char *name)
{
	autofree char *why = NULL;
	struct kernel *k;

	if (kernel_get(name, true, &k, &why))
		fail_msg("%s", why);
	return k;
}

static void model_and_fixed_kernel_agree(void **state)
{
	struct kernel *k = get_kernel(FIXED);

	(void)state;
	compare_kernel(k, N_KERNEL_BUGS);
	assert_int_equal(totals.lost, 0);
	kernel_free(k);
}

static void check_broken(struct kernel *k, enum kernel_bug bug)
{
	compare_kernel(k, bug);
	assert_true(totals.damaged > 50);
	assert_true(totals.strays > 50);
	kernel_free(k);
}

static void model_and_broken_kernel_agree(void **state)
{
	(void)state;
	check_broken(get_kernel(BROKEN "folioq-offset"), BUG_FOLIOQ_OFFSET);
}

/* Its kernel takes a minute to build: only when it is there. */
static void check_if_cached(const char *name, enum kernel_bug bug)
{
	struct kernel *k;

	if (kernel_find(name, &k)) {
		print_message("skipped: 'warren lab kernel build %s' makes it\n", name);
		skip();
	}
	check_broken(k, bug);
}

static void so_they_do_about_parked_cursors(void **state)
{
	(void)state;
	check_if_cached(BROKEN "folioq-parked", BUG_GET_PAGES_PARKED);
}

static void so_they_do_about_the_first_bug(void **state)
{
	(void)state;
	check_if_cached(BROKEN "folioq-slot", BUG_GET_PAGES_SLOT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_and_fixed_kernel_agree),
		cmocka_unit_test(model_and_broken_kernel_agree),
		cmocka_unit_test(so_they_do_about_parked_cursors),
		cmocka_unit_test(so_they_do_about_the_first_bug),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
