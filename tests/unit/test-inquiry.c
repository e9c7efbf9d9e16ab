/* SPDX-License-Identifier: MIT */
/* What is asked about damage, and of whom: the second look at a terminal that nobody reads; more findings
 * than can be asked about. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "compare.h"
#include "inquiry.h"
#include "macros.h"
#include "manifest.h"
#include "verdict.h"

/* Time and waiting, of our own while `is_ours`: nothing here takes ten seconds. */
static struct {
	bool is_ours, is_room_told; /* there is room, poll says each time, after a while */
	int64_t ms, waits;
} fake;

#define A_WHILE_MS 4000

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __real_poll(struct pollfd *p, nfds_t n, int ms);
int __wrap_poll(struct pollfd *p, nfds_t n, int ms);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	if (!fake.is_ours)
		return __real_clock_gettime(id, ts);
	*ts = (struct timespec){.tv_sec = 1000 + fake.ms / 1000,
				.tv_nsec = fake.ms % 1000 * 1000000};
	return 0;
}

int __wrap_poll(struct pollfd *p, nfds_t n, int ms)
{
	if (!fake.is_ours)
		return __real_poll(p, n, ms);
	assert_true(ms >= 0 && fake.waits++ < 100); /* that is: it waits for ever */
	for (nfds_t i = 0; i < n; i++)
		p[i].revents = 0;
	fake.ms += fake.is_room_told ? MIN(ms, A_WHILE_MS) : ms;
	p[0].revents = fake.is_room_told ? POLLOUT : 0;
	return fake.is_room_told;
}

/* Asks, at a terminal that takes nothing more, with INTERRUPT so many times readable. */
static int ask_who_takes_nothing(unsigned interrupt)
{
	const struct tally t = {0};
	struct inquiry q = {0};
	char bytes[4096] = {0};
	char folder[] = "/tmp/test-inquiry-XXXXXX";
	int fds[2], event = eventfd(interrupt, EFD_CLOEXEC), dir_fd, r;

	assert_non_null(mkdtemp(folder));
	dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(manifest_start(dir_fd, &q.manifest), 0);
	assert_int_equal(manifest_wait(q.manifest), 0);
	while (send(fds[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	fake.is_ours = !interrupt;
	fake.ms = fake.waits = 0;
	r = inquiry_ask(&q, &t, fds[0], event);
	fake.is_ours = false;
	inquiry_done(&q);
	manifest_free(q.manifest);
	close(fds[0]);
	close(fds[1]);
	close(event);
	close(dir_fd);
	rmdir(folder);
	return r;
}

static void an_interrupt_ends_the_waiting(void **state)
{
	(void)state;
	assert_int_equal(ask_who_takes_nothing(1), -EINTR);
}

static void a_guest_that_takes_nothing_is_waited_for_ten_seconds(void **state)
{
	(void)state;
	fake.is_room_told = false;
	assert_int_equal(ask_who_takes_nothing(0), -ETIMEDOUT);
	assert_in_range(fake.ms, 10000, 10010);
	assert_int_equal(fake.waits, 1);
}

/* All in all, not anew for each time that there may be room. */
static void a_guest_that_takes_little_has_no_more_time(void **state)
{
	(void)state;
	fake.is_room_told = true;
	assert_int_equal(ask_who_takes_nothing(0), -ETIMEDOUT);
	assert_in_range(fake.ms, 10000, 10010);
	assert_int_equal(fake.waits, 3);
}

static void findings_that_are_too_many_are_told(void **state)
{
	static struct finding f[INQUIRY_BLAMED_MAX + 2];
	const struct circumstances here = {
		.version = "6.12", .guest = "UML", .transport = "virtio", .cache = "mmap"};
	const struct inquiry q = {.no_recording = "there is none"};
	struct tally t = {
		.n_steps = 1, .steps = {"read"}, .findings = f, .n_findings = ARRAY_SIZE(f) + 1};
	autofree char *sentence = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		f[i] = (struct finding){.next = i + 1 < ARRAY_SIZE(f) ? &f[i + 1] : NULL,
					.path = (char *)"f",
					.class = DAMAGE_MISSING};
	inquiry_conclude(&q, &t);
	assert_non_null(f[INQUIRY_BLAMED_MAX - 1].evidence);
	assert_null(f[INQUIRY_BLAMED_MAX].evidence);
	sentence = verdict_sentence(&t, &here);
	assert_non_null(strstr(sentence, "; for 3 of the findings the layer was not looked for"));
	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		free(f[i].evidence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interrupt_ends_the_waiting),
		cmocka_unit_test(a_guest_that_takes_nothing_is_waited_for_ten_seconds),
		cmocka_unit_test(a_guest_that_takes_little_has_no_more_time),
		cmocka_unit_test(findings_that_are_too_many_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
