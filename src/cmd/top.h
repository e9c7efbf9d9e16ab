/* SPDX-License-Identifier: MIT */
/* The parts of `warren top`. */
#ifndef CMD_TOP_H
#define CMD_TOP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "address.h"
#include "metrics.h"

/* Key, what the rows are sorted by; the largest come first, names A to Z. */
#define TOP_ORDERS(O)                     \
	O('r', RATE, "requests a second") \
	O('p', P99, "the slowest, p99")   \
	O('t', TIME, "time taken")        \
	O('e', ERRORS, "errors")          \
	O('n', NAME, "name")

enum top_order {
#define O(key, id, text) TOP_BY_##id,
	TOP_ORDERS(O)
#undef O
};

struct top {
	const char *text; /* the address, as on the command line */
	struct address address;
	uint32_t interval_ms;
	enum top_order order;
	bool once, json, help;
	bool paused, since_start, show_help; /* by keys */

	struct metrics now,
		before; /* before: all zeros at first, the rates are those since the start */
};

/* The counters once more: NOW, and the former ones BEFORE. 0; else an exit code, after *RET_WHY was
 * set, which the caller frees. */
int top_take(struct top *t, char **ret_why);

/* Prints the view: ROWS lines at most, 0: any number. */
void top_print(FILE *f, const struct top *t, unsigned rows);

/* Shows it in the terminal until it is told to end: an exit code. *RET_WHY as above; the terminal is
 * as it was before. */
int top_screen(struct top *t, char **ret_why);

#endif
