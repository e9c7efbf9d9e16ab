/* SPDX-License-Identifier: MIT */
/* The verb `trace`, and what `serve` records, as a user meets them: test-trace WARREN */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "cleanup.h"
#include "client.h"
#include "macros.h"
#include "spawn.h"

static const char *warren;
static char dir[] = "/tmp/warren-test-XXXXXX";
static char share[64], file[80], recording[64], server_path[64], proxy_path[64];
static char server_address[80], proxy_address[80];

struct run {
	struct child child;
	int ready;
};

/* Starts `warren WORD...` and waits until it is ready. */
static struct run start(const char *const *words)
{
	struct spawn s = SPAWN_INIT;
	struct run run = {.child = CHILD_INIT};
	char **argv = NULL, text[200];
	int pipe_fds[2];

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(strv_push(&argv, warren), 0);
	for (; *words; words++)
		assert_int_equal(strv_push(&argv, *words), 0);
	assert_int_equal(strv_pushf(&argv, "--ready-fd=%d", pipe_fds[1]), 0);
	s.argv = (const char *const *)argv;
	s.keep = &pipe_fds[1];
	s.n_keep = 1;
	assert_int_equal(spawn_start(&s, &run.child), 0);
	close(pipe_fds[1]);
	assert_true(read(pipe_fds[0], text, sizeof(text)) > 0);
	close(pipe_fds[0]);
	strv_free(argv);
	return run;
}

#define START(...) start((const char *const[]){__VA_ARGS__, NULL})

static void stop(struct run *run)
{
	int status = -1;

	child_kill(&run->child, SIGTERM);
	assert_int_equal(child_wait(&run->child, 20000, &status), 0);
	assert_int_equal(status, 0);
}

/* Standard output of `warren WORD...`, which ends with STATUS. */
static char *output_of(int status, const char *const *words)
{
	struct spawn s = SPAWN_INIT;
	char **argv = NULL, *out = NULL;

	assert_int_equal(strv_push(&argv, warren), 0);
	for (; *words; words++)
		assert_int_equal(strv_push(&argv, *words), 0);
	s.argv = (const char *const *)argv;
	s.fds[2] = SPAWN_NULL;
	assert_int_equal(spawn_capture(&s, 1 << 20, &out, NULL), status);
	strv_free(argv);
	return out;
}

#define OUTPUT(status, ...) output_of(status, (const char *const[]){__VA_ARGS__, NULL})

static struct run start_server(void)
{
	return START("serve", "--quiet", "--listen", server_address, share);
}

static struct run start_recording_server(void)
{
	return START("serve", "--quiet", "--record", recording, "--listen", server_address, share);
}

static struct run start_proxy(void)
{
	return START("trace", "record", "--quiet", "--listen", proxy_address, "--connect",
		     server_address, "--record", recording);
}

/* A session that reads and writes the file. */
static void use(const char *path)
{
	struct client *c = client_connect_unix(path);
	struct msg r;

	assert_non_null(c);
	assert_int_equal(client_start(c, 65536, 0, 0), 0);
	assert_int_equal(client_callf(c, &r, "Twalk tag=1 fid=0 newfid=1 wname=[docs,a.txt]"), 0);
	assert_int_equal(client_callf(c, &r, "Tlopen tag=1 fid=1 flags=2"), 0);
	assert_int_equal(client_callf(c, &r, "Tread tag=3 fid=1 offset=12288 count=4096"), 0);
	assert_int_equal(r.Rread.data.count, 655);
	assert_int_equal(client_callf(c, &r, "Twrite tag=4 fid=1 offset=0 data=hello"), 0);
	assert_int_equal(client_callf(c, &r, "Twalk tag=5 fid=0 newfid=2 wname=[nowhere]"),
			 -ENOENT);
	assert_int_equal(client_callf(c, &r, "Twalk tag=5 fid=0 newfid=2 wname=[docs]"), 0);
	assert_int_equal(client_callf(c, &r,
				      "Trenameat tag=6 olddirfid=2 oldname=a.txt newdirfid=0 "
				      "newname=\"b b\""),
			 0);
	assert_int_equal(client_callf(c, &r, "Tclunk tag=7 fid=1"), 0);
	assert_int_equal(client_callf(c, &r,
				      "Trenameat tag=6 olddirfid=0 oldname=\"b b\" newdirfid=2 "
				      "newname=a.txt"),
			 0);
	client_free(c);
}

