/* SPDX-License-Identifier: MIT */
/* `warren bench`: its options, and how its cells are printed. */
#ifndef CMD_BENCH_H
#define CMD_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "load.h"

#define BENCH_VHOST_USER "vhost-user:"
#define BENCH_MAX_OPS 16
#define BENCH_MAX_LIST 16

struct bench_options {
	const char *address_text;
	bool is_vhost_user;
	struct address address; /* unless is_vhost_user */
	const struct load_op *ops[BENCH_MAX_OPS];
	uint32_t depths[BENCH_MAX_LIST], connections[BENCH_MAX_LIST];
	unsigned n_ops, n_depths, n_connections;
	uint32_t size, msize, entries, file_mib, cpu, pid, rate, timeout;
	double seconds;
	const char *file, *aname;
	bool sequential, syscalls, json, help;
};

/* EXIT_OK, or what main returns. */
int bench_get_options(int argc, char **argv, struct bench_options *ret_o);
void bench_print_help(void);

struct bench_row {
	struct load_cell cell;
	struct load_result result;
};

void bench_print_json(const struct bench_row *row);

/* The sentence, and a table of all cells. */
void bench_print_table(const struct bench_options *o, const struct bench_row *rows, unsigned n);

#endif
