/* SPDX-License-Identifier: MIT */
#include "seen.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "step.h"

static int take_error(const char *at, struct seen *s)
{
	size_t n = strlen(at);

	if (!n || n >= sizeof(s->error))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)at[i]))
			return -EINVAL;
	memcpy(s->error, at, n + 1);
	return 0;
}

/* "XX:COUNT", of which all together are bounded: a guest may say anything. */
static int take_run(const char **at, struct content *c)
{
	char *end;
	unsigned long byte, count;

	if (!isxdigit((unsigned char)**at))
		return -EINVAL;
	byte = strtoul(*at, &end, 16);
	if (byte > 255 || *end != ':' || !isdigit((unsigned char)end[1]))
		return -EINVAL;
	count = strtoul(end + 1, &end, 10);
	if (!count || count > STEP_BYTES_MAX - c->n)
		return -EINVAL;
	*at = end;
	return content_fill(c, c->n, (unsigned char)byte, count);
}

static int take_data(const char *at, struct seen *s)
{
	int r = 0;

	s->kind = SEEN_DATA;
	while (!r && *at) {
		if (*at++ != ' ')
			return -EINVAL;
		if (*at == '!')
			return take_error(at + 1, s);
		if (*at == '+') {
			s->has_more = true;
			at++;
		} else {
			r = take_run(&at, &s->data);
		}
	}
	return r;
}

static int take_size(const char *at, struct seen *s)
{
	char *end;

	if (!isdigit((unsigned char)*at))
		return -EINVAL;
	s->kind = SEEN_SIZE;
	s->size = strtoull(at, &end, 10);
	return *end ? -EINVAL : 0;
}

static int take(const char *line, struct seen *s)
{
	if (!strcmp(line, "ok"))
		return 0;
	if (!strncmp(line, "data", 4))
		return take_data(line + 4, s);
	if (!strncmp(line, "size ", 5))
		return take_size(line + 5, s);
	if (!strncmp(line, "error ", 6)) {
		s->kind = SEEN_ERROR;
		return take_error(line + 6, s);
	}
	if (!strcmp(line, "died")) {
		s->kind = SEEN_DIED;
		return 0;
	}
	s->kind = SEEN_STUCK;
	s->stays = !strcmp(line, "stuck stays");
	return s->stays || !strcmp(line, "stuck gone") ? 0 : -EINVAL;
}

int seen_parse(const char *line, struct seen *ret_s)
{
	struct seen s = {0};
	int r = take(line, &s);

	if (r)
		seen_done(&s);
	else
		*ret_s = s;
	return r;
}

void seen_done(struct seen *s)
{
	content_done(&s->data);
}
