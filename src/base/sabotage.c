/* SPDX-License-Identifier: MIT */
#include "sabotage.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "settings.h"

#define COUNT_MAX (1U << 20)

enum kind {
#define K(id, ...) SABOTAGE_##id,
	SABOTAGE_KINDS(K)
#undef K
		N_KINDS
};

static const struct {
	const char *name, *summary;
} kinds[N_KINDS] = {
#define K(id, word, text) [SABOTAGE_##id] = {word, text},
	SABOTAGE_KINDS(K)
#undef K
};

struct sabotage {
	enum kind kind;
	char *mark, *from;
	uint64_t skip, count, by;
	pthread_mutex_t lock; /* for what follows */
	uint64_t left;	      /* times that it may act */
	uint8_t *other;	      /* what stood at FROM; NULL: it did not come yet */
	size_t n_other;
};

const char *sabotage_kind_name(size_t i)
{
	return i < N_KINDS ? kinds[i].name : NULL;
}

const char *sabotage_kind_summary(size_t i)
{
	return i < N_KINDS ? kinds[i].summary : NULL;
}

void sabotage_random(void *buf, size_t n)
{
	uint8_t *to = buf;
	uint32_t x = 2463534242u;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		to[i] = (uint8_t)(x | 1);
	}
}

/* What stands at FROM is kept for later: the newest, unless it is cut off earlier than what came before. */
static void look_for_other(struct sabotage *s, const uint8_t *buf, size_t n)
{
	const uint8_t *at = s->from ? memmem(buf, n, s->from, strlen(s->from)) : NULL;
	size_t len = at ? (size_t)MIN(s->count, (uint64_t)(buf + n - at)) : 0;

	if (!at || len < s->n_other || (!s->other && !(s->other = malloc(s->count))))
		return;
	memcpy(s->other, at, len);
	s->n_other = len;
}

/* LEN bytes of the range are at AT, and ROOM bytes from there to the end of all. */
static void damage(struct sabotage *s, uint8_t *at, size_t len, size_t room)
{
	switch (s->kind) {
	case SABOTAGE_ZERO:
		memset(at, 0, len);
		break;
	case SABOTAGE_RANDOM:
		sabotage_random(at, len);
		break;
	case SABOTAGE_BITFLIP:
		*at ^= 4;
		break;
	case SABOTAGE_SHIFTED:
		if (s->by < room)
			memmove(at, at + s->by, MIN(len, room - (size_t)s->by));
		break;
	case SABOTAGE_FOREIGN:
		if (s->other)
			memcpy(at, s->other, MIN(len, s->n_other));
		break;
	case N_KINDS:
		break;
	}
}

static size_t count_changed(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t changed = 0;

	for (size_t i = 0; i < n; i++)
		changed += a[i] != b[i];
	return changed;
}

/* Where the range begins; NULL: not in these bytes. */
static uint8_t *find_range(const struct sabotage *s, uint8_t *buf, size_t n)
{
	uint8_t *at = memmem(buf, n, s->mark, strlen(s->mark));

	return at && s->skip < (uint64_t)(buf + n - at) ? at + s->skip : NULL;
}

static size_t act_locked(struct sabotage *s, uint8_t *buf, size_t n)
{
	uint8_t *at = find_range(s, buf, n);
	size_t room = at ? (size_t)(buf + n - at) : 0, len = (size_t)MIN(s->count, (uint64_t)room);
	autofree uint8_t *before = at && s->left ? malloc(len) : NULL;

	look_for_other(s, buf, n);
	if (!before)
		return 0;
	memcpy(before, at, len);
	damage(s, at, len, room);
	len = count_changed(before, at, len);
	s->left -= len > 0;
	return len;
}

size_t sabotage_act(struct sabotage *s, void *buf, size_t n)
{
	size_t changed;

	pthread_mutex_lock(&s->lock);
	changed = act_locked(s, buf, n);
	pthread_mutex_unlock(&s->lock);
	return changed;
}

static int set_kind(struct sabotage *s, const char *word, char **ret_why)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (!strcmp(word, kinds[i].name)) {
			s->kind = (enum kind)i;
			return 0;
		}
	return settings_refuse(ret_why, "there is no damage '%s'", word);
}

static int check(const struct sabotage *s, char **ret_why)
{
	if (!s->mark || !*s->mark)
		return settings_refuse(ret_why, "give mark=TEXT, where the range begins");
	if (s->kind == SABOTAGE_FOREIGN && (!s->from || !*s->from))
		return settings_refuse(ret_why, "foreign needs from=TEXT");
	if (!s->count || s->count > COUNT_MAX)
		return settings_refuse(ret_why, "count: give 1 to %u", COUNT_MAX);
	return 0;
}

static int parse(struct sabotage *s, const char *text, char **ret_why)
{
	const struct setting table[] = {
		{"mark", .text = &s->mark},	{"skip", .number = &s->skip},
		{"count", .number = &s->count}, {"by", .number = &s->by},
		{"from", .text = &s->from},	{"times", .number = &s->left}};
	autofree char *copy = strdup(text);
	char *rest = copy;
	int r = copy ? set_kind(s, strsep(&rest, ","), ret_why) : -ENOMEM;

	if (!r)
		r = settings_take(rest, table, ARRAY_SIZE(table), ret_why);
	return r ? r : check(s, ret_why);
}

int sabotage_new(const char *text, struct sabotage **ret_s, char **ret_why)
{
	struct sabotage *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	*ret_why = NULL;
	if (s) {
		s->count = 1;
		s->by = 256;
		pthread_mutex_init(&s->lock, NULL);
		r = parse(s, text, ret_why);
	}
	if (r) {
		sabotage_free(s);
		return r;
	}
	s->left = s->left ? s->left : UINT64_MAX;
	*ret_s = s;
	return 0;
}

void sabotage_free(struct sabotage *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s->mark);
	free(s->from);
	free(s->other);
	free(s);
}
