/* SPDX-License-Identifier: MIT */
/* The second look: after a walk the host, which has compared what came, names the files that were
 * wrong, and these are read again: as the cache has them, past it, after their pages were dropped, and
 * over a fresh mount. The host asks by the terminal, a line a file, with an empty line behind the last:
 *
 *	NAME FROM TO STEP...	the bytes of interest, FROM a multiple of the block; a step is a way or
 *				`drop`; those behind the word `fresh` are done after the other mount
 *
 * and the answer stands in the report:
 *
 *	look			the host may ask
 *	lk FILE			the file number FILE of those that were named
 *	lb STEP BLOCK DIGEST[*COUNT]...		its blocks from BLOCK on by this step
 *	le STEP ERRNO		the step failed
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "digest.h"
#include "macros.h"
#include "probe-ways.h"
#include "probe.h"
#include "report.h"

#define FILES_MAX 64

struct look {
	struct probe *p;
	struct statement files[FILES_MAX];
	size_t n;
	unsigned char *window;
	int pipe[2]; /* of the splice way */
};

/* It stays open: what is closed last hangs up. */
static FILE *open_terminal(const struct probe *p)
{
	static FILE *f;
	struct termios t;
	int fd;

	if (f || !p->terminal)
		return f;
	fd = open(p->terminal, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (!tcgetattr(fd, &t)) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	f = fdopen(fd, "r");
	return f;
}

static int take_names(struct look *l, FILE *f)
{
	autofree char *line = NULL;
	size_t cap = 0;
	int r = 0;

	while (!r && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line)
			return 0;
		if (l->n == FILES_MAX)
			return -E2BIG;
		r = statement_parse(line, &l->files[l->n]);
		if (!r && l->files[l->n++].n < 3)
			r = -EINVAL;
	}
	return r ? r : -EPIPE;
}

/* The window in which the bytes are is read from its start, as the walk did it. */
static void do_step(struct look *l, struct way_file *file, size_t step, const char *word,
		    const struct statement *s)
{
	uint64_t from = strtoull(s->words[1], NULL, 10), to = strtoull(s->words[2], NULL, 10);
	uint64_t window = from - from % WAY_WINDOW, at = window;
	size_t unit, n;
	const struct way *way = way_find(word, &unit);
	ssize_t got = way ? way->fill(file, unit, window, l->window, &at) : -EINVAL;

	if (got < 0) {
		fprintf(l->p->report, "le %zu %s\n", step, report_errno((int)-got));
		return;
	}
	probe_damage(l->p, way->name, l->window, (size_t)got);
	n = (size_t)MIN((uint64_t)got, to - window);
	fprintf(l->p->report, "lb %zu %" PRIu64, step, from / DIGEST_BLOCK);
	for (at = from - window; at < n; at += DIGEST_BLOCK)
		fprintf(l->p->report, " %016" PRIx64,
			digest_of(l->window + at, MIN((size_t)got - at, DIGEST_BLOCK)));
	fputc('\n', l->p->report);
	file->n_past = 0;
}

static void do_steps(struct look *l, size_t number, bool is_fresh)
{
	const struct statement *s = &l->files[number];
	struct way_file file = {.name = s->words[0], .direct_fd = -1};
	autoclose int dir = open(l->p->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	bool is_after = false;
	struct stat st;

	fd = openat(dir, file.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	file.dir_fd = dir;
	file.fd = fd;
	file.size = (uint64_t)st.st_size;
	memcpy(file.pipe, l->pipe, sizeof(file.pipe));
	fprintf(l->p->report, "lk %zu\n", number);
	for (size_t i = 3; i < s->n; i++) {
		if (!strcmp(s->words[i], "fresh"))
			is_after = true;
		else if (is_after != is_fresh)
			continue;
		else if (!strcmp(s->words[i], "drop"))
			way_drop(&file);
		else
			do_step(l, &file, i - 3, s->words[i], s);
	}
	way_file_done(&file);
	memcpy(l->pipe, file.pipe, sizeof(file.pipe));
	probe_flush(l->p, true);
}

static int look_at_all(struct look *l, bool is_fresh)
{
	for (size_t i = 0; i < l->n; i++)
		do_steps(l, i, is_fresh);
	return 0;
}

static int look_again(struct look *l, char *const *mount)
{
	int r;

	l->window = mmap(NULL, WAY_WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	if (l->window == MAP_FAILED)
		return -ENOMEM;
	r = look_at_all(l, false);
	if (!r && l->p->is_mounted) {
		r = setup_unmount(l->p);
		r = r ? r : setup_mount(l->p, mount[0], mount[1]);
	}
	r = r ? r : look_at_all(l, true);
	munmap(l->window, WAY_WINDOW);
	return r;
}

int probe_look(struct probe *p, char *const *mount)
{
	struct look l = {.p = p, .pipe = {-1, -1}};
	FILE *f = open_terminal(p);
	int r = f ? 0 : -ENOTTY;

	if (r || !p->share)
		return r ? r : -EINVAL;
	probe_mark(p, "look");
	fputs("look\n", p->report);
	probe_flush(p, true);
	r = take_names(&l, f);
	if (!r && l.n)
		r = look_again(&l, mount);
	for (size_t i = 0; i < ARRAY_SIZE(l.pipe); i++)
		if (l.pipe[i] >= 0)
			close(l.pipe[i]);
	for (size_t i = 0; i < l.n; i++)
		statement_done(&l.files[i]);
	return r;
}
