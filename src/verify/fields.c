/* SPDX-License-Identifier: MIT */
#include "fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "text.h"

static void skip_blanks(const char **at)
{
	*at += strspn(*at, " ");
}

static int number(const char **at, int base, uint64_t *ret_n)
{
	char *end;
	uint64_t n;

	/* strtoull would take blanks, signs and 0x. */
	if (strspn(*at, base == 16 ? "0123456789abcdef" : "0123456789") == 0)
		return -EINVAL;
	errno = 0;
	n = strtoull(*at, &end, base);
	if (errno)
		return -EINVAL;
	*at = end;
	*ret_n = n;
	return 0;
}

static int end_field(const char **at)
{
	if (**at && **at != ' ')
		return -EINVAL;
	skip_blanks(at);
	return 0;
}

int field_u64(const char **at, uint64_t *ret_n)
{
	uint64_t n;
	int r = number(at, 10, &n);

	if (!r)
		r = end_field(at);
	if (!r)
		*ret_n = n;
	return r;
}

int field_word(const char **at, char **ret_word, size_t *ret_n)
{
	size_t cap = strlen(*at) + 1, n;
	autofree char *word = malloc(cap);
	char *fit;
	int r;

	if (!word)
		return -ENOMEM;
	r = text_get(at, word, cap - 1, &n);
	if (!r)
		r = end_field(at);
	if (r)
		return -EINVAL;
	word[n] = '\0';
	if (!ret_n && strlen(word) != n)
		return -EINVAL;
	fit = realloc(word, n + 1);
	if (fit)
		word = fit;
	if (ret_n)
		*ret_n = n;
	*ret_word = steal_ptr(&word);
	return 0;
}

int field_shown(const char **at, char **ret_word)
{
	autofree char *word = NULL;
	int r = field_word(at, &word, NULL);
	char *shown = r ? NULL : text_printable(word, strlen(word));

	if (!shown)
		return r ? r : -ENOMEM;
	*ret_word = shown;
	return 0;
}

int field_errno(const char **at, int *ret_err)
{
	size_t len = strcspn(*at, " ");

	for (int err = 1; err < 4096; err++) {
		const char *name = report_errno(err);

		if (strlen(name) == len && !memcmp(name, *at, len)) {
			*at += len;
			skip_blanks(at);
			*ret_err = err;
			return 0;
		}
	}
	return -EINVAL;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int field_hex(const char **at, unsigned char *buf, size_t cap, size_t *ret_n)
{
	const char *p = *at;
	size_t n = 0;

	while (*p && *p != ' ') {
		int hi = hex_value(p[0]), lo = hi < 0 ? -1 : hex_value(p[1]);

		if (lo < 0 || n == cap)
			return -EINVAL;
		buf[n++] = (unsigned char)(hi << 4 | lo);
		p += 2;
	}
	*at = p;
	*ret_n = n;
	skip_blanks(at);
	return 0;
}

int field_digest(const char **at, uint64_t *ret_digest, uint64_t *ret_count)
{
	uint64_t digest, count = 1;

	if (!**at)
		return -ENODATA;
	if (number(at, 16, &digest) < 0)
		return -EINVAL;
	if (**at == '*') {
		++*at;
		if (number(at, 10, &count) < 0 || !count)
			return -EINVAL;
	}
	if (end_field(at) < 0)
		return -EINVAL;
	*ret_digest = digest;
	*ret_count = count;
	return 0;
}

/* [-]SEC.NNNNNNNNN */
static int field_time(const char **at, int64_t *ret_s, uint32_t *ret_ns)
{
	bool is_negative = **at == '-';
	uint64_t s, ns;

	*at += is_negative;
	if (number(at, 10, &s) < 0 || s > INT64_MAX || **at != '.')
		return -EINVAL;
	++*at;
	if (number(at, 10, &ns) < 0 || ns > 999999999 || end_field(at) < 0)
		return -EINVAL;
	*ret_s = is_negative ? -(int64_t)s : (int64_t)s;
	*ret_ns = (uint32_t)ns;
	return 0;
}

static int field_u32(const char **at, uint32_t *ret_n)
{
	uint64_t n;

	if (field_u64(at, &n) < 0 || n > UINT32_MAX)
		return -EINVAL;
	*ret_n = (uint32_t)n;
	return 0;
}

static int field_mode(const char **at, uint32_t *ret_mode)
{
	char *end;
	unsigned long n;

	if (**at < '0' || **at > '7')
		return -EINVAL;
	n = strtoul(*at, &end, 8);
	*at = end;
	if (n > 0177777 || end_field(at) < 0)
		return -EINVAL;
	*ret_mode = (uint32_t)n;
	return 0;
}

int field_stat(const char **at, struct node_stat *ret_ns)
{
	struct node_stat ns;

	if (field_mode(at, &ns.mode) < 0 || field_u64(at, &ns.nlink) < 0 ||
	    field_u32(at, &ns.uid) < 0 || field_u32(at, &ns.gid) < 0 ||
	    field_u64(at, &ns.size) < 0 || field_time(at, &ns.mtime_s, &ns.mtime_ns) < 0 ||
	    field_time(at, &ns.ctime_s, &ns.ctime_ns) < 0 || field_u64(at, &ns.ino) < 0 ||
	    field_u64(at, &ns.dev) < 0)
		return -EINVAL;
	*ret_ns = ns;
	return 0;
}
