/* SPDX-License-Identifier: MIT */
#include "u64-map.h"

#include <errno.h>
#include <stdlib.h>

static size_t home(const struct u64_map *m, uint64_t key)
{
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9;
	key = (key ^ key >> 27) * 0x94d049bb133111eb;
	return (size_t)(key ^ key >> 31) & (m->cap - 1);
}

/* The slot of KEY, or the empty one where it belongs. */
static size_t find(const struct u64_map *m, uint64_t key)
{
	size_t i = home(m, key);

	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

void *u64_map_get(const struct u64_map *m, uint64_t key)
{
	return m->cap ? m->slots[find(m, key)].value : NULL;
}

static int make_room(struct u64_map *m)
{
	struct u64_map more = {.n = m->n, .cap = m->cap ? m->cap * 2 : 64};

	if (m->cap && m->n < m->cap / 4 * 3)
		return 0;
	more.slots = calloc(more.cap, sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			more.slots[find(&more, m->slots[i].key)] = m->slots[i];
	free(m->slots);
	*m = more;
	return 0;
}

int u64_map_put(struct u64_map *m, uint64_t key, void *value, void **ret_old)
{
	int err = make_room(m);
	size_t i;

	if (err)
		return err;
	i = find(m, key);
	m->n += !m->slots[i].value;
	*ret_old = m->slots[i].value;
	m->slots[i] = (struct u64_slot){.key = key, .value = value};
	return 0;
}

void *u64_map_take(struct u64_map *m, uint64_t key)
{
	size_t mask = m->cap - 1, hole;
	void *value;

	if (!m->cap)
		return NULL;
	hole = find(m, key);
	value = m->slots[hole].value;
	if (!value)
		return NULL;
	for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		size_t from_home = (i - home(m, m->slots[i].key)) & mask;

		if (from_home >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole].value = NULL;
	m->n--;
	return value;
}

void u64_map_done(struct u64_map *m, void (*free_value)(void *value))
{
	for (size_t i = 0; free_value && i < m->cap; i++)
		if (m->slots[i].value)
			free_value(m->slots[i].value);
	free(m->slots);
	*m = (struct u64_map){0};
}