/* TEXT has a line that starts, behind its time, with START and goes on with END somewhere. */
static void has_line(const char *text, const char *start, const char *end)
{
	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		size_t n = strcspn(p, "\n");
		const char *line = memchr(p, ' ', n), *found;

		if (!line || strncmp(line + 1, start, strlen(start)) != 0)
			continue;
		found = strstr(line, end);
		if (found && found < p + n)
			return;
	}
	fail_msg("no line '%s ... %s' in:\n%s", start, end, text);
}

static void is_complete(const char *text)
{
	has_line(text, "# connection 1 begins", "");
	has_line(text, "Tversion msize=65536", "-> ok msize=65536 version=9P2000.L");
	has_line(text, "Twalk    docs/a.txt newfid=1", "-> ok wqid=[80.");
	has_line(text, "Tlopen   docs/a.txt flags=0x2", "-> ok qid=00.");
	has_line(text, "Tread    docs/a.txt @12288+4096 -> 655 ", "s  [");
	/* XXH3 of "hello" */
	has_line(text, "Twrite   docs/a.txt @0+5 -> 5 ", "s  [9555e8555c62dcfd]");
	has_line(text, "Twalk    nowhere newfid=2 -> ENOENT", "s");
	has_line(text, "Trenameat docs/a.txt -> \"b b\" -> ok", "s");
	/* the file that the fid means has moved */
	has_line(text, "Tclunk   \"b b\" -> ok", "s");
	has_line(text, "# connection 1 ends", "");
}

static void serve_records_what_it_does(void **state)
{
	struct run server = start_recording_server();
	autofree char *text = NULL;

	(void)state;
	use(server_path);
	stop(&server);
	text = OUTPUT(0, "trace", "show", recording);
	is_complete(text);
}

static void a_proxy_records_what_goes_through(void **state)
{
	struct run server = start_server(), proxy = start_proxy();
	autofree char *text = NULL;

	(void)state;
	use(proxy_path);
	use(proxy_path);
	stop(&proxy);
	stop(&server);
	assert_int_equal(access(proxy_path, F_OK), -1);
	text = OUTPUT(0, "trace", "show", recording);
	is_complete(text);
	has_line(text, "#2 Tread    docs/a.txt @12288+4096 -> 655 ", "[");
}

/* Reads 4096 bytes of the large file, whose first 100 are damaged by the time they come if IS_DAMAGED; the
 * line of the recording then. */
static char *line_of_read(const char *path, struct run *of_recording, bool is_damaged)
{
	struct client *c = client_connect_unix(path);
	autofree char *text = NULL;
	char *line;
	struct msg r;

	assert_int_equal(client_start(c, 65536, 0, 0), 0);
	assert_int_equal(client_callf(c, &r, "Twalk tag=1 fid=0 newfid=1 wname=[large]"), 0);
	assert_int_equal(client_callf(c, &r, "Tlopen tag=1 fid=1 flags=0"), 0);
	assert_int_equal(client_callf(c, &r, "Tread tag=3 fid=1 offset=0 count=4096"), 0);
	assert_int_equal(r.Rread.data.count, 4096);
	for (int i = 0; i < 4096; i++)
		assert_true((((const char *)r.Rread.data.p)[i] != 'x') == (is_damaged && i < 100));
	client_free(c);
	stop(of_recording);
	text = OUTPUT(0, "trace", "show", "--op", "read", recording);
	line = strchr(text, '[');
	assert_non_null(line);
	return strndup(line, strcspn(line, "\n"));
}

/* What is damaged on purpose behind the recording is recorded as it was sent. */
static void a_fault_of_the_transport_is_not_recorded(void **state)
{
	static const char fault[] = "zero,mark=xxxx,count=100";
	struct run server = start_recording_server(), proxy;
	autofree char *right = line_of_read(server_path, &server, false);
	autofree char *by_server = NULL, *by_proxy = NULL;

	(void)state;
	server = START("serve", "--quiet", "--record", recording, "--listen", server_address,
		       "--transport-fault", fault, share);
	by_server = line_of_read(server_path, &server, true);
	assert_string_equal(by_server, right);
	server = start_server();
	proxy = START("trace", "record", "--quiet", "--listen", proxy_address, "--connect",
		      server_address, "--record", recording, "--fault", fault);
	by_proxy = line_of_read(proxy_path, &proxy, true);
	stop(&server);
	assert_string_equal(by_proxy, right);
}

