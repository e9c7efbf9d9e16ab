/* SPDX-License-Identifier: MIT */
/* Takes a line of a report or manifest apart, a field at a time. Nothing here trusts the line: it
 * may come from a guest. Each moves *AT behind its field and the blanks after it, and returns 0 or
 * -EINVAL. */
#ifndef VERIFY_FIELDS_H
#define VERIFY_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "report.h"

int field_u64(const char **at, uint64_t *ret_n);

/* A word of base/text.h, in fresh memory that the caller frees, NUL-terminated; RET_N (its length)
 * may be NULL, then a NUL in the word is an error. */
int field_word(const char **at, char **ret_word, size_t *ret_n);

/* The same for what goes to a terminal: as text_printable shows it. -ENOMEM is possible, too. */
int field_shown(const char **at, char **ret_word);

/* The number of an errno's name. */
int field_errno(const char **at, int *ret_err);

/* Bytes in hex, at most CAP. */
int field_hex(const char **at, unsigned char *buf, size_t cap, size_t *ret_n);

/* One DIGEST[*COUNT]; -ENODATA at the end of the line. */
int field_digest(const char **at, uint64_t *ret_digest, uint64_t *ret_count);

/* The fields MODE ... DEV of an entry. */
int field_stat(const char **at, struct node_stat *ret_ns);

#endif
