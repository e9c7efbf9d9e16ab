/* SPDX-License-Identifier: MIT */
/* Where peers come from: sockets and their files, many peers at once. */
#include "cmocka-all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "listen.h"
#include "loop.h"
#include "macros.h"
#include "transport.h"

static struct loop *loop;
static char dir[] = "/tmp/warren-test-XXXXXX";
static char path[64], address[80];
static const char message[8] = {8, 0, 0, 0, 100, 1, 0, 'x'};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned n_opened, n_closed, most_peers, most_at_once;

static int opened(void *self, struct channel *ch, void **ret_session)
{
	int r = 0;

	(void)self;
	pthread_mutex_lock(&lock);
	if (n_opened - n_closed < most_peers) {
		n_opened++;
		most_at_once = MAX(most_at_once, n_opened - n_closed);
		*ret_session = ch;
	} else {
		r = -EBUSY;
	}
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return r;
}

static void receive(void *session, struct frame *f)
{
	struct channel *ch = session;

	ch->ops->reply(f, f->head, (uint32_t)f->head_len, 0);
}

static void closed(void *session)
{
	struct channel *ch = session;

	pthread_mutex_lock(&lock);
	n_closed++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	ch->ops->released(ch);
}

static const struct handler_ops handler_ops = {opened, receive, closed};
static const struct handler handler = {&handler_ops, NULL};

static void wait_for(const unsigned *number, unsigned value)
{
	pthread_mutex_lock(&lock);
	while (*number != value)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static int setup(void **state)
{
	(void)state;
	n_opened = n_closed = most_at_once = 0;
	most_peers = UINT32_MAX;
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(address, sizeof(address), "unix:%s", path);
	return loop_new(&loop);
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	unlink(path);
	return n_closed != n_opened;
}

static struct listener *listen_on(const char *where)
{
	struct listener *ls = NULL;
	char *why_not = NULL;

	if (listener_new(loop, where, &handler, &ls, &why_not))
		fail_msg("%s: %s", where, why_not);
	return ls;
}

/* It must fail with R, and say so in one line with WORDS in it. */
static void cannot_listen(const char *where, int r, const char *words)
{
	struct listener *ls = NULL;
	autofree char *why_not = NULL;

	assert_int_equal(listener_new(loop, where, &handler, &ls, &why_not), r);
	assert_null(ls);
	if (!strstr(why_not, words) || strchr(why_not, '\n'))
		fail_msg("%s: %s", where, why_not);
}

static void *run_loop(void *arg)
{
	assert_int_equal(loop_run(loop), 0);
	return arg;
}

static pthread_t start(void)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, run_loop, NULL), 0);
	return t;
}

static void stop(pthread_t t)
{
	loop_stop(loop);
	pthread_join(t, NULL);
}

static int make_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void connect_unix(int fd, const char *where)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", where);
	assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
}

