/* SPDX-License-Identifier: MIT */
/* A whole server on a Unix socket: which reads are spliced, and that all are right. */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backend.h"
#include "cleanup.h"
#include "client.h"
#include "fault.h"
#include "listen.h"
#include "local.h"
#include "loop.h"
#include "metrics.h"
#include "observer.h"
#include "page-hooks.h"
#include "readonly.h"
#include "server.h"

#define FILE_SIZE 600000u
#define COUNT 100000u

static char dir[] = "/tmp/warren-test-XXXXXX";
static char path[64];
static struct loop *loop;
static struct backend *backend;
static struct server *server;
static struct listener *listener;
static pthread_t thread;
static struct client *client;
static atomic_bool is_cold;

/* What the kernel says of the page cache is what the test wants it to say. */
static int tell_cached(uint64_t offset, uint64_t len, uint64_t *ret_pages)
{
	(void)offset;
	(void)len;
	*ret_pages = atomic_load(&is_cold) ? 0 : UINT32_MAX;
	return 0;
}

static _Atomic long cut_to; /* before the next splice; -1: not */

static int cut_file(bool from_file, size_t *count)
{
	long size = atomic_exchange(&cut_to, -1);

	(void)from_file;
	(void)count;
	if (size >= 0)
		assert_int_equal(truncate(path, size), 0);
	return 0;
}

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16) * 29);
}

static void *run_loop(void *arg)
{
	assert_int_equal(loop_run(loop), 0);
	return arg;
}

/* A server on what PREPARE puts on the folder. */
static void start(int (*prepare)(void), struct server_config cfg, unsigned pipes)
{
	autofree char *why_not = NULL;
	char address[80];
	struct msg m;

	atomic_store(&is_cold, false);
	atomic_store(&cut_to, -1);
	snprintf(address, sizeof(address), "unix:%s/s", dir);
	assert_int_equal(local_new(&(struct local_config){.dir = dir}, &backend), 0);
	assert_int_equal(prepare ? prepare() : 0, 0);
	cfg.backend = backend;
	assert_int_equal(server_new(&cfg, &server), 0);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(listener_new(loop, address, server_handler(server), &listener, &why_not),
			 0);
	listener_use_pipes(listener, pipes);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, NULL), 0);
	client = client_connect_unix(address + 5);
	assert_non_null(client);
	assert_int_equal(client_start(client, 1 << 20, 0, 0), 0);
	assert_int_equal(client_callf(client, &m, "Twalk fid=0 newfid=1 wname=[f]"), 0);
	assert_int_equal(client_callf(client, &m, "Tlopen fid=1 flags=0"), 0);
}

static uint64_t metric(enum metric m)
{
	struct metrics all;

	server_get_metrics(server, &all);
	return all.value[m];
}

static void stop(void)
{
	client_free(client);
	loop_stop(loop);
	pthread_join(thread, NULL);
	listener_free(listener);
	loop_free(loop);
	server_free(server);
	backend_free(backend);
}

/* Reads COUNT bytes of FID at OFFSET: N come, and are right. */
static void reads(unsigned fid, uint32_t offset, uint32_t count, uint32_t n)
{
	struct msg m;

	assert_int_equal(
		client_callf(client, &m, "Tread fid=%u offset=%u count=%u", fid, offset, count), 0);
	assert_int_equal(m.Rread.data.count, n);
	for (uint32_t i = 0; i < n; i++)
		if (((const uint8_t *)m.Rread.data.p)[i] != byte_at(offset + i))
			fail_msg("at %u, of %u: byte %u is wrong", offset, count, i);
}

static void expect_spliced(uint64_t n)
{
	assert_int_equal(metric(METRIC_BYTES_SPLICED), n);
}

static void large_reads_are_spliced(void **state)
{
	static const uint32_t offsets[] = {0, 1, 4095, 12288, 100001};
	uint64_t sum = 0;

	(void)state;
	start(NULL, (struct server_config){0}, 4);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		for (uint32_t n = 49152; n < 500000; n += 77777) {
			reads(1, offsets[i], n, n);
			sum += n;
		}
	assert_int_equal(metric(METRIC_BYTES_READ), sum);
	expect_spliced(sum);
	stop();
}

static void small_reads_are_copied(void **state)
{
	(void)state;
	start(NULL, (struct server_config){0}, 4);
	reads(1, 0, 0, 0);
	reads(1, 4096, 4096, 4096);
	reads(1, 5000, 49151, 49151);
	expect_spliced(0);
	stop();
}

