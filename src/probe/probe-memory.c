/* SPDX-License-Identifier: MIT */
/* The guest's memory in pieces: a share of it is filled, and every other page given back. Page cache
 * then gets pages that no other follows, and behind each stands one of ours: a kernel that writes
 * over the end of a page writes into that one, where it is found and does no harm. (They are pages
 * of a file in memory, which costs UML no fault per page.) */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "digest.h"
#include "macros.h"
#include "probe.h"

#define PAGE 4096U
#define BATCH 16U	/* pages of a read or write */
#define REPORTED_MAX 64 /* pages of one scan */

static uint64_t free_pages(void)
{
	autofclose FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	uint64_t kib = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %" SCNu64, &kib) == 1)
			break;
	return kib * 1024 / PAGE;
}

static int fill(int fd, uint64_t pages)
{
	static unsigned char buf[BATCH * PAGE];

	for (uint64_t page = 0; page < pages; page += BATCH) {
		for (unsigned i = 0; i < BATCH; i++)
			memory_canary(page + i, buf + (size_t)i * PAGE);
		if (pwrite(fd, buf, sizeof(buf), (off_t)(page * PAGE)) != (ssize_t)sizeof(buf))
			return errno ? -errno : -ENOSPC;
	}
	return 0;
}

static int give_back(int fd, uint64_t pages)
{
	for (uint64_t page = 1; page < pages; page += 2)
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(page * PAGE),
			      PAGE) < 0)
			return -errno;
	return 0;
}

int memory_fragment(struct probe *p, unsigned percent)
{
	return memory_fragment_pages(p, free_pages() * percent / 100 / BATCH * BATCH);
}

int memory_fragment_pages(struct probe *p, uint64_t pages)
{
	autoclose int fd = memfd_create("canaries", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : fill(fd, pages);

	if (!r)
		r = give_back(fd, pages);
	if (r)
		return r;
	p->canaries = steal_fd(&fd);
	p->n_canaries = pages;
	return 0;
}

/* Reports what stands in a page that is not ours, and makes the page right again. */
static void judge_page(struct probe *p, uint64_t page, const unsigned char *now)
{
	unsigned char should[PAGE];
	size_t from = 0, to = PAGE;

	memory_canary(page, should);
	while (from < to && now[from] == should[from])
		from++;
	while (to > from && now[to - 1] == should[to - 1])
		to--;
	if (from == to)
		return;
	if (p->strays++ < REPORTED_MAX) {
		fprintf(p->report, "stray %" PRIu64 " %zu ", page, from);
		for (size_t i = from; i < to; i++)
			fprintf(p->report, "%02x", now[i]);
		fputc('\n', p->report);
	}
	(void)!pwrite(p->canaries, should, PAGE, (off_t)(page * PAGE));
}

bool memory_mend(struct probe *p, uint64_t page, uint64_t *ret_digest)
{
	static unsigned char now[PAGE], should[PAGE];

	memory_canary(page, should);
	if (pread(p->canaries, now, PAGE, (off_t)(page * PAGE)) != (ssize_t)PAGE ||
	    !memcmp(now, should, PAGE))
		return true;
	*ret_digest = digest_of(now, PAGE);
	(void)!pwrite(p->canaries, should, PAGE, (off_t)(page * PAGE));
	return false;
}

void memory_scan(struct probe *p)
{
	static unsigned char buf[BATCH * PAGE];

	p->strays = 0;
	for (uint64_t page = 0; page < p->n_canaries; page += BATCH) {
		if (pread(p->canaries, buf, sizeof(buf), (off_t)(page * PAGE)) !=
		    (ssize_t)sizeof(buf))
			return;
		for (unsigned i = 0; i < BATCH; i += 2)
			judge_page(p, page + i, buf + (size_t)i * PAGE);
	}
}