/* Many requests at once, larger than what a socket takes. */
static void a_proxy_passes_everything_on(void **state)
{
	enum { N = 200 };
	struct run server = start_server(), proxy = start_proxy();
	struct client *c = client_connect_unix(proxy_path);
	autofree char *out = NULL;
	struct msg r;

	(void)state;
	assert_int_equal(client_start(c, 1 << 20, 0, 0), 0);
	assert_int_equal(client_callf(c, &r, "Twalk tag=1 fid=0 newfid=1 wname=[large]"), 0);
	assert_int_equal(client_callf(c, &r, "Tlopen tag=1 fid=1 flags=0"), 0);
	for (int i = 0; i < N; i++)
		assert_int_equal(client_sendf(c, "Tread tag=%d fid=1 offset=0 count=1000000", i),
				 0);
	for (int i = 0; i < N; i++) {
		assert_int_equal(client_recv(c, &r), 0);
		assert_int_equal(r.type, Rread);
		assert_int_equal(r.Rread.data.count, 900000);
		assert_int_equal(r.Rread.data.p[899999], 'x');
	}
	client_free(c);
	stop(&proxy);
	stop(&server);
	out = OUTPUT(0, "trace", "stats", "--json", "--op", "read", recording);
	assert_non_null(strstr(out, "\"count\":200,\"errors\":0,\"bytes\":180000000"));
}

static void ends(struct client *c)
{
	struct msg r;

	assert_int_equal(client_recv(c, &r), -ECONNRESET);
	client_free(c);
}

static void bad_bytes_end_their_connection_only(void **state)
{
	struct run server = start_server(), proxy = start_proxy();
	struct client *too_small = client_connect_unix(proxy_path);
	struct client *too_large = client_connect_unix(proxy_path);
	struct client *cut = client_connect_unix(proxy_path);

	(void)state;
	client_send_bytes(too_small, "\3\0\0\0", 4);
	client_send_bytes(too_large, "\377\377\377\377aaa", 7);
	client_send_bytes(cut, "\23\0\0\0d", 5);
	ends(too_small);
	ends(too_large);
	assert_int_equal(shutdown(client_fd(cut), SHUT_WR), 0);
	ends(cut);
	use(proxy_path);
	stop(&proxy);
	stop(&server);
	free(OUTPUT(0, "trace", "show", recording));
}

