/* SPDX-License-Identifier: MIT */
/* Each guard on and off: a client's messages to a server of a folder of the host. */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "fake-channel.h"
#include "local.h"
#include "metrics.h"
#include "server.h"

static char dir[] = "/tmp/warren-guards-XXXXXX";
static char path[64];

/* What happens once between a write and its end. */
static void (*meanwhile)(void);

ssize_t __wrap_pwritev64v2(int fd, const struct iovec *iov, int n, off_t offset, int flags);
ssize_t __real_pwritev64v2(int fd, const struct iovec *iov, int n, off_t offset, int flags);

ssize_t __wrap_pwritev64v2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
	ssize_t written = __real_pwritev64v2(fd, iov, n, offset, flags);
	void (*act)(void) = written > 0 ? meanwhile : NULL;

	if (act) {
		meanwhile = NULL;
		act();
	}
	return written;
}

struct rig {
	struct backend *backend;
	struct server *server;
	struct fake_channel *fc;
	int acted[N_GUARDS];
};

static void note(void *ctx, enum guard g, const char *what)
{
	assert_true(*what);
	((struct rig *)ctx)->acted[g]++;
}

/* Another client of the server. */
static struct fake_channel *connect_client(const struct rig *r, unsigned msize)
{
	const struct fake_config fake = {.max_msize = msize};
	struct fake_channel *fc = fake_channel_new(server_handler(r->server), &fake);
	const struct msg *m;

	assert_int_equal(
		fake_channel_callf(fc, &m, "Tversion tag=65535 msize=%u version=9P2000.L", msize),
		0);
	assert_int_equal(fake_channel_callf(fc, &m, "Tattach tag=1 fid=0 afid=4294967295"), 0);
	return fc;
}

/* The folder TREE with the guards that TEXT names, attached as fid 0. */
static void start(struct rig *r, const char *tree, const char *text, unsigned msize)
{
	struct server_config cfg = {.guard_acted = note, .guard_ctx = r};
	const struct local_config local = {.dir = tree};
	const char *bad;
	size_t len;

	*r = (struct rig){.fc = NULL};
	assert_int_equal(local_new(&local, &r->backend), 0);
	assert_int_equal(guards_parse(text, &cfg.guards, &bad, &len), 0);
	cfg.backend = r->backend;
	assert_int_equal(server_new(&cfg, &r->server), 0);
	r->fc = connect_client(r, msize);
}

static uint64_t stop(struct rig *r, enum guard g)
{
	struct metrics stats;

	server_get_metrics(r->server, &stats);
	fake_channel_free(r->fc);
	server_free(r->server);
	backend_free(r->backend);
	return stats.guard[g].acted;
}

#define CALL(r, err, ...) assert_int_equal(fake_channel_callf((r)->fc, &m, __VA_ARGS__), err)

static const struct msg *open_as(struct rig *r, unsigned fid, const char *name, unsigned flags)
{
	const struct msg *m;

	CALL(r, 0, "Twalk tag=1 fid=0 newfid=%u wname=[%s]", fid, name);
	CALL(r, 0, "Tlopen tag=1 fid=%u flags=%u", fid, flags);
	return m;
}

/* The file `a` of SIZE bytes, changed AGE seconds ago. */
static void make_file(off_t size, time_t age)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, size), 0);
	clock_gettime(CLOCK_REALTIME, &times[1]);
	times[1].tv_sec -= age;
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

/* The clock of file times has moved on, by more than the time between two writes in which the guard
 * does not look. */
static void wait_for_file_clock(void)
{
	struct timespec from, now;

	clock_gettime(CLOCK_REALTIME_COARSE, &from);
	do
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	while ((now.tv_sec - from.tv_sec) * 1000000000 + now.tv_nsec - from.tv_nsec < 20000000);
}

