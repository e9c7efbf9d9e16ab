/* SPDX-License-Identifier: MIT */
/* warren trace record: a recording proxy. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "logging.h"
#include "loop.h"
#include "macros.h"
#include "sabotage.h"
#include "trace-proxy.h"
#include "trace-writer.h"
#include "trace.h"

#define MAX_FAULTS 16

struct record_options {
	const char *listen, *connect;
	struct trace_writer_config writer;
	const char *faults[MAX_FAULTS];
	size_t n_faults;
	int ready_fd;
	uint32_t size_mib;
	bool quiet;
};

static struct loop *loop_to_stop;

static void set_handler(void (*handler)(int sig))
{
	signal(SIGTERM, handler);
	signal(SIGINT, handler);
	signal(SIGHUP, handler);
}

/* The first signal ends the loop, the second one the process. */
static void on_signal(int sig)
{
	signal(sig, SIG_DFL);
	loop_stop(loop_to_stop);
}

static int take_fault(struct option_line *l, void *options, const char *value)
{
	struct record_options *o = options;

	if (o->n_faults == MAX_FAULTS)
		return option_wrong(l, "fault", value, "no more than 16 of them");
	o->faults[o->n_faults++] = value;
	return 0;
}

static int take_ready_fd(struct option_line *l, void *o, const char *value)
{
	uint32_t fd = 0;
	int r = option_number(l, "ready-fd", value, 0, 1U << 20, &fd);

	((struct record_options *)o)->ready_fd = (int)fd;
	return r;
}

#define FIELD(f) .at = offsetof(struct record_options, f)
static const struct option_row rows[] = {
	{"listen", OPTION_TEXT, FIELD(listen)},
	{"connect", OPTION_TEXT, FIELD(connect)},
	{"record", OPTION_TEXT, FIELD(writer.path)},
	{"record-data", OPTION_FLAG, FIELD(writer.keep_data)},
	{"record-size", OPTION_NUMBER, FIELD(size_mib), .min = 0, .max = 1U << 24},
	{"fault", OPTION_TAKE, .take = take_fault},
	{"ready-fd", OPTION_TAKE, .take = take_ready_fd},
	{"quiet", OPTION_FLAG, FIELD(quiet)},
};
#undef FIELD

static int parse(int argc, char **argv, struct record_options *o)
{
	int status = trace_options(argc, argv, rows, ARRAY_SIZE(rows), o,
				   "record takes options only", NULL);

	if (status)
		return status;
	o->writer.max_size = (uint64_t)o->size_mib << 20;
	if (!o->listen || !o->connect || !o->writer.path)
		return cmd_usage_error("trace", "record needs --listen, --connect and --record");
	return EXIT_OK;
}

static void failed(void *arg, const char *what)
{
	log_warn("the recording '%s' ends here: %s", (const char *)arg, what);
}

/* What a proxy consists of. */
struct parts {
	struct address listen, server;
	struct bound bound;
	struct loop *loop;
	struct trace_writer *writer;
	struct proxy *proxy;
	struct sabotage *faults[MAX_FAULTS];
	size_t n_faults;
	bool is_bound;
};

static int make_faults(const struct record_options *o, struct parts *p, char **ret_why)
{
	int err = 0;

	for (; !err && p->n_faults < o->n_faults; p->n_faults += !err) {
		const char *text = o->faults[p->n_faults];
		autofree char *reason = NULL;

		err = sabotage_new(text, &p->faults[p->n_faults], &reason);
		if (reason)
			why(ret_why, err, "--fault %s: %s", text, reason);
	}
	if (!err && o->n_faults)
		log_warn("--fault: clients will get damaged files");
	return err;
}

static int open_parts(struct record_options *o, struct parts *p, char **ret_why)
{
	int err = address_parse(o->listen, &p->listen, ret_why);

	if (!err)
		err = address_parse(o->connect, &p->server, ret_why);
	if (!err && p->server.kind != ADDRESS_UNIX && p->server.kind != ADDRESS_TCP)
		err = why(ret_why, -EINVAL, "--connect %s: give unix:PATH or tcp:ADDRESS:PORT",
			  o->connect);
	if (!err)
		err = make_faults(o, p, ret_why);
	if (!err)
		err = loop_new(&p->loop);
	o->writer.failed = failed;
	o->writer.arg = (void *)o->writer.path;
	if (!err)
		err = trace_writer_new(&o->writer, &p->writer, ret_why);
	if (!err)
		err = address_listen(&p->listen, &p->bound, ret_why);
	p->is_bound = !err;
	if (!err)
		err = proxy_new(p->loop, &p->bound, &p->server, p->writer, &p->proxy);
	if (!err)
		proxy_damage(p->proxy, p->faults, p->n_faults);
	return err;
}

static void close_parts(struct parts *p)
{
	if (p->proxy)
		proxy_free(p->proxy);
	if (p->is_bound && p->listen.kind == ADDRESS_UNIX)
		unix_remove(p->listen.path, &p->bound.id);
	trace_writer_free(p->writer);
	for (size_t i = 0; i < p->n_faults; i++)
		sabotage_free(p->faults[i]);
	if (p->loop)
		loop_free(p->loop);
}

static int say_ready(const struct record_options *o, const struct parts *p)
{
	autofree char *address = address_text(&p->listen, p->bound.fd);

	if (!address)
		return -ENOMEM;
	if (!o->quiet)
		printf("Recording what goes from %s to %s.\n", address, o->connect);
	fflush(stdout);
	if (o->ready_fd >= 0 && dprintf(o->ready_fd, "ready %s\n", address) < 0)
		return -errno;
	if (o->ready_fd > 2)
		close(o->ready_fd);
	return 0;
}

int trace_record(int argc, char **argv)
{
	struct record_options o = {.ready_fd = -1};
	struct parts p = {.bound.fd = -1};
	autofree char *reason = NULL;
	int err, status = parse(argc, argv, &o);

	if (status)
		return status;
	err = open_parts(&o, &p, &reason);
	if (!err) {
		loop_to_stop = p.loop;
		set_handler(on_signal);
		err = say_ready(&o, &p);
	}
	if (!err)
		err = loop_run(p.loop);
	if (err)
		log_error("%s", reason ? reason : strerror(-err));
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	close_parts(&p);
	return !err ? EXIT_OK : err == -EINVAL ? EXIT_USAGE : EXIT_ENVIRONMENT;
}
