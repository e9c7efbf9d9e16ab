/* SPDX-License-Identifier: MIT */
/* As root, the local backend acts as the user who asks: the host decides as for that user. */
#include "local-kit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/xattr.h>

#include "macros.h"

static const struct call user = {.uid = 1000, .client = 1}, guest_root = {.uid = 0, .client = 1};

/* The thread of the tests stays who it was made; what the tests do themselves, root does. */

static int ourselves(int r)
{
	identity_become_ourselves();
	return r;
}

static void set_host(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	assert_int_equal(fchownat(host, name, uid, gid, 0), 0);
	assert_int_equal(fchmodat(host, name, mode, 0), 0);
}

static void put_file(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	put_host_file(name, "hello");
	set_host(name, uid, gid, mode);
}

static struct node *put_folder(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	assert_int_equal(mkdirat(host, name, 0700), 0);
	set_host(name, uid, gid, mode);
	return walk(root, name);
}

static struct stat host_stat(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(host, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

/* What opening NAME as USER says. */
static int try_name(const char *name, uint32_t flags)
{
	struct node *n = walk(root, name);
	struct file *f = NULL;
	struct qid qid;
	int r = ourselves(n->ops->open(n, &user, flags, &f, &qid));

	if (!r)
		file_unref(f);
	node_unref(n);
	return r;
}

static int try_change(const char *name, struct attr_change ch)
{
	struct node *n = walk(root, name);
	int r = ourselves(n->ops->setattr(n, NULL, &user, &ch));

	node_unref(n);
	return r;
}

static int try_make_in(struct node *dir, const char *name)
{
	struct make_args a = {.kind = MAKE_DIRECTORY, .mode = 0755, .gid = 1001};
	struct qid qid;

	return ourselves(dir->ops->make(dir, &user, str_of(name), &a, &qid));
}

static int try_unlink_in(struct node *dir, const char *name, uint32_t flags)
{
	return ourselves(dir->ops->unlink(dir, &user, str_of(name), flags));
}

static void what_owner_and_others_may_is_the_hosts_decision(void **state)
{
	struct node *shut = put_folder("shut", 0, 0, 0700), *known, *n;

	(void)state;
	put_file("shut/f", 0, 0, 0666);
	put_file("secret", 0, 0, 0600);
	put_file("readable", 0, 0, 0604);
	put_file("own", 1000, 1000, 0600);
	put_file("own-shut", 1000, 1000, 0066);
	assert_int_equal(try_name("secret", P9_O_RDONLY), -EACCES);
	assert_int_equal(try_name("readable", P9_O_RDONLY), 0);
	assert_int_equal(try_name("readable", P9_O_RDWR), -EACCES);
	assert_int_equal(try_name("readable", P9_O_RDONLY | P9_O_TRUNC), -EACCES);
	assert_int_equal(try_name("own", P9_O_RDWR), 0);
	assert_int_equal(try_name("own-shut", P9_O_RDONLY), -EACCES);
	assert_int_equal(ourselves(try_walk_as(&user, shut, "f", &n)), -EACCES);
	/* nor when somebody who may has just been there */
	known = walk(shut, "f");
	assert_int_equal(ourselves(try_walk_as(&user, shut, "f", &n)), -EACCES);
	node_unref(known);
	assert_int_equal(try_make_in(root, "d"), -EACCES);
	assert_int_equal(try_unlink_in(root, "own", 0), -EACCES);
	assert_int_equal(try_name("shut", P9_O_RDONLY), -EACCES);
	assert_int_equal(host_stat("readable").st_size, 5);
	node_unref(shut);
}

static void only_the_owner_changes_attributes(void **state)
{
	struct attr_change mode = {.valid = P9_SETATTR_MODE, .mode = 0777};
	struct attr_change give = {.valid = P9_SETATTR_UID, .uid = 1000};
	struct attr_change group = {.valid = P9_SETATTR_GID, .gid = 50};
	struct attr_change cut = {.valid = P9_SETATTR_SIZE};
	struct attr_change time = {.valid = P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET};
	struct attr_change now = {.valid = P9_SETATTR_ATIME | P9_SETATTR_MTIME};

	(void)state;
	put_file("theirs", 0, 0, 0644);
	put_file("own", 1000, 1000, 0644);
	assert_int_equal(try_change("theirs", mode), -EPERM);
	assert_int_equal(try_change("theirs", give), -EPERM);
	assert_int_equal(try_change("theirs", group), -EPERM);
	assert_int_equal(try_change("theirs", cut), -EACCES);
	assert_int_equal(try_change("theirs", time), -EPERM);
	assert_int_equal(try_change("theirs", now), -EACCES);
	assert_int_equal(try_change("own", mode), 0);
	give.uid = 0;
	assert_int_equal(try_change("own", give), -EPERM);
	/* whether the user is in that group, the client has decided */
	assert_int_equal(try_change("own", group), 0);
	assert_int_equal(host_stat("own").st_gid, 50);
	mode.mode = 02755;
	assert_int_equal(try_change("own", mode), 0);
	assert_int_equal(host_stat("own").st_mode & 07777, 02755);
	assert_int_equal(try_change("own", cut), 0);
	assert_int_equal(try_change("own", time), 0);
}

static void the_client_is_believed_about_groups(void **state)
{
	struct node *d = put_folder("d", 0, 50, 0770), *n;
	struct attr_change now = {.valid = P9_SETATTR_ATIME | P9_SETATTR_MTIME};

	(void)state;
	put_file("f", 0, 50, 0640);
	put_file("w", 0, 50, 0620);
	assert_int_equal(try_name("f", P9_O_RDONLY), 0);
	assert_int_equal(try_name("f", P9_O_RDWR), -EACCES);
	assert_int_equal(try_name("w", P9_O_WRONLY), 0);
	assert_int_equal(try_change("w", now), 0);
	assert_int_equal(try_make_in(d, "x"), 0);
	assert_int_equal(host_stat("d/x").st_uid, 1000);
	assert_int_equal(ourselves(try_walk_as(&user, d, "x", &n)), 0);
	node_unref(n);
	assert_int_equal(ourselves(d->ops->rename(d, &user, str_of("x"), d, str_of("y"))), 0);
	/* both folders must allow it */
	assert_int_equal(ourselves(d->ops->rename(d, &user, str_of("y"), root, str_of("y"))),
			 -EACCES);
	assert_int_equal(try_unlink_in(d, "y", P9_AT_REMOVEDIR), 0);
	/* and the right that was believed in is gone with the call */
	put_file("secret", 0, 0, 0600);
	n = walk(root, "f");
	assert_int_equal(n->ops->setattr(n, NULL, &user, &now), -EACCES);
	assert_int_equal(ourselves(0), 0);
	assert_int_equal(try_name("secret", P9_O_RDONLY), -EACCES);
	node_unref(n);
	node_unref(d);
}

static void a_sticky_folder_protects_from_other_users(void **state)
{
	struct node *d = put_folder("tmp", 0, 0, 01777);

	(void)state;
	put_file("tmp/theirs", 1001, 1001, 0666);
	put_file("tmp/own", 1000, 1000, 0666);
	assert_int_equal(try_unlink_in(d, "theirs", 0), -EPERM);
	assert_int_equal(ourselves(d->ops->rename(d, &user, str_of("own"), d, str_of("theirs"))),
			 -EPERM);
	assert_int_equal(try_unlink_in(d, "own", 0), 0);
	node_unref(d);
}

static int get_attr(const struct call *c, struct node *n, const char *name)
{
	char buf[64];
	size_t size;

	return ourselves(n->ops->xattr_get(n, c, str_of(name), buf, sizeof(buf), &size));
}

static int set_attr(const struct call *c, struct node *n, const char *name)
{
	return ourselves(n->ops->xattr_set(n, c, str_of(name), "x", 1, 0));
}

static void attributes_are_guarded_like_the_file(void **state)
{
	struct node *n;

	(void)state;
	put_file("f", 0, 0, 0644);
	n = walk(root, "f");
	assert_int_equal(set_attr(&guest_root, n, "user.a"), 0);
	assert_int_equal(get_attr(&user, n, "user.a"), 0);
	assert_int_equal(set_attr(&user, n, "user.a"), -EACCES);
	assert_int_equal(ourselves(n->ops->xattr_remove(n, &user, str_of("user.a"))), -EACCES);
	set_host("f", 0, 0, 0600);
	assert_int_equal(get_attr(&user, n, "user.a"), -EACCES);
	set_host("f", 1000, 1000, 0644);
	assert_int_equal(set_attr(&user, n, "user.a"), 0);
	assert_int_equal(set_attr(&user, n, "trusted.a"), -EPERM);
	assert_int_equal(set_attr(&user, n, "security.a"), -EPERM);
	assert_int_equal(set_attr(&guest_root, n, "trusted.a"), 0);
	assert_int_equal(get_attr(&user, n, "trusted.a"), -ENODATA);
	assert_int_equal(get_attr(&guest_root, n, "trusted.a"), 0);
	node_unref(n);
}

/* version 2, owner rw-, user 1001 r--, group r--, mask r--, others --- */
static const unsigned char acl[] = {
	2, 0,	 0,    0,    1,	   0,	 6,  0, 0xff, 0xff, 0xff, 0xff, 2,    0,    4,
	0, 0xe9, 3,    0,    0,	   4,	 0,  4, 0,    0xff, 0xff, 0xff, 0xff, 16,   0,
	4, 0,	 0xff, 0xff, 0xff, 0xff, 32, 0, 0,    0,    0xff, 0xff, 0xff, 0xff,
};
/* version 2, effective: CAP_NET_RAW */
static const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};

static void round_trip(struct node *n, const char *name, const void *value, size_t size)
{
	char buf[64];
	size_t got;

	assert_int_equal(ourselves(n->ops->xattr_set(n, &guest_root, str_of(name), value, size, 0)),
			 0);
	assert_int_equal(
		ourselves(n->ops->xattr_get(n, &guest_root, str_of(name), buf, sizeof(buf), &got)),
		0);
	assert_int_equal(got, size);
	assert_memory_equal(buf, value, size);
	assert_int_equal(
		ourselves(n->ops->xattr_get(n, &user, str_of(name), buf, sizeof(buf), &got)), 0);
}

static void acls_and_capabilities_of_files_round_trip(void **state)
{
	const struct call other = {.uid = 1001, .client = 1};
	struct node *d = put_folder("d", 0, 0, 0755), *n;
	struct file *f;
	struct qid qid;

	(void)state;
	put_file("f", 0, 0, 0640);
	n = walk(root, "f");
	round_trip(n, "security.capability", capability, sizeof(capability));
	round_trip(n, "system.posix_acl_access", acl, sizeof(acl));
	round_trip(d, "system.posix_acl_default", acl, sizeof(acl));
	/* and the host's kernel obeys it */
	assert_int_equal(ourselves(n->ops->open(n, &other, P9_O_RDONLY, &f, &qid)), 0);
	file_unref(f);
	put_host_file("d/new", "");
	assert_int_equal(ourselves(n->ops->open(n, &other, P9_O_RDWR, &f, &qid)), -EACCES);
	node_unref(n);
	n = walk(d, "new");
	assert_int_equal(get_attr(&guest_root, n, "system.posix_acl_access"), 0);
	node_unref(n);
	node_unref(d);
}

static bool is_fifty(void *arg, uint32_t gid)
{
	(void)arg;
	return gid == 50;
}

static void a_group_that_no_guest_has_is_not_believed(void **state)
{
	struct local *local = container_of(backend, struct local, backend);
	struct node *d = put_folder("d", 0, 60, 0770), *n;

	(void)state;
	local->has_group = is_fifty;
	put_file("f", 0, 50, 0640);
	put_file("g", 0, 60, 0640);
	put_file("h", 0, 60, 0644);
	put_file("s", 0, 60, 06675);
	put_file("d/f", 1000, 60, 0644);
	assert_int_equal(try_name("f", P9_O_RDONLY), 0);
	assert_int_equal(try_name("g", P9_O_RDONLY), -EACCES);
	assert_int_equal(try_name("h", P9_O_RDONLY), 0);
	assert_int_equal(ourselves(try_walk_as(&user, d, "f", &n)), -EACCES);
	assert_int_equal(try_unlink_in(d, "f", 0), -EACCES);
	assert_int_equal(try_make_in(d, "x"), -EACCES);
	assert_int_equal(
		try_change("s", (struct attr_change){.valid = P9_SETATTR_MODE, .mode = 0675}),
		-EPERM);
	node_unref(d);
}

/* version 2, owner rwx, user 1001 rwx, group r--, mask rwx, others --- */
static const unsigned char wide_acl[] = {
	2, 0,	 0,    0,    1,	   0,	 7,  0, 0xff, 0xff, 0xff, 0xff, 2,    0,    7,
	0, 0xe9, 3,    0,    0,	   4,	 0,  4, 0,    0xff, 0xff, 0xff, 0xff, 16,   0,
	7, 0,	 0xff, 0xff, 0xff, 0xff, 32, 0, 0,    0,    0xff, 0xff, 0xff, 0xff,
};

/* The bits that a mode has for the group are the mask then. */
static void a_mask_is_not_what_the_group_may(void **state)
{
	struct node *d = put_folder("d", 0, 50, 0700), *n;

	(void)state;
	put_file("f", 0, 50, 0600);
	n = walk(root, "f");
	round_trip(n, "system.posix_acl_access", wide_acl, sizeof(wide_acl));
	round_trip(d, "system.posix_acl_access", wide_acl, sizeof(wide_acl));
	assert_int_equal(host_stat("f").st_mode & 070, 070);
	assert_int_equal(try_name("f", P9_O_RDONLY), 0);
	assert_int_equal(try_name("f", P9_O_RDWR), -EACCES);
	assert_int_equal(try_change("f", (struct attr_change){.valid = P9_SETATTR_SIZE}), -EACCES);
	assert_int_equal(try_name("d", P9_O_RDONLY), 0);
	assert_int_equal(try_make_in(d, "x"), -EACCES);
	assert_int_equal(host_stat("f").st_size, 5);
	node_unref(n);
	node_unref(d);
}

static int try_move(struct node *from, const char *name, struct node *to)
{
	return ourselves(from->ops->rename(from, &user, str_of(name), to, str_of(name)));
}

static void a_folder_that_is_moved_must_be_writable(void **state)
{
	struct node *a = put_folder("a", 1000, 1000, 0700), *b = put_folder("b", 1000, 1000, 0700);
	struct node *c = put_folder("c", 0, 50, 0770);

	(void)state;
	assert_int_equal(mkdirat(host, "a/theirs", 0700), 0);
	set_host("a/theirs", 0, 0, 0755);
	assert_int_equal(mkdirat(host, "a/groups", 0700), 0);
	set_host("a/groups", 0, 60, 0775);
	put_file("a/f", 0, 0, 0600);
	assert_int_equal(try_move(a, "theirs", b), -EACCES);
	/* believed of the one folder is not believed of the other */
	assert_int_equal(try_move(a, "theirs", c), -EACCES);
	assert_int_equal(try_move(a, "groups", b), 0);
	assert_int_equal(try_move(b, "groups", c), 0);
	assert_int_equal(try_move(a, "f", c), 0);
	node_unref(c);
	node_unref(b);
	node_unref(a);
}

static void set_id_bits_go_when_a_user_writes(void **state)
{
	struct attr_change cut = {.valid = P9_SETATTR_SIZE, .size = 0};
	struct node *n;
	struct file *f;
	struct qid qid;

	(void)state;
	put_file("f", 0, 0, 06777);
	n = walk(root, "f");
	f = open_node(n, P9_O_RDWR);
	assert_int_equal(ourselves(try_write_as(&guest_root, f, 0, "x")), 0);
	assert_int_equal(host_stat("f").st_mode & 07777, 06777);
	assert_int_equal(ourselves(try_write_as(&user, f, 0, "x")), 0);
	assert_int_equal(host_stat("f").st_mode & 07777, 0777);
	set_host("f", 0, 0, 06777);
	assert_int_equal(ourselves(n->ops->setattr(n, f, &user, &cut)), 0);
	assert_int_equal(host_stat("f").st_mode & 07777, 0777);
	file_unref(f);
	put_file("f", 0, 0, 06777);
	assert_int_equal(ourselves(n->ops->open(n, &user, P9_O_RDWR | P9_O_TRUNC, &f, &qid)), 0);
	assert_int_equal(host_stat("f").st_mode & 07777, 0777);
	file_unref(f);
	node_unref(n);
}

/* Before it writes for a user, Linux takes the bits away by a change of the mode as that user. */
static void a_client_may_take_set_id_bits_away_to_write(void **state)
{
	struct attr_change strip = {.valid = P9_SETATTR_MODE, .mode = 0777};

	(void)state;
	put_file("f", 0, 0, 06777);
	assert_int_equal(try_change("f", strip), 0);
	assert_int_equal(host_stat("f").st_mode & 07777, 0777);
	strip.mode = 0775;
	assert_int_equal(try_change("f", strip), -EPERM);
	strip.mode = 02777;
	assert_int_equal(try_change("f", strip), -EPERM);
	/* not if the user may not write */
	set_host("f", 0, 0, 06755);
	strip.mode = 0755;
	assert_int_equal(try_change("f", strip), -EPERM);
	assert_int_equal(host_stat("f").st_mode & 07777, 06755);
	/* nor of a folder */
	node_unref(put_folder("d", 0, 50, 02777));
	strip.mode = 0777;
	assert_int_equal(try_change("d", strip), -EPERM);
}

static void believing_has_an_end(void **state)
{
	const struct attr_change ch = {
		.valid = P9_SETATTR_MODE | P9_SETATTR_ATIME | P9_SETATTR_MTIME, .mode = 0664};

	(void)state;
	put_file("f", 0, 0, 0664);
	try_change("f", ch);
	assert_int_equal(host_stat("f").st_mode & 07777, 0664);
}

/* As Linux's client words open(2) with O_TRUNC. */
static void who_may_write_may_cut_and_need_not_own_the_time(void **state)
{
	struct attr_change cut = {.valid = P9_SETATTR_SIZE | P9_SETATTR_MTIME | P9_SETATTR_CTIME,
				  .size = 2};

	(void)state;
	put_file("f", 0, 0, 0666);
	assert_int_equal(try_change("f", cut), 0);
	assert_int_equal(host_stat("f").st_size, 2);
	cut.valid |= P9_SETATTR_MTIME_SET;
	assert_int_equal(try_change("f", cut), -EPERM);
}

/* The kernel clears it when a thread changes its identity: the server would outlive who started it.
 */
static void the_signal_of_a_dead_parent_is_kept(void **state)
{
	struct node *n;
	struct file *f;
	struct qid qid;
	int death_signal = 0;

	(void)state;
	set_host(".", 0, 0, 0777);
	assert_int_equal(
		root->ops->create(root, &user, str_of("f"), P9_O_RDWR, 0644, 1001, &n, &f, &qid),
		0);
	assert_int_equal(prctl(PR_GET_PDEATHSIG, &death_signal), 0);
	assert_int_equal(death_signal, SIGUSR1);
	/* it may be chosen later, too */
	assert_int_equal(prctl(PR_SET_PDEATHSIG, SIGUSR2), 0);
	identity_become_ourselves();
	assert_int_equal(prctl(PR_GET_PDEATHSIG, &death_signal), 0);
	assert_int_equal(death_signal, SIGUSR2);
	assert_int_equal(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
	file_unref(f);
	node_unref(n);
}

static void create_as_user(struct node *dir, const char *name, uint32_t mode, uint32_t gid)
{
	struct node *n;
	struct file *f;
	struct qid qid;

	assert_int_equal(ourselves(dir->ops->create(dir, &user, str_of(name), P9_O_RDWR, mode, gid,
						    &n, &f, &qid)),
			 0);
	file_unref(f);
	node_unref(n);
}

static void new_files_belong_to_who_made_them(void **state)
{
	struct node *s;

	(void)state;
	set_host(".", 0, 0, 0777);
	create_as_user(root, "f", 0400, 1001);
	assert_int_equal(host_stat("f").st_uid, 1000);
	assert_int_equal(host_stat("f").st_gid, 1001);
	assert_int_equal(try_make_in(root, "d"), 0);
	assert_int_equal(host_stat("d").st_uid, 1000);
	/* in a set-group-ID folder of a group that is ours (see main), but not the user's; clients
	 * send the folder's group then */
	s = put_folder("s", 0, 7, 02777);
	create_as_user(s, "f", 02755, 1001);
	create_as_user(s, "g", 02755, 7);
	create_as_user(s, "h", 02644, 7);
	assert_int_equal(host_stat("s/f").st_gid, 7);
	assert_int_equal(host_stat("s/f").st_mode & 07777, 0755);
	assert_int_equal(host_stat("s/g").st_gid, 7);
	assert_int_equal(host_stat("s/g").st_mode & 07777, 0755);
	assert_int_equal(host_stat("s/h").st_mode & 07777, 02644);
	assert_int_equal(try_make_in(s, "d"), 0);
	assert_int_equal(host_stat("s/d").st_gid, 7);
	assert_int_equal(host_stat("s/d").st_mode & 07777, 02755);
	node_unref(s);
	/* and we are ourselves again */
	put_host_file("mine", "");
	assert_int_equal(host_stat("mine").st_uid, 0);
	assert_int_equal(host_stat("mine").st_gid, getegid());
}

#define N_ROUNDS 200

static void *make_many(void *arg)
{
	const struct call *c = arg;
	char name[32];

	for (int i = 0; i < N_ROUNDS; i++) {
		struct node *n;
		struct file *f;
		struct qid qid;

		snprintf(name, sizeof(name), "%u-%d", c->uid, i);
		assert_int_equal(root->ops->create(root, c, str_of(name), P9_O_RDWR, 0600, c->uid,
						   &n, &f, &qid),
				 0);
		file_unref(f);
		node_unref(n);
	}
	return NULL;
}

static void each_thread_is_its_own_user(void **state)
{
	struct call c[4];
	pthread_t t[4];
	char name[32];

	(void)state;
	set_host(".", 0, 0, 0777);
	for (uint32_t i = 0; i < 4; i++) {
		c[i] = (struct call){.uid = i * 1000, .client = 1};
		assert_int_equal(pthread_create(&t[i], NULL, make_many, &c[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (uint32_t i = 0; i < 4; i++)
		for (int k = 0; k < N_ROUNDS; k++) {
			snprintf(name, sizeof(name), "%u-%d", i * 1000, k);
			assert_int_equal(host_stat(name).st_uid, i * 1000);
		}
}

/* The server finds its way back to files that the user who asks could not walk to. */
static void reclaimed_files_come_back_whoever_asks(void **state)
{
	struct local *local = container_of(backend, struct local, backend);
	struct node *d = put_folder("d", 0, 0, 0711), *n[100];
	struct attr a;
	char name[32];

	(void)state;
	local->max_fds = 10;
	if (local->handle_fd >= 0) {
		close(local->handle_fd);
		local->handle_fd = -1;
	}
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d/f%d", i);
		put_file(name, 0, 0, 0600);
		assert_int_equal(try_walk_as(&user, d, name + 2, &n[i]), 0);
		identity_become_ourselves();
	}
	set_host("d", 0, 0, 0700);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(
			n[i]->ops->setattr(n[i], NULL, &user,
					   &(struct attr_change){.valid = P9_SETATTR_MODE}),
			-EPERM);
		assert_int_equal(n[i]->ops->getattr(n[i], NULL, &user, P9_GETATTR_BASIC, &a), 0);
		node_unref(n[i]);
	}
	assert_in_range(local->n_fds, 0, 14);
	node_unref(d);
}

static void seen_as_user(int r)
{
	assert_int_equal(r, 0);
	assert_int_equal(setfsuid((uid_t)-1), 1000);
	identity_become_ourselves();
}

static bool take_entry(void *arg, const struct dirent9 *e)
{
	(void)arg;
	(void)e;
	return true;
}

/* They have no rights to check in the host's kernel, but maybe in the machine that has the file. */
static void questions_to_other_machines_are_asked_as_the_caller(void **state)
{
	struct local *local = container_of(backend, struct local, backend);
	struct node *d = put_folder("d", 1000, 1000, 0755), *n, *up, *link;
	struct fs_stat fs;
	struct iovec iov;
	struct file *f;
	struct attr a;
	struct qid qid;
	char buf[8];
	size_t got;

	(void)state;
	put_file("f", 1000, 1000, 0644);
	assert_int_equal(symlinkat("to", host, "link"), 0);
	n = walk(root, "f");
	link = walk(root, "link");
	f = open_node(n, P9_O_RDONLY);
	iov = (struct iovec){buf, sizeof(buf)};
	identity_become_ourselves();
	local->devices->is_remote = true;
	seen_as_user(n->ops->getattr(n, NULL, &user, P9_GETATTR_BASIC, &a));
	seen_as_user(n->ops->getattr(n, f, &user, P9_GETATTR_BASIC, &a));
	seen_as_user(n->ops->statfs(n, &user, &fs));
	seen_as_user(link->ops->readlink(link, &user, buf, sizeof(buf), &got));
	seen_as_user(d->ops->walk(d, &user, str_of(".."), &up, &qid));
	seen_as_user(f->ops->read(f, &user, &iov, 1, 0, &got));
	seen_as_user(f->ops->fsync(f, &user, false));
	file_unref(f);
	f = open_node(d, P9_O_RDONLY);
	seen_as_user(f->ops->readdir(f, &user, 0, take_entry, NULL));
	local->devices->is_remote = false;
	file_unref(f);
	node_unref(up);
	node_unref(link);
	node_unref(n);
	node_unref(d);
}

static int stay_root(void **state)
{
	(void)state;
	identity_become_ourselves();
	return teardown(state);
}

#define identity_test(f) cmocka_unit_test_setup_teardown(f, setup, stay_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		identity_test(what_owner_and_others_may_is_the_hosts_decision),
		identity_test(only_the_owner_changes_attributes),
		identity_test(the_client_is_believed_about_groups),
		identity_test(a_sticky_folder_protects_from_other_users),
		identity_test(attributes_are_guarded_like_the_file),
		identity_test(acls_and_capabilities_of_files_round_trip),
		identity_test(set_id_bits_go_when_a_user_writes),
		identity_test(a_group_that_no_guest_has_is_not_believed),
		identity_test(a_mask_is_not_what_the_group_may),
		identity_test(a_folder_that_is_moved_must_be_writable),
		identity_test(believing_has_an_end),
		identity_test(who_may_write_may_cut_and_need_not_own_the_time),
		identity_test(a_client_may_take_set_id_bits_away_to_write),
		identity_test(the_signal_of_a_dead_parent_is_kept),
		identity_test(new_files_belong_to_who_made_them),
		identity_test(each_thread_is_its_own_user),
		identity_test(reclaimed_files_come_back_whoever_asks),
		identity_test(questions_to_other_machines_are_asked_as_the_caller),
	};

	if (geteuid()) {
		print_message("# SKIP only root can act as other users\n");
		return 77;
	}
	if (setgroups(1, &(gid_t){7}))
		return 1;
	/* before the first call, as by who starts a server */
	if (prctl(PR_SET_PDEATHSIG, SIGUSR1))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
