/* SPDX-License-Identifier: MIT */
/* Numbers that a user writes: decimal digits and nothing else, no sign, no blank, and none that
 * is cut to fit. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* The number at *AT, which moves behind it. False, and nothing changed: there is none, or it is not
 * from MIN to MAX. */
bool number_take(const char **at, uint64_t min, uint64_t max, uint64_t *ret_n);

/* Likewise, of all of TEXT. */
bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret_n);

#endif
