/* SPDX-License-Identifier: MIT */
/* Bytes as text: any byte string printed in one word of ASCII or UTF-8, and read back unchanged.
 * A word of plain characters stands as it is; anything else is "quoted", with \xNN, \\ and \".
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Prints the N bytes at P to F, bare or quoted. */
void text_put(FILE *f, const void *p, size_t n);

/* Bytes of valid UTF-8 and printable ASCII as they are, all else as \xNN: for messages. The
 * caller frees the result; NULL when memory is out. */
char *text_printable(const void *p, size_t n);

/* Reads one word that text_put wrote from *TEXT, which moves behind it. The bytes go to BUF (CAP
 * bytes). Returns 0, -EINVAL for a malformed word, -ENOSPC when CAP is too small. */
int text_get(const char **text, void *buf, size_t cap, size_t *ret_n);

/* Is the N bytes at P well-formed UTF-8 without control characters? */
bool text_is_printable(const void *p, size_t n);

#endif
