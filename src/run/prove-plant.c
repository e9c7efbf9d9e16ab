/* SPDX-License-Identifier: MIT */
#include "prove-plant.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "corpus.h"
#include "guest-ram.h"
#include "macros.h"
#include "manifest.h"
#include "probe.h"
#include "prove.h"
#include "spawn.h"

#define MTIME 1000000000
#define MTIME_REWRITTEN 1000000100
#define FRAGMENT 5 /* percent: some canaries are enough */
#define CANARY 64U /* the one that is written to: its page was kept, so the number is even */

/* Files with which nothing is done: they must be found well. */
static const uint32_t healthy_sizes[] = {0, 1, 4095, 4096, CORPUS_STORY, 65536, 300001};

static int write_at(int dir_fd, const char *name, const void *bytes, size_t n, time_t mtime)
{
	const struct timespec times[] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	autoclose int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ssize_t done = fd < 0 ? -1 : pwrite(fd, bytes, n, 0);

	if (done < 0)
		return -errno;
	if ((size_t)done < n)
		return -ENOSPC;
	return futimens(fd, times) < 0 ? -errno : 0;
}

static bool is_of(const struct prove_case *c, const struct planted *p)
{
	return c->place == p->place;
}

static int make_case_file(const struct planted *p, const struct prove_case *c)
{
	uint8_t bytes[PROVE_SIZE];
	char name[PROVE_NAME_MAX];

	if (prove_is(c, "stray"))
		return 0;
	prove_fill(c, c->place == PROVE_REWRITTEN, bytes);
	return write_at(p->fd, prove_file_name(c, name), bytes, sizeof(bytes), MTIME);
}

static int make_healthy_file(const struct planted *p, unsigned i)
{
	autofree uint8_t *bytes = malloc(healthy_sizes[i] + 1);
	char name[32];

	if (!bytes)
		return -ENOMEM;
	snprintf(name, sizeof(name), "healthy-%u", healthy_sizes[i]);
	corpus_fill((uint16_t)i, 1, 0, bytes, healthy_sizes[i]);
	return write_at(p->fd, name, bytes, healthy_sizes[i], MTIME);
}

static int make_files(const struct planted *p)
{
	uint8_t donor[PROVE_SIZE];
	int r;

	prove_fill(NULL, false, donor);
	r = write_at(p->fd, PROVE_DONOR, donor, sizeof(donor), MTIME);
	for (unsigned i = 0; !r && i < ARRAY_SIZE(healthy_sizes); i++)
		r = make_healthy_file(p, i);
	for (size_t i = 0; !r && i < prove_n_cases; i++)
		if (is_of(&prove_cases[i], p) || p->place == PROVE_N_PLACES)
			r = make_case_file(p, &prove_cases[i]);
	return r;
}

static int make_folder(struct planted *p)
{
	const char *bases[] = {getenv("TMPDIR"), "/tmp"};
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(bases) && r; i++)
		if (bases[i])
			r = state_folder_make(bases[i], &p->folder);
	if (r)
		return r;
	if (asprintf(&p->dir, "%s/share", p->folder.path) < 0) {
		p->dir = NULL;
		return -ENOMEM;
	}
	if (p->place == PROVE_SERVER &&
	    asprintf(&p->recording, "%s/recording", p->folder.path) < 0) {
		p->recording = NULL;
		return -ENOMEM;
	}
	if (mkdir(p->dir, 0700))
		return -errno;
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->fd >= 0 ? make_files(p) : -errno;
}

static char ***faults_of(struct planted *p, enum layer layer)
{
	return layer == LAYER_SERVER	  ? &p->server_faults
	       : layer == LAYER_TRANSPORT ? &p->payload_faults
					  : &p->reader_faults;
}

static int make_texts(struct planted *p)
{
	int r = 0;

	for (size_t i = 0; !r && i < prove_n_cases; i++) {
		const struct prove_case *c = &prove_cases[i];
		autofree char *text = is_of(c, p) ? prove_text(c) : NULL;

		if (is_of(c, p))
			r = text ? strv_push(faults_of(p, c->layer), text) : -ENOMEM;
	}
	return r;
}

/* A page of the donor's for each file; with "set -e", for dd may fail. */
static int make_command(struct planted *p)
{
	size_t n;
	FILE *f = open_memstream(&p->command, &n);

	if (!f)
		return -ENOMEM;
	fputs("set -e", f);
	for (size_t i = 0; i < prove_n_cases; i++) {
		const struct prove_case *c = &prove_cases[i];
		char name[PROVE_NAME_MAX];

		if (is_of(c, p))
			fprintf(f,
				"; dd if=%s of=%s bs=%u skip=%u seek=%u count=1 conv=notrunc 2>&1",
				PROVE_DONOR, prove_file_name(c, name), GUEST_RAM_PAGE,
				c->offset / GUEST_RAM_PAGE, c->offset / GUEST_RAM_PAGE);
	}
	return fclose(f) ? -ENOMEM : 0;
}

/* The manifest has the file as it was. */
static int alter_file(const struct planted *p, const struct prove_case *c)
{
	uint8_t bytes[PROVE_SIZE + GUEST_RAM_PAGE];
	char name[PROVE_NAME_MAX];
	int r = prove_fill_damaged(c, bytes);

	return r ? r : write_at(p->fd, prove_file_name(c, name), bytes, PROVE_SIZE, MTIME);
}

