/* SPDX-License-Identifier: MIT */
#include "console-scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "text.h"

#define BLOCK_LINES 250 /* KASAN in User Mode Linux: 150, most of them guesses of the call trace */
#define SHORT_BLOCK_LINES 24 /* of a report whose end we do not find */

#define PIECE ((size_t)1 << 20)
#define AHEAD ((size_t)128 << 10) /* what a report that begins before it may go on to, for sure */

#define END_TRACE "---[ end "
#define END_TASK "</TASK>"
#define END_FRAME "========"

/* What a report's first line has in it, in the order in which they are looked for: a line can have two.
 * STARTS: it must begin the line. */
static const struct pattern {
	const char *text;
	const char *kind; /* how the sentence begins; the rest of the line follows */
	bool starts, is_bug;
	const char *end; /* what its last line has in it */
} patterns[] = {
	/* A program of the guest that crashed; the kernel is well. */
	{"traps: ", "a program crashed: ", true, false, NULL},
	{"BUG: KASAN: ", "KASAN: ", false, true, END_FRAME},
	{"BUG: KFENCE: ", "KFENCE: ", false, true, END_FRAME},
	{"BUG: KMSAN: ", "KMSAN: ", false, true, END_FRAME},
	{"BUG: KCSAN: ", "KCSAN: ", false, true, END_FRAME},
	{"UBSAN: ", "UBSAN: ", false, true, END_TRACE},
	{"BUG: Bad ", "Bad ", false, true, END_TASK},
	{"BUG: soft lockup", "soft lockup", false, true, END_TASK},
	{"BUG: workqueue lockup", "workqueue lockup", false, true, END_TASK},
	{"BUG: ", "", false, true, END_TRACE},
	{"BUG ", "SLUB: ", true, true, END_FRAME},
	{"kernel BUG at ", "kernel BUG at ", false, true, END_TRACE},
	{"Oops: ", "Oops: ", true, true, END_TRACE},
	{"general protection fault", "general protection fault", true, true, END_TRACE},
	{"double fault: ", "double fault: ", true, true, END_TRACE},
	{"Kernel panic - not syncing: ", "panic: ", false, true, END_TRACE},
	{"list_add corruption", "list_add corruption", true, true, END_TRACE},
	{"list_del corruption", "list_del corruption", true, true, END_TRACE},
	{"Watchdog detected hard LOCKUP", "hard lockup", false, true, END_TASK},
	{"detected stall", "RCU stall: ", false, true, END_TASK},
	{"self-detected stall", "RCU stall: ", false, true, END_TASK},
	{"Memory manager not clean", "Memory manager not clean", false, true, NULL},
	{"WARNING: ", "WARNING: ", false, false, END_TRACE},
	{"Out of memory: ", "out of memory: ", false, false, NULL},
};

/* A line without its time stamp ("[    1.234567] ", "[  T12] ", "<4>"); not NUL-terminated. */
struct line {
	const char *at, *text;
	size_t len; /* of text */
};

static const char *skip_stamps(const char *at, const char *end)
{
	for (;;) {
		const char *close = at < end && (*at == '[' || *at == '<')
					    ? memchr(at, *at == '[' ? ']' : '>', (size_t)(end - at))
					    : NULL;
		size_t n = close ? (size_t)(close - at) - 1 : 0;

		if (!close || !n || strspn(at + 1, " .0123456789CT") < n)
			return at;
		at = close + 1;
		at += at < end && *at == ' ';
	}
}

/* The line at *AT, which moves to the next; false at the end. */
static bool next_line(const char **at, struct line *ret_l)
{
	const char *start = *at, *end = start + strcspn(start, "\n");

	if (!*start)
		return false;
	*at = *end ? end + 1 : end;
	if (end > start && end[-1] == '\r')
		end--;
	ret_l->at = start;
	ret_l->text = skip_stamps(start, end);
	ret_l->len = (size_t)(end - ret_l->text);
	return true;
}

