/* SPDX-License-Identifier: MIT */
/* What is asked about damage, and of whom: the second look at a terminal that nobody reads; more findings
 * than can be asked about. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "cleanup.h"
#include "compare.h"
#include "inquiry.h"
#include "macros.h"
#include "manifest.h"
#include "verdict.h"

static void an_interrupt_ends_the_waiting(void **state)
{
	const struct tally t = {0};
	struct inquiry q = {0};
	char bytes[4096] = {0};
	int fds[2], interrupt = eventfd(1, EFD_CLOEXEC);
	int dir_fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(manifest_start(dir_fd, &q.manifest), 0);
	while (send(fds[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(inquiry_ask(&q, &t, fds[0], interrupt), -EINTR);
	inquiry_done(&q);
	manifest_free(q.manifest);
	close(fds[0]);
	close(fds[1]);
	close(interrupt);
	close(dir_fd);
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
		cmocka_unit_test(findings_that_are_too_many_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
