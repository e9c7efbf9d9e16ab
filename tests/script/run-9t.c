/* SPDX-License-Identifier: MIT */
/* run-9t FILE.9t [COMMAND]: a client that follows a script, against the real server on a socket;
 * with COMMAND (the program warren, maybe with words before it) against that one, in its sandbox.
 * Then a script that asks for what its command line cannot say is skipped: exit code 77. A line is
 *
 *	# a comment
 *	backend synth		serve synth.h's tree, not a new, empty folder
 *	blocked N, release	wait until N reads of /block wait; let them and all others go on
 *	server NAME=NUMBER	a field of struct server_config
 *	start			the usual beginning: Tversion, and Tattach of fid 0 to the root
 *	> MESSAGE		send it, as msg_print writes messages; $i is the turn of a repeat
 *	>> HEX...		send these bytes
 *	< PATTERN		receive a message; its text must match, where * is any text and
 *				ecode=ENOENT is understood
 *	< EOF			the server hangs up
 *	hang up			client 1 does
 *	@ COMMAND		run it in the folder that is served; it must succeed
 *	repeat N ... end	the lines between, N times; $i counts from 0
 *
 * > and < may have the number of a connection before them: 2> and 2< are another client.
 * Exit code 1, with the line, when anything is otherwise; 0 if all is as the script says.
 */
#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "backend.h"
#include "cleanup.h"
#include "client.h"
#include "listen.h"
#include "local.h"
#include "loop.h"
#include "macros.h"
#include "outer-server.h"
#include "server.h"
#include "spawn.h"
#include "synth.h"

#define MAX_LINES 1000
#define MAX_CLIENTS 4

struct run {
	const char *file;
	char *lines[MAX_LINES];
	unsigned n_lines, at; /* the line in hand */
	char folder[64];
	bool use_synth;
	struct server_config cfg;
	struct backend *backend;
	struct server *server;
	struct loop *loop;
	pthread_t thread;
	struct listener *listeners[MAX_CLIENTS];
	struct client *clients[MAX_CLIENTS];
	const char *command; /* NULL: the server is in this process */
	struct outer_server outer;
};

#define fail(r, ...)                                                \
	do {                                                        \
		fprintf(stderr, "%s:%u: ", (r)->file, (r)->at + 1); \
		fprintf(stderr, __VA_ARGS__);                       \
		fprintf(stderr, "\n\t%s\n", (r)->lines[(r)->at]);   \
		return false;                                       \
	} while (0)

static bool has_prefix(const char *line, const char *prefix)
{
	return !strncmp(line, prefix, strlen(prefix));
}

static bool read_script(struct run *r)
{
	autofclose FILE *f = fopen(r->file, "re");
	size_t cap;
	ssize_t n;

	if (!f) {
		fprintf(stderr, "%s: %s\n", r->file, strerror(errno));
		return false;
	}
	while (r->n_lines < MAX_LINES &&
	       (cap = 0, n = getline(&r->lines[r->n_lines], &cap, f)) >= 0) {
		char *line = r->lines[r->n_lines++];

		if (n && line[n - 1] == '\n')
			line[n - 1] = 0;
	}
	return true;
}

/* Is TEXT matched by PATTERN, where * is any text? */
static bool matches(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

/* The number of the error whose name is the N bytes at NAME, 0 if there is none. */
static int error_number(const char *name, size_t n)
{
	for (int e = 1; e < 200; e++) {
		const char *is = strerrorname_np(e);

		if (is && strlen(is) == n && !memcmp(is, name, n))
			return e;
	}
	return 0;
}

/* LINE with $i as TURN, and names of errors as numbers. The caller frees it. */
static char *expand(const char *line, unsigned turn)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	while (*line) {
		if (has_prefix(line, "$i")) {
			fprintf(f, "%u", turn);
			line += 2;
		} else if (has_prefix(line, "ecode=E")) {
			size_t n;

			line += strlen("ecode=");
			n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
			fprintf(f, "ecode=%d", error_number(line, n));
			line += n;
		} else {
			fputc(*line++, f);
		}
	}
	fclose(f);
	return out;
}

static bool send_message(struct run *r, struct client *c, const char *text)
{
	autofree char *scratch = malloc(strlen(text) + 1);
	struct msg m;
	const char *bad;
	int err = msg_parse(text, scratch, strlen(text) + 1, &m, &bad);

	if (err)
		fail(r, "not understood from here on: %s", bad);
	err = client_send(c, &m);
	if (err)
		fail(r, "cannot send: %s", strerror(-err));
	return true;
}