static const char *find_in(const struct line *l, const char *text)
{
	return memmem(l->text, l->len, text, strlen(text));
}

/* "INFO: task cat:123 blocked for more than 122 seconds." */
static const char *find_hung_task(const struct line *l)
{
	const char *task = find_in(l, "INFO: task ");

	return task && find_in(l, " blocked for more than ") ? task + strlen("INFO: ") : NULL;
}

static const struct pattern hung_task = {"", "", false, true, END_TASK};

/* What the line says behind the pattern; NULL if it begins no report. */
static const char *match(const struct line *l, const struct pattern **ret_p)
{
	const char *rest = find_hung_task(l);

	*ret_p = &hung_task;
	for (size_t i = 0; !rest && i < ARRAY_SIZE(patterns); i++) {
		const char *found = find_in(l, patterns[i].text);

		if (!found || (patterns[i].starts && found != l->text))
			continue;
		rest = found + strlen(patterns[i].text);
		*ret_p = &patterns[i];
	}
	return rest;
}

/* How far the report goes whose first line is behind AT. Where the line that should end it is not (UML's
 * call traces have no </TASK>), it ends with the call trace. */
static const char *find_end(const char *at, const struct pattern *p)
{
	const char *first = at, *limit = at, *before = at, *trace_end = NULL;
	const struct pattern *other;
	bool in_trace = false;
	struct line l;

	for (unsigned n = 1; p->end && n < BLOCK_LINES && next_line(&at, &l); n++) {
		if (n < SHORT_BLOCK_LINES)
			limit = at;
		if (find_in(&l, p->end))
			return at;
		if (in_trace && !trace_end && (!l.len || *l.text != ' '))
			trace_end = before;
		in_trace = in_trace || find_in(&l, "Call Trace:");
		/* An oops is several lines that would each begin one. */
		if (n > 5 && match(&l, &other) && other->is_bug)
			return trace_end ? trace_end : before;
		before = at;
	}
	if (!p->end)
		return first;
	return trace_end ? trace_end : in_trace && !*at ? at : limit;
}

/* KASAN tells in the next line what was done. */
static const char *second_line(const char *at, size_t *ret_n)
{
	static const char *const starts[] = {"Write of size ", "Read of size "};
	struct line l;

	if (next_line(&at, &l))
		for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
			if (find_in(&l, starts[i]) == l.text) {
				const char *by = find_in(&l, " at addr ");

				*ret_n = by ? (size_t)(by - l.text) : l.len;
				return l.text;
			}
	return NULL;
}

/* Functions without the offset behind them: "+0x1a/0x40" tells nothing to a reader. */
static size_t sentence_length(const char *rest, size_t n)
{
	const char *plus = memmem(rest, n, "+0x", 3);

	while (n && strchr(" .", rest[n - 1]))
		n--;
	return plus && !memchr(plus, ' ', (size_t)(rest + n - plus)) ? (size_t)(plus - rest) : n;
}

static char *make_sentence(const struct pattern *p, const char *rest, size_t n, const char *next)
{
	autofree char *raw = NULL;
	const char *more;
	size_t n_more = 0;
	int len;

	more = second_line(next, &n_more);
	if (more)
		len = asprintf(&raw, "%s%.*s, %c%.*s", p->kind, (int)sentence_length(rest, n), rest,
			       *more | 0x20, (int)n_more - 1, more + 1);
	else
		len = asprintf(&raw, "%s%.*s", p->kind, (int)sentence_length(rest, n), rest);
	if (len < 0) {
		raw = NULL;
		return NULL;
	}
	return text_printable(raw, (size_t)len);
}

/* As it stands, but for what a terminal would take for more than text. */
static char *copy_block(const char *from, const char *to)
{
	char *block = malloc((size_t)(to - from) + 1), *at = block;

	for (; block && from < to; from++)
		if (*from == '\n' || *from == '\t' || (*from >= ' ' && *from < 127))
			*at++ = *from;
	if (block)
		*at = '\0';
	return block;
}

