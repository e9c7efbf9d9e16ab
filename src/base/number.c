/* SPDX-License-Identifier: MIT */
#include "number.h"

bool number_take(const char **at, uint64_t min, uint64_t max, uint64_t *ret_n)
{
	const char *p = *at;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	if (p == *at || n < min || n > max)
		return false;
	*at = p;
	*ret_n = n;
	return true;
}

bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret_n)
{
	uint64_t n;

	if (!number_take(&text, min, max, &n) || *text)
		return false;
	*ret_n = n;
	return true;
}
