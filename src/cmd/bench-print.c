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
	json_object_set_new(o, "size", json_integer(r->size));
	json_object_set_new(o, "msize", json_integer(r->msize));
	json_object_set_new(o, "sequential", json_boolean(row->cell.sequential));
	json_object_set_new(o, "rate",
			    row->cell.rate > 0 ? json_real(row->cell.rate) : json_null());
	json_object_set_new(o, "seconds", rounded(r->seconds));
	json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
	fputc('\n', stdout);
	fflush(stdout);
	json_decref(o);
}

static void print_sentence(const struct bench_options *o, const struct bench_row *rows, unsigned n)
{
	const struct bench_row *best = &rows[0];
	uint64_t errors = 0;
	int first_error = 0;

	for (unsigned i = 0; i < n; i++) {
		if (per_second(&rows[i], rows[i].result.operations) >
		    per_second(best, best->result.operations))
			best = &rows[i];
		errors += rows[i].result.errors;
		if (!first_error)
			first_error = rows[i].result.first_error;
	}
	if (!best->result.operations) {
		printf("%s ended no operation within %g s: give more --seconds\n\n",
		       o->address_text, best->result.seconds);
		return;
	}
	printf("%s answered up to %.0f operations a second (%s, depth %u, %u connection%s)",
	       o->address_text, per_second(best, best->result.operations),
	       load_op_name(best->cell.op), best->cell.depth, best->cell.connections,
	       best->cell.connections == 1 ? "" : "s");
	if (errors)
		printf("; %llu had errors, the first: %s", (unsigned long long)errors,
		       strerror(first_error));
	printf("\n\n");
}

/* V in WIDTH columns: as many decimals as there is room for, DECIMALS at most. */
static void print_number(double v, int width, int decimals)
{
	double limit = 10;

	for (int i = 2; i < width - decimals - 1; i++)
		limit *= 10;
	for (; decimals && v >= limit; decimals--)
		limit *= decimals == 1 ? 100 : 10;
	if (v < 0)
		printf(" %*s", width, "-");
	else
		printf(" %*.*f", width, decimals, v);
}

/* As wide as a terminal, 80 columns, unless errors have to be told. */
static void print_row(const struct bench_options *o, const struct bench_row *row)
{
	const struct load_result *r = &row->result;

	printf("%-7s %5u %5u %9.0f", load_op_name(row->cell.op), row->cell.depth,
	       row->cell.connections, per_second(row, r->operations));
	print_number(per_second(row, r->bytes) / 1e6, 7, 1);
	print_number(quantile_us(row, 0.5), 8, 1);
	print_number(quantile_us(row, 0.99), 8, 1);
	if (o->syscalls)
		print_number(r->server_syscalls, 8, 2);
	else
		print_number(quantile_us(row, 0.999), 8, 1);
	print_number((double)r->latency.max / 1000, 8, 1);
	print_number(r->server_cpu_us, 6, 2);
	if (r->errors)
		printf(" %llu errors", (unsigned long long)r->errors);
	printf("\n");
}

void bench_print_table(const struct bench_options *o, const struct bench_row *rows, unsigned n)
{
	if (!n)
		return;
	print_sentence(o, rows, n);
	printf("%-7s %5s %5s %9s %7s %8s %8s %8s %8s %6s\n", "op", "depth", "conns", "op/s", "MB/s",
	       "p50 us", "p99 us", o->syscalls ? "syscalls" : "p99.9 us", "max us", "srv us");
	for (unsigned i = 0; i < n; i++)
		print_row(o, &rows[i]);
	printf("\nsrv us: the server's CPU time for each request");
	if (o->syscalls)
		printf("; syscalls: its system calls");
	printf("\nmsize %u, reads and writes of %u bytes\n", rows[0].result.msize,
	       rows[0].result.size);
}
