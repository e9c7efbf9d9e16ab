/* SPDX-License-Identifier: MIT */
/* Counting by many threads, and the texts of what was counted. */
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka-all.h"
#include "macros.h"
#include "meter.h"
#include "msg.h"

#define N_THREADS 4
#define N_EACH 100000

static void each_duration_lies_in_its_bucket(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 64; bits++) {
		for (uint64_t more = 0; more < 8; more++) {
			uint64_t ns = (1ULL << bits) + (more << bits >> 3);
			unsigned b = latency_bucket(ns);

			assert_true(b < LATENCY_BUCKETS);
			if (b < LATENCY_BUCKETS - 1)
				assert_true(ns < latency_top(b));
			if (b)
				assert_true(ns >= latency_top(b - 1));
			if (b && b < LATENCY_BUCKETS - 1)
				assert_true(latency_top(b) - latency_top(b - 1) <= ns / 4);
		}
	}
}

static void quantiles_are_those_of_the_durations(void **state)
{
	struct latency l = {0};

	(void)state;
	assert_int_equal(latency_at(&l, 0.5), 0);
	for (unsigned i = 0; i < 98; i++)
		l.buckets[latency_bucket(1000)]++;
	l.buckets[latency_bucket(1000000)] += 2;
	assert_int_equal(latency_count(&l), 100);
	assert_in_range(latency_at(&l, 0.5), 1000, 1250);
	assert_in_range(latency_at(&l, 0.98), 1000, 1250);
	assert_in_range(latency_at(&l, 0.99), 1000000, 1250000);
}

static struct meters meters;

static void *count(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N_EACH; i++) {
		struct meter *m = meter_mine(&meters);

		meter_answered(m, i % 2 ? Tread : Twalk, i % 10 == 0, i);
		meter_add(&m->counters[METER_BYTES_READ], 3);
	}
	return NULL;
}

static unsigned n_meters(void)
{
	unsigned n = 0;

	for (const struct meter *m = meters.first; m; m = m->next)
		n++;
	return n;
}