static bool send_hex(struct run *r, struct client *c, const char *text)
{
	uint8_t bytes[1024];
	size_t n = 0;
	int used;

	while (n < sizeof(bytes) && sscanf(text, "%2hhx%n", &bytes[n], &used) == 1) {
		text += used;
		n++;
	}
	if (client_send_bytes(c, bytes, n))
		fail(r, "cannot send");
	return true;
}

static bool expect(struct run *r, struct client *c, const char *pattern)
{
	autofree char *text = NULL;
	struct msg m;
	size_t size;
	FILE *f;
	int err = client_recv(c, &m);

	if (!strcmp(pattern, "EOF")) {
		if (err != -ECONNRESET)
			fail(r, "the server did not hang up");
		return true;
	}
	if (err)
		fail(r, "no reply: %s", strerror(-err));
	f = open_memstream(&text, &size);
	msg_print(f, &m);
	fclose(f);
	if (!matches(pattern, text))
		fail(r, "received: %s", text);
	return true;
}

static bool shell(struct run *r, const char *command)
{
	const char *const argv[] = {"sh", "-c", command, NULL};
	struct spawn s = SPAWN_INIT;
	int code;

	s.argv = argv;
	s.dir = r->folder;
	code = spawn_run(&s);
	if (code)
		fail(r, "the command ended with %d", code);
	return true;
}

static bool begin(struct run *r, struct client *c)
{
	int err = client_start(c, 65536, 0, (uint32_t)geteuid());

	if (err)
		fail(r, "cannot start: %s", strerror(-err));
	return true;
}

static unsigned client_number(const char **line)
{
	unsigned n = 1;

	if (isdigit((unsigned char)**line) && ((*line)[1] == '>' || (*line)[1] == '<')) {
		n = (unsigned)(**line - '0');
		(*line)++;
	}
	return n;
}

static bool do_line(struct run *r, unsigned turn)
{
	autofree char *expanded = expand(r->lines[r->at], turn);
	const char *line = expanded;
	unsigned n = client_number(&line);
	struct client *c = n && n <= MAX_CLIENTS ? r->clients[n - 1] : NULL;

	if (!*line || has_prefix(line, "#") || has_prefix(line, "server ") ||
	    has_prefix(line, "backend "))
		return true;
	if (r->use_synth && has_prefix(line, "blocked ")) {
		synth_wait_blocked(r->backend, (unsigned)atoi(line + strlen("blocked ")));
		return true;
	}
	if (r->use_synth && !strcmp(line, "release")) {
		synth_release(r->backend);
		return true;
	}
	if (has_prefix(line, "@ "))
		return shell(r, line + 2);
	if (!c)
		fail(r, "clients are 1 to %d", MAX_CLIENTS);
	if (!strcmp(line, "start"))
		return begin(r, c);
	if (!strcmp(line, "hang up")) {
		client_free(steal_ptr(&r->clients[0]));
		return true;
	}
	if (has_prefix(line, "> "))
		return send_message(r, c, line + 2);
	if (has_prefix(line, ">> "))
		return send_hex(r, c, line + 3);
	if (has_prefix(line, "< "))
		return expect(r, c, line + 2);
	fail(r, "what is this?");
}

/* The lines from the repeat in hand up to its end. */
static bool do_repeat(struct run *r)
{
	unsigned first = r->at + 1, n = (unsigned)atoi(r->lines[r->at] + strlen("repeat "));

	for (unsigned turn = 0; turn < n; turn++)
		for (r->at = first; strcmp(r->lines[r->at], "end") != 0; r->at++) {
			if (!do_line(r, turn))
				return false;
			if (r->at + 1 == r->n_lines)
				fail(r, "no end of the repeat");
		}
	return true;
}

static bool do_script(struct run *r)
{
	for (r->at = 0; r->at < r->n_lines; r->at++)
		if (!(has_prefix(r->lines[r->at], "repeat ") ? do_repeat(r) : do_line(r, 0)))
			return false;
	return true;
}

