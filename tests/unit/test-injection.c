/* SPDX-License-Identifier: MIT */
/* A whole session over a socket, inherited or accepted, or over a vhost-user device, again and again:
 * in the n-th run the n-th call of the server to the system or to the allocator fails. Whatever it
 * is, each reply is right or an error that the client can make sense of, or the connection ends; none
 * is missing, and nothing stays open. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cmocka-all.h"
#include "backend.h"
#include "cleanup.h"
#include "client.h"
#include "hooks.h"
#include "hostile-folder.h"
#include "listen.h"
#include "local.h"
#include "loop.h"
#include "server.h"
#include "vhost-client.h"
#include "vhost-user.h"

static const char *const session[] = {
	"Tversion tag=65535 msize=131072 version=9P2000.L",
	"Tattach fid=0 afid=4294967295 n_uname=0",
	"Twalk fid=0 newfid=1 wname=[d,f]",
	"Tgetattr fid=1 request_mask=0x3fff",
	"Tlopen fid=1 flags=2",
	"Tread fid=1 count=100",
	"Twrite fid=1 offset=3 data=XY",
	"Tread fid=1 count=100",
	"Twalk fid=0 newfid=7 wname=[d,large]",
	"Tlopen fid=7 flags=0",
	"Tread fid=7 offset=5 count=65536",
	"Tread fid=7 offset=70000 count=65536",
	"Tclunk fid=7",
	"Tfsync fid=1",
	"Tlock fid=1 type=1 start=0 length=5 proc_id=1 client_id=me",
	"Tgetlock fid=1 type=1 start=0 length=5 proc_id=2 client_id=you",
	"Tclunk fid=1",
	"Twalk fid=0 newfid=2 wname=[]",
	"Tlcreate fid=2 name=new flags=0x42 mode=0640",
	"Twrite fid=2 data=fresh",
	"Tsetattr fid=2 valid=9 mode=0600 size=3",
	"Tread fid=2 count=100",
	"Tclunk fid=2",
	"Tmkdir dfid=0 name=m mode=0755",
	"Tsymlink fid=0 name=s symtgt=d/f",
	"Tmknod dfid=0 name=p mode=0010644",
	"Twalk fid=0 newfid=3 wname=[s]",
	"Treadlink fid=3",
	"Tremove fid=3",
	"Twalk fid=0 newfid=4 wname=[new]",
	"Tlink dfid=0 fid=4 name=second",
	"Trename fid=4 dfid=0 name=third",
	"Trenameat olddirfid=0 oldname=second newdirfid=0 newname=fourth",
	"Txattrcreate fid=4 name=user.a attr_size=5",
	"Twrite fid=4 data=value",
	"Tclunk fid=4",
	"Twalk fid=0 newfid=4 wname=[third]",
	"Txattrwalk fid=4 newfid=5 name=user.a",
	"Tread fid=5 count=100",
	"Tclunk fid=5",
	"Txattrwalk fid=4 newfid=5 name=\"\"",
	"Tread fid=5 count=100",
	"Tsetattr fid=4 valid=0x1b6 mode=0644 uid=0 gid=0 mtime_sec=5",
	"Tstatfs fid=4",
	"Twalk fid=0 newfid=6 wname=[]",
	"Tlopen fid=6 flags=0",
	"Treaddir fid=6 count=4000",
	"Tflush oldtag=7",
	"Tunlinkat dirfd=0 name=fourth",
	"Tunlinkat dirfd=0 name=m flags=0x200",
	"Tclunk fid=6",
};
#define N_STEPS ARRAY_SIZE(session)
#define LARGE (128u << 10) /* bytes of d/large, which an accepted socket gets without a copy */

enum carrier { INHERITED, ACCEPTED, RING };

/* The calls of a run, and the one that fails. */
static atomic_uint n_calls;
static unsigned fail_at;
static atomic_int injected; /* its errno; 0: not yet */
static _Atomic(const char *) injected_name;

static int before(const char *name, int err)
{
	if (!err || atomic_fetch_add(&n_calls, 1) + 1 != fail_at)
		return 0;
	atomic_store(&injected_name, name);
	atomic_store(&injected, err);
	return err;
}