static void reads_do_not_end_at_pages(void **state)
{
	static const unsigned msizes[] = {4096 + 24, 16384 + 24, 65536 + 24, 65536 + 24 + 64};
	struct rig r;

	(void)state;
	make_file(1, 0);
	for (size_t i = 0; i < sizeof(msizes) / sizeof(msizes[0]); i++) {
		start(&r, dir, "iounit", msizes[i]);
		assert_int_equal(open_as(&r, 1, "a", 0)->Rlopen.iounit, msizes[i] - 24 - 1);
		assert_int_equal(r.acted[GUARD_IOUNIT], 1);
		assert_int_equal(stop(&r, GUARD_IOUNIT), 1);
	}
}

static void other_sizes_of_reads_are_left_alone(void **state)
{
	struct rig r;

	(void)state;
	make_file(1, 0);
	start(&r, dir, "iounit", 65536);
	assert_int_equal(open_as(&r, 1, "a", 0)->Rlopen.iounit, 0);
	assert_int_equal(stop(&r, GUARD_IOUNIT), 0);
	start(&r, dir, "none", 16384 + 24);
	assert_int_equal(open_as(&r, 1, "a", 0)->Rlopen.iounit, 0);
	stop(&r, GUARD_IOUNIT);
}

/* How many equal empty reads are answered before the first EIO; at most LIMIT. */
static unsigned read_emptily(struct rig *r, unsigned limit)
{
	const struct msg *m;

	for (unsigned n = 0; n < limit; n++) {
		int err = fake_channel_callf(r->fc, &m, "Tread tag=1 fid=1 offset=100 count=50");

		if (err) {
			assert_int_equal(err, -EIO);
			return n;
		}
		assert_int_equal(m->Rread.data.count, 0);
	}
	return limit;
}

static void a_reader_that_spins_is_freed(void **state)
{
	const struct msg *m;
	struct rig r;

	(void)state;
	make_file(100, 0);
	start(&r, dir, "spin", 8192);
	open_as(&r, 1, "a", 0);
	assert_int_equal(read_emptily(&r, 1000000), 4096);
	CALL(&r, 0, "Tread tag=1 fid=1 offset=50 count=50");
	assert_int_equal(m->Rread.data.count, 50);
	CALL(&r, 0, "Tread tag=1 fid=1 offset=101 count=50");
	assert_int_equal(m->Rread.data.count, 0);
	assert_int_equal(r.acted[GUARD_SPIN], 1);
	assert_in_range(stop(&r, GUARD_SPIN), 1, 2);
}

/* On a busy host it is not always its turn. */
static void a_reader_that_spins_with_pauses_is_freed_too(void **state)
{
	struct rig r;

	(void)state;
	make_file(100, 0);
	start(&r, dir, "spin", 8192);
	open_as(&r, 1, "a", 0);
	assert_int_equal(read_emptily(&r, 2000), 2000);
	nanosleep(&(struct timespec){.tv_nsec = 15000000}, NULL);
	assert_int_equal(read_emptily(&r, 1000000), 2096);
	stop(&r, GUARD_SPIN);
}

static void without_its_guard_a_reader_spins(void **state)
{
	struct rig r;

	(void)state;
	make_file(100, 0);
	start(&r, dir, "all,no-spin", 8192);
	open_as(&r, 1, "a", 0);
	assert_int_equal(read_emptily(&r, 20000), 20000);
	stop(&r, GUARD_SPIN);
}

static void a_file_that_just_changed_is_not_cached(void **state)
{
	struct rig r;

	(void)state;
	make_file(10, 3600);
	start(&r, dir, "fresh", 8192);
	assert_int_not_equal(open_as(&r, 1, "a", 0)->Rlopen.qid.version, 0);
	assert_int_equal(r.acted[GUARD_FRESH], 0);
	make_file(10, 0);
	assert_int_equal(open_as(&r, 2, "a", 0)->Rlopen.qid.version, 0);
	assert_int_equal(stop(&r, GUARD_FRESH), 1);
	start(&r, dir, "none", 8192);
	assert_int_not_equal(open_as(&r, 1, "a", 0)->Rlopen.qid.version, 0);
	stop(&r, GUARD_FRESH);
}