/* Also while somebody reads: what is read never goes back. */
static void threads_count_for_themselves_and_nothing_is_lost(void **state)
{
	pthread_t threads[N_THREADS];
	struct metrics m;
	uint64_t before = 0;

	(void)state;
	meters_init(&meters);
	for (unsigned i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
	for (unsigned i = 0; i < 100; i++) {
		m = (struct metrics){.value = {0}};
		meters_read(&meters, &m);
		assert_true(metrics_requests(&m) >= before);
		assert_true(metrics_errors(&m) <= metrics_requests(&m));
		before = metrics_requests(&m);
	}
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	m = (struct metrics){.value = {0}};
	meters_read(&meters, &m);
	assert_int_equal(metrics_requests(&m), N_THREADS * N_EACH);
	assert_int_equal(metrics_errors(&m), N_THREADS * N_EACH / 10);
	assert_int_equal(m.op[metric_op(Tread)].requests, N_THREADS * N_EACH / 2);
	assert_int_equal(latency_count(&m.op[metric_op(Tread)].latency), N_THREADS * N_EACH / 2);
	assert_int_equal(m.value[METRIC_BYTES_READ], 3 * N_THREADS * N_EACH);
	assert_int_equal(n_meters(), N_THREADS);
	meters_done(&meters);
}

static void two_servers_of_a_thread_count_apart(void **state)
{
	struct meters other;
	struct metrics m = {.value = {0}};

	(void)state;
	meters_init(&meters);
	meters_init(&other);
	for (unsigned i = 0; i < 3; i++) {
		meter_answered(meter_mine(&meters), Tread, 0, UINT64_MAX);
		meter_answered(meter_mine(&other), Tread, 0, UINT64_MAX);
		meter_answered(meter_mine(&other), Tread, 0, UINT64_MAX);
	}
	meters_read(&meters, &m);
	assert_int_equal(metrics_requests(&m), 3);
	assert_null(meters.first->next);
	meters_done(&meters);
	meters_done(&other);
}

/* What a server might have counted. */
static struct metrics sample(void)
{
	struct metrics m = {.value = {0}, .n_guards = 1, .guard = {{.name = "spin", .acted = 7}}};

	m.value[METRIC_BYTES_READ] = 1234567890123;
	m.value[METRIC_CPU_USER] = 1500000;
	m.value[METRIC_PEAK_RSS] = 10;
	m.budget[METRIC_BUDGET_FIDS].used = 5;
	m.budget[METRIC_BUDGET_FIDS].limit = 50;
	m.op[metric_op(Tread)].requests = 3;
	m.op[metric_op(Tread)].errors = 1;
	m.op[metric_op(Tread)].latency.sum = 2500000000;
	m.op[metric_op(Tread)].latency.buckets[latency_bucket(1500)] = 2;
	m.op[metric_op(Tread)].latency.buckets[latency_bucket(2 * 1000000000ULL)] = 1;
	m.op[metric_op(Twalk)].requests = 1;
	m.op[0].requests = 1;
	return m;
}

static char *text_of(void (*put)(FILE *f, const struct metrics *m))
{
	struct metrics m = sample();
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	put(f, &m);
	fclose(f);
	return text;
}

#define HAS_LINE(text, line) assert_non_null(strstr(text, "\n" line "\n"))

static void prometheus_reads_counts_and_cumulative_buckets(void **state)
{
	char *text = text_of(metrics_put_prometheus);

	(void)state;
	HAS_LINE(text, "# TYPE warren_requests_total counter");
	HAS_LINE(text, "warren_requests_total{op=\"read\"} 3");
	HAS_LINE(text, "warren_requests_total{op=\"lopen\"} 0");
	HAS_LINE(text, "warren_requests_total{op=\"other\"} 1");
	HAS_LINE(text, "warren_errors_total{op=\"read\"} 1");
	HAS_LINE(text, "warren_read_bytes_total 1234567890123");
	HAS_LINE(text, "warren_cpu_user_seconds_total 1.5");
	HAS_LINE(text, "warren_peak_memory_bytes 10240");
	HAS_LINE(text, "warren_budget_limit{budget=\"fids\"} 50");
	HAS_LINE(text, "warren_guard_acted_total{guard=\"spin\"} 7");
	HAS_LINE(text, "warren_request_seconds_bucket{op=\"read\",le=\"1.024e-06\"} 0");
	HAS_LINE(text, "warren_request_seconds_bucket{op=\"read\",le=\"2.048e-06\"} 2");
	HAS_LINE(text, "warren_request_seconds_bucket{op=\"read\",le=\"1.073741824\"} 2");
	HAS_LINE(text, "warren_request_seconds_bucket{op=\"read\",le=\"2.147483648\"} 3");
	HAS_LINE(text, "warren_request_seconds_bucket{op=\"read\",le=\"+Inf\"} 3");
	HAS_LINE(text, "warren_request_seconds_sum{op=\"read\"} 2.500000000");
	HAS_LINE(text, "warren_request_seconds_count{op=\"read\"} 3");
	assert_null(strstr(text, "bucket{op=\"walk\""));
	free(text);
}

static void json_has_the_same_numbers(void **state)
{
	char *text = text_of(metrics_put_json);
	json_error_t e;
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, &e), *read;

	(void)state;
	assert_non_null(o);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_int_equal(json_integer_value(json_object_get(o, "requests")), 5);
	assert_int_equal(json_integer_value(json_object_get(o, "errors")), 1);
	assert_int_equal(json_integer_value(json_object_get(o, "bytes_read")), 1234567890123);
	assert_int_equal(json_integer_value(json_object_get(o, "peak_rss_kib")), 10);
	assert_int_equal(json_integer_value(json_object_get(o, "guard_spin")), 7);
	assert_true(json_real_value(json_object_get(o, "cpu_user_s")) > 1.499);
	read = json_object_get(json_object_get(o, "operations"), "read");
	assert_int_equal(json_integer_value(json_object_get(read, "requests")), 3);
	assert_int_equal(json_array_size(json_object_get(read, "buckets")), 2);
	assert_int_equal(json_object_size(json_object_get(o, "operations")), 3);
	assert_int_equal(json_object_size(json_object_get(o, "budgets")), N_METRIC_BUDGETS);
	json_decref(o);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_duration_lies_in_its_bucket),
		cmocka_unit_test(quantiles_are_those_of_the_durations),
		cmocka_unit_test(threads_count_for_themselves_and_nothing_is_lost),
		cmocka_unit_test(two_servers_of_a_thread_count_apart),
		cmocka_unit_test(prometheus_reads_counts_and_cumulative_buckets),
		cmocka_unit_test(json_has_the_same_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