/* What a server may say to harm the proxy: replies to nothing, of wrong types, and no 9P. */
static void a_bad_server_ends_its_connection_only(void **state)
{
	static const uint8_t odd[] = {
		9,  0, 0, 0, 111, 1, 0, 255, 255,	    /* Rwalk of too many qids */
		7,  0, 0, 0, 121, 9, 0,			    /* Rclunk of an unknown tag */
		11, 0, 0, 0, 117, 1, 0, 255, 255, 255, 255, /* Rread that lies */
		7,  0, 0, 0, 1,	  1, 0,			    /* no such message */
	};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	autoclose int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	autofree char *text = NULL;
	struct client *c;
	struct run proxy;
	char buf[100];
	int fd;

	(void)state;
	memcpy(sun.sun_path, server_path, strlen(server_path));
	assert_int_equal(bind(listening, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(listening, 4), 0);
	proxy = start_proxy();
	c = client_connect_unix(proxy_path);
	assert_int_equal(client_sendf(c, "Twalk tag=1 fid=0 newfid=1 wname=[a]"), 0);
	fd = accept(listening, NULL, NULL);
	assert_int_equal(read(fd, buf, sizeof(buf)), 20);
	assert_int_equal(write(fd, odd, sizeof(odd)), sizeof(odd));
	for (size_t got = 0; got < sizeof(odd);) {
		ssize_t n = read(client_fd(c), buf, sizeof(odd) - got);

		assert_true(n > 0);
		assert_memory_equal(buf, odd + got, (size_t)n);
		got += (size_t)n;
	}
	assert_int_equal(write(fd, "\0\0\0\0", 4), 4);
	ends(c);
	close(fd);
	unlink(server_path);
	c = client_connect_unix(proxy_path); /* there is no server any more */
	ends(c);
	stop(&proxy);
	text = OUTPUT(0, "trace", "show", recording);
	has_line(text, "Twalk    \"<fid 0>/a\" newfid=1 -> malformed reply", "");
	has_line(text, "(request not recorded, tag 9) -> ok", "");
}

static void filters_choose(void **state)
{
	struct run server = start_recording_server();
	autofree char *errors = NULL, *reads = NULL, *below = NULL, *tag = NULL, *none = NULL;

	(void)state;
	use(server_path);
	stop(&server);
	errors = OUTPUT(0, "trace", "show", "--errno", "ENOENT", recording);
	has_line(errors, "Twalk    nowhere", "ENOENT");
	assert_ptr_equal(strchr(errors, '\n'), errors + strlen(errors) - 1);
	reads = OUTPUT(0, "trace", "show", "--op", "read,Twrite", recording);
	has_line(reads, "Tread", "");
	has_line(reads, "Twrite", "");
	assert_null(strstr(reads, "Tlopen"));
	below = OUTPUT(0, "trace", "show", "--path", "docs", "--op", "lopen", recording);
	has_line(below, "Tlopen   docs/a.txt", "");
	tag = OUTPUT(0, "trace", "show", "--tag", "3", recording);
	has_line(tag, "Tread", "");
	none = OUTPUT(0, "trace", "show", "--since", "1000", recording);
	assert_string_equal(none, "");
}

static void qemu_names_can_be_printed_and_read_back(void **state)
{
	struct run server = start_recording_server();
	autofree char *qemu = NULL, *again = NULL;
	FILE *f;

	(void)state;
	use(server_path);
	stop(&server);
	qemu = OUTPUT(0, "trace", "show", "--style", "qemu", recording);
	assert_non_null(strstr(qemu, ":v9fs_read tag 3 id 116 fid 1 off 12288 max_count 4096\n"));
	assert_non_null(strstr(qemu, ":v9fs_read_return tag 3 id 116 count 655 err 666\n"));
	assert_non_null(strstr(qemu, ":v9fs_rerror tag 5 id 110 err 2\n"));
	f = fopen(recording, "we");
	assert_true(fputs(qemu, f) >= 0 && !fclose(f));
	again = OUTPUT(0, "trace", "show", recording);
	has_line(again, "Tread    \"?/?\" @12288+4096 -> 655 ", "s");
	has_line(again, "Twalk    \"?\" newfid=2 -> ENOENT", "s");
}

/* QEMU does not log the name. */
static void a_file_created_in_a_log_of_qemu_is_no_finding(void **state)
{
	static const char log[] =
		"1@1.000001:v9fs_attach tag 0 id 104 fid 0 afid -1 uname nobody aname \n"
		"1@1.000002:v9fs_attach_return tag 0 id 104 type 128 version 1 path 1\n"
		"1@1.000003:v9fs_lcreate tag 0 id 14 dfid 0 flags 32834 mode 420 gid 0\n"
		"1@1.000004:v9fs_lcreate_return tag 0 id 14 qid={type 0 version 1 path 2} "
		"iounit 507904\n"
		"1@1.000005:v9fs_write tag 0 id 118 fid 0 off 0 count 6 cnt 1\n"
		"1@1.000006:v9fs_write_return tag 0 id 118 total 6 err 11\n";
	FILE *f = fopen(recording, "we");
	autofree char *lint = NULL, *shown = NULL;

	(void)state;
	assert_true(fputs(log, f) >= 0 && !fclose(f));
	lint = OUTPUT(0, "trace", "lint", recording);
	shown = OUTPUT(0, "trace", "show", recording);
	assert_non_null(strstr(shown, "Tlcreate"));
}

/* What the Trace Event Format asks of an event. */
static void check_event(json_t *e)
{
	const char *ph = json_string_value(json_object_get(e, "ph"));
	json_t *args = json_object_get(e, "args");

	assert_true(json_is_string(json_object_get(e, "name")));
	assert_true(json_is_integer(json_object_get(e, "pid")));
	assert_true(json_is_integer(json_object_get(e, "tid")));
	assert_true(json_is_object(args));
	assert_non_null(ph);
	if (!strcmp(ph, "M")) {
		assert_true(json_is_string(json_object_get(args, "name")));
		return;
	}
	assert_string_equal(ph, "X");
	assert_true(json_is_string(json_object_get(e, "cat")));
	assert_true(json_real_value(json_object_get(e, "ts")) > 0);
	assert_true(json_real_value(json_object_get(e, "dur")) >= 0);
}

/* Two slices of a track never overlap: each request in flight has its own. */
static void check_tracks(json_t *events)
{
	double until[16] = {0};
	size_t i;
	json_t *e;

	json_array_foreach(events, i, e)
	{
		json_int_t tid = json_integer_value(json_object_get(e, "tid"));
		double ts = json_real_value(json_object_get(e, "ts"));

		if (strcmp(json_string_value(json_object_get(e, "ph")), "X") != 0)
			continue;
		assert_in_range(tid, 0, 15);
		/* the second connection has one request in flight at a time */
		if (json_integer_value(json_object_get(e, "pid")) == 2)
			assert_int_equal(tid, 0);
		assert_true(ts >= until[tid]);
		until[tid] = ts + json_real_value(json_object_get(e, "dur")) - 0.01;
	}
}

static void a_timeline_has_the_form_of_trace_events(void **state)
{
	struct run server = start_recording_server();
	struct client *c = client_connect_unix(server_path);
	autofree char *text = NULL;
	json_t *all, *events, *e;
	struct msg r;
	size_t i;

	(void)state;
	assert_int_equal(client_start(c, 65536, 0, 0), 0);
	for (int n = 0; n < 8; n++)
		assert_int_equal(client_sendf(c, "Tgetattr tag=%d fid=0 request_mask=0x7ff", n), 0);
	for (int n = 0; n < 8; n++)
		assert_int_equal(client_recv(c, &r), 0);
	client_free(c);
	use(server_path);
	stop(&server);
	text = OUTPUT(0, "trace", "convert", "--to", "perfetto", recording);
	all = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(all);
	events = json_object_get(all, "traceEvents");
	assert_in_range(json_array_size(events), 25, 60);
	json_array_foreach(events, i, e) check_event(e);
	check_tracks(events);
	json_decref(all);
}

static void json_lines_are_objects(void **state)
{
	struct run server = start_recording_server();
	autofree char *text = NULL, *same = NULL;
	unsigned n = 0;

	(void)state;
	use(server_path);
	stop(&server);
	text = OUTPUT(0, "trace", "show", "--json", recording);
	same = OUTPUT(0, "trace", "convert", "--to", "json", recording);
	assert_string_equal(text, same);
	for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1, n++) {
		json_t *o = json_loadb(p, (size_t)(end - p), JSON_REJECT_DUPLICATES, NULL);
		const char *op = json_string_value(json_object_get(o, "op"));

		assert_true(json_is_string(json_object_get(o, "type")));
		assert_true(json_is_number(json_object_get(o, "time")));
		if (op && !strcmp(op, "Tread")) {
			assert_int_equal(json_integer_value(json_object_get(o, "offset")), 12288);
			assert_int_equal(json_integer_value(json_object_get(o, "bytes")), 655);
			assert_int_equal(json_array_size(json_object_get(o, "digests")), 1);
		}
		json_decref(o);
	}
	assert_int_equal(n, 13);
}