static void is_served(int fd)
{
	char reply[sizeof(message)];

	assert_int_equal(send(fd, message, sizeof(message), MSG_NOSIGNAL), sizeof(message));
	assert_int_equal(recv(fd, reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
	assert_memory_equal(reply, message, sizeof(message));
}

static void the_socket_is_the_owners_and_goes_with_the_listener(void **state)
{
	struct listener *ls = listen_on(address);
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	assert_string_equal(listener_address(ls), address);
	assert_false(listener_is_public(ls));
	listener_free(ls);
	assert_int_equal(stat(path, &st), -1);
}

/* As a server leaves it that was killed. */
static void leave_stale_socket(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = make_unix_socket();

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static void a_stale_socket_is_replaced(void **state)
{
	(void)state;
	leave_stale_socket();
	listener_free(listen_on(address));
}

/* Goes when it is asked whether it is there. */
static void *listen_and_go(void *arg)
{
	int listening = *(int *)arg, fd = accept(listening, NULL, NULL);

	close(listening);
	close(fd);
	return arg;
}

static void a_server_that_is_about_to_end_is_waited_for(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = make_unix_socket();
	pthread_t t;

	(void)state;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(pthread_create(&t, NULL, listen_and_go, &fd), 0);
	listener_free(listen_on(address));
	pthread_join(t, NULL);
}

static void a_live_socket_is_left_alone(void **state)
{
	struct listener *ls = listen_on(address);

	(void)state;
	cannot_listen(address, -EADDRINUSE, "another program listens");
	assert_int_equal(access(path, F_OK), 0);
	listener_free(ls);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	(void)state;
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	cannot_listen(address, -EEXIST, "is no socket");
	assert_int_equal(access(path, F_OK), 0);
}

static void anothers_socket_at_the_path_is_not_removed(void **state)
{
	struct listener *ls = listen_on(address);

	(void)state;
	unlink(path);
	leave_stale_socket();
	listener_free(ls);
	assert_int_equal(access(path, F_OK), 0);
}

static void what_prevents_listening_is_explained(void **state)
{
	autoclose int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	autoclose int datagram = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[32];

	(void)state;
	cannot_listen("unix:/nowhere/at/all/s", -ENOENT, "does not exist");
	cannot_listen("tcp:192.0.2.1:0", -EADDRNOTAVAIL, "no address of this machine");
	cannot_listen(
		"tcp:0123456789012345678901234567890123456789012345678901234567890123456789:1",
		-EINVAL, "is no address");
	cannot_listen("fd:1000000", -EBADF, "not open");
	snprintf(text, sizeof(text), "fd:%d", file);
	cannot_listen(text, -ENOTSOCK, "is no socket");
	snprintf(text, sizeof(text), "fd:%d", datagram);
	cannot_listen(text, -EPROTOTYPE, "no stream socket");
}

static void a_port_in_use_is_explained(void **state)
{
	struct listener *ls = listen_on("tcp:127.0.0.1:0");

	(void)state;
	cannot_listen(listener_address(ls), -EADDRINUSE, "give port 0");
	listener_free(ls);
}

static void an_address_for_other_machines_is_public(void **state)
{
	struct listener *here = listen_on("tcp:127.0.0.1:0"), *all = listen_on("tcp:0.0.0.0:0");

	(void)state;
	assert_false(listener_is_public(here));
	assert_true(listener_is_public(all));
	listener_free(here);
	listener_free(all);
}

static void tcp_peers_are_served(void **state)
{
	struct listener *ls = listen_on("tcp:127.0.0.1:0");
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t t = start();

	(void)state;
	sa.sin_port = htons((uint16_t)atoi(strrchr(listener_address(ls), ':') + 1));
	assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	is_served(fd);
	stop(t);
	listener_free(ls);
}

static void a_listening_socket_can_be_inherited(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	autoclose int client = make_unix_socket();
	int fd = make_unix_socket();
	char text[32];

	(void)state;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	snprintf(text, sizeof(text), "fd:%d", fd);
	struct listener *ls = listen_on(text);
	pthread_t t = start();
	connect_unix(client, path);
	is_served(client);
	stop(t);
	listener_free(ls);
	/* whoever made its file removes it */
	assert_int_equal(access(path, F_OK), 0);
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

static void the_end_of_an_inherited_connection_is_told(void **state)
{
	int pair[2];
	char text[32];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	snprintf(text, sizeof(text), "fd:%d", pair[1]);
	struct listener *ls = listen_on(text);
	listener_on_end(ls, stop_loop, loop);
	pthread_t t = start();
	is_served(pair[0]);
	close(pair[0]);
	pthread_join(t, NULL);
	listener_free(ls);
}

static void a_refused_peer_sees_the_end(void **state)
{
	struct listener *ls = listen_on(address);
	autoclose int first = make_unix_socket(), second = make_unix_socket();
	pthread_t t = start();
	char c;

	(void)state;
	most_peers = 1;
	connect_unix(first, path);
	is_served(first);
	connect_unix(second, path);
	assert_int_equal(recv(second, &c, 1, 0), 0);
	is_served(first);
	stop(t);
	listener_free(ls);
}

#define N_PEERS 1000

static void a_thousand_peers_at_once(void **state)
{
	static int fds[N_PEERS];
	struct listener *ls = listen_on(address);
	pthread_t t = start();

	(void)state;
	for (int i = 0; i < N_PEERS; i++) {
		fds[i] = make_unix_socket();
		connect_unix(fds[i], path);
		assert_int_equal(send(fds[i], message, sizeof(message), 0), sizeof(message));
	}
	for (int i = 0; i < N_PEERS; i++) {
		char reply[sizeof(message)];
		assert_int_equal(recv(fds[i], reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
	}
	for (int i = 0; i < N_PEERS; i += 2)
		close(fds[i]);
	wait_for(&n_closed, N_PEERS / 2);
	for (int i = 1; i < N_PEERS; i += 2)
		is_served(fds[i]);
	stop(t);
	listener_free(ls);
	for (int i = 1; i < N_PEERS; i += 2)
		close(fds[i]);
}

static unsigned count_closed(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = n_closed;
	pthread_mutex_unlock(&lock);
	return n;
}

/* The size of a large message, and what fits into the socket of it. */
static void send_a_part(int fd)
{
	char part[60000] = {0, 0, 1};

	assert_int_equal(send(fd, part, sizeof(part), MSG_NOSIGNAL), sizeof(part));
}

static void peers_that_stop_make_room_for_others(void **state)
{
	enum { N = 100, MAX = 2 << 20 };
	struct listener *ls = listen_on(address);
	int fds[N], honest = make_unix_socket();
	pthread_t t;
	char c;

	(void)state;
	listener_limit_memory(ls, MAX);
	t = start();
	connect_unix(honest, path);
	for (int i = 0; i < N; i++) {
		fds[i] = make_unix_socket();
		connect_unix(fds[i], path);
		send_a_part(fds[i]);
		is_served(honest);
	}
	/* the first one is at its end, the last one can go on */
	assert_true(recv(fds[0], &c, 1, 0) <= 0);
	is_served(honest);
	send_a_part(fds[N - 1]);
	assert_int_equal(recv(fds[N - 1], &c, 1, 0), 1);
	assert_in_range(count_closed(), N / 4, N - 1);
	stop(t);
	listener_free(ls);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	close(honest);
}

static rlim_t set_fd_limit(rlim_t n)
{
	struct rlimit limit;
	rlim_t before;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

/* Out of descriptors: the peers over the limit wait for their turn. */
static void peers_wait_while_descriptors_are_out(void **state)
{
	enum { N = 20, FREE = 5 };
	struct listener *ls = listen_on(address);
	pthread_t t = start();
	int fds[N], last;
	rlim_t before;

	(void)state;
	for (int i = 0; i < N; i++)
		fds[i] = make_unix_socket();
	last = fds[N - 1];
	before = set_fd_limit((rlim_t)last + 1 + FREE);
	for (int i = 0; i < N; i++)
		connect_unix(fds[i], path);
	wait_for(&n_opened, FREE);
	for (int i = 0; i < N; i++) {
		is_served(fds[i]);
		close(fds[i]);
	}
	wait_for(&n_closed, N);
	set_fd_limit(before);
	stop(t);
	listener_free(ls);
}

static void some_descriptors_are_left_for_files(void **state)
{
	enum { N = 40, LIMIT = 100 };
	rlim_t before = set_fd_limit(LIMIT);
	struct listener *ls = listen_on(address);
	pthread_t t = start();
	int fds[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		fds[i] = make_unix_socket();
		connect_unix(fds[i], path);
	}
	for (int i = 0; i < N; i++) {
		is_served(fds[i]);
		close(fds[i]);
	}
	wait_for(&n_closed, N);
	assert_true(most_at_once <= LIMIT / 4 + 1);
	set_fd_limit(before);
	stop(t);
	listener_free(ls);
}

static int make_dir(void **state)
{
	struct rlimit limit;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_socket_is_the_owners_and_goes_with_the_listener),
		T(a_stale_socket_is_replaced),
		T(a_server_that_is_about_to_end_is_waited_for),
		T(a_live_socket_is_left_alone),
		T(a_file_that_is_no_socket_is_left_alone),
		T(anothers_socket_at_the_path_is_not_removed),
		T(what_prevents_listening_is_explained),
		T(a_port_in_use_is_explained),
		T(an_address_for_other_machines_is_public),
		T(tcp_peers_are_served),
		T(a_listening_socket_can_be_inherited),
		T(the_end_of_an_inherited_connection_is_told),
		T(a_refused_peer_sees_the_end),
		T(a_thousand_peers_at_once),
		T(peers_that_stop_make_room_for_others),
		T(peers_wait_while_descriptors_are_out),
		T(some_descriptors_are_left_for_files),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
