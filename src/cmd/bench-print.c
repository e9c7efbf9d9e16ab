/* SPDX-License-Identifier: MIT */
/* What `warren bench` prints. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static double per_second(const struct bench_row *row, uint64_t n)
{
	return row->result.seconds > 0 ? (double)n / row->result.seconds : 0;
}

static double quantile_us(const struct bench_row *row, double q)
{
	return (double)histogram_at(&row->result.latency, q) / 1000;
}

/* Rounded to NANO units: more digits would say more than was measured. */
static json_t *rounded(double v)
{
	return v < 0 ? json_null() : json_real((double)(long long)(v * 1000 + 0.5) / 1000);
}

void bench_print_json(const struct bench_row *row)
{
	const struct load_result *r = &row->result;
	json_t *o = json_object();

	json_object_set_new(o, "op", json_string(load_op_name(row->cell.op)));
	json_object_set_new(o, "depth", json_integer(row->cell.depth));
	json_object_set_new(o, "connections", json_integer(row->cell.connections));
	json_object_set_new(o, "per_second", rounded(per_second(row, r->operations)));
	json_object_set_new(o, "requests_per_second", rounded(per_second(row, r->requests)));
	json_object_set_new(o, "bytes_per_second", rounded(per_second(row, r->bytes)));
	json_object_set_new(o, "entries_per_second", rounded(per_second(row, r->entries)));
	json_object_set_new(o, "p50_us", rounded(quantile_us(row, 0.5)));
	json_object_set_new(o, "p90_us", rounded(quantile_us(row, 0.9)));
	json_object_set_new(o, "p99_us", rounded(quantile_us(row, 0.99)));
	json_object_set_new(o, "p999_us", rounded(quantile_us(row, 0.999)));
	json_object_set_new(o, "max_us", rounded((double)r->latency.max / 1000));
	json_object_set_new(o, "server_cpu_us", rounded(r->server_cpu_us));
	json_object_set_new(o, "client_cpu_us", rounded(r->own_cpu_us));
	json_object_set_new(o, "server_syscalls", rounded(r->server_syscalls));
	json_object_set_new(o, "errors", json_integer((json_int_t)r->errors));
	json_object_set_new(o, "size", json_integer(row->cell.size));
	json_object_set_new(o, "msize", json_integer(r->msize));
	json_object_set_new(o, "sequential", json_boolean(row->cell.sequential));
	json_object_set_new(o, "rate",
			    row->cell.rate > 0 ? json_real(row->cell.rate) : json_null());
	json_object_set_new(o, "seconds", rounded(r->seconds));
	json_dumpf(o, stdout, JSON_COMPACT);
	fputc('\n', stdout);
	fflush(stdout);
	json_decref(o);
}

static void print_sentence(const struct bench_options *o, const struct bench_row *rows, unsigned n)
{
	const struct bench_row *best = &rows[0];
	uint64_t errors = 0;

	for (unsigned i = 0; i < n; i++) {
		if (per_second(&rows[i], rows[i].result.operations) >
		    per_second(best, best->result.operations))
			best = &rows[i];
		errors += rows[i].result.errors;
	}
	printf("%s answered up to %.0f operations a second (%s, depth %u, %u connection%s)",
	       o->address_text, per_second(best, best->result.operations),
	       load_op_name(best->cell.op), best->cell.depth, best->cell.connections,
	       best->cell.connections == 1 ? "" : "s");
	if (errors)
		printf("; %llu had errors", (unsigned long long)errors);
	printf("\n\n");
}

static void print_known(double v)
{
	if (v < 0)
		printf(" %7s", "-");
	else
		printf(" %7.2f", v);
}

void bench_print_table(const struct bench_options *o, const struct bench_row *rows, unsigned n)
{
	if (!n)
		return;
	print_sentence(o, rows, n);
	printf("%-8s %5s %5s %10s %9s %9s %9s %9s %9s %7s %7s %7s\n", "op", "depth", "conns",
	       "op/s", "MB/s", "p50 us", "p99 us", "p99.9 us", "max us", "srv us", "syscall",
	       "errors");
	for (unsigned i = 0; i < n; i++) {
		const struct bench_row *row = &rows[i];
		const struct load_result *r = &row->result;

		printf("%-8s %5u %5u %10.0f %9.1f %9.1f %9.1f %9.1f %9.1f",
		       load_op_name(row->cell.op), row->cell.depth, row->cell.connections,
		       per_second(row, r->operations), per_second(row, r->bytes) / 1e6,
		       quantile_us(row, 0.5), quantile_us(row, 0.99), quantile_us(row, 0.999),
		       (double)r->latency.max / 1000);
		print_known(r->server_cpu_us);
		print_known(r->server_syscalls);
		printf(" %7llu\n", (unsigned long long)r->errors);
	}
	printf("\nsrv us: the server's CPU time for each request; syscall: its system calls (with "
	       "--syscalls); msize %u, reads and writes of %u "
	       "bytes\n",
	       rows[0].result.msize, o->size);
}
