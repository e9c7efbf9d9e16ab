/* SPDX-License-Identifier: MIT */
/* Memory for messages: blocks of a thread that has entered the pool, and of others. */
#include "cmocka-all.h"

#include <pthread.h>
#include <string.h>

#include "macros.h"
#include "pool.h"

#define N 64
#define ROUNDS 200

static const size_t sizes[] = {1, 512, 576, 577, 4107, 4160, 70000, 3 << 20};

static void blocks_have_the_room_that_was_asked_for(void **state)
{
	struct pool *p;
	void *b[ARRAY_SIZE(sizes)];

	(void)state;
	assert_int_equal(pool_new(&p), 0);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			b[i] = pool_get(p, sizes[i]);
			assert_non_null(b[i]);
			assert_true(pool_size(b[i]) >= sizes[i]);
			assert_int_equal((uintptr_t)b[i] % 64, 0);
			memset(b[i], (int)i, pool_size(b[i]));
		}
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			assert_int_equal(*((uint8_t *)b[i] + pool_size(b[i]) - 1), i);
			pool_put(p, b[i]);
		}
		if (round == 0)
			pool_enter(p);
	}
	pool_leave();
	pool_free(p);
}

/* Blocks that go from one thread to another and back. */
struct hand_over {
	struct pool *pool;
	pthread_barrier_t turn;
	uint8_t *blocks[N];
	unsigned wrong; /* blocks that were missing, or somebody else's too */
};

static void use_blocks(struct hand_over *h, int mine)
{
	for (int i = 0; i < N; i++)
		if (h->blocks[i]) {
			h->wrong += h->blocks[i][0] != i || h->blocks[i][599] != i;
			pool_put(h->pool, h->blocks[i]);
			h->blocks[i] = NULL;
		}
	for (int i = mine; i < N; i += 2) {
		h->blocks[i] = pool_get(h->pool, 600);
		h->wrong += !h->blocks[i];
		if (h->blocks[i])
			memset(h->blocks[i], i, 600);
	}
}

/* Blocks of its own, while the other thread is at work. */
static void churn(struct pool *p)
{
	void *b[4];

	for (size_t i = 0; i < ARRAY_SIZE(b); i++)
		b[i] = pool_get(p, 600);
	for (size_t i = 0; i < ARRAY_SIZE(b); i++)
		pool_put(p, b[i]);
}

static void *other(void *arg)
{
	struct hand_over *h = arg;

	for (int round = 0; round < ROUNDS; round++) {
		churn(h->pool);
		pthread_barrier_wait(&h->turn);
		use_blocks(h, 1);
		pthread_barrier_wait(&h->turn);
	}
	return NULL;
}

static void blocks_go_between_threads(void **state)
{
	struct hand_over h = {.blocks = {NULL}};
	pthread_t thread;

	(void)state;
	assert_int_equal(pool_new(&h.pool), 0);
	pthread_barrier_init(&h.turn, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, other, &h), 0);
	for (int round = 0; round < ROUNDS; round++) {
		pool_enter(h.pool);
		use_blocks(&h, 0);
		pool_leave();
		pthread_barrier_wait(&h.turn);
		pthread_barrier_wait(&h.turn);
	}
	pthread_join(thread, NULL);
	assert_int_equal(h.wrong, 0);
	for (int i = 0; i < N; i++)
		pool_put(h.pool, h.blocks[i]);
	pool_free(h.pool);
	pthread_barrier_destroy(&h.turn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_have_the_room_that_was_asked_for),
		cmocka_unit_test(blocks_go_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
