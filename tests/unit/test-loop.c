/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop.h"
#include "macros.h"

static struct loop *loop;

static int setup(void **state)
{
	(void)state;
	return loop_new(&loop);
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void stop_now(struct task *t)
{
	(void)t;
	loop_stop(loop);
}

/* Runs the loop until the tasks posted so far, and what they post, are done. */
static void run_once(void)
{
	struct task t = {.run = stop_now};

	loop_post(loop, &t);
	assert_int_equal(loop_run(loop), 0);
}

struct pair {
	struct watch watch[2];
	int called;
};

static struct pair pair;

/* Whichever comes first removes the other: it must not be called, though its event was taken in
 * the same batch. */
static void remove_the_other(struct watch *w, uint32_t events)
{
	struct watch *other = w == &pair.watch[0] ? &pair.watch[1] : &pair.watch[0];

	assert_true(events & EPOLLIN);
	pair.called++;
	loop_remove(loop, other);
	loop_stop(loop);
}

static void a_removed_watch_is_not_called_for_events_of_the_batch(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		pair.watch[i] = (struct watch){eventfd(1, EFD_CLOEXEC), remove_the_other};
		assert_int_equal(loop_add(loop, &pair.watch[i], EPOLLIN), 0);
	}
	pair.called = 0;
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(pair.called, 1);
	for (int i = 0; i < 2; i++)
		close(pair.watch[i].fd);
}

static int n_calls;

static void count_and_remove_myself(struct watch *w, uint32_t events)
{
	(void)events;
	n_calls++;
	loop_remove(loop, w);
}

static void a_watch_may_remove_itself(void **state)
{
	struct watch w = {eventfd(1, EFD_CLOEXEC), count_and_remove_myself};

	(void)state;
	n_calls = 0;
	assert_int_equal(loop_add(loop, &w, EPOLLIN), 0);
	run_once();
	run_once();
	assert_int_equal(n_calls, 1);
	close(w.fd);
}

static void only_the_events_asked_for_come(void **state)
{
	struct watch w = {eventfd(1, EFD_CLOEXEC), count_and_remove_myself};

	(void)state;
	n_calls = 0;
	assert_int_equal(loop_add(loop, &w, 0), 0);
	run_once();
	assert_int_equal(n_calls, 0);
	assert_int_equal(loop_change(loop, &w, EPOLLIN), 0);
	run_once();
	assert_int_equal(n_calls, 1);
	close(w.fd);
}

static void a_descriptor_twice_is_an_error(void **state)
{
	struct watch w = {eventfd(0, EFD_CLOEXEC), count_and_remove_myself};

	(void)state;
	assert_int_equal(loop_add(loop, &w, EPOLLIN), 0);
	assert_int_equal(loop_add(loop, &w, EPOLLIN), -EEXIST);
	close(w.fd);
}

#define N_THREADS 4
#define N_TASKS 1000

struct numbered {
	struct task task;
	int thread, number;
};

static struct numbered tasks[N_THREADS][N_TASKS];
static int last_of[N_THREADS], n_run;

static void check_order(struct task *t)
{
	struct numbered *n = container_of(t, struct numbered, task);

	assert_int_equal(n->number, last_of[n->thread] + 1);
	last_of[n->thread] = n->number;
	if (++n_run == N_THREADS * N_TASKS)
		loop_stop(loop);
}

static void *post_all(void *arg)
{
	struct numbered *mine = arg;

	for (int i = 0; i < N_TASKS; i++)
		loop_post(loop, &mine[i].task);
	return NULL;
}

static void tasks_of_many_threads_run_once_and_in_order(void **state)
{
	pthread_t threads[N_THREADS];

	(void)state;
	for (int t = 0; t < N_THREADS; t++) {
		last_of[t] = -1;
		for (int i = 0; i < N_TASKS; i++)
			tasks[t][i] = (struct numbered){{.run = check_order}, t, i};
		assert_int_equal(pthread_create(&threads[t], NULL, post_all, tasks[t]), 0);
	}
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(n_run, N_THREADS * N_TASKS);
	for (int t = 0; t < N_THREADS; t++)
		pthread_join(threads[t], NULL);
}

static void a_stop_before_the_run_is_not_lost(void **state)
{
	(void)state;
	loop_stop(loop);
	assert_int_equal(loop_run(loop), 0);
}

static void on_alarm(int sig)
{
	(void)sig;
	loop_stop(loop);
}

static void a_signal_handler_may_stop(void **state)
{
	(void)state;
	signal(SIGUSR1, on_alarm);
	raise(SIGUSR1);
	assert_int_equal(loop_run(loop), 0);
	signal(SIGUSR1, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_removed_watch_is_not_called_for_events_of_the_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(a_watch_may_remove_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_events_asked_for_come, setup, teardown),
		cmocka_unit_test_setup_teardown(a_descriptor_twice_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(tasks_of_many_threads_run_once_and_in_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_stop_before_the_run_is_not_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(a_signal_handler_may_stop, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
