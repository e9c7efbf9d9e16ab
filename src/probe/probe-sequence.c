/* SPDX-License-Identifier: MIT */
/* One file, opened anew and read by some steps; then what its pages in the cache hold, and what was
 * written behind them. This is how the model of src/model is compared with a real kernel, byte by
 * byte; so the guest judges nothing, it only tells digests:
 *
 *	q NAME SIZE
 *	qr BYTES DIGEST			of each `read` step, in order
 *	qp INDEX PFN DIGEST CANARY|-	a page in the cache at the end, whole; which page of
 *					`fragment` stands behind it in memory
 *	qs INDEX CANARY DIGEST		... and is not any more what it was
 *	qe
 *
 * The steps: normal, sequential, random, willneed:OFFSET:LENGTH, read:OFFSET:LENGTH. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "digest.h"
#include "macros.h"
#include "probe.h"
#include "text.h"

#define PAGE 4096U
#define PFN_BITS ((1ULL << 55) - 1)
#define IS_PRESENT (1ULL << 63)
#define READ_MAX (16UL << 20)

/* Where in memory the canaries are: pairs, ordered by page frame. */
struct canary {
	uint64_t pfn, page;
};

static struct {
	struct canary *list;
	size_t n;
} canaries;

static int compare_canaries(const void *a, const void *b)
{
	const struct canary *x = a, *y = b;

	return (x->pfn > y->pfn) - (x->pfn < y->pfn);
}

/* The page frames of N pages at MAP; 0 where there is none. */
static int get_pfns(const void *map, size_t n, uint64_t *pfns)
{
	autoclose int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t at = (off_t)((uintptr_t)map / PAGE * sizeof(*pfns));

	if (fd < 0)
		return -errno;
	if (pread(fd, pfns, n * sizeof(*pfns), at) != (ssize_t)(n * sizeof(*pfns)))
		return -EIO;
	for (size_t i = 0; i < n; i++)
		pfns[i] = pfns[i] & IS_PRESENT ? pfns[i] & PFN_BITS : 0;
	return 0;
}

/* Only the pages that are there are touched: the others would come into being. */
static int find_canaries(const struct probe *p)
{
	size_t n = p->n_canaries;
	autofree uint64_t *pfns = calloc(n + 1, sizeof(*pfns));
	const volatile unsigned char *map;
	int r;

	canaries.list = calloc(n / 2 + 1, sizeof(*canaries.list));
	map = mmap(NULL, n * PAGE, PROT_READ, MAP_SHARED, p->canaries, 0);
	if (!pfns || !canaries.list || map == MAP_FAILED)
		return -ENOMEM;
	for (size_t i = 0; i < n; i += 2)
		(void)map[i * PAGE];
	r = get_pfns((const void *)map, n, pfns);
	for (size_t i = 0; i < n && !r; i += 2)
		canaries.list[canaries.n++] = (struct canary){pfns[i], i};
	munmap((void *)map, n * PAGE);
	qsort(canaries.list, canaries.n, sizeof(*canaries.list), compare_canaries);
	return r;
}

static const struct canary *canary_behind(uint64_t pfn)
{
	struct canary key = {.pfn = pfn + 1};

	if (!canaries.n)
		return NULL;
	return bsearch(&key, canaries.list, canaries.n, sizeof(key), compare_canaries);
}

static int read_step(struct probe *p, int fd, uint64_t offset, uint64_t len)
{
	autofree unsigned char *buf = NULL;
	ssize_t n;

	if (len > READ_MAX)
		return -EINVAL;
	buf = malloc(len + 1);
	if (!buf)
		return -ENOMEM;
	n = pread(fd, buf, len, (off_t)offset);
	if (n < 0)
		return -errno;
	fprintf(p->report, "qr %zd %016" PRIx64 "\n", n, digest_of(buf, (size_t)n));
	return 0;
}

/* ":OFFSET:LENGTH" */
static int get_range(const char *at, uint64_t *ret_offset, uint64_t *ret_len)
{
	char *end;

	if (*at++ != ':')
		return -EINVAL;
	*ret_offset = strtoull(at, &end, 10);
	if (end == at || *end != ':')
		return -EINVAL;
	at = end + 1;
	*ret_len = strtoull(at, &end, 10);
	return end == at || *end ? -EINVAL : 0;
}

static int do_step(struct probe *p, int fd, const char *step)
{
	static const struct {
		const char *name;
		int advice;
	} advices[] = {
		{"normal", POSIX_FADV_NORMAL},
		{"sequential", POSIX_FADV_SEQUENTIAL},
		{"random", POSIX_FADV_RANDOM},
	};
	uint64_t offset, len;

	if (!strncmp(step, "read:", 5))
		return get_range(step + 4, &offset, &len) ? -EINVAL : read_step(p, fd, offset, len);
	if (!strncmp(step, "willneed:", 9))
		return get_range(step + 8, &offset, &len)
			       ? -EINVAL
			       : -posix_fadvise(fd, (off_t)offset, (off_t)len, POSIX_FADV_WILLNEED);
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++)
		if (!strcmp(step, advices[i].name))
			return -posix_fadvise(fd, 0, 0, advices[i].advice);
	return -EINVAL;
}

static void tell_page(struct probe *p, size_t index, uint64_t pfn, const unsigned char *bytes)
{
	const struct canary *c = canary_behind(pfn);
	uint64_t digest;

	fprintf(p->report, "qp %zu %" PRIx64 " %016" PRIx64, index, pfn, digest_of(bytes, PAGE));
	if (!c) {
		fputs(" -\n", p->report);
		return;
	}
	fprintf(p->report, " %" PRIu64 "\n", c->page);
	if (!memory_mend(p, c->page, &digest))
		fprintf(p->report, "qs %zu %" PRIu64 " %016" PRIx64 "\n", index, c->page, digest);
}

/* Touches what is in the cache, and nothing else: MADV_RANDOM brings nothing along. */
static int tell_pages(struct probe *p, int fd, size_t n)
{
	autofree unsigned char *is_there = calloc(n + 1, 1);
	autofree uint64_t *pfns = calloc(n + 1, sizeof(*pfns));
	unsigned char *map = mmap(NULL, n * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	int r = 0;

	if (map == MAP_FAILED)
		return -errno;
	if (!is_there || !pfns)
		r = -ENOMEM;
	else if (madvise(map, n * PAGE, MADV_RANDOM) < 0 || mincore(map, n * PAGE, is_there) < 0)
		r = -errno;
	for (size_t i = 0; i < n && !r; i++)
		if (is_there[i] & 1)
			(void)*(volatile unsigned char *)(map + i * PAGE);
	r = r ? r : get_pfns(map, n, pfns);
	for (size_t i = 0; i < n && !r; i++)
		if (is_there[i] & 1)
			tell_page(p, i, pfns[i], map + i * PAGE);
	munmap(map, n * PAGE);
	return r;
}

int probe_sequence(struct probe *p, const char *name, size_t n, char *const *steps)
{
	autoclose int dir = open(p->share ? p->share : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (p->n_canaries && !canaries.list)
		r = find_canaries(p);
	fputs("q ", p->report);
	text_put(p->report, name, strlen(name));
	fprintf(p->report, " %jd\n", (intmax_t)st.st_size);
	for (size_t i = 0; i < n && !r; i++)
		r = do_step(p, fd, steps[i]);
	if (!r && st.st_size)
		r = tell_pages(p, fd, ((size_t)st.st_size + PAGE - 1) / PAGE);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (!r)
		fputs("qe\n", p->report);
	return r;
}
