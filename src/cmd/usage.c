/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "cmd.h"

int cmd_usage_error(const char *verb, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "warren: error: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "; see 'warren %s%s--help'\n", verb ? verb : "", verb ? " " : "");
	return EXIT_USAGE;
}
