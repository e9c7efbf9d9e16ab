/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "spawn.h"

/* How much output is kept for the log. */
#define KEPT ((size_t)1 << 20)

struct output {
	char *text; /* NUL-terminated */
	size_t n, cap;
	size_t line; /* where the unfinished line begins */
};

static bool has_any(const char *line, const char *const *words)
{
	for (; *words; words++)
		if (strcasestr(line, *words))
			return true;
	return false;
}

static int meaning(const char *line)
{
	static const char *const full[] = {"No space left on device", "Disk quota exceeded", NULL};
	static const char *const offline[] = {
		"Temporary failure resolving", "Could not resolve",    "Network is unreachable",
		"Could not connect",	       "Connection timed out", "Connection refused",
		"Unable to connect",	       "Connection failed",    "No route to host",
		"failure in name resolution",  "Could not handshake",  NULL};
	static const char *const other[] = {"error:", "E: ", "*** ", "tar: ", "xz: ", NULL};

	return has_any(line, full)	? -ENOSPC
	       : has_any(line, offline) ? -ENETUNREACH
	       : has_any(line, other)	? -EIO
					: 0;
}

int tool_diagnose(const char *text, char **ret_line)
{
	const char *best = NULL;
	size_t best_len = 0;
	int r = 0;

	/* The first line of the gravest kind tells most; without one, the last. */
	for (const char *p = text; *p;) {
		size_t skip = strspn(p, " \t");
		size_t len = strcspn(p += skip, "\n");
		autofree char *line = strndup(p, len);
		int m = line ? meaning(line) : 0;

		if (len && (!best || !r || (m && m != -EIO && r == -EIO))) {
			best = p;
			best_len = len;
			r = m;
		}
		p += len + (p[len] == '\n');
	}
	*ret_line = best ? strndup(best, best_len) : NULL;
	return r ? r : -EIO;
}

static int append(struct output *o, const char *bytes, size_t n)
{
	if (o->n + n > KEPT) {
		size_t drop = o->line;

		memmove(o->text, o->text + drop, o->n - drop);
		o->n -= drop;
		o->line = 0;
		/* A line without end is no line. */
		if (o->n + n > KEPT)
			o->n = 0;
	}
	if (o->n + n + 1 > o->cap) {
		size_t cap = MAX(o->cap * 2, o->n + n + 1);
		char *more = realloc(o->text, cap);

		if (!more)
			return -ENOMEM;
		o->text = more;
		o->cap = cap;
	}
	memcpy(o->text + o->n, bytes, n);
	o->n += n;
	o->text[o->n] = '\0';
	return 0;
}

static void give_lines(struct output *o, const struct tool *t)
{
	char *end;

	while (o->text && (end = memchr(o->text + o->line, '\n', o->n - o->line))) {
		*end = '\0';
		if (t->line)
			t->line(t->arg, o->text + o->line);
		*end = '\n';
		o->line = (size_t)(end - o->text) + 1;
	}
}

/* Until both the pipe is closed and the tool has ended: a left-over grandchild may hold the pipe.
 */
static int follow(const struct tool *t, struct child *c, int in, struct output *o, int *ret_status)
{
	char buf[16384];

	for (;;) {
		struct pollfd p[] = {{.fd = in, .events = POLLIN},
				     {.fd = c->pidfd, .events = POLLIN}};
		int n = poll(p, 2, 1000);
		ssize_t got;

		if (n < 0)
			return -errno;
		if (!n && t->line)
			t->line(t->arg, NULL);
		if (p[0].revents) {
			got = read(in, buf, sizeof(buf));
			if (got < 0)
				return -errno;
			if (got > 0 && append(o, buf, (size_t)got))
				return -ENOMEM;
			give_lines(o, t);
			if (got > 0)
				continue;
		}
		if (p[0].revents || p[1].revents)
			return child_wait(c, -1, ret_status);
	}
}

static void save_log(const struct cache_work *w, const struct output *o, char **ret_path)
{
	autofree char *dir = NULL, *path = NULL;
	autofclose FILE *f = NULL;

	if (!w || !o->n || asprintf(&dir, "%s/log", w->cache) < 0 ||
	    asprintf(&path, "%s/%s.log", dir, w->thing) < 0 || make_dirs(dir))
		return;
	f = fopen(path, "we");
	if (f && fwrite(o->text, 1, o->n, f) == o->n && !fflush(f))
		*ret_path = steal_ptr(&path);
}

