/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "cleanup.h"

#define PATH_50 "/tmp/0123456789012345678901234567890123456789012345"

static void addresses_of_each_kind_are_understood(void **state)
{
	static const struct {
		const char *text;
		struct address a;
	} cases[] = {
		{"unix:/run/w.9p", {.kind = ADDRESS_UNIX, .path = "/run/w.9p"}},
		{"unix:a:b", {.kind = ADDRESS_UNIX, .path = "a:b"}},
		{"tcp:127.0.0.1:564", {.kind = ADDRESS_TCP, .host = "127.0.0.1", .port = 564}},
		{"tcp:localhost:0", {.kind = ADDRESS_TCP, .host = "localhost"}},
		{"tcp:[::1]:65535", {.kind = ADDRESS_TCP, .host = "::1", .port = 65535}},
		{"vsock:2:564", {.kind = ADDRESS_VSOCK, .cid = 2, .port = 564}},
		{"vsock:any:0", {.kind = ADDRESS_VSOCK, .cid = UINT32_MAX}},
		{"vsock:4294967295:4294967295",
		 {.kind = ADDRESS_VSOCK, .cid = UINT32_MAX, .port = UINT32_MAX}},
		{"fd:0", {.kind = ADDRESS_FD, .fd = 0}},
		{"fd:17", {.kind = ADDRESS_FD, .fd = 17}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct address *want = &cases[i].a;
		struct address a;
		char *why_not = NULL;

		assert_int_equal(address_parse(cases[i].text, &a, &why_not), 0);
		assert_null(why_not);
		assert_int_equal(a.kind, want->kind);
		assert_string_equal(a.path, want->path);
		assert_string_equal(a.host, want->host);
		assert_int_equal(a.cid, want->cid);
		assert_int_equal(a.port, want->port);
		if (a.kind == ADDRESS_FD)
			assert_int_equal(a.fd, want->fd);
	}
}

static void what_is_no_address_is_explained_in_one_line(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "write unix:PATH"},
		{"unix", "write unix:PATH"},
		{"/run/w.9p", "write unix:PATH"},
		{"udp:1:2", "write unix:PATH"},
		{"uni:x", "write unix:PATH"},
		{"unix:", "needs a path"},
		{"unix:" PATH_50 PATH_50 PATH_50, "use a shorter one"},
		{"tcp:", "tcp:ADDRESS:PORT"},
		{"tcp:564", "tcp:ADDRESS:PORT"},
		{"tcp::564", "tcp:ADDRESS:PORT"},
		{"tcp:::1:564", "in brackets"},
		{"tcp:::1", "in brackets"},
		{"tcp:fe80:0:0:0:0:0:0:1", "in brackets"},
		{"tcp:fe80:0:0:0:0:0:0:1:564", "tcp:ADDRESS:PORT"},
		{"tcp:[::1]", "tcp:ADDRESS:PORT"},
		{"tcp:[::1", "tcp:ADDRESS:PORT"},
		{"tcp:[::1]564", "tcp:ADDRESS:PORT"},
		{"tcp:[]:564", "tcp:ADDRESS:PORT"},
		{"tcp:127.0.0.1:", "no port"},
		{"tcp:127.0.0.1:65536", "no port"},
		{"tcp:127.0.0.1:-1", "no port"},
		{"tcp:127.0.0.1: 1", "no port"},
		{"tcp:127.0.0.1:http", "no port"},
		{"vsock:2", "vsock:CID:PORT"},
		{"vsock:two:1", "vsock:CID:PORT"},
		{"vsock::1", "vsock:CID:PORT"},
		{"vsock:4294967296:1", "vsock:CID:PORT"},
		{"vsock:2:4294967296", "no port"},
		{"vsock:2:", "no port"},
		{"fd:", "number of an inherited socket"},
		{"fd:x", "number of an inherited socket"},
		{"fd:-1", "number of an inherited socket"},
		{"fd:2147483648", "number of an inherited socket"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct address a;
		autofree char *why_not = NULL;
		int r = address_parse(cases[i].text, &a, &why_not);

		assert_true(r == -EINVAL || r == -ENAMETOOLONG);
		assert_non_null(why_not);
		if (!strstr(why_not, cases[i].says))
			fail_msg("%s: %s", cases[i].text, why_not);
		assert_null(strchr(why_not, '\n'));
	}
}

static char *listen_and_tell(const char *text)
{
	struct address a;
	struct bound b;
	char *why_not, *told;

	assert_int_equal(address_parse(text, &a, &why_not), 0);
	assert_int_equal(address_listen(&a, &b, &why_not), 0);
	assert_false(b.connected);
	told = address_text(&a, b.fd);
	close(b.fd);
	return told;
}

static void port_0_becomes_the_port_that_the_kernel_chose(void **state)
{
	autofree char *told = listen_and_tell("tcp:127.0.0.1:0");
	struct address a;
	char *why_not;

	(void)state;
	assert_int_equal(address_parse(told, &a, &why_not), 0);
	assert_string_equal(a.host, "127.0.0.1");
	assert_int_not_equal(a.port, 0);
}

static void an_ipv6_address_keeps_its_brackets(void **state)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct address a = {.kind = ADDRESS_TCP, .host = "::1"};
	autofree char *told = address_text(&a, fd);

	(void)state;
	close(fd);
	assert_string_equal(told, "tcp:[::1]:0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_each_kind_are_understood),
		cmocka_unit_test(what_is_no_address_is_explained_in_one_line),
		cmocka_unit_test(port_0_becomes_the_port_that_the_kernel_chose),
		cmocka_unit_test(an_ipv6_address_keeps_its_brackets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