/* The same requests get the same replies from a copy, and others when it is changed. */
static void a_replay_tells_what_changed(void **state)
{
	struct run server = START("serve", "--quiet", "--record", recording, "--record-data",
				  "--listen", server_address, share);
	autofree char *same = NULL, *other = NULL, *lint = NULL;
	FILE *f;

	(void)state;
	use(server_path);
	stop(&server);
	server = start_server();
	same = OUTPUT(0, "trace", "replay", "--connect", server_address, recording);
	assert_non_null(strstr(same, "OK: 11 requests replayed, 0 answered otherwise\n"));
	f = fopen(file, "r+e");
	assert_true(!fseek(f, 12300, SEEK_SET) && fputc('b', f) == 'b' && !fclose(f));
	other = OUTPUT(1, "trace", "replay", "--connect", server_address, recording);
	assert_non_null(strstr(other, "    other bytes in block 1 of 1\n11 requests"));
	f = fopen(file, "r+e");
	assert_true(!fseek(f, 12300, SEEK_SET) && fputc('a', f) == 'a' && !fclose(f));
	stop(&server);
	free(OUTPUT(4, "trace", "replay", "--connect", server_address, recording));
	lint = OUTPUT(0, "trace", "lint", recording);
	assert_string_equal(lint, "OK: no rule is broken\n");
}

/* SIGKILL: what came more than a moment before it is there. */
static void a_killed_server_leaves_a_recording(void **state)
{
	struct run server = start_recording_server();
	int status;

	(void)state;
	use(server_path);
	for (;;) {
		autofree char *text = OUTPUT(0, "trace", "show", recording);

		if (strstr(text, "# connection 1 ends"))
			break;
		usleep(10000);
	}
	child_kill(&server.child, SIGKILL);
	assert_int_equal(child_wait(&server.child, 20000, &status), 0);
	free(OUTPUT(0, "trace", "show", recording));
	assert_int_equal(truncate(recording, 400), 0);
	free(OUTPUT(1, "trace", "show", recording));
}

