/* SPDX-License-Identifier: MIT */
#include "step.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "number.h"

static const struct {
	enum step_side side;
	const char *name, *args;
	enum step_needs needs;
	enum step_effect effect;
} infos[N_STEPS] = {
#define S(id, whose, word, args, needs, effect, text) \
	[STEP_##id] = {STEP_##whose, word, args, STEP_##needs, STEP_##effect},
	STEPS(S)
#undef S
};

static void skip_blanks(const char **at)
{
	*at += strspn(*at, " \t\n");
}

/* The next word of the step. */
static int get_word(const char **at, char *buf)
{
	size_t n;

	skip_blanks(at);
	n = strcspn(*at, " \t\n;");
	if (!n || n >= STEP_WORD)
		return -EINVAL;
	memcpy(buf, *at, n);
	buf[n] = '\0';
	*at += n;
	return 0;
}

static int get_number(const char **at, size_t max, size_t *ret_n)
{
	uint64_t n;

	if (!number_take(at, 0, max, &n))
		return -EINVAL;
	*ret_n = n;
	return 0;
}

/* LETTER*COUNT[@OFFSET] */
static int get_bytes(const char **at, struct step *s)
{
	if (!islower((unsigned char)**at) || (*at)[1] != '*')
		return -EINVAL;
	s->byte = (unsigned char)**at;
	*at += 2;
	if (get_number(at, STEP_BYTES_MAX, &s->count))
		return -EINVAL;
	if (**at != '@')
		return 0;
	++*at;
	return get_number(at, STEP_BYTES_MAX, &s->offset);
}

static int get_argument(const char **at, char kind, struct step *s, unsigned *numbers)
{
	size_t handle = 0;
	int r;

	skip_blanks(at);
	switch (kind) {
	case 'h':
		r = get_number(at, STEP_HANDLES - 1, &handle);
		s->handle = (unsigned)handle;
		break;
	case 'n':
		r = get_number(at, STEP_BYTES_MAX, &s->n[(*numbers)++]);
		break;
	case 'b':
		r = get_bytes(at, s);
		break;
	case 'm':
		return get_word(at, s->mode);
	default:
		return get_word(at, kind == 'f' ? s->file : s->to);
	}
	return r || (**at && !strchr(" \t\n;", **at)) ? -EINVAL : 0;
}

static int find_verb(enum step_side side, const char *word)
{
	for (int i = 0; i < N_STEPS; i++)
		if (infos[i].side == side && !strcmp(infos[i].name, word))
			return i;
	return -EINVAL;
}

static int get_verb(const char **at, struct step *s)
{
	char side[STEP_WORD], word[STEP_WORD];
	const char *start = *at;
	int verb;

	if (get_word(at, side) || get_word(at, word) ||
	    (strcmp(side, "host") != 0 && strcmp(side, "guest") != 0)) {
		*at = start;
		return -EINVAL;
	}
	s->side = strcmp(side, "host") ? STEP_GUEST : STEP_HOST;
	verb = find_verb(s->side, word);
	if (verb < 0) {
		*at = start;
		return verb;
	}
	s->verb = (enum step_verb)verb;
	s->needs = infos[verb].needs;
	s->effect = infos[verb].effect;
	return 0;
}

int step_parse(const char **text, struct step *ret_s)
{
	struct step s = {0};
	unsigned numbers = 0;

	*text += strspn(*text, " \t\n;");
	if (!**text)
		return -ENODATA;
	s.text = *text;
	if (get_verb(text, &s))
		return -EINVAL;
	for (const char *kind = infos[s.verb].args; *kind; kind++)
		if (get_argument(text, *kind, &s, &numbers))
			return -EINVAL;
	s.text_len = (int)(*text - s.text);
	skip_blanks(text);
	if (**text && **text != ';')
		return -EINVAL;
	*ret_s = s;
	return 0;
}

char *step_for_hand(const struct step *s, const char *prefix)
{
	char *text = NULL;
	unsigned numbers = 0;
	size_t n;
	FILE *f = s->side == STEP_GUEST ? open_memstream(&text, &n) : NULL;

	if (!f)
		return NULL;
	fputs(infos[s->verb].name, f);
	for (const char *kind = infos[s->verb].args; *kind; kind++)
		if (*kind == 'h')
			fprintf(f, " %u", s->handle);
		else if (*kind == 'n')
			fprintf(f, " %zu", s->n[numbers++]);
		else if (*kind == 'm')
			fprintf(f, " %s", s->mode);
		else if (*kind == 'b')
			fprintf(f, " %02x:%zu", s->byte, s->count);
		else
			fprintf(f, " %s%s", prefix, *kind == 'f' ? s->file : s->to);
	if (s->verb == STEP_WRITE || s->verb == STEP_POKE)
		fprintf(f, " %zu", s->offset);
	fclose(f);
	return text;
}