/* One "NAME=NUMBER" of struct server_config. */
static bool configure(struct run *r, const char *text)
{
	unsigned long long v;

	if (sscanf(text, "workers=%llu", &v) == 1)
		r->cfg.workers = (unsigned)v;
	else if (sscanf(text, "max_msize=%llu", &v) == 1)
		r->cfg.max_msize = (uint32_t)v;
	else if (sscanf(text, "iounit=%llu", &v) == 1)
		r->cfg.iounit = (uint32_t)v;
	else if (sscanf(text, "max_fids=%llu", &v) == 1)
		r->cfg.budgets[BUDGET_FIDS].one = (uint32_t)v;
	else if (sscanf(text, "max_requests=%llu", &v) == 1)
		r->cfg.budgets[BUDGET_REQUESTS].one = (uint32_t)v;
	else if (sscanf(text, "max_xattr_bytes=%llu", &v) == 1)
		r->cfg.budgets[BUDGET_XATTR_BYTES].one = v;
	else
		fail(r, "no such field");
	return true;
}

static bool read_config(struct run *r)
{
	for (r->at = 0; r->at < r->n_lines; r->at++) {
		const char *line = r->lines[r->at];

		if (!strcmp(line, "backend synth"))
			r->use_synth = true;
		if (has_prefix(line, "server ") && !configure(r, line + strlen("server ")))
			return false;
	}
	r->at = 0;
	return true;
}

static bool connect_client(struct run *r, unsigned i)
{
	autofree char *why = NULL;
	char address[32];
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return false;
	snprintf(address, sizeof(address), "fd:%d", fds[0]);
	if (listener_new(r->loop, address, server_handler(r->server), &r->listeners[i], &why)) {
		fprintf(stderr, "%s\n", why);
		return false;
	}
	r->clients[i] = client_new(fds[1]);
	return r->clients[i];
}

static void *serve(void *loop)
{
	loop_run(loop);
	return NULL;
}

static bool make_folder(struct run *r)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(r->folder, sizeof(r->folder), "%s/warren-9t-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(r->folder);
}

static bool open_outer(struct run *r)
{
	int theirs[MAX_CLIENTS];

	/* As the server in this process does it: commands of the script make what they say. */
	umask(0);
	for (unsigned i = 0; i < MAX_CLIENTS; i++) {
		int fds[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
			return false;
		theirs[i] = fds[0];
		r->clients[i] = client_new(fds[1]);
		if (!r->clients[i])
			return false;
	}
	errno = -outer_start(r->command, &r->cfg, r->folder, theirs, MAX_CLIENTS, &r->outer);
	return !errno;
}

static bool open_all(struct run *r)
{
	struct local_config local = {.dir = r->folder};

	if (!make_folder(r))
		return false;
	if (r->command)
		return open_outer(r);
	if (r->use_synth ? synth_new(&r->backend) : local_new(&local, &r->backend))
		return false;
	r->cfg.backend = r->backend;
	if (server_new(&r->cfg, &r->server) || loop_new(&r->loop))
		return false;
	for (unsigned i = 0; i < MAX_CLIENTS; i++)
		if (!connect_client(r, i))
			return false;
	return !pthread_create(&r->thread, NULL, serve, r->loop);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void close_inner(struct run *r)
{
	if (r->use_synth)
		synth_release(r->backend);
	loop_stop(r->loop);
	pthread_join(r->thread, NULL);
	for (unsigned i = 0; i < MAX_CLIENTS; i++)
		listener_free(r->listeners[i]);
	loop_free(r->loop);
	server_free(r->server);
	backend_free(r->backend);
}

static bool close_all(struct run *r)
{
	int code = 0;

	for (unsigned i = 0; i < MAX_CLIENTS; i++)
		client_free(r->clients[i]);
	if (r->command)
		code = outer_end(&r->outer);
	else
		close_inner(r);
	if (code)
		fprintf(stderr, "%s: the server ended with %d\n", r->file, code);
	nftw(r->folder, remove_one, 20, FTW_DEPTH | FTW_PHYS);
	for (unsigned i = 0; i < r->n_lines; i++)
		free(r->lines[i]);
	return !code;
}

int main(int argc, char **argv)
{
	static struct run r;
	bool ok;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: run-9t FILE.9t [COMMAND]\n");
		return 2;
	}
	r.file = argv[1];
	r.command = argv[2];
	if (!read_script(&r) || !read_config(&r))
		return 1;
	if (r.command && (r.use_synth || !outer_can(&r.cfg))) {
		fprintf(stderr, "%s: nothing for a server's command line\n", r.file);
		return 77;
	}
	if (!open_all(&r)) {
		fprintf(stderr, "%s: cannot start the server: %s\n", r.file, strerror(errno));
		return 1;
	}
	ok = do_script(&r);
	ok = close_all(&r) && ok;
	return ok ? 0 : 1;
}
