/* SPDX-License-Identifier: MIT */
/* Requests of a session that race for the same fids and names, on the local backend, in every order
 * of their steps with at most two switches. What comes out, replies and files, must be what comes
 * out when they run one after the other, in one order or another. */
#include <errno.h>
#include <stdlib.h>

#include "cmocka-all.h"
#include "backend.h"
#include "fake-channel.h"
#include "hostile-folder.h"
#include "local.h"
#include "pass.h"
#include "server.h"
#include "steps.h"

#define MAX_OUTCOMES 64
#define MAX_REQUESTS 3

/* The backend: nothing in place, and each operation is led. */
#define LEAD(op, PARAMETERS, ...)                \
	static int led_##op PARAMETERS           \
	{                                        \
		int err;                         \
                                                 \
		if (c->in_place)                 \
			return CALL_WOULD_BLOCK; \
		steps_enter();                   \
		err = pass_ops.op(__VA_ARGS__);  \
		steps_leave();                   \
		return err;                      \
	}
LEAD(walk,
     (struct node * n, const struct call *c, struct str name, struct node **ret, struct qid *qid),
     n, c, name, ret, qid)
LEAD(getattr,
     (struct node * n, struct file *open, const struct call *c, uint64_t mask, struct attr *ret), n,
     open, c, mask, ret)
LEAD(open,
     (struct node * n, const struct call *c, uint32_t flags, struct file **ret, struct qid *qid), n,
     c, flags, ret, qid)
LEAD(create,
     (struct node * n, const struct call *c, struct str name, uint32_t flags, uint32_t mode,
      uint32_t gid, struct node **ret_n, struct file **ret_f, struct qid *qid),
     n, c, name, flags, mode, gid, ret_n, ret_f, qid)
LEAD(unlink, (struct node * n, const struct call *c, struct str name, uint32_t flags), n, c, name,
     flags)
LEAD(rename,
     (struct node * from, const struct call *c, struct str name, struct node *to,
      struct str newname),
     from, c, name, to, newname)
LEAD(remove_node, (struct node * n, const struct call *c), n, c)
LEAD(move_node,
     (struct node * n, const struct call *c, struct node *to, struct str name, struct node **ret),
     n, c, to, name, ret)

static void led_free_node(struct node *n)
{
	steps_enter();
	pass_ops.free_node(n);
	steps_leave();
}

static struct backend *backend;
static struct server *server;

static void start(void)
{
	struct server_config cfg = {.workers = 4};
	struct pass *p = calloc(1, sizeof(*p));
	struct backend *lower;

	assert_non_null(p);
	make_folder();
	steps_init();
	assert_int_equal(local_new(&(struct local_config){.dir = inner}, &lower), 0);
	pass_init(p, lower);
	p->ops.walk = led_walk;
	p->ops.getattr = led_getattr;
	p->ops.open = led_open;
	p->ops.create = led_create;
	p->ops.unlink = led_unlink;
	p->ops.rename = led_rename;
	p->ops.remove_node = led_remove_node;
	p->ops.move_node = led_move_node;
	p->ops.free_node = led_free_node;
	backend = &p->backend;
	cfg.backend = backend;
	assert_int_equal(server_new(&cfg, &server), 0);
}

/* What came of a run, as text. */
struct outcome {
	char text[1024];
};

struct race {
	struct fake_channel *fc;
	unsigned n_ended;
	char replies[MAX_REQUESTS][24];
};

static void describe(const struct msg *m, char *text, size_t cap)
{
	/* A file that is not where it was walked to any more, or that goes when that was looked at. */
	if (m->type == Rlerror && (m->Rlerror.ecode == ESTALE || m->Rlerror.ecode == ENOENT))
		snprintf(text, cap, "gone");
	else if (m->type == Rlerror)
		snprintf(text, cap, "%s", strerrorname_np((int)m->Rlerror.ecode));
	else if (m->type == Rgetattr)
		snprintf(text, cap, "size %u", (unsigned)m->Rgetattr.size);
	else
		snprintf(text, cap, "%s", msg_name(m->type));
}