static void what_a_file_lost_is_an_error(void **state)
{
	const struct msg *m;
	struct rig r;

	(void)state;
	make_file(10000, 0);
	start(&r, dir, "shrunk", 65536);
	open_as(&r, 1, "a", 0);
	CALL(&r, 0, "Tgetattr tag=1 fid=1 request_mask=0x7ff");
	assert_int_equal(truncate(path, 5000), 0);
	CALL(&r, -EIO, "Tread tag=1 fid=1 offset=0 count=10000");
	CALL(&r, 0, "Tread tag=1 fid=1 offset=0 count=5000");
	/* once the client knows */
	CALL(&r, 0, "Tgetattr tag=1 fid=1 request_mask=0x7ff");
	CALL(&r, 0, "Tread tag=1 fid=1 offset=0 count=10000");
	assert_int_equal(m->Rread.data.count, 5000);
	assert_int_equal(stop(&r, GUARD_SHRUNK), 1);
}

static void a_client_may_shrink_a_file_itself(void **state)
{
	const struct msg *m;
	struct rig r;

	(void)state;
	make_file(10000, 0);
	start(&r, dir, "all", 65536);
	open_as(&r, 1, "a", 2);
	open_as(&r, 2, "a", 0);
	CALL(&r, 0, "Tgetattr tag=1 fid=2 request_mask=0x7ff");
	CALL(&r, 0, "Tsetattr tag=1 fid=1 valid=0x8 size=5000");
	CALL(&r, 0, "Tread tag=1 fid=2 offset=0 count=10000");
	assert_int_equal(m->Rread.data.count, 5000);
	assert_int_equal(stop(&r, GUARD_SHRUNK), 0);
}

static void a_write_to_what_the_host_changed_is_warned_of(void **state)
{
	const struct msg *m;
	struct rig r;

	(void)state;
	make_file(10, 3600);
	start(&r, dir, "writers", 8192);
	open_as(&r, 1, "a", 1);
	CALL(&r, 0, "Twrite tag=1 fid=1 offset=0 data=abc");
	wait_for_file_clock();
	CALL(&r, 0, "Twrite tag=1 fid=1 offset=0 data=abc");
	assert_int_equal(r.acted[GUARD_WRITERS], 0);
	wait_for_file_clock();
	make_file(20, 0);
	CALL(&r, 0, "Twrite tag=1 fid=1 offset=0 data=abc");
	assert_int_equal(r.acted[GUARD_WRITERS], 1);
	assert_int_equal(stop(&r, GUARD_WRITERS), 1);
}

static void changes_by_clients_are_no_others(void **state)
{
	const struct msg *m;
	struct rig r;

	(void)state;
	make_file(10, 3600);
	start(&r, dir, "writers", 8192);
	open_as(&r, 1, "a", 1);
	wait_for_file_clock();
	open_as(&r, 2, "a", 1);
	CALL(&r, 0, "Twrite tag=1 fid=2 offset=0 data=abc");
	wait_for_file_clock();
	CALL(&r, 0, "Trenameat tag=1 olddirfid=0 oldname=a newdirfid=0 newname=b");
	CALL(&r, 0, "Trenameat tag=1 olddirfid=0 oldname=b newdirfid=0 newname=a");
	wait_for_file_clock();
	CALL(&r, 0, "Twrite tag=1 fid=1 offset=0 data=abc");
	/* a time in the future */
	CALL(&r, 0, "Tsetattr tag=1 fid=2 valid=0x120 mtime_sec=4000000000");
	wait_for_file_clock();
	CALL(&r, 0, "Twrite tag=1 fid=1 offset=0 data=abc");
	assert_int_equal(stop(&r, GUARD_WRITERS), 0);
}

/* The same server, and another client. */
static struct rig other;

static void other_writes(void)
{
	const struct msg *m;

	wait_for_file_clock();
	CALL(&other, 0, "Twrite tag=1 fid=1 offset=5 data=xyz");
}