static void wrong_usage_is_2(void **state)
{
	(void)state;
	free(OUTPUT(2, "trace"));
	free(OUTPUT(2, "trace", "frob"));
	free(OUTPUT(2, "trace", "show"));
	free(OUTPUT(2, "trace", "show", "/nowhere"));
	free(OUTPUT(2, "trace", "show", file));
	free(OUTPUT(2, "trace", "show", "--op", "frob", file));
	free(OUTPUT(2, "trace", "show", "--errno", "EFROB", file));
	free(OUTPUT(2, "trace", "show", "--tag", "65536", file));
	free(OUTPUT(2, "trace", "show", "--since", "x", file));
	free(OUTPUT(2, "trace", "show", "--style", "frob", file));
	free(OUTPUT(2, "trace", "convert", file));
	free(OUTPUT(2, "trace", "convert", "--to", "frob", file));
	free(OUTPUT(2, "trace", "replay", file));
	free(OUTPUT(2, "trace", "replay", "--connect", "frob", file));
	free(OUTPUT(2, "trace", "lint", "--ignore", "frob", file));
	free(OUTPUT(0, "trace", "lint", "--rules"));
	free(OUTPUT(2, "trace", "record", "--listen", proxy_address));
	free(OUTPUT(2, "trace", "record", "--listen", proxy_address, "--connect", server_address,
		    "--record", recording, "--fault", "zero"));
	free(OUTPUT(2, "serve", "--listen", proxy_address, "--transport-fault", "fish,mark=x",
		    share));
	free(OUTPUT(2, "trace", "record", "--listen", "frob", "--connect", "tcp:127.0.0.1:1",
		    "--record", recording));
	free(OUTPUT(2, "serve", "--listen", proxy_address, "--record-data", share));
	free(OUTPUT(3, "serve", "--listen", proxy_address, "--record", "/nowhere/r", share));
	free(OUTPUT(3, "serve", "--listen", proxy_address, "--record", "/dev/null", share));
}

static int write_bytes(const char *path, size_t n, char c)
{
	FILE *f = fopen(path, "we");

	for (size_t i = 0; f && i < n; i++)
		fputc(c, f);
	return !f || fclose(f);
}

static int make_dir(void **state)
{
	char docs[80], large[80];

	(void)state;
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	snprintf(share, sizeof(share), "%s/share", dir);
	snprintf(docs, sizeof(docs), "%s/docs", share);
	snprintf(file, sizeof(file), "%s/docs/a.txt", share);
	snprintf(large, sizeof(large), "%s/large", share);
	snprintf(recording, sizeof(recording), "%s/r", dir);
	snprintf(server_path, sizeof(server_path), "%s/s", dir);
	snprintf(proxy_path, sizeof(proxy_path), "%s/p", dir);
	snprintf(server_address, sizeof(server_address), "unix:%s", server_path);
	snprintf(proxy_address, sizeof(proxy_address), "unix:%s", proxy_path);
	return mkdir(share, 0755) || mkdir(docs, 0755) || write_bytes(file, 12943, 'a') ||
	       write_bytes(large, 900000, 'x');
}

static int remove_dir(void **state)
{
	struct spawn s = SPAWN_INIT;

	(void)state;
	s.argv = (const char *const[]){"rm", "-rf", dir, NULL};
	return spawn_run(&s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serve_records_what_it_does),
		cmocka_unit_test(a_proxy_records_what_goes_through),
		cmocka_unit_test(a_fault_of_the_transport_is_not_recorded),
		cmocka_unit_test(a_proxy_passes_everything_on),
		cmocka_unit_test(bad_bytes_end_their_connection_only),
		cmocka_unit_test(a_bad_server_ends_its_connection_only),
		cmocka_unit_test(filters_choose),
		cmocka_unit_test(a_file_created_in_a_log_of_qemu_is_no_finding),
		cmocka_unit_test(qemu_names_can_be_printed_and_read_back),
		cmocka_unit_test(a_timeline_has_the_form_of_trace_events),
		cmocka_unit_test(json_lines_are_objects),
		cmocka_unit_test(a_replay_tells_what_changed),
		cmocka_unit_test(a_killed_server_leaves_a_recording),
		cmocka_unit_test(wrong_usage_is_2),
	};

	if (argc != 2)
		return 2;
	warren = argv[1];
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