static void take_reply(struct race *r)
{
	const struct msg *m = fake_channel_recv(r->fc);

	assert_in_range(m->tag, 10, 10 + MAX_REQUESTS - 1);
	describe(m, r->replies[m->tag - 10], sizeof(r->replies[0]));
	r->n_ended++;
}

/* Takes the replies that came; how many did. */
static unsigned take_replies(void *arg)
{
	struct race *r = arg;

	while (fake_channel_has_reply(r->fc))
		take_reply(r);
	return r->n_ended;
}

static char names[16][64];
static size_t n_names;

static int add_name(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)type;
	(void)ftw;
	assert_true(n_names < ARRAY_SIZE(names));
	snprintf(names[n_names++], sizeof(names[0]), "%s:%u", path + strlen(inner),
		 S_ISREG(st->st_mode) ? (unsigned)st->st_size : 0);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Replies, files, and what each fid means now. */
static void look(struct race *r, unsigned n, struct outcome *ret)
{
	FILE *f = fmemopen(ret->text, sizeof(ret->text), "w");
	const struct msg *m;

	assert_non_null(f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%s ", r->replies[i]);
	n_names = 0;
	nftw(inner, add_name, 10, FTW_PHYS);
	qsort(names, n_names, sizeof(names[0]), by_text);
	for (size_t i = 0; i < n_names; i++)
		fprintf(f, "%s ", names[i]);
	for (unsigned fid = 1; fid < 9; fid++) {
		char text[24];

		(void)fake_channel_callf(r->fc, &m, "Tgetattr tag=1 fid=%u request_mask=0x200",
					 fid);
		describe(m, text, sizeof(text));
		fprintf(f, "%u=%s ", fid, text);
	}
	fclose(f);
}

/* Requests that are led, that run as it comes, that wait for the one before. */
enum how { LED, FREE, ALONE };

static unsigned send_all(struct race *r, const char *const *requests, enum how how)
{
	unsigned n = 0;

	for (; n < MAX_REQUESTS && requests[n]; n++) {
		struct msg t;
		char scratch[256];

		assert_int_equal(msg_parse(requests[n], scratch, sizeof(scratch), &t, NULL), 0);
		t.tag = (uint16_t)(10 + n);
		fake_channel_send(r->fc, &t);
		if (how == LED)
			steps_wait(n + 1, take_replies, r);
		else if (how == ALONE)
			take_reply(r);
	}
	return n;
}

static void run(const char *const *requests, enum how how, struct outcome *ret)
{
	static const char *const before[] = {
		"Tversion tag=65535 msize=8192 version=9P2000.L",
		"Tattach tag=1 fid=0 afid=4294967295 n_uname=0",
		"Twalk tag=1 fid=0 newfid=1 wname=[a]",
		"Twalk tag=1 fid=0 newfid=2 wname=[d]",
		"Twalk tag=1 fid=0 newfid=3 wname=[d,f]",
		"Twalk tag=1 fid=0 newfid=4 wname=[b]",
		"Twalk tag=1 fid=0 newfid=5 wname=[]",
		"Twalk tag=1 fid=0 newfid=6 wname=[]",
	};
	struct race r = {.fc = fake_channel_new(server_handler(server), &(struct fake_config){0})};
	const struct msg *m;
	unsigned n;

	fill_folder();
	put_file(inner, "b", "bb");
	put_file(inner, "d/f", "fff");
	for (size_t i = 0; i < ARRAY_SIZE(before); i++)
		assert_int_equal(fake_channel_callf(r.fc, &m, "%s", before[i]), 0);
	if (how == LED)
		steps_start();
	n = send_all(&r, requests, how);
	if (how == LED && !steps_run(n, take_replies, &r))
		fail_msg("%s, %s: they wait for each other", requests[0], requests[1]);
	while (r.n_ended < n)
		take_reply(&r);
	look(&r, n, ret);
	fake_channel_free(r.fc);
}

/* What came of the requests one after the other, in each order. */
static struct outcome known[MAX_OUTCOMES];
static unsigned n_known;

static bool is_known(const struct outcome *o)
{
	for (unsigned i = 0; i < n_known; i++) {
		if (!strcmp(known[i].text, o->text))
			return true;
	}
	return false;
}

static void expect_known(const char *const *requests, const struct outcome *o)
{
	if (is_known(o))
		return;
	for (unsigned i = 0; i < n_known; i++)
		print_error("one after the other: %s\n", known[i].text);
	fail_msg("%s, %s ... came to: %s", requests[0], requests[1], o->text);
}

static unsigned learn_serial(const char *const *requests)
{
	unsigned n = 0;

	/* what none has seen of the others, not even that they were sent */
	run(requests, ALONE, &known[0]);
	n_known = 1;
	steps_reset(0);
	do {
		struct outcome o = {""};

		run(requests, LED, &o);
		n++;
		assert_true(n_known < MAX_OUTCOMES);
		if (!is_known(&o))
			known[n_known++] = o;
	} while (steps_next());
	return n;
}

static unsigned try_orders(const char *const *requests)
{
	unsigned n = 0;

	steps_reset(2);
	do {
		struct outcome o = {""};

		run(requests, LED, &o);
		n++;
		expect_known(requests, &o);
	} while (steps_next());
	return n;
}

static void race(const char *const *requests)
{
	unsigned n_serial = learn_serial(requests), n_orders = try_orders(requests);

	print_message("%u orders, %u outcomes of %u serial ones\n", n_orders, n_known, n_serial);
	assert_true(n_orders > n_serial);
	/* and as it comes: for the thread sanitizer */
	for (unsigned i = 0; i < 20; i++) {
		struct outcome o = {""};

		run(requests, FREE, &o);
		expect_known(requests, &o);
	}
}

#define RACE(name, ...)                                                              \
	static void name(void **state)                                               \
	{                                                                            \
		static const char *const requests[MAX_REQUESTS + 1] = {__VA_ARGS__}; \
                                                                                     \
		(void)state;                                                         \
		race(requests);                                                      \
	}
RACE(a_file_is_renamed_and_unlinked, "Trename fid=1 dfid=2 name=x", "Tunlinkat dirfd=0 name=a")
RACE(a_fid_is_renamed_twice, "Trename fid=1 dfid=2 name=x", "Trename fid=1 dfid=0 name=y")
RACE(two_names_are_exchanged, "Trenameat olddirfid=0 oldname=a newdirfid=2 newname=f",
     "Trenameat olddirfid=2 oldname=f newdirfid=0 newname=a")
RACE(a_folder_moves_under_a_walk, "Twalk fid=0 newfid=7 wname=[d,f]",
     "Trenameat olddirfid=0 oldname=d newdirfid=0 newname=g", "Tunlinkat dirfd=2 name=f")
RACE(two_create_a_name_that_is_unlinked, "Tlcreate fid=5 name=n flags=0302 mode=0644",
     "Tlcreate fid=6 name=n flags=0302 mode=0644", "Tunlinkat dirfd=0 name=n")
RACE(a_fid_is_opened_and_removed, "Tlopen fid=3 flags=0", "Tremove fid=3")
RACE(a_fid_is_opened_and_renamed, "Tlopen fid=4 flags=0", "Trename fid=4 dfid=2 name=q")
RACE(a_fid_is_walked_and_renamed, "Twalk fid=4 newfid=7 wname=[]", "Trename fid=4 dfid=2 name=f",
     "Tgetattr fid=3 request_mask=0x200")

static int stop_server(void **state)
{
	(void)state;
	server_free(server);
	backend_free(backend);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_renamed_and_unlinked),
		cmocka_unit_test(a_fid_is_renamed_twice),
		cmocka_unit_test(two_names_are_exchanged),
		cmocka_unit_test(a_folder_moves_under_a_walk),
		cmocka_unit_test(two_create_a_name_that_is_unlinked),
		cmocka_unit_test(a_fid_is_opened_and_removed),
		cmocka_unit_test(a_fid_is_opened_and_renamed),
		cmocka_unit_test(a_fid_is_walked_and_renamed),
	};

	start();
	return cmocka_run_group_tests(tests, NULL, stop_server);
}
