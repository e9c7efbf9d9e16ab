/* SPDX-License-Identifier: MIT */
#include "metrics.h"
#include "session-all.h"

static struct rig rig;
static const struct msg *reply;

static int start(void **state)
{
	(void)state;
	rig = rig_start((struct server_config){.max_msize = 0}, (struct fake_config){.room = 0});
	return 0;
}

static int start_attached(void **state)
{
	start(state);
	rig_attach(&rig);
	return 0;
}

/* Scattered memory, and data beside the message: as with a virtqueue. */
static int start_in_parts(void **state)
{
	(void)state;
	rig = rig_start((struct server_config){.max_msize = 0},
			(struct fake_config){.part = 7, .data_beside = true});
	rig_attach(&rig);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

static void the_smallest_msize_wins(void **state)
{
	(void)state;
	CALL(&rig, 0, "Tversion tag=65535 msize=8192 version=9P2000.L");
	assert_int_equal(reply->Rversion.msize, 8192);
	assert_true(str_is(reply->Rversion.version, "9P2000.L"));
	CALL(&rig, 0, "Tversion tag=65535 msize=4294967295 version=9P2000.L");
	assert_int_equal(reply->Rversion.msize, 65536);
	CALL(&rig, -EINVAL, "Tversion tag=65535 msize=4095 version=9P2000.L");
}

static void another_version_is_unknown(void **state)
{
	(void)state;
	CALL(&rig, 0, "Tversion tag=65535 msize=8192 version=9P2000.u");
	assert_true(str_is(reply->Rversion.version, "unknown"));
	CALL(&rig, -EPROTO, "Tattach tag=1 fid=0 afid=4294967295");
}

static void nothing_goes_before_version(void **state)
{
	(void)state;
	CALL(&rig, -EPROTO, "Tattach tag=1 fid=0 afid=4294967295");
	CALL(&rig, -EPROTO, "Tflush tag=1 oldtag=2");
}

static void version_forgets_all_fids(void **state)
{
	(void)state;
	rig_open(&rig, 1, "a");
	CALL(&rig, 0, "Tversion tag=65535 msize=8192 version=9P2000.L");
	assert_int_equal(toy_n_live(rig.backend), 0);
	CALL(&rig, -EBADF, "Tgetattr tag=1 fid=0");
	CALL(&rig, -EBADF, "Tread tag=1 fid=1 count=10");
}

static void no_authentication_is_needed(void **state)
{
	(void)state;
	CALL(&rig, -ENOENT, "Tauth tag=1 afid=5");
	CALL(&rig, -EINVAL, "Tattach tag=1 fid=7 afid=5");
	CALL(&rig, -EBADF, "Tattach tag=1 fid=0 afid=4294967295");
	CALL(&rig, -ENOENT, "Tattach tag=1 fid=7 afid=4294967295 aname=nowhere");
}

static void a_reply_is_not_a_request(void **state)
{
	static const uint8_t rclunk[] = {7, 0, 0, 0, Rclunk, 9, 0};

	(void)state;
	fake_channel_send_bytes(rig.fc, rclunk, sizeof(rclunk));
	EXPECT(&rig, Rlerror, 9);
	assert_int_equal(reply->Rlerror.ecode, EPROTO);
}

static void a_bad_message_is_an_error_of_its_tag(void **state)
{
	static const uint8_t unknown[] = {7, 0, 0, 0, 254, 3, 0};
	static const uint8_t cut[] = {8, 0, 0, 0, Tclunk, 4, 0, 1};

	(void)state;
	fake_channel_send_bytes(rig.fc, unknown, sizeof(unknown));
	EXPECT(&rig, Rlerror, 3);
	assert_int_equal(reply->Rlerror.ecode, EOPNOTSUPP);
	fake_channel_send_bytes(rig.fc, cut, sizeof(cut));
	EXPECT(&rig, Rlerror, 4);
	assert_int_equal(reply->Rlerror.ecode, EBADMSG);
	CALL(&rig, 0, "Tgetattr tag=1 fid=0 request_mask=0x7ff");
}

static void less_than_a_header_ends_the_channel(void **state)
{
	(void)state;
	fake_channel_send_bytes(rig.fc, "\4\0\0\0", 4);
	assert_int_equal(fake_channel_n_dropped(rig.fc), 1);
	assert_non_null(fake_channel_shutdown_reason(rig.fc));
}

static void a_walk_tells_how_far_it_came(void **state)
{
	(void)state;
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[dir,dir2,a]");
	assert_int_equal(reply->Rwalk.wqid.n, 3);
	assert_int_equal(reply->Rwalk.wqid.at[2].type, P9_QTFILE);
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=2 wname=[dir,missing,a]");
	assert_int_equal(reply->Rwalk.wqid.n, 1);
	CALL(&rig, -EBADF, "Tgetattr tag=1 fid=2");
	CALL(&rig, -ENOENT, "Twalk tag=1 fid=0 newfid=2 wname=[missing,a]");
	CALL(&rig, -ENOTDIR, "Twalk tag=1 fid=1 newfid=2 wname=[a]");
}

static void a_walk_may_replace_its_fid(void **state)
{
	(void)state;
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[]");
	CALL(&rig, 0, "Twalk tag=1 fid=1 newfid=1 wname=[dir]");
	CALL(&rig, 0, "Twalk tag=1 fid=1 newfid=1 wname=[a]");
	CALL(&rig, 0, "Tgetattr tag=1 fid=1 request_mask=0x7ff");
	assert_int_equal(reply->Rgetattr.qid.type, P9_QTFILE);
	CALL(&rig, -EBADF, "Twalk tag=1 fid=0 newfid=1 wname=[dir]");
	CALL(&rig, -EINVAL, "Twalk tag=1 fid=0 newfid=4294967295 wname=[]");
}

static void an_open_fid_can_be_cloned_but_not_moved(void **state)
{
	(void)state;
	rig_open(&rig, 1, "dir");
	CALL(&rig, 0, "Twalk tag=1 fid=1 newfid=2 wname=[]");
	CALL(&rig, -EBADF, "Treaddir tag=1 fid=2 count=1000");
	CALL(&rig, -EINVAL, "Twalk tag=1 fid=1 newfid=1 wname=[a]");
}

static void the_root_is_its_own_parent(void **state)
{
	(void)state;
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[..,..,dir]");
	assert_int_equal(reply->Rwalk.wqid.n, 3);
	assert_int_equal(reply->Rwalk.wqid.at[0].path, 5381);
	assert_int_equal(reply->Rwalk.wqid.at[1].path, 5381);
	CALL(&rig, 0, "Tattach tag=1 fid=9 afid=4294967295");
	assert_int_equal(reply->Rattach.qid.path, 5381);
}

static void kinds_of_fids_are_told_apart(void **state)
{
	(void)state;
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[a]");
	CALL(&rig, -EBADF, "Tread tag=1 fid=1 count=10");
	CALL(&rig, -EBADF, "Twrite tag=1 fid=1 data=abc");
	CALL(&rig, -EBADF, "Tfsync tag=1 fid=1");
	CALL(&rig, -EBADF, "Tlock tag=1 fid=1");
	CALL(&rig, 0, "Tlopen tag=1 fid=1 flags=0");
	CALL(&rig, -EINVAL, "Tlopen tag=1 fid=1 flags=0");
	CALL(&rig, -EINVAL, "Tlcreate tag=1 fid=1 name=b");
	CALL(&rig, -EINVAL, "Txattrcreate tag=1 fid=1 name=user.a attr_size=3");
	CALL(&rig, 0, "Txattrwalk tag=1 fid=1 newfid=2 name=user.5");
	CALL(&rig, -EBADF, "Twrite tag=1 fid=2 data=abc");
	CALL(&rig, -EBADF, "Tfsync tag=1 fid=2");
	CALL(&rig, -EINVAL, "Tgetattr tag=1 fid=2");
	CALL(&rig, -EINVAL, "Twalk tag=1 fid=2 newfid=3");
	CALL(&rig, -EINVAL, "Tlopen tag=1 fid=2");
	CALL(&rig, -EINVAL, "Tremove tag=1 fid=2");
	CALL(&rig, -EBADF, "Tclunk tag=1 fid=2");
}

static void what_a_backend_lacks_is_not_supported(void **state)
{
	(void)state;
	CALL(&rig, -EOPNOTSUPP, "Tstatfs tag=1 fid=0");
	CALL(&rig, -EOPNOTSUPP, "Treadlink tag=1 fid=0");
	CALL(&rig, -EOPNOTSUPP, "Tunlinkat tag=1 dirfd=0 name=a");
}

static void a_read_stops_at_the_end(void **state)
{
	(void)state;
	rig_open(&rig, 1, "a");
	CALL(&rig, 0, "Tread tag=1 fid=1 offset=990 count=4294967295");
	assert_int_equal(reply->Rread.data.count, 10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(reply->Rread.data.p[i], (uint8_t)(990 + i));
	CALL(&rig, 0, "Tread tag=1 fid=1 offset=18446744073709551615 count=10");
	assert_int_equal(reply->Rread.data.count, 0);
	CALL(&rig, 0, "Tread tag=1 fid=1 offset=0 count=0");
	assert_int_equal(reply->Rread.data.count, 0);
}

static void a_write_says_how_much(void **state)
{
	(void)state;
	rig_open(&rig, 1, "a");
	CALL(&rig, 0, "Twrite tag=1 fid=1 offset=97 data=abcdefghijklmnopq");
	assert_int_equal(reply->Rwrite.count, 17);
	CALL(&rig, 0, "Twrite tag=1 fid=1 offset=97 data=\"\"");
	assert_int_equal(reply->Rwrite.count, 0);
	CALL(&rig, -EILSEQ, "Twrite tag=1 fid=1 offset=96 data=abc");
}

static void readdir_gives_whole_entries(void **state)
{
	uint64_t offset = 0;
	unsigned n = 0;

	(void)state;
	rig_open(&rig, 1, "dir");
	for (;;) {
		struct dirent9 e;
		size_t size;

		CALL(&rig, 0, "Treaddir tag=1 fid=1 offset=%u count=100", (unsigned)offset);
		if (!reply->Rreaddir.data.count)
			break;
		for (size_t at = 0; at < reply->Rreaddir.data.count; at += size, n++) {
			assert_int_equal(dirent_decode(reply->Rreaddir.data.p + at,
						       reply->Rreaddir.data.count - at, &e, &size),
					 0);
			offset = e.offset;
		}
	}
	assert_int_equal(n, 100);
	CALL(&rig, -EINVAL, "Treaddir tag=1 fid=1 offset=0 count=27");
	CALL(&rig, 0, "Treaddir tag=1 fid=1 offset=0 count=28");
	CALL(&rig, 0, "Treaddir tag=1 fid=1 offset=0 count=4294967295");
	assert_int_equal(reply->Rreaddir.data.count, 2800);
}

static void create_opens_the_fid(void **state)
{
	(void)state;
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[dir]");
	CALL(&rig, 0, "Tlcreate tag=1 fid=1 name=new flags=2 mode=0644");
	CALL(&rig, 0, "Tread tag=1 fid=1 count=10");
	CALL(&rig, 0, "Tclunk tag=1 fid=1");
	assert_int_equal(toy_n_made(rig.backend), 1);
	assert_int_equal(toy_n_live(rig.backend), 1);
}

static void rename_keeps_the_fid_open(void **state)
{
	(void)state;
	rig_open(&rig, 1, "a");
	CALL(&rig, 0, "Trename tag=1 fid=1 dfid=0 name=dir");
	CALL(&rig, 0, "Tgetattr tag=1 fid=1 request_mask=0x7ff");
	assert_int_equal(reply->Rgetattr.qid.type, P9_QTDIR);
	CALL(&rig, 0, "Tread tag=1 fid=1 count=10");
}

static void remove_clunks_even_when_it_fails(void **state)
{
	(void)state;
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[dir]");
	CALL(&rig, -ENOTEMPTY, "Tremove tag=1 fid=1");
	CALL(&rig, -EBADF, "Tclunk tag=1 fid=1");
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[a]");
	CALL(&rig, 0, "Tremove tag=1 fid=1");
	CALL(&rig, -EBADF, "Tclunk tag=1 fid=1");
	assert_int_equal(toy_n_live(rig.backend), 1);
}

static void attributes_are_read_from_their_fid(void **state)
{
	(void)state;
	CALL(&rig, 0, "Txattrwalk tag=1 fid=0 newfid=1 name=user.20");
	assert_int_equal(reply->Rxattrwalk.size, 20);
	CALL(&rig, 0, "Tread tag=1 fid=1 offset=15 count=1000");
	assert_int_equal(reply->Rread.data.count, 5);
	CALL(&rig, 0, "Tread tag=1 fid=1 offset=20 count=1000");
	assert_int_equal(reply->Rread.data.count, 0);
	CALL(&rig, 0, "Txattrwalk tag=1 fid=0 newfid=2 name=user.65536");
	CALL(&rig, 0, "Tread tag=1 fid=2 offset=65530 count=1000");
	assert_memory_equal(reply->Rread.data.p, "xxxxxx", 6);
	CALL(&rig, -E2BIG, "Txattrwalk tag=1 fid=0 newfid=3 name=user.65537");
	CALL(&rig, -ENODATA, "Txattrwalk tag=1 fid=0 newfid=3 name=security.x");
	CALL(&rig, 0, "Txattrwalk tag=1 fid=0 newfid=3 name=\"\"");
	CALL(&rig, 0, "Tread tag=1 fid=3 offset=0 count=1000");
	assert_memory_equal(reply->Rread.data.p, "user.5", 7);
}

static void an_attribute_is_set_by_clunk(void **state)
{
	(void)state;
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[a]");
	CALL(&rig, 0, "Txattrcreate tag=1 fid=1 name=user.a attr_size=6");
	CALL(&rig, -EBADF, "Tread tag=1 fid=1 count=6");
	CALL(&rig, 0, "Twrite tag=1 fid=1 offset=0 data=abc");
	CALL(&rig, -EINVAL, "Twrite tag=1 fid=1 offset=4 data=e");
	CALL(&rig, -ENOSPC, "Twrite tag=1 fid=1 offset=3 data=defg");
	CALL(&rig, -ENOSPC, "Twrite tag=1 fid=1 offset=18446744073709551615 data=ab");
	CALL(&rig, 0, "Twrite tag=1 fid=1 offset=3 data=def");
	assert_string_equal(toy_last_xattr(rig.backend), "");
	CALL(&rig, 0, "Tclunk tag=1 fid=1");
	assert_string_equal(toy_last_xattr(rig.backend), "user.a=abcdef");
}

static void an_incomplete_attribute_is_not_set(void **state)
{
	(void)state;
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[a]");
	CALL(&rig, 0, "Txattrcreate tag=1 fid=1 name=user.a attr_size=6");
	CALL(&rig, 0, "Twrite tag=1 fid=1 offset=0 data=abcde");
	CALL(&rig, -EINVAL, "Tclunk tag=1 fid=1");
	CALL(&rig, -EBADF, "Tclunk tag=1 fid=1");
	assert_string_equal(toy_last_xattr(rig.backend), "");
}

static void no_value_replaces_by_nothing(void **state)
{
	(void)state;
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[a]");
	CALL(&rig, 0, "Txattrcreate tag=1 fid=1 name=user.a attr_size=0 flags=2");
	CALL(&rig, 0, "Tclunk tag=1 fid=1");
	assert_string_equal(toy_last_xattr(rig.backend), "-user.a");
	CALL(&rig, 0, "Twalk tag=1 fid=0 newfid=1 wname=[a]");
	CALL(&rig, 0, "Txattrcreate tag=1 fid=1 name=user.a attr_size=0 flags=0");
	CALL(&rig, 0, "Tclunk tag=1 fid=1");
	assert_string_equal(toy_last_xattr(rig.backend), "user.a=");
}

static void attributes_have_limits(void **state)
{
	(void)state;
	CALL(&rig, -E2BIG, "Txattrcreate tag=1 fid=0 name=user.a attr_size=65537");
	CALL(&rig, -E2BIG, "Txattrcreate tag=1 fid=0 name=user.a attr_size=18446744073709551615");
	CALL(&rig, -ERANGE, "Txattrcreate tag=1 fid=0 name=\"\" attr_size=1");
	CALL(&rig, -ERANGE, "Txattrcreate tag=1 fid=0 name=%0256d attr_size=1", 0);
	CALL(&rig, -EINVAL, "Txattrcreate tag=1 fid=0 name=user.a attr_size=1 flags=4");
	CALL(&rig, -ERANGE, "Txattrwalk tag=1 fid=0 newfid=1 name=%0256d", 0);
}

static void a_lock_must_end_where_a_file_can(void **state)
{
	(void)state;
	rig_open(&rig, 1, "a");
	CALL(&rig, -EINVAL, "Tlock tag=1 fid=1 type=3");
	CALL(&rig, -EINVAL, "Tlock tag=1 fid=1 start=9223372036854775808");
	CALL(&rig, -EINVAL, "Tlock tag=1 fid=1 start=1 length=9223372036854775808");
	CALL(&rig, -EINVAL, "Tlock tag=1 fid=1 flags=4");
	CALL(&rig, -EINVAL, "Tgetlock tag=1 fid=1 type=3");
	CALL(&rig, -EOPNOTSUPP, "Tlock tag=1 fid=1 start=1 length=9223372036854775807");
}

static void a_reply_fits_the_room(void **state)
{
	struct rig small;

	(void)state;
	small = rig_start((struct server_config){.max_msize = 0}, (struct fake_config){.room = 60});
	rig_attach(&small);
	rig_open(&small, 1, "a");
	CALL(&small, 0, "Tread tag=1 fid=1 count=1000");
	assert_int_equal(reply->Rread.data.count, 49);
	CALL(&small, -EMSGSIZE, "Tgetattr tag=1 fid=1");
	rig_stop(&small);
	small = rig_start((struct server_config){.max_msize = 0}, (struct fake_config){.room = 10});
	SEND(&small, "Tversion tag=65535 msize=65536 version=9P2000.L");
	assert_int_equal(fake_channel_n_dropped(small.fc), 1);
	rig_stop(&small);
}

/* Linux 6.12-rc5 asks for no bytes when it found no page for them. */
static void a_read_of_nothing_needs_no_room_for_data(void **state)
{
	(void)state;
	rig_open(&rig, 1, "a");
	fake_channel_set_room(rig.fc, 11);
	CALL(&rig, 0, "Tread tag=1 fid=1 count=0");
	assert_int_equal(reply->Rread.data.count, 0);
	CALL(&rig, -EMSGSIZE, "Tread tag=1 fid=1 count=1");
	fake_channel_set_room(rig.fc, 0);
}

static void directories_have_no_iounit(void **state)
{
	struct rig r = rig_start((struct server_config){.iounit = 12288},
				 (struct fake_config){.room = 0});

	(void)state;
	rig_attach(&r);
	CALL(&r, 0, "Twalk tag=1 fid=0 newfid=1 wname=[a]");
	CALL(&r, 0, "Tlopen tag=1 fid=1");
	assert_int_equal(reply->Rlopen.iounit, 12288);
	CALL(&r, 0, "Tlopen tag=1 fid=0");
	assert_int_equal(reply->Rlopen.iounit, 0);
	rig_stop(&r);
}

static void statistics_count(void **state)
{
	struct metrics st;

	(void)state;
	rig_open(&rig, 1, "a");
	CALL(&rig, 0, "Tread tag=1 fid=1 count=10");
	CALL(&rig, 0, "Twrite tag=1 fid=1 offset=97 data=abc");
	CALL(&rig, -EBADF, "Tread tag=1 fid=2 count=10");
	server_get_metrics(rig.server, &st);
	assert_int_equal(metrics_requests(&st), 7);
	assert_int_equal(metrics_errors(&st), 1);
	assert_int_equal(st.value[METRIC_BYTES_READ], 10);
	assert_int_equal(st.value[METRIC_BYTES_WRITTEN], 3);
	assert_int_equal(st.value[METRIC_SESSIONS], 1);
	assert_int_equal(st.value[METRIC_DEFERRED], 0);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define ATTACHED(test) cmocka_unit_test_setup_teardown(test, start_attached, stop)
#define IN_PARTS(test)                                              \
	{                                                           \
#test "_in_parts", test, start_in_parts, stop, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(the_smallest_msize_wins),
		FRESH(another_version_is_unknown),
		FRESH(nothing_goes_before_version),
		FRESH(a_reply_fits_the_room),
		ATTACHED(a_read_of_nothing_needs_no_room_for_data),
		FRESH(directories_have_no_iounit),
		ATTACHED(version_forgets_all_fids),
		ATTACHED(no_authentication_is_needed),
		ATTACHED(a_reply_is_not_a_request),
		ATTACHED(a_bad_message_is_an_error_of_its_tag),
		ATTACHED(less_than_a_header_ends_the_channel),
		ATTACHED(a_walk_tells_how_far_it_came),
		ATTACHED(a_walk_may_replace_its_fid),
		ATTACHED(an_open_fid_can_be_cloned_but_not_moved),
		ATTACHED(the_root_is_its_own_parent),
		ATTACHED(kinds_of_fids_are_told_apart),
		ATTACHED(what_a_backend_lacks_is_not_supported),
		ATTACHED(a_read_stops_at_the_end),
		IN_PARTS(a_read_stops_at_the_end),
		ATTACHED(a_write_says_how_much),
		IN_PARTS(a_write_says_how_much),
		ATTACHED(readdir_gives_whole_entries),
		IN_PARTS(readdir_gives_whole_entries),
		ATTACHED(create_opens_the_fid),
		ATTACHED(rename_keeps_the_fid_open),
		ATTACHED(remove_clunks_even_when_it_fails),
		ATTACHED(attributes_are_read_from_their_fid),
		IN_PARTS(attributes_are_read_from_their_fid),
		ATTACHED(an_attribute_is_set_by_clunk),
		IN_PARTS(an_attribute_is_set_by_clunk),
		ATTACHED(an_incomplete_attribute_is_not_set),
		ATTACHED(no_value_replaces_by_nothing),
		ATTACHED(attributes_have_limits),
		ATTACHED(a_lock_must_end_where_a_file_can),
		ATTACHED(statistics_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
