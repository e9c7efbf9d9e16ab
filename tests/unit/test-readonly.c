/* SPDX-License-Identifier: MIT */
/* Every message and every way of opening, tried on an export that is read-only. */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backend.h"
#include "fake-channel.h"
#include "local.h"
#include "macros.h"
#include "readonly.h"
#include "server.h"

static char dir[] = "/tmp/warren-readonly-XXXXXX";
static int host;
static struct backend *backend;
static struct server *server;
static struct fake_channel *fc;

static void fill_folder(void)
{
	int fd;

	assert_non_null(mkdtemp(dir));
	host = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(host >= 0);
	fd = openat(host, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, "hello", 5), 5);
	close(fd);
	assert_int_equal(fsetxattr(host, "user.a", "1", 1, 0), 0);
	assert_int_equal(mkdirat(host, "d", 0755), 0);
	assert_int_equal(symlinkat("f", host, "l"), 0);
}

static int start(void **state)
{
	struct server_config cfg = {.workers = 1};

	(void)state;
	fill_folder();
	assert_int_equal(local_new(&(struct local_config){.dir = dir}, &backend), 0);
	assert_int_equal(readonly_new(backend, &backend), 0);
	cfg.backend = backend;
	assert_int_equal(server_new(&cfg, &server), 0);
	fc = fake_channel_new(server_handler(server), &(struct fake_config){.room = 0});
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fake_channel_free(fc);
	server_free(server);
	backend_free(backend);
	unlinkat(host, "f", 0);
	unlinkat(host, "l", 0);
	unlinkat(host, "d", AT_REMOVEDIR);
	close(host);
	return rmdir(dir);
}

/* In this order: fid 0 is the root, 1 the file, 2 the file opened, 3 the folder opened, 4 and 5 the
 * link, 7 the file once more. */
static const struct {
	int err;
	const char *text;
} messages[] = {
	{0, "Tversion tag=65535 msize=65536 version=9P2000.L"},
	{-ENOENT, "Tauth tag=1 afid=9"},
	{0, "Tattach tag=1 fid=0 afid=4294967295"},
	{0, "Twalk tag=1 fid=0 newfid=1 wname=[f]"},
	{0, "Twalk tag=1 fid=0 newfid=2 wname=[f]"},
	{0, "Twalk tag=1 fid=0 newfid=3 wname=[d]"},
	{0, "Twalk tag=1 fid=0 newfid=4 wname=[l]"},
	{0, "Twalk tag=1 fid=0 newfid=5 wname=[l]"},
	{0, "Twalk tag=1 fid=0 newfid=7 wname=[f]"},
	{0, "Twalk tag=1 fid=0 newfid=8"},
	{0, "Tgetattr tag=1 fid=1 request_mask=0x7ff"},
	{0, "Tstatfs tag=1 fid=1"},
	{0, "Treadlink tag=1 fid=4"},
	{-EROFS, "Tlopen tag=1 fid=2 flags=1"},
	{-EROFS, "Tlopen tag=1 fid=2 flags=2"},
	{-EROFS, "Tlopen tag=1 fid=2 flags=3"},
	{-EROFS, "Tlopen tag=1 fid=2 flags=0x200"},  /* O_RDONLY | O_TRUNC */
	{-EROFS, "Tlopen tag=1 fid=2 flags=0x201"},  /* O_WRONLY | O_TRUNC */
	{-EROFS, "Tlopen tag=1 fid=2 flags=0x2402"}, /* O_RDWR | O_APPEND, not ours */
	{0, "Tlopen tag=1 fid=2 flags=0xc0"},	     /* O_CREAT | O_EXCL of what is there */
	{0, "Tlopen tag=1 fid=3 flags=0x10000"},
	{0, "Tread tag=1 fid=2 count=10"},
	{0, "Treaddir tag=1 fid=3 count=1000"},
	{-EROFS, "Twrite tag=1 fid=2 data=\"x\""},
	{0, "Tfsync tag=1 fid=2"},
	{0, "Tlock tag=1 fid=2 client_id=a"},
	{0, "Tgetlock tag=1 fid=2 client_id=a"},
	{0, "Txattrwalk tag=1 fid=0 newfid=6 name=user.a"},
	{-EROFS, "Tlcreate tag=1 fid=8 name=n mode=0644"},
	{-EROFS, "Tlcreate tag=1 fid=8 name=f flags=0x200 mode=0644"},
	{-EROFS, "Tsymlink tag=1 fid=0 name=n symtgt=x"},
	{-EROFS, "Tmknod tag=1 dfid=0 name=n mode=0100644"},
	{-EROFS, "Tmknod tag=1 dfid=0 name=n mode=010644"},
	{-EROFS, "Tmkdir tag=1 dfid=0 name=n mode=0755"},
	{-EROFS, "Tlink tag=1 dfid=0 fid=1 name=n"},
	{-EROFS, "Trename tag=1 fid=1 dfid=0 name=n"},
	{-EROFS, "Trenameat tag=1 olddirfid=0 oldname=f newdirfid=0 newname=n"},
	{-EROFS, "Tunlinkat tag=1 dirfd=0 name=f"},
	{-EROFS, "Tunlinkat tag=1 dirfd=0 name=d flags=0x200"},
	{-EROFS, "Tsetattr tag=1 fid=1 valid=1 mode=0777"},
	{-EROFS, "Tsetattr tag=1 fid=1 valid=6 uid=1 gid=1"},
	{-EROFS, "Tsetattr tag=1 fid=1 valid=8 size=0"},
	{-EROFS, "Tsetattr tag=1 fid=2 valid=8 size=0"},
	{-EROFS, "Tsetattr tag=1 fid=1 valid=0x30"},
	{-EROFS, "Tsetattr tag=1 fid=1 valid=0x40"},
	{-EROFS, "Tremove tag=1 fid=5"},
	/* an attribute is set, or removed, by the clunk */
	{0, "Txattrcreate tag=1 fid=1 name=user.b attr_size=1"},
	{0, "Twrite tag=1 fid=1 data=\"x\""},
	{-EROFS, "Tclunk tag=1 fid=1"},
	{0, "Txattrcreate tag=1 fid=7 name=user.a attr_size=0 flags=2"},
	{-EROFS, "Tclunk tag=1 fid=7"},
	{0, "Tflush tag=1 oldtag=2"},
};

struct seen {
	struct stat folder, file;
};

static struct seen look(void)
{
	struct seen s;
	char value;

	assert_int_equal(fstat(host, &s.folder), 0);
	assert_int_equal(fstatat(host, "f", &s.file, 0), 0);
	assert_int_equal(fgetxattr(host, "user.a", &value, 1), 1);
	return s;
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec &&
	       a->st_size == b->st_size && a->st_mode == b->st_mode && a->st_nlink == b->st_nlink;
}

static void no_message_changes_anything(void **state)
{
	struct seen before = look(), after;
	bool tried[256] = {false};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		const char *text = messages[i].text;
		const struct msg *m;
		int err = fake_channel_callf(fc, &m, "%s", text);

		if (err != messages[i].err)
			fail_msg("%s: %d, not %d", text, err, messages[i].err);
		tried[msg_type_of(text, strcspn(text, " "))] = true;
	}
	for (unsigned t = 0; t < 256; t++)
		if (msg_name((uint8_t)t) && msg_is_request((uint8_t)t) && !tried[t])
			fail_msg("%s was not tried", msg_name((uint8_t)t));
	after = look();
	assert_true(is_unchanged(&before.folder, &after.folder));
	assert_true(is_unchanged(&before.file, &after.file));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_message_changes_anything, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