static int alter_files(struct planted *p)
{
	int r = manifest_start(p->fd, &p->manifest);

	if (!r)
		r = manifest_wait(p->manifest);
	for (size_t i = 0; !r && i < prove_n_cases; i++)
		if (is_of(&prove_cases[i], p))
			r = alter_file(p, &prove_cases[i]);
	return r;
}

int plant(enum prove_place place, struct planted *p, char **ret_why)
{
	int r;

	p->place = place;
	r = make_folder(p);
	if (!r && place != PROVE_HOST && place != PROVE_CACHE)
		r = make_texts(p);
	if (!r && place == PROVE_HOST)
		r = alter_files(p);
	if (!r && place == PROVE_WRITTEN)
		r = make_command(p);
	if (r && asprintf(ret_why, "cannot make the files of the proof in %s: %s",
			  p->folder.path ? p->folder.path : "/tmp", strerror(-r)) < 0)
		*ret_why = NULL;
	return r;
}

void planted_done(struct planted *p)
{
	manifest_free(p->manifest);
	if (p->fd >= 0)
		close(p->fd);
	free(p->dir);
	free(p->recording);
	free(p->command);
	strv_free(p->server_faults);
	strv_free(p->payload_faults);
	strv_free(p->reader_faults);
	state_folder_done(&p->folder);
	*p = (struct planted)PLANTED_INIT;
}

/* Each page that begins as PAGE of the file does becomes what it is with the damage: the one in the cache, and
 * perhaps copies that nobody looks at any more. */
static int alter_page(const struct guest_ram *ram, const uint8_t *right, const uint8_t *wrong)
{
	size_t at = 0, page;
	int r = -ENXIO;

	while (guest_ram_find(ram, right, CORPUS_UNIT, &at, &page)) {
		r = guest_ram_write(ram, page, wrong, GUEST_RAM_PAGE);
		if (r)
			break;
	}
	return r;
}

/* The last page first: a page that got the bytes of the next one looks like that one. */
static int alter_pages(const struct guest_ram *ram, const struct prove_case *c)
{
	uint8_t right[PROVE_SIZE], wrong[PROVE_SIZE + GUEST_RAM_PAGE];
	size_t first = c->offset / GUEST_RAM_PAGE;
	size_t page = MIN(c->offset + c->count - 1, PROVE_SIZE - 1) / GUEST_RAM_PAGE + 1;
	int r = prove_fill_damaged(c, wrong);

	prove_fill(c, false, right);
	/* What is behind the end is in the last page. */
	first = MIN(first, page - 1);
	while (!r && page-- > first)
		r = alter_page(ram, right + page * GUEST_RAM_PAGE, wrong + page * GUEST_RAM_PAGE);
	return r;
}

/* Bytes of the donor, in memory that is not its own. */
static int alter_canary(const struct guest_ram *ram, const struct prove_case *c)
{
	unsigned char mark[GUEST_RAM_PAGE];
	uint8_t donor[PROVE_SIZE];
	size_t at = 0, page;

	memory_canary(CANARY, mark);
	prove_fill(NULL, false, donor);
	if (!guest_ram_find(ram, mark, CORPUS_UNIT, &at, &page))
		return -ENXIO;
	return guest_ram_write(ram, page + c->offset, donor, c->count);
}

static int alter_memory(void *ctx, const struct guest_ram *ram)
{
	const struct planted *p = ctx;
	int r = 0;

	for (size_t i = 0; !r && i < prove_n_cases; i++) {
		const struct prove_case *c = &prove_cases[i];

		if (is_of(c, p))
			r = prove_is(c, "stray") ? alter_canary(ram, c) : alter_pages(ram, c);
	}
	return r;
}

static int rewrite_files(void *ctx, const struct guest_ram *ram)
{
	const struct planted *p = ctx;
	int r = 0;

	(void)ram;
	for (size_t i = 0; !r && i < prove_n_cases; i++) {
		const struct prove_case *c = &prove_cases[i];
		uint8_t bytes[PROVE_SIZE];
		char name[PROVE_NAME_MAX];

		if (!is_of(c, p))
			continue;
		prove_fill(c, false, bytes);
		r = write_at(p->fd, prove_file_name(c, name), bytes, sizeof(bytes),
			     MTIME_REWRITTEN);
	}
	return r;
}

void planted_plan(struct planted *p, struct run_plan *run)
{
	static const char *const mmap_only[] = {"mmap", NULL}, *const loose_only[] = {"loose",
										      NULL};
	const char *const *payload = (const char *const *)p->payload_faults;
	bool is_cache = p->place == PROVE_CACHE, is_written = p->place == PROVE_WRITTEN;

	run->dir = p->dir;
	run->dir_fd = p->fd;
	run->manifest = p->manifest;
	/* What is in the cache has to stay there until it is altered, or looked at. */
	run->caches = is_cache || is_written ? loose_only : mmap_only;
	run->exec = p->command;
	run->server.recording = p->recording;
	run->server.faults = (const char *const *)p->server_faults;
	run->server.transport_faults = run->share == SHARE_TCP ? NULL : payload;
	run->server.proxy_faults = run->share == SHARE_TCP ? payload : NULL;
	run->reader_faults = (const char *const *)p->reader_faults;
	run->preload = p->place != PROVE_HOST && p->place != PROVE_N_PLACES && !is_written;
	run->fragment = is_cache ? FRAGMENT : 0;
	if (is_cache || p->place == PROVE_REWRITTEN)
		run->meanwhile = is_cache ? alter_memory : rewrite_files;
	run->meanwhile_ctx = p;
}
