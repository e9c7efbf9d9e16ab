/* SPDX-License-Identifier: MIT */
/* The second look is asked for at a terminal that nobody reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "compare.h"
#include "inquiry.h"
#include "manifest.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(an_interrupt_ends_the_waiting)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