struct host {
	struct loop *loop;
	struct server *server;
	struct listener *listener; /* one of both */
	struct vhost_user *device;
	struct backend *backend;
	pthread_t thread;
	int end; /* the client's, to be told when there is no server any more */
};

static void *run_loop(void *arg)
{
	struct host *h = arg;

	hooks_exempt = false;
	/* the program would end */
	if (loop_run(h->loop)) {
		hooks_exempt = true;
		shutdown(h->end, SHUT_RDWR);
	}
	return NULL;
}

/* What the program does before it serves; any of it may fail. */
static int start_parts(struct host *h, enum carrier carrier, int fd)
{
	struct vhost_user_config device = {.fd = fd, .tag = "share"};
	struct server_config cfg = {.workers = 2};
	autofree char *why = NULL;
	char address[128];
	int err = local_new(&(struct local_config){.dir = inner, .passthrough = true}, &h->backend);

	cfg.backend = h->backend;
	if (!err)
		err = server_new(&cfg, &h->server);
	if (!err)
		err = loop_new(&h->loop);
	if (err)
		return err;
	if (carrier == RING)
		return vhost_user_new(h->loop, &device, server_handler(h->server), &h->device,
				      &why);
	if (carrier == ACCEPTED)
		snprintf(address, sizeof(address), "unix:%s/socket", outer);
	else
		snprintf(address, sizeof(address), "fd:%d", fd);
	err = listener_new(h->loop, address, server_handler(h->server), &h->listener, &why);
	if (!err)
		listener_use_pipes(h->listener, 4);
	return err;
}

static void stop_parts(struct host *h)
{
	if (h->listener)
		listener_free(h->listener);
	if (h->device)
		vhost_user_free(h->device);
	if (h->loop)
		loop_free(h->loop);
	if (h->server)
		server_free(h->server);
	backend_free(h->backend);
}

/* Makes OURS a connection that waits to be accepted. */
static void connect_to(const struct host *h, int ours)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_non_null(h->listener);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/socket", outer);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(dup3(fd, ours, O_CLOEXEC), ours);
	close(fd);
}

static int start_host(struct host *h, enum carrier carrier, int ours, int theirs)
{
	int err;

	*h = (struct host){.end = ours};
	hooks_exempt = false;
	err = start_parts(h, carrier, theirs);
	hooks_exempt = true;
	if (!err && carrier == ACCEPTED)
		connect_to(h, ours);
	if (!err)
		assert_int_equal(pthread_create(&h->thread, NULL, run_loop, h), 0);
	return err;
}

static void put_large(void)
{
	static char text[LARGE + 1]; /* zero */

	for (unsigned i = 0; i < LARGE; i++)
		text[i] = (char)('a' + i * 7 / 3 % 23);
	put_file(inner, "d/large", text);
}

/* What of reply M must be the same in each run, as text. */
static void describe(const struct msg *m, char *text, size_t cap)
{
	FILE *f = fmemopen(text, cap, "w");
	struct dirent9 e;
	size_t size;

	assert_non_null(f);
	if (m->type == Rread && m->Rread.data.count > 1000) {
		uint64_t sum = 0;

		for (uint32_t i = 0; i < m->Rread.data.count; i++)
			sum = sum * 31 + m->Rread.data.p[i];
		fprintf(f, "%u bytes, %llx", m->Rread.data.count, (unsigned long long)sum);
	} else if (m->type == Rgetattr) {
		fprintf(f, "%o %llu", m->Rgetattr.mode, (unsigned long long)m->Rgetattr.size);
	} else if (m->type == Rreaddir) {
		for (size_t at = 0; at < m->Rreaddir.data.count; at += size) {
			assert_int_equal(dirent_decode(m->Rreaddir.data.p + at,
						       m->Rreaddir.data.count - at, &e, &size),
					 0);
			fprintf(f, "%.*s ", e.name.len, e.name.p);
		}
	} else if (m->type == Rread || m->type == Rwrite || m->type == Rreadlink ||
		   m->type == Rxattrwalk || m->type == Rlock || m->type == Rgetlock) {
		msg_print(f, m);
	} else if (m->type == Rwalk) {
		fprintf(f, "%u steps", m->Rwalk.wqid.n);
	} else {
		fprintf(f, "%s", msg_name(m->type));
	}
	fclose(f);
}

