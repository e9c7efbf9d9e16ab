/* SPDX-License-Identifier: MIT */
/* Messages for a person, on standard error. Libraries log at debug only; verbs may say more. */
#ifndef BASE_LOGGING_H
#define BASE_LOGGING_H

#include <stdbool.h>

#include "macros.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Messages above LEVEL are not printed; INFO at start. */
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);

/* One line "warren: TEXT"; keeps errno. Safe from any thread. */
void log_print(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_error(...) log_print(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_print(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_print(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                           \
	do {                                                     \
		if (log_is_on(LOG_LEVEL_DEBUG))                  \
			log_print(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
