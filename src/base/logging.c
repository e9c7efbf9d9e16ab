/* SPDX-License-Identifier: MIT */
#include "logging.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic(enum log_level) current = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current, level, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
	return level <= atomic_load_explicit(&current, memory_order_relaxed);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	static const char *const prefix[] = {
		[LOG_LEVEL_ERROR] = "error: ",
		[LOG_LEVEL_WARN] = "warning: ",
		[LOG_LEVEL_INFO] = "",
		[LOG_LEVEL_DEBUG] = "debug: ",
	};
	char line[1024];
	int saved = errno;
	int used;
	va_list args;

	if (!log_is_on(level))
		return;
	used = snprintf(line, sizeof(line), "warren: %s", prefix[level]);
	va_start(args, fmt);
	used += vsnprintf(line + used, sizeof(line) - (size_t)used - 1, fmt, args);
	va_end(args);
	if ((size_t)used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used++] = '\n';
	/* one write(2): lines of several threads or processes do not mix */
	(void)!write(STDERR_FILENO, line, (size_t)used);
	errno = saved;
}