static void a_small_msize_makes_small_reads(void **state)
{
	struct msg m;

	(void)state;
	start(NULL, (struct server_config){.max_msize = 8192}, 4);
	assert_int_equal(client_callf(client, &m, "Tread fid=1 offset=0 count=%u", COUNT), 0);
	assert_int_equal(m.Rread.data.count, 8192 - P9_READ_HEADER_SIZE);
	expect_spliced(0);
	stop();
}

static void reads_at_the_end_are_right(void **state)
{
	(void)state;
	start(NULL, (struct server_config){0}, 4);
	reads(1, FILE_SIZE - 10, COUNT, 10);
	reads(1, FILE_SIZE - COUNT + 1, COUNT, COUNT - 1);
	reads(1, FILE_SIZE, COUNT, 0);
	reads(1, FILE_SIZE + COUNT, COUNT, 0);
	/* by a worker, which finds the end itself */
	atomic_store(&is_cold, true);
	reads(1, FILE_SIZE - COUNT, COUNT, COUNT);
	reads(1, FILE_SIZE - 50001, COUNT, 50001);
	stop();
}

static void what_is_not_in_memory_is_left_to_a_worker(void **state)
{
	struct statfs fs;
	uint64_t before;

	(void)state;
	start(NULL, (struct server_config){0}, 4);
	reads(1, 0, COUNT, COUNT);
	before = metric(METRIC_DEFERRED);
	atomic_store(&is_cold, true);
	for (uint32_t i = 0; i < 10; i++)
		reads(1, i * 1000, COUNT, COUNT);
	reads(1, 0, 1, 1); /* by the thread that counts those that went to workers */
	assert_int_equal(statfs(path, &fs), 0);
	assert_int_equal(metric(METRIC_DEFERRED) - before, fs.f_type == TMPFS_MAGIC ? 0 : 10);
	expect_spliced(11 * COUNT);
	assert_int_equal(metric(METRIC_IN_FLIGHT), 0);
	stop();
}

static void without_pipes_all_is_copied(void **state)
{
	(void)state;
	start(NULL, (struct server_config){0}, 0);
	reads(1, 0, COUNT, COUNT);
	expect_spliced(0);
	stop();
}

/* The pipe is asked for in vain, then too. */
static void more_reads_than_pipes_are_right(void **state)
{
	struct msg m;

	(void)state;
	start(NULL, (struct server_config){0}, 1);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(client_sendf(client, "Tread tag=%u fid=1 offset=%u count=%u", i,
					      i * 3, COUNT),
				 0);
	for (unsigned i = 0; i < 20; i++) {
		const uint8_t *p;

		assert_int_equal(client_recv(client, &m), 0);
		assert_int_equal(m.type, Rread);
		assert_int_equal(m.Rread.data.count, COUNT);
		p = m.Rread.data.p;
		for (uint32_t k = 0; k < COUNT; k++)
			assert_int_equal(p[k], byte_at(m.tag * 3 + k));
	}
	stop();
}

static int damage(void)
{
	autofree char *why_not = NULL;

	return fault_new(backend, "zero,offset=50000,count=1", &backend, &why_not);
}

static void a_fault_damages_large_reads_too(void **state)
{
	struct msg m;

	(void)state;
	start(damage, (struct server_config){0}, 4);
	assert_int_equal(client_callf(client, &m, "Tread fid=1 offset=0 count=%u", COUNT), 0);
	assert_int_equal(m.Rread.data.count, COUNT);
	assert_int_equal(((const uint8_t *)m.Rread.data.p)[50000], 0);
	assert_int_not_equal(byte_at(50000), 0);
	expect_spliced(0);
	stop();
}

static int make_readonly(void)
{
	return readonly_new(backend, &backend);
}

static void a_filter_that_lets_data_pass_splices(void **state)
{
	(void)state;
	start(make_readonly, (struct server_config){0}, 4);
	reads(1, 1, COUNT, COUNT);
	expect_spliced(COUNT);
	stop();
}

/* An observer adds up what it sees. */
static atomic_uint_least64_t seen;

static void *observe_opened(void *self, const struct channel *ch, uint64_t session)
{
	(void)ch;
	(void)session;
	return self;
}

static void observe_request(void *observed, const struct frame *f, uint64_t received)
{
	(void)observed;
	(void)f;
	(void)received;
}