static void free_report(struct console_report *c)
{
	free(c->sentence);
	free(c->block);
}

/* The first ones; but the first bug counts more than a warning. */
static int keep(struct console_reports *r, const struct pattern *p, const struct line *l,
		const char *rest, const char *next, const char *end)
{
	struct console_report *c;

	r->all++;
	r->bugs += p->is_bug;
	if (r->n == CONSOLE_REPORTS_KEPT) {
		if (!p->is_bug || r->bugs > 1)
			return 0;
		free_report(&r->kept[--r->n]);
	}
	c = &r->kept[r->n];
	c->sentence = make_sentence(p, rest, l->len - (size_t)(rest - l->text), next);
	c->block = copy_block(l->at, end);
	c->is_bug = p->is_bug;
	r->n++;
	return c->sentence && c->block ? 0 : -ENOMEM;
}

/* The lines that begin before STOP, with all of the last report; *AT moves behind it. */
static int scan_lines(const char **at, const char *stop, struct console_reports *r)
{
	const struct pattern *p;
	struct line l;
	int err = 0;

	while (!err && *at < stop && next_line(at, &l)) {
		const char *rest = match(&l, &p), *end;

		if (!rest)
			continue;
		end = find_end(*at, p);
		err = keep(r, p, &l, rest, *at, end);
		*at = MAX(*at, end);
	}
	return err;
}

/* Takes what was found, unless ERR says that it is not all. */
static int finish(int err, struct console_reports *r, struct console_reports *ret_r)
{
	if (err)
		console_reports_done(r);
	else
		*ret_r = *r;
	return err;
}

int console_scan(const char *text, struct console_reports *ret_r)
{
	struct console_reports r = {0};

	return finish(scan_lines(&text, text + strlen(text), &r), &r, ret_r);
}

/* Fills up BUF, in which N bytes are; those that would end the text become spaces. */
static int fill(int fd, char *buf, size_t *n)
{
	ssize_t got = 1;

	while (*n < PIECE && got) {
		got = read(fd, buf + *n, PIECE - *n);
		if (got < 0 && errno != EINTR)
			return -errno;
		for (ssize_t i = 0; i < got; i++)
			if (!buf[*n + (size_t)i])
				buf[*n + (size_t)i] = ' ';
		*n += got > 0 ? (size_t)got : 0;
	}
	buf[*n] = '\0';
	return 0;
}

int console_scan_file(const char *path, struct console_reports *ret_r)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	autofree char *buf = malloc(PIECE + 1);
	struct console_reports r = {0};
	bool is_end = false;
	size_t n = 0;
	int err = fd < 0 ? -errno : buf ? 0 : -ENOMEM;

	while (!err && !is_end && !(err = fill(fd, buf, &n))) {
		const char *at = buf;

		is_end = n < PIECE;
		err = scan_lines(&at, buf + n - (is_end ? 0 : AHEAD), &r);
		n -= (size_t)(at - buf);
		memmove(buf, at, n);
	}
	return finish(err, &r, ret_r);
}

void console_reports_done(struct console_reports *r)
{
	for (size_t i = 0; i < r->n; i++)
		free_report(&r->kept[i]);
	*r = (struct console_reports){0};
}

char *console_sentence(const struct console_reports *r)
{
	const struct console_report *first = r->n ? &r->kept[0] : NULL;
	char *text;

	for (size_t i = 0; i < r->n; i++)
		if (r->kept[i].is_bug) {
			first = &r->kept[i];
			break;
		}
	if (!first)
		return NULL;
	if (r->all == 1)
		return strdup(first->sentence);
	return asprintf(&text, "%s (and %zu more)", first->sentence, r->all - 1) < 0 ? NULL : text;
}
