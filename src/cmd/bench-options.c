/* SPDX-License-Identifier: MIT */
/* The command line of `warren bench`. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cleanup.h"
#include "cmd.h"
#include "macros.h"
#include "options.h"
#include "protocol.h"

#define MAX_DEPTH 4096u
#define MAX_CONNECTIONS 4096u

enum option_key {
	OPT_OP = 1,
	OPT_DEPTH,
	OPT_CONNECTIONS,
	OPT_SIZE,
	OPT_SEQUENTIAL,
	OPT_SECONDS,
	OPT_TIMEOUT,
	OPT_RATE,
	OPT_MSIZE,
	OPT_FILE,
	OPT_FILE_SIZE,
	OPT_ENTRIES,
	OPT_ANAME,
	OPT_PID,
	OPT_CPU,
	OPT_SYSCALLS,
	OPT_JSON,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"op", required_argument, NULL, OPT_OP},
	{"depth", required_argument, NULL, OPT_DEPTH},
	{"connections", required_argument, NULL, OPT_CONNECTIONS},
	{"size", required_argument, NULL, OPT_SIZE},
	{"sequential", no_argument, NULL, OPT_SEQUENTIAL},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"rate", required_argument, NULL, OPT_RATE},
	{"msize", required_argument, NULL, OPT_MSIZE},
	{"file", required_argument, NULL, OPT_FILE},
	{"file-size", required_argument, NULL, OPT_FILE_SIZE},
	{"entries", required_argument, NULL, OPT_ENTRIES},
	{"aname", required_argument, NULL, OPT_ANAME},
	{"pid", required_argument, NULL, OPT_PID},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"syscalls", no_argument, NULL, OPT_SYSCALLS},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

void bench_print_help(void)
{
	printf("usage: warren bench [OPTION]... ADDRESS\n\n"
	       "Puts load on a 9P2000.L server, any one, and says how much it bore and at what "
	       "cost.\n\n"
	       "ADDRESS is unix:PATH, tcp:HOST:PORT, or vhost-user:PATH (a front end of its own).\n"
	       "The server has to let the share be written, unless --file is given.\n\n"
	       "the load; each list is one cell of the table for each combination:\n"
	       "  --op LIST             operations, see below (all of them)\n"
	       "  --depth LIST          operations in flight on a connection (1,8,64)\n"
	       "  --connections LIST    connections at the same time (1)\n"
	       "  --size BYTES          of a read or write (4096)\n"
	       "  --sequential          reads and writes go through the file (random places)\n"
	       "  --rate N              N operations a second, evenly: a latency counts from the\n"
	       "                        time an operation was due (as many as the server bears)\n"
	       "  --seconds S           for each cell, after a tenth of it to warm up (1)\n"
	       "  --timeout S           give up when the server says nothing for so long (30)\n\n"
	       "where:\n"
	       "  --msize N             bytes of the largest message, 4096 to 1048576 (512000)\n"
	       "  --aname NAME          what to attach to, for servers with several exports\n"
	       "  --file PATH           a file of the share to work on; nothing is made\n"
	       "  --file-size MIB       of the file that is made (16)\n"
	       "  --entries N           of the folder that is made for readdir (1000)\n"
	       "  --cpu N               run on this CPU only\n"
	       "  --pid PID             the server, where the kernel does not tell (tcp)\n\n"
	       "what it prints:\n"
	       "  --syscalls            also the server's system calls for each request\n"
	       "  --json                one JSON object a cell\n"
	       "  --help                print this text\n\noperations:\n");
	for (unsigned i = 0; load_op_at(i); i++)
		printf("  %-8s  %s\n", load_op_name(load_op_at(i)), load_op_summary(load_op_at(i)));
	printf("\nexit code: 0 measured, 2 wrong usage, 3 something is missing here, 4 the server "
	       "failed\n");
}

static int get_number(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	struct option_line l = {.verb = "bench"};

	return option_number(&l, name, text, min, max, ret) ? l.status : EXIT_OK;
}

static int get_list(const char *name, const char *text, uint32_t max, uint32_t *list,
		    unsigned *ret_n)
{
	autofree char *copy = strdup(text);
	char *rest = copy, *one;
	int r = copy ? EXIT_OK : EXIT_ENVIRONMENT;

	*ret_n = 0;
	while (!r && (one = strsep(&rest, ","))) {
		if (*ret_n == BENCH_MAX_LIST)
			return cmd_usage_error("bench", "--%s: more than %d numbers", name,
					       BENCH_MAX_LIST);
		r = get_number(name, one, 1, max, &list[*ret_n]);
		*ret_n += !r;
	}
	return r;
}

static int get_ops(struct bench_options *o, const char *text)
{
	autofree char *copy = strdup(text);
	char *rest = copy, *one;

	o->n_ops = 0;
	while (copy && (one = strsep(&rest, ","))) {
		const struct load_op *op = load_op_find(one);

		if (!op)
			return cmd_usage_error("bench", "there is no operation '%s'", one);
		if (o->n_ops == BENCH_MAX_OPS)
			return cmd_usage_error("bench", "--op: more than %d", BENCH_MAX_OPS);
		o->ops[o->n_ops++] = op;
	}
	return copy ? EXIT_OK : EXIT_ENVIRONMENT;
}

static int get_seconds(const char *text, double *ret)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !(s >= 0.01 && s <= 86400))
		return cmd_usage_error("bench", "--seconds %s: give a number from 0.01 to 86400",
				       text);
	*ret = s;
	return EXIT_OK;
}

static int set_option(struct bench_options *o, enum option_key key, const char *value)
{
	switch (key) {
	case OPT_OP:
		return get_ops(o, value);
	case OPT_DEPTH:
		return get_list("depth", value, MAX_DEPTH, o->depths, &o->n_depths);
	case OPT_CONNECTIONS:
		return get_list("connections", value, MAX_CONNECTIONS, o->connections,
				&o->n_connections);
	case OPT_SIZE:
		return get_number("size", value, 1, 1 << 20, &o->size);
	case OPT_SEQUENTIAL:
		o->sequential = true;
		return EXIT_OK;
	case OPT_SECONDS:
		return get_seconds(value, &o->seconds);
	case OPT_TIMEOUT:
		return get_number("timeout", value, 1, 86400, &o->timeout);
	case OPT_RATE:
		return get_number("rate", value, 1, 100000000, &o->rate);
	case OPT_MSIZE:
		return get_number("msize", value, P9_MIN_MSIZE, 1 << 20, &o->msize);
	case OPT_FILE:
		o->file = value;
		return EXIT_OK;
	case OPT_FILE_SIZE:
		return get_number("file-size", value, 1, 1 << 20, &o->file_mib);
	case OPT_ENTRIES:
		return get_number("entries", value, 1, 10000000, &o->entries);
	case OPT_ANAME:
		o->aname = value;
		return EXIT_OK;
	case OPT_PID:
		return get_number("pid", value, 1, INT_MAX, &o->pid);
	case OPT_CPU:
		return get_number("cpu", value, 0, 1023, &o->cpu);
	case OPT_SYSCALLS:
		o->syscalls = true;
		return EXIT_OK;
	case OPT_JSON:
		o->json = true;
		return EXIT_OK;
	case OPT_HELP:
		o->help = true;
		return EXIT_OK;
	}
	return cmd_usage_error("bench", "which option?");
}

static int get_address(struct bench_options *o, const char *text)
{
	autofree char *why = NULL;

	o->address_text = text;
	if (!strncmp(text, BENCH_VHOST_USER, strlen(BENCH_VHOST_USER))) {
		o->is_vhost_user = true;
		return EXIT_OK;
	}
	if (address_parse(text, &o->address, &why))
		return cmd_usage_error("bench", "%s", why ? why : text);
	if (o->address.kind != ADDRESS_UNIX && o->address.kind != ADDRESS_TCP)
		return cmd_usage_error("bench",
				       "'%s': give unix:PATH, tcp:HOST:PORT or "
				       "vhost-user:PATH",
				       text);
	return EXIT_OK;
}

static int check(struct bench_options *o)
{
	unsigned n = 0;

	if (!o->n_ops)
		while (load_op_at(n) && o->n_ops < BENCH_MAX_OPS)
			o->ops[o->n_ops++] = load_op_at(n++);
	for (unsigned i = 0; o->file && i < o->n_ops;) {
		if (!load_op_writes(o->ops[i]))
			i++;
		else if (!n) /* asked for by name */
			return cmd_usage_error("bench", "'%s' writes: it needs no --file",
					       load_op_name(o->ops[i]));
		else
			o->ops[i] = o->ops[--o->n_ops];
	}
	if (!o->is_vhost_user)
		return EXIT_OK;
	for (unsigned i = 0; i < o->n_connections; i++)
		if (o->connections[i] > 1)
			return cmd_usage_error("bench", "a vhost-user device has one front end: "
							"--connections 1");
	return EXIT_OK;
}

int bench_get_options(int argc, char **argv, struct bench_options *ret_o)
{
	struct bench_options o = {
		.depths = {1, 8, 64},
		.n_depths = 3,
		.connections = {1},
		.n_connections = 1,
		.seconds = 1,
		.timeout = 30,
		.size = 4096,
		.msize = 512000,
		.entries = 1000,
		.file_mib = 16,
		.cpu = UINT32_MAX,
		.aname = "",
	};
	int key, r = EXIT_OK;

	opterr = 0;
	optind = 1;
	while (!r && (key = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (key == ':')
			return cmd_usage_error("bench", "%s needs a value", argv[optind - 1]);
		if (key == '?')
			return cmd_usage_error("bench", "there is no option %s", argv[optind - 1]);
		r = set_option(&o, (enum option_key)key, optarg);
	}
	if (!r && !o.help) {
		if (optind + 1 != argc)
			r = cmd_usage_error("bench", "which server? Give one address");
		else
			r = get_address(&o, argv[optind]);
		if (!r)
			r = check(&o);
	}
	if (!r)
		*ret_o = o;
	return r;
}
