/* SPDX-License-Identifier: MIT */
/* Which path a fid means, after what was said. */
#include "cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "fid-paths.h"

static struct fid_paths *paths;

static void say(const char *request, const char *reply)
{
	char scratch[2][4096];
	struct msg m, r;

	assert_int_equal(msg_parse(request, scratch[0], sizeof(scratch[0]), &m, NULL), 0);
	assert_int_equal(msg_parse(reply, scratch[1], sizeof(scratch[1]), &r, NULL), 0);
	fid_paths_reply(paths, &m, &r);
}

static void is_path(uint32_t fid, const char *path)
{
	struct trace_text t = fid_path(paths, fid);

	if (!path) {
		assert_null(t.p);
		return;
	}
	assert_non_null(t.p);
	assert_int_equal(t.len, strlen(path));
	assert_memory_equal(t.p, path, t.len);
}

static int start(void **state)
{
	(void)state;
	paths = fid_paths_new();
	say("Tattach fid=0", "Rattach qid=80.0.1");
	say("Twalk fid=0 newfid=1 wname=[a,b,c]", "Rwalk wqid=[80.0.2,80.0.3,00.0.4]");
	say("Twalk fid=0 newfid=2 wname=[a]", "Rwalk wqid=[80.0.2]");
	say("Twalk fid=0 newfid=3 wname=[d]", "Rwalk wqid=[80.0.5]");
	return 0;
}

static int end(void **state)
{
	(void)state;
	fid_paths_free(paths);
	return 0;
}

static void walks_are_followed(void **state)
{
	(void)state;
	is_path(0, "/");
	is_path(1, "a/b/c");
	say("Twalk fid=2 newfid=4 wname=[b,..,..,..]", "Rwalk wqid=[80.0.3,80.0.2,80.0.1,80.0.1]");
	is_path(4, "/");
	say("Twalk fid=1 newfid=5 wname=[]", "Rwalk wqid=[]");
	is_path(5, "a/b/c");
	say("Twalk fid=2 newfid=2 wname=[x]", "Rwalk wqid=[00.0.9]");
	is_path(2, "a/x");
	is_path(99, NULL);
}

static void what_failed_changes_nothing(void **state)
{
	(void)state;
	say("Twalk fid=0 newfid=4 wname=[a,x]", "Rwalk wqid=[80.0.2]");
	is_path(4, NULL);
	say("Twalk fid=0 newfid=4 wname=[x]", "Rlerror ecode=2");
	is_path(4, NULL);
	say("Trenameat olddirfid=0 oldname=a newdirfid=0 newname=z", "Rlerror ecode=1");
	is_path(1, "a/b/c");
	/* nor does what is no reply to it */
	say("Twalk fid=0 newfid=4 wname=[a]", "Rattach qid=80.0.1");
	is_path(4, NULL);
	say("Tclunk fid=1", "Rlerror ecode=9");
	is_path(1, NULL);
}

static void a_rename_moves_what_is_below(void **state)
{
	(void)state;
	say("Trenameat olddirfid=0 oldname=a newdirfid=3 newname=\"z z\"", "Rrenameat");
	is_path(1, "d/z z/b/c");
	is_path(2, "d/z z");
	say("Trename fid=1 dfid=0 name=top", "Rrename");
	is_path(1, "top");
	/* never below itself */
	say("Trename fid=3 dfid=2 name=loop", "Rrename");
	is_path(3, "d");
	/* what was there is there no more */
	say("Twalk fid=0 newfid=4 wname=[e]", "Rwalk wqid=[00.0.6]");
	say("Trenameat olddirfid=0 oldname=top newdirfid=0 newname=e", "Rrenameat");
	is_path(1, "e");
	say("Trenameat olddirfid=0 oldname=e newdirfid=0 newname=f", "Rrenameat");
	is_path(1, "f");
	is_path(4, "e");
}

static void created_and_removed(void **state)
{
	(void)state;
	say("Tlcreate fid=2 name=new flags=0 mode=0644", "Rlcreate qid=00.0.7 iounit=0");
	is_path(2, "a/new");
	say("Tunlinkat dirfd=3 name=new", "Runlinkat");
	is_path(2, "a/new");
	say("Tremove fid=2", "Rremove");
	is_path(2, NULL);
	say("Txattrwalk fid=1 newfid=6 name=user.x", "Rxattrwalk size=1");
	is_path(6, "a/b/c:user.x");
	say("Tversion msize=8192 version=9P2000.L", "Rversion msize=8192 version=9P2000.L");
	for (uint32_t fid = 0; fid < 7; fid++)
		is_path(fid, NULL);
}

static void many_fids_of_long_paths(void **state)
{
	(void)state;
	for (uint32_t i = 100; i < 3000; i++) {
		char text[400];

		snprintf(text, sizeof(text), "Twalk fid=%u newfid=%u wname=[%0200u]",
			 i == 100 ? 0 : i - 1, i, i);
		say(text, "Rwalk wqid=[80.0.2]");
	}
	assert_true(fid_path(paths, 2999).len <= TRACE_MAX_PATH);
	assert_memory_equal(fid_path(paths, 2999).p + fid_path(paths, 2999).len - 4, "2999", 4);
	for (uint32_t i = 100; i < 3000; i += 2) {
		char text[40];

		snprintf(text, sizeof(text), "Tclunk fid=%u", i);
		say(text, "Rclunk");
	}
	is_path(100, NULL);
	assert_int_equal(fid_path(paths, 103).len, 4 * 200 + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(walks_are_followed, start, end),
		cmocka_unit_test_setup_teardown(what_failed_changes_nothing, start, end),
		cmocka_unit_test_setup_teardown(a_rename_moves_what_is_below, start, end),
		cmocka_unit_test_setup_teardown(created_and_removed, start, end),
		cmocka_unit_test_setup_teardown(many_fids_of_long_paths, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
