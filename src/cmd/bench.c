/* SPDX-License-Identifier: MIT */
/* warren bench: load on any 9P2000.L server. */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "link.h"
#include "logging.h"
#include "macros.h"
#include "pin.h"
#include "processes.h"
#include "progress.h"

#define TRACED_SECONDS 0.2

static void stop(int sig)
{
	(void)sig;
	load_stop();
}

static void catch_signals(void)
{
	const struct sigaction act = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static int connect_to(void *ctx, unsigned depth, struct link **ret_l, char **ret_why)
{
	const struct bench_options *o = ctx;
	autofree char *reason = NULL;
	int err = o->is_vhost_user ? link_vhost_user(o->address_text + strlen(BENCH_VHOST_USER),
						     depth, ret_l, &reason)
				   : link_connect(&o->address, ret_l, &reason);

	if (err && asprintf(ret_why, "cannot reach %s: %s", o->address_text,
			    reason ? reason : strerror(-err)) < 0)
		*ret_why = NULL;
	return err;
}

static int pin(uint32_t cpu)
{
	int r = cpu == UINT32_MAX ? 0 : pin_to_cpu(cpu);

	if (!r)
		return EXIT_OK;
	log_error("cannot run on CPU %u: %s", cpu, strerror(-r));
	return EXIT_ENVIRONMENT;
}

/* The server's process, that the user named. */
static int check_pid(pid_t pid)
{
	pid_t pids[PROCESSES_MAX];
	unsigned n = pid ? processes_list(pid, pids) : 0;

	if (pid && !n) {
		log_error("there is no process %d; --pid is the server's", (int)pid);
		return EXIT_USAGE;
	}
	for (unsigned i = 0; i < n; i++)
		if (pids[i] == getpid()) {
			log_error("process %d started this one; --pid is the server's", (int)pid);
			return EXIT_USAGE;
		}
	return EXIT_OK;
}

static int failed(int err, char *reason)
{
	log_error("%s", reason ? reason : strerror(-err));
	free(reason);
	return err == -ENOENT || err == -ECONNREFUSED || err == -EACCES || err == -EPERM
		       ? EXIT_ENVIRONMENT
		       : EXIT_GUEST;
}

struct bench {
	const struct bench_options *o;
	struct load *load;
	struct bench_row *rows;
	unsigned n_rows, n_cells;
	int status; /* EXIT_GUEST: of a cell nothing but errors came */
	struct progress progress;
};

/* Once more, and shortly: to be traced slows the server down. */
static int count_syscalls(struct load *l, const struct load_cell *cell, struct load_result *r,
			  char **ret_why)
{
	struct load_cell again = *cell;
	struct load_result result;
	int err;

	again.count_syscalls = true;
	again.seconds = MIN(cell->seconds, TRACED_SECONDS);
	err = load_run(l, &again, &result, ret_why);
	if (!err)
		r->server_syscalls = result.server_syscalls;
	return err;
}

/* Of a cell that was interrupted what was measured until then is shown: it says how long that is. */
static void keep_row(struct bench *b)
{
	struct bench_row *row = &b->rows[b->n_rows++];
	const struct load_result *r = &row->result;

	if (b->o->json)
		bench_print_json(row);
	if (!r->operations || r->errors < r->operations)
		return;
	progress_done(&b->progress);
	log_error("%s, depth %u: each operation had an error: %s", load_op_name(row->cell.op),
		  row->cell.depth, strerror(r->first_error));
	b->status = EXIT_GUEST;
}

static int run_cell(struct bench *b, const struct load_cell *cell)
{
	struct bench_row *row = &b->rows[b->n_rows];
	char *reason = NULL;
	int err;

	progress_update(&b->progress, "%u of %u: %s, depth %u, %u connection%s", b->n_rows + 1,
			b->n_cells, load_op_name(cell->op), cell->depth, cell->connections,
			cell->connections == 1 ? "" : "s");
	row->cell = *cell;
	err = load_run(b->load, cell, &row->result, &reason);
	if (!err && b->o->syscalls)
		err = count_syscalls(b->load, cell, &row->result, &reason);
	if (!err) {
		keep_row(b);
		return EXIT_OK;
	}
	progress_done(&b->progress);
	if (err != -EINTR)
		return failed(err, reason);
	free(reason);
	if (row->result.operations)
		keep_row(b);
	return -1;
}

static int run_all(struct bench *b)
{
	const struct bench_options *o = b->o;
	int r = EXIT_OK;

	for (unsigned i = 0; i < o->n_ops && !r; i++)
		for (unsigned j = 0; j < o->n_connections && !r; j++)
			for (unsigned k = 0; k < o->n_depths && !r; k++) {
				const struct load_cell cell = {
					.op = o->ops[i],
					.depth = o->depths[k],
					.connections = o->connections[j],
					.size = o->size,
					.sequential = o->sequential,
					.seconds = o->seconds,
					.warm_up = o->seconds / 10,
					.rate = o->rate,
				};
				r = run_cell(b, &cell);
			}
	progress_done(&b->progress);
	return r ? r : b->status;
}

static int measure(struct bench *b, const struct load_plan *plan)
{
	const struct bench_options *o = b->o;
	autofree char *left = NULL;
	char *reason = NULL;
	int err = b->rows ? load_new(plan, &b->load, &reason) : -ENOMEM, r;

	if (err == -EINTR) {
		log_error("stopped before the first cell (%s)", reason ? reason : "interrupted");
		free(reason);
		return EXIT_GUEST;
	}
	r = err ? failed(err, reason) : run_all(b);
	if (!o->json)
		bench_print_table(o, b->rows, b->n_rows);
	if (r < 0) {
		log_error("stopped in cell %u of %u", b->n_rows ? b->n_rows : 1, b->n_cells);
		r = EXIT_GUEST;
	}
	fflush(stdout);
	load_free(b->load, &left);
	if (left)
		log_error("%s", left);
	return left && r == EXIT_OK ? EXIT_GUEST : r;
}

int cmd_bench(int argc, char **argv)
{
	struct bench_options o;
	struct bench b = {.o = &o};
	int r = bench_get_options(argc, argv, &o);

	if (r)
		return r;
	if (o.help) {
		bench_print_help();
		return EXIT_OK;
	}
	r = check_pid((pid_t)o.pid);
	if (!r)
		r = pin(o.cpu);
	if (r)
		return r;
	const struct load_plan plan = {
		.connect = connect_to,
		.ctx = &o,
		.msize = o.msize,
		.uid = getuid(),
		.aname = o.aname,
		.file = o.file,
		.file_bytes = (uint64_t)o.file_mib << 20,
		.entries = o.entries,
		.server = (pid_t)o.pid,
		.timeout = o.timeout,
		.one_at_a_time = o.is_vhost_user,
	};
	b.n_cells = o.n_ops * o.n_depths * o.n_connections;
	b.rows = calloc(b.n_cells, sizeof(*b.rows));
	progress_init(&b.progress, "bench");
	catch_signals();
	r = measure(&b, &plan);
	free(b.rows);
	return r;
}