/* Replies of the run in which nothing failed. */
static char right[N_STEPS][512];

/* One end of the session. */
struct peer {
	struct client *by_socket; /* one of both */
	struct vhost_client *by_ring;
};

static struct peer peer_new(enum carrier carrier, int fd)
{
	struct peer p = {0};

	if (carrier == RING)
		p.by_ring = vhost_client_new(fd);
	else
		p.by_socket = client_new(fd);
	return p;
}

static void peer_free(struct peer *p)
{
	client_free(p->by_socket);
	vhost_client_free(p->by_ring);
}

/* The reply, or -errno; a device that did not start is gone. */
static int call(struct peer *p, const char *text, struct msg *ret_m)
{
	if (p->by_ring)
		return vhost_client_call(p->by_ring, text, ret_m);
	return p->by_socket ? client_callf(p->by_socket, ret_m, "%s", text) : -ECONNRESET;
}

/* Takes the session from start to end, or to the end of the connection; the number of errors. */
static unsigned talk(struct peer *p, bool is_first)
{
	unsigned n_errors = 0;

	for (size_t i = 0; i < N_STEPS; i++) {
		char text[512] = "";
		struct msg m = {0};
		int err = call(p, session[i], &m);

		if (err == -ECONNRESET || err == -EPIPE)
			return n_errors;
		if (m.type == Rlerror) {
			/* what follows from an error is other errors */
			if (!n_errors++ && (int)m.Rlerror.ecode != injected)
				fail_msg("%s: %s failed, and the client was told %s", session[i],
					 injected_name, strerror((int)m.Rlerror.ecode));
			continue;
		}
		if (err)
			fail_msg("%s: %s failed: %s", session[i], injected_name, strerror(-err));
		describe(&m, text, sizeof(text));
		if (is_first)
			memcpy(right[i], text, sizeof(text));
		else if (m.type == Rwalk && strcmp(text, right[i]) < 0)
			n_errors++; /* that is how a walk fails behind its first step */
		else if (!n_errors && strcmp(text, right[i]))
			fail_msg("%s: %s failed, and the answer was %s, not %s", session[i],
				 injected_name, text, right[i]);
	}
	return n_errors;
}

static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Returns whether a call failed. */
static bool run(unsigned n, enum carrier carrier)
{
	unsigned fds = count_fds();
	struct host h;
	int ends[2], err;

	umask(022); /* which the server changed */
	fill_folder();
	put_file(inner, "d/f", "hello world");
	put_large();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	atomic_store(&n_calls, 0);
	fail_at = n;
	injected = 0;
	err = start_host(&h, carrier, ends[0], ends[1]);
	if (!err) {
		struct peer p = peer_new(carrier, ends[0]);

		talk(&p, n == 0);
		peer_free(&p);
		loop_stop(h.loop);
		pthread_join(h.thread, NULL);
	} else {
		close(ends[0]);
	}
	stop_parts(&h);
	if (carrier == ACCEPTED || (!h.listener && !h.device))
		close(ends[1]);
	if (count_fds() != fds)
		fail_msg("%s failed (call %u): a descriptor stays open", injected_name, n);
	return injected;
}

static void fail_each(enum carrier carrier)
{
	unsigned n, n_failed = 0;

	hooks_exempt = true;
	hooks_before = before;
	make_folder();
	run(0, carrier);
	n = atomic_load(&n_calls);
	/* a few more: threads do not always wait for each other in the same way */
	for (unsigned i = 1; i < n + 10; i++)
		n_failed += run(i, carrier);
	print_message("%u calls failed, one in a session each\n", n_failed);
	assert_true(n_failed > n / 2);
	hooks_before = NULL;
}

static void every_call_may_fail_once(void **state)
{
	(void)state;
	fail_each(INHERITED);
}

static void every_call_for_an_accepted_socket_may_fail_once(void **state)
{
	(void)state;
	fail_each(ACCEPTED);
}

static void every_call_of_a_device_may_fail_once(void **state)
{
	(void)state;
	fail_each(RING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_may_fail_once),
		cmocka_unit_test(every_call_for_an_accepted_socket_may_fail_once),
		cmocka_unit_test(every_call_of_a_device_may_fail_once),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