static int explain(const struct tool *t, const struct cache_work *w, const struct output *o,
		   int status, char **ret_why)
{
	autofree char *line = NULL, *log = NULL;
	int r = tool_diagnose(o->text ? o->text : "", &line);

	save_log(w, o, &log);
	if (r == -ENOSPC)
		return lab_why(
			r, ret_why,
			"the disk that holds the cache folder %s is full (%s); make room, or set "
			"WARREN_CACHE to a folder on another disk",
			w ? w->cache : "", line);
	if (r == -ENETUNREACH)
		return lab_why(r, ret_why, "the network does not answer: %s", line);
	return lab_why(r, ret_why, "%s failed with status %d: %s%s%s", t->argv[0], status,
		       line ? line : "no output", log ? "; its output is in " : "", log ? log : "");
}

static int run(const struct tool *t, const struct cache_work *w, int out, char **ret_why)
{
	cleanup(child_done) struct child c = CHILD_INIT;
	struct spawn s = SPAWN_INIT;
	autofree char **env = NULL;
	struct output o = {0};
	autoclose int in = -1, end = -1;
	int p[2], r, status = 0;
	size_t n = strv_len(t->env);

	env = calloc(n + 2, sizeof(*env));
	if (!env || pipe2(p, O_CLOEXEC))
		return env ? -errno : -ENOMEM;
	in = p[0];
	end = p[1];
	for (size_t i = 0; i < n; i++)
		env[i] = (char *)t->env[i];
	env[n] = (char *)"LC_ALL=C";
	s = (struct spawn){.argv = t->argv,
			   .dir = t->dir,
			   .env = (const char *const *)env,
			   .fds = {t->in ? t->in : SPAWN_NULL, out >= 0 ? out : end, end},
			   .guard = true};
	r = spawn_start(&s, &c);
	if (r)
		return lab_why(r, ret_why, "cannot start %s: %s", t->argv[0], strerror(-r));
	close(steal_fd(&end));
	r = follow(t, &c, in, &o, &status);
	if (r == -EINTR)
		lab_why(r, ret_why, "interrupted");
	else if (!r && status)
		r = explain(t, w, &o, status, ret_why);
	free(o.text);
	return r;
}

int tool_run(const struct tool *t, const struct cache_work *w, char **ret_why)
{
	return run(t, w, -1, ret_why);
}

int tool_capture(const struct tool *t, const struct cache_work *w, char **ret_out, char **ret_why)
{
	/* A file, not a pipe: its reader is busy with the messages. */
	autoclose int fd = memfd_create("output", MFD_CLOEXEC);
	autofree char *out = NULL;
	ssize_t got;
	off_t size;
	int r;

	if (fd < 0)
		return -errno;
	r = run(t, w, fd, ret_why);
	if (r)
		return r;
	size = lseek(fd, 0, SEEK_END);
	out = size < 0 ? NULL : malloc((size_t)size + 1);
	if (!out)
		return -ENOMEM;
	got = pread(fd, out, (size_t)size, 0);
	if (got < 0)
		return -errno;
	out[got] = '\0';
	*ret_out = steal_ptr(&out);
	return 0;
}

int tool_need(const char *purpose, const char *const *programs, char **ret_why)
{
	char names[200] = "", packages[200] = "";

	for (; *programs; programs += 2) {
		if (spawn_has_program(programs[0]))
			continue;
		strncat(names, *names ? ", " : "", sizeof(names) - strlen(names) - 1);
		strncat(names, programs[0], sizeof(names) - strlen(names) - 1);
		if (strstr(packages, programs[1]))
			continue;
		strncat(packages, " ", sizeof(packages) - strlen(packages) - 1);
		strncat(packages, programs[1], sizeof(packages) - strlen(packages) - 1);
	}
	if (!*names)
		return 0;
	return lab_why(-ENOENT, ret_why, "%s needs %s: apt-get install%s", purpose, names,
		       packages);
}
