/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_bare(unsigned char c)
{
	return isalnum(c) || (c && strchr("._-+@:/%~", c));
}

/* The length of the well-formed UTF-8 character at P (N bytes left), 0 if there is none: RFC 3629.
 */
static size_t utf8_len(const unsigned char *p, size_t n)
{
	size_t len = p[0] < 0x80   ? 1
		     : p[0] < 0xc2 ? 0
		     : p[0] < 0xe0 ? 2
		     : p[0] < 0xf0 ? 3
		     : p[0] < 0xf5 ? 4
				   : 0;

	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static bool is_control(const unsigned char *p, size_t len)
{
	return (len == 1 && (p[0] < 0x20 || p[0] == 0x7f)) ||
	       (len == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

bool text_is_printable(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	while (n) {
		size_t len = utf8_len(p, n);

		if (!len || is_control(p, len))
			return false;
		p += len;
		n -= len;
	}
	return true;
}

/* How many bytes at P stand for themselves. */
static size_t plain_run(const unsigned char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\' && p[i] != '"')
		i++;
	return i;
}

static void put_hex(FILE *f, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	const char text[] = {'\\', 'x', digits[c >> 4], digits[c & 15]};

	fwrite(text, 1, sizeof(text), f);
}

/* Prints with \xNN for what is no printable character; QUOTED escapes \ and " too. */
static void put_escaped(FILE *f, const unsigned char *p, size_t n, bool quoted)
{
	while (n) {
		size_t len = plain_run(p, n);

		if (len) {
			fwrite(p, 1, len, f);
			p += len;
			n -= len;
			continue;
		}
		len = utf8_len(p, n);
		if (!len || is_control(p, len)) {
			put_hex(f, p[0]);
			len = 1;
		} else if (quoted && (p[0] == '\\' || p[0] == '"')) {
			fprintf(f, "\\%c", p[0]);
		} else {
			fwrite(p, 1, len, f);
		}
		p += len;
		n -= len;
	}
}

void text_put(FILE *f, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	size_t bare = 0;

	while (bare < n && is_bare(p[bare]))
		bare++;
	if (n && bare == n) {
		fwrite(p, 1, n, f);
		return;
	}
	fputc('"', f);
	put_escaped(f, p, n, true);
	fputc('"', f);
}

char *text_printable(const void *p, size_t n)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	put_escaped(f, p, n, false);
	fclose(f);
	return out;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of a quoted word, escapes resolved; -1 at what is none. */
static int get_quoted(const char **at)
{
	const char *p = *at;
	int hi, lo;

	if (*p != '\\') {
		*at = p + 1;
		return *p ? (unsigned char)*p : -1;
	}
	if (p[1] == '\\' || p[1] == '"') {
		*at = p + 2;
		return p[1];
	}
	if (p[1] != 'x' || (hi = hex_digit(p[2])) < 0 || (lo = hex_digit(p[3])) < 0)
		return -1;
	*at = p + 4;
	return hi * 16 + lo;
}

int text_get(const char **text, void *buf, size_t cap, size_t *ret_n)
{
	const char *p = *text;
	unsigned char *out = buf;
	size_t n = 0;
	bool quoted = *p == '"';

	p += quoted;
	while (quoted ? *p != '"' : is_bare((unsigned char)*p)) {
		int c = quoted ? get_quoted(&p) : *p++;

		if (c < 0)
			return -EINVAL;
		if (n == cap)
			return -ENOSPC;
		out[n++] = (unsigned char)c;
	}
	if (!quoted && n == 0)
		return -EINVAL;
	*text = p + quoted;
	*ret_n = n;
	return 0;
}
