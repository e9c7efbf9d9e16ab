/* SPDX-License-Identifier: MIT */
/* What the values of attributes cost is counted well, whoever takes and gives at once. */
#include "cmocka-all.h"

#include <errno.h>
#include <pthread.h>

#include "budget.h"
#include "xattr-value.h"

#define N_THREADS 4
#define N_ROUNDS 200000
#define SIZE 8u
#define COST (sizeof(struct xattr_value) + SIZE)

static pthread_barrier_t start;

/* A value more or less is within the share or beyond it; and now and then there is no room. */
static void *take_and_give(void *budget)
{
	const struct str name = {"user.a", 6};

	pthread_barrier_wait(&start);
	for (int i = 0; i < N_ROUNDS; i++) {
		struct xattr_value *v = NULL;
		int r = xattr_value_new(budget, name, SIZE, &v);

		assert_true(!r || r == -ENOSPC);
		xattr_value_free(v);
	}
	return NULL;
}

static void a_budget_that_several_use_at_once_loses_nothing(void **state)
{
	struct pool pool = {.max = 4 * COST, .share = COST};
	struct xattr_budget b;
	pthread_t t[N_THREADS];

	(void)state;
	xattr_budget_init(&b, COST * 3 / 2, &pool);
	pthread_barrier_init(&start, NULL, N_THREADS);
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, take_and_give, &b), 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(t[i], NULL);
	pthread_barrier_destroy(&start);
	assert_int_equal(b.used, 0);
	assert_int_equal(pool.used, 0);
	xattr_budget_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_budget_that_several_use_at_once_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
