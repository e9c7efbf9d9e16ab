/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"

#define TTY_INTERVAL (200 * NS_PER_MS)
#define LOG_INTERVAL (10 * NS_PER_SEC)

void progress_init(struct progress *p, const char *what)
{
	uint64_t now = clock_now_ns();

	*p = (struct progress){
		.what = what, .start_ns = now, .next_ns = now, .is_tty = isatty(STDERR_FILENO)};
}

double progress_seconds(const struct progress *p)
{
	return (double)(clock_now_ns() - p->start_ns) / (double)NS_PER_SEC;
}

/* One write(2) a line, as the log does, so that both can be read when they mix. */
static void put(struct progress *p, const char *fmt, va_list args, bool stay)
{
	char text[400], line[600];
	int n;

	vsnprintf(text, sizeof(text), fmt, args);
	n = snprintf(line, sizeof(line), "%swarren: %s: %s, %.0f s%s", p->on_line ? "\r\033[K" : "",
		     p->what, text, progress_seconds(p), stay ? "" : "\n");
	if (n > 0)
		(void)!write(STDERR_FILENO, line, MIN((size_t)n, sizeof(line) - 1));
	p->on_line = stay;
	p->next_ns = clock_now_ns() + (p->is_tty ? TTY_INTERVAL : LOG_INTERVAL);
}

void progress_step(struct progress *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(p, fmt, args, false);
	va_end(args);
}

void progress_update(struct progress *p, const char *fmt, ...)
{
	va_list args;

	if (clock_now_ns() < p->next_ns)
		return;
	va_start(args, fmt);
	put(p, fmt, args, p->is_tty);
	va_end(args);
}

void progress_done(struct progress *p)
{
	if (p->on_line)
		(void)!write(STDERR_FILENO, "\n", 1);
	p->on_line = false;
}