static void observe_reply(void *observed, const struct observed_reply *r)
{
	size_t left = r->payload_len;

	(void)observed;
	for (int i = 0; i < r->n_iov && left; i++) {
		size_t n = MIN(left, r->iov[i].iov_len);

		for (size_t k = 0; k < n; k++)
			seen += ((const uint8_t *)r->iov[i].iov_base)[k];
		left -= n;
	}
	assert_int_equal(left, 0);
}

static void observe_closed(void *observed)
{
	(void)observed;
}

static void an_observer_sees_all_data(void **state)
{
	static const struct observer_ops ops = {observe_opened, observe_request, observe_reply,
						observe_closed};
	uint64_t sum = 0;

	(void)state;
	seen = 0;
	start(NULL, (struct server_config){.observer = &ops}, 4);
	reads(1, 5, COUNT, COUNT);
	for (uint32_t i = 0; i < COUNT; i++)
		sum += byte_at(5 + i);
	assert_int_equal(seen, sum);
	expect_spliced(0);
	stop();
}

/* Between the look at its end and the splice. */
static void a_file_that_shrinks_meanwhile_gives_what_it_has(void **state)
{
	(void)state;
	start(NULL, (struct server_config){0}, 4);
	atomic_store(&cut_to, 150001);
	reads(1, 100000, COUNT, 50001);
	atomic_store(&cut_to, 50000);
	reads(1, 50001, COUNT - 1, 0);
	reads(1, 40000, COUNT, 10000);
	expect_spliced(50001);
	stop();
}

static void guards_see_spliced_reads(void **state)
{
	struct server_config cfg = {.guards = 1u << GUARD_SHRUNK};
	struct msg m;

	(void)state;
	start(NULL, cfg, 4);
	assert_int_equal(client_callf(client, &m, "Tgetattr fid=1 request_mask=0x3fff"), 0);
	atomic_store(&cut_to, 150000);
	assert_int_equal(client_callf(client, &m, "Tread fid=1 offset=100000 count=%u", COUNT),
			 -EIO);
	/* the connection goes on, with nothing of that read in it */
	for (uint32_t i = 0; i < 10; i++)
		reads(1, i, COUNT, COUNT);
	expect_spliced(10 * COUNT);
	stop();
}

static void what_is_no_open_file_is_copied_or_refused(void **state)
{
	struct msg m;

	(void)state;
	start(NULL, (struct server_config){0}, 4);
	assert_int_equal(client_callf(client, &m, "Tread fid=0 offset=0 count=%u", COUNT), -EBADF);
	assert_int_equal(client_callf(client, &m, "Tread fid=9 offset=0 count=%u", COUNT), -EBADF);
	assert_int_equal(client_callf(client, &m, "Twalk fid=0 newfid=2 wname=[]"), 0);
	assert_int_equal(client_callf(client, &m, "Tlopen fid=2 flags=0"), 0);
	assert_int_equal(client_callf(client, &m, "Tread fid=2 offset=0 count=%u", COUNT), -EISDIR);
	assert_int_equal(client_callf(client, &m, "Twalk fid=0 newfid=3 wname=[f]"), 0);
	assert_int_equal(client_callf(client, &m, "Tlopen fid=3 flags=1"), 0);
	assert_int_equal(client_callf(client, &m, "Tread fid=3 offset=0 count=%u", COUNT), -EBADF);
	reads(1, 0, COUNT, COUNT);
	expect_spliced(COUNT);
	stop();
}

static int make_file(void **state)
{
	autofree uint8_t *bytes = malloc(FILE_SIZE);
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	(void)state;
	for (uint32_t i = 0; i < FILE_SIZE; i++)
		bytes[i] = byte_at(i);
	return write(fd, bytes, FILE_SIZE) == FILE_SIZE ? 0 : -1;
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/f", dir);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return unlink(path) || rmdir(dir) ? -1 : 0;
}

#define T(name) cmocka_unit_test_setup(name, make_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(large_reads_are_spliced),
		T(small_reads_are_copied),
		T(a_small_msize_makes_small_reads),
		T(reads_at_the_end_are_right),
		T(what_is_not_in_memory_is_left_to_a_worker),
		T(without_pipes_all_is_copied),
		T(more_reads_than_pipes_are_right),
		T(a_fault_damages_large_reads_too),
		T(a_filter_that_lets_data_pass_splices),
		T(an_observer_sees_all_data),
		T(a_file_that_shrinks_meanwhile_gives_what_it_has),
		T(guards_see_spliced_reads),
		T(what_is_no_open_file_is_copied_or_refused),
	};

	signal(SIGPIPE, SIG_IGN);
	page_hook_cachestat = tell_cached;
	page_hook_splice = cut_file;
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
