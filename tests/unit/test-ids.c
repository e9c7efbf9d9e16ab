/* SPDX-License-Identifier: MIT */
/* Users and groups of the guest, and of the host. */
#include "local-kit.h"

#include "ids.h"
#include "pass.h"

static void serve_with(const struct ids_config *cfg)
{
	struct qid qid;

	make_folders("/tmp");
	assert_int_equal(
		local_new(&(struct local_config){.dir = dir_path, .passthrough = true}, &backend),
		0);
	assert_int_equal(ids_new(backend, cfg, &backend), 0);
	assert_int_equal(backend->ops->attach(backend, &me, str_of(""), &root, &qid), 0);
}

static void stop(void)
{
	identity_become_ourselves();
	node_unref(root);
	backend_free(backend);
	remove_folders();
}

static void ranges_are_understood_or_refused(void **state)
{
	static const char *const bad[] = {"",
					  "1",
					  "1:2",
					  "1:2:",
					  "1:2:0",
					  "a:2:3",
					  "1:2:3x",
					  "-1:2:3",
					  " 1:2:3",
					  "1:2:3:4",
					  "4294967295:0:1",
					  "0:4294967290:9",
					  "5:900:1",
					  "0:105:1",
					  "9:104:1",
					  "1:2:99999999999"};
	struct id_map m = {.n = 0};

	(void)state;
	assert_true(id_map_add(&m, "0:100:10"));
	assert_true(id_map_add(&m, "10:0:10"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (id_map_add(&m, bad[i]))
			fail_msg("'%s' passes", bad[i]);
	assert_int_equal(m.n, 2);
	for (unsigned i = 0; i < IDS_MAX_RANGES - 2; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%u:%u:1", 1000 + i, 2000 + i);
		assert_true(id_map_add(&m, text));
	}
	assert_false(id_map_add(&m, "5000:5000:1"));
}

static void ids_outside_of_the_ranges_are_no_guests(void **state)
{
	struct id_map m = {.n = 0};

	(void)state;
	assert_true(id_map_has_host(&m, 5));
	assert_true(id_map_add(&m, "0:100:10"));
	assert_false(id_map_has_host(&m, 5));
	assert_false(id_map_has_host(&m, 99));
	assert_true(id_map_has_host(&m, 100));
	assert_true(id_map_has_host(&m, 109));
	assert_false(id_map_has_host(&m, 110));
}

static struct ids_config two_ranges(void)
{
	struct ids_config cfg = {.squash = false};

	assert_true(id_map_add(&cfg.uids, "0:100000:1000"));
	assert_true(id_map_add(&cfg.uids, "1000:1000:1"));
	assert_true(id_map_add(&cfg.gids, "0:200000:1000"));
	return cfg;
}

static uint32_t admitted(uint32_t uid)
{
	uint32_t as = 77;

	assert_int_equal(backend->ops->admit(backend, uid, &as), 0);
	return as;
}

static void users_outside_the_ranges_are_not_admitted(void **state)
{
	struct ids_config cfg = two_ranges();
	uint32_t as;

	(void)state;
	serve_with(&cfg);
	assert_int_equal(admitted(0), 100000);
	assert_int_equal(admitted(999), 100999);
	assert_int_equal(admitted(1000), 1000);
	assert_int_equal(backend->ops->admit(backend, 1001, &as), -EOVERFLOW);
	assert_int_equal(backend->ops->admit(backend, 100000, &as), -EOVERFLOW);
	/* the attach without a name, which Linux does first, is not that of the host's root */
	assert_int_equal(admitted(P9_NONUNAME), 100000);
	stop();
	cfg = (struct ids_config){.squash = false};
	assert_true(id_map_add(&cfg.uids, "5:5:1"));
	serve_with(&cfg);
	assert_int_equal(admitted(P9_NONUNAME), IDS_NOBODY);
	stop();
}

static void files_appear_with_the_guests_ids(void **state)
{
	struct ids_config cfg = two_ranges();
	const struct attr_change both = {.valid = P9_SETATTR_UID | P9_SETATTR_GID, 0, 7, 8, 0};
	const struct attr_change nowhere = {.valid = P9_SETATTR_UID, .uid = 5000};
	struct node *n;
	struct attr a;
	struct stat st;

	(void)state;
	serve_with(&cfg);
	put_host_file("f", "");
	n = walk(root, "f");
	a = attr_of(n, NULL);
	assert_int_equal(a.uid, IDS_NOBODY);
	assert_int_equal(a.gid, IDS_NOBODY);
	assert_int_equal(n->ops->setattr(n, NULL, &me, &nowhere), -EOVERFLOW);
	if (!geteuid()) {
		assert_int_equal(n->ops->setattr(n, NULL, &me, &both), 0);
		assert_int_equal(fstatat(host, "f", &st, 0), 0);
		assert_int_equal(st.st_uid, 100007);
		assert_int_equal(st.st_gid, 200008);
		a = attr_of(n, NULL);
		assert_int_equal(a.uid, 7);
		assert_int_equal(a.gid, 8);
	}
	node_unref(n);
	stop();
}

static void new_files_get_the_hosts_ids(void **state)
{
	struct ids_config cfg = two_ranges();
	struct make_args args = {.kind = MAKE_DIRECTORY, .mode = 0755, .gid = 5};
	struct call c = {.client = 1};
	struct stat st;
	struct node *n;
	struct file *f;
	struct qid qid;

	(void)state;
	serve_with(&cfg);
	if (!geteuid()) {
		assert_int_equal(fchmod(host, 0777), 0);
		c.uid = admitted(3);
		assert_int_equal(
			root->ops->create(root, &c, str_of("f"), P9_O_RDWR, 0644, 5, &n, &f, &qid),
			0);
		file_unref(f);
		node_unref(n);
		assert_int_equal(root->ops->make(root, &c, str_of("d"), &args, &qid), 0);
		assert_int_equal(fstatat(host, "f", &st, 0), 0);
		assert_int_equal(st.st_uid, 100003);
		assert_int_equal(st.st_gid, 200005);
		assert_int_equal(fstatat(host, "d", &st, 0), 0);
		assert_int_equal(st.st_gid, 200005);
	}
	args.gid = 1000;
	assert_int_equal(root->ops->make(root, &c, str_of("e"), &args, &qid), -EOVERFLOW);
	assert_int_equal(
		root->ops->create(root, &c, str_of("g"), P9_O_RDWR, 0644, 1000, &n, &f, &qid),
		-EOVERFLOW);
	stop();
}

/* owner rw-, user 7 r--, group r--, group 9 r--, mask r--, others --- */
static const uint8_t acl[] = {
	2,  0, 0, 0, 1,	   0,	 6,    0,    0xff, 0xff, 0xff, 0xff, 2,	   0,	 4,    0,    7, 0,
	0,  0, 4, 0, 4,	   0,	 0xff, 0xff, 0xff, 0xff, 8,    0,    4,	   0,	 9,    0,    0, 0,
	16, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, 32,   0,	 0,    0,    0xff, 0xff, 0xff, 0xff,
};

static void access_control_lists_are_translated(void **state)
{
	const struct str name = str_of("system.posix_acl_access");
	struct ids_config cfg = two_ranges();
	struct node *n, *lower;
	uint8_t buf[64], bad[sizeof(acl)];
	size_t size;

	(void)state;
	serve_with(&cfg);
	put_host_file("f", "");
	n = walk(root, "f");
	assert_int_equal(n->ops->xattr_set(n, &me, name, acl, sizeof(acl), 0), 0);
	assert_int_equal(n->ops->xattr_get(n, &me, name, buf, sizeof(buf), &size), 0);
	assert_int_equal(size, sizeof(acl));
	assert_memory_equal(buf, acl, sizeof(acl));
	lower = ((struct pass_node *)(void *)n)->lower;
	assert_int_equal(lower->ops->xattr_get(lower, &me, name, buf, sizeof(buf), &size), 0);
	assert_memory_equal(buf + 16, "\xa7\x86\x01", 3); /* 100007 */
	assert_memory_equal(buf + 32, "\x49\x0d\x03", 3); /* 200009 */
	memcpy(bad, acl, sizeof(acl));
	bad[17] = 0xff;
	assert_int_equal(n->ops->xattr_set(n, &me, name, bad, sizeof(bad), 0), -EOVERFLOW);
	/* a list that is cut off is the host's to refuse */
	assert_true(n->ops->xattr_set(n, &me, name, acl, 17, 0) < 0);
	node_unref(n);
	stop();
}

static void with_an_owner_all_is_mine(void **state)
{
	const struct ids_config cfg = {.squash = true, .has_owner = true, .uid = 1000, .gid = 100};
	struct attr_change ch = {.valid = P9_SETATTR_UID | P9_SETATTR_GID, .uid = 1000, .gid = 100};
	struct node *n;
	struct attr a;
	struct stat st;

	(void)state;
	serve_with(&cfg);
	assert_int_equal(admitted(0), P9_NONUNAME);
	assert_int_equal(admitted(1234), P9_NONUNAME);
	put_host_file("f", "");
	n = walk(root, "f");
	a = attr_of(n, NULL);
	assert_int_equal(a.uid, 1000);
	assert_int_equal(a.gid, 100);
	assert_int_equal(n->ops->setattr(n, NULL, &me, &ch), 0);
	assert_int_equal(fstatat(host, "f", &st, 0), 0);
	assert_int_equal(st.st_uid, geteuid());
	ch.gid = 0;
	assert_int_equal(n->ops->setattr(n, NULL, &me, &ch), -EPERM);
	ch = (struct attr_change){.valid = P9_SETATTR_UID, .uid = 0};
	assert_int_equal(n->ops->setattr(n, NULL, &me, &ch), -EPERM);
	node_unref(n);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_understood_or_refused),
		cmocka_unit_test(ids_outside_of_the_ranges_are_no_guests),
		cmocka_unit_test(users_outside_the_ranges_are_not_admitted),
		cmocka_unit_test(files_appear_with_the_guests_ids),
		cmocka_unit_test(new_files_get_the_hosts_ids),
		cmocka_unit_test(access_control_lists_are_translated),
		cmocka_unit_test(with_an_owner_all_is_mine),
	};

	if (!run_as_nobody_first())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