/* The thread that writes may be stopped before it can tell whose change that is. */
static void a_change_that_is_under_way_is_no_others(void **state)
{
	const struct msg *m;
	struct rig r;

	(void)state;
	make_file(10, 3600);
	start(&r, dir, "writers", 8192);
	open_as(&r, 1, "a", 1);
	other = r;
	other.fc = connect_client(&r, 8192);
	open_as(&other, 1, "a", 1);
	wait_for_file_clock();
	meanwhile = other_writes;
	CALL(&r, 0, "Twrite tag=1 fid=1 offset=0 data=abc");
	assert_null(meanwhile);
	assert_int_equal(r.acted[GUARD_WRITERS], 0);
	/* and both have told */
	wait_for_file_clock();
	CALL(&r, 0, "Twrite tag=1 fid=1 offset=0 data=abc");
	assert_int_equal(r.acted[GUARD_WRITERS], 0);
	wait_for_file_clock();
	make_file(20, 0);
	CALL(&r, 0, "Twrite tag=1 fid=1 offset=0 data=abc");
	assert_int_equal(r.acted[GUARD_WRITERS], 1);
	fake_channel_free(other.fc);
	stop(&r, GUARD_WRITERS);
}

/* What sysfs says and what it holds. */
#define PSEUDO_DIR "/sys/kernel"
#define PSEUDO_FILE "uevent_seqnum"

static uint64_t size_told(const char *guards)
{
	const struct msg *m;
	struct rig r;
	uint64_t size;

	start(&r, PSEUDO_DIR, guards, 8192);
	CALL(&r, 0, "Twalk tag=1 fid=0 newfid=1 wname=[" PSEUDO_FILE "]");
	CALL(&r, 0, "Tgetattr tag=1 fid=1 request_mask=0x7ff");
	size = m->Rgetattr.size;
	stop(&r, GUARD_PSEUDO);
	return size;
}

static void a_pseudo_file_has_the_size_of_what_it_holds(void **state)
{
	char buf[64];
	int fd = open(PSEUDO_DIR "/" PSEUDO_FILE, O_RDONLY);
	ssize_t n;

	(void)state;
	if (fd < 0)
		skip(); /* no sysfs here */
	n = read(fd, buf, sizeof(buf));
	close(fd);
	assert_int_equal(size_told("none"), 4096);
	assert_in_range(size_told("pseudo"), 1, n + 1);
}

static void a_list_changes_what_is_on(void **state)
{
	uint32_t mask = guards_default(), before = mask;
	const char *bad;
	size_t len;

	(void)state;
	assert_true(mask >> GUARD_IOUNIT & 1 && !(mask >> GUARD_FRESH & 1));
	assert_int_equal(guards_parse("fresh,no-iounit", &mask, &bad, &len), 0);
	assert_true(mask >> GUARD_FRESH & 1 && !(mask >> GUARD_IOUNIT & 1));
	assert_int_equal(guards_parse("none", &mask, &bad, &len), 0);
	assert_int_equal(mask, 0);
	assert_int_equal(guards_parse("all,no-spin", &mask, &bad, &len), 0);
	assert_int_equal(mask, (1u << N_GUARDS) - 1 - (1u << GUARD_SPIN));
	mask = before;
	assert_int_equal(guards_parse("iounit,fish", &mask, &bad, &len), -EINVAL);
	assert_int_equal(len, 4);
	assert_memory_equal(bad, "fish", 4);
	assert_int_equal(guards_parse("", &mask, &bad, &len), -EINVAL);
	assert_int_equal(guards_parse("no-none", &mask, &bad, &len), -EINVAL);
	assert_int_equal(mask, before);
}

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/a", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_do_not_end_at_pages),
		cmocka_unit_test(other_sizes_of_reads_are_left_alone),
		cmocka_unit_test(a_reader_that_spins_is_freed),
		cmocka_unit_test(a_reader_that_spins_with_pauses_is_freed_too),
		cmocka_unit_test(without_its_guard_a_reader_spins),
		cmocka_unit_test(a_file_that_just_changed_is_not_cached),
		cmocka_unit_test(what_a_file_lost_is_an_error),
		cmocka_unit_test(a_client_may_shrink_a_file_itself),
		cmocka_unit_test(a_write_to_what_the_host_changed_is_warned_of),
		cmocka_unit_test(changes_by_clients_are_no_others),
		cmocka_unit_test(a_change_that_is_under_way_is_no_others),
		cmocka_unit_test(a_pseudo_file_has_the_size_of_what_it_holds),
		cmocka_unit_test(a_list_changes_what_is_on),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
