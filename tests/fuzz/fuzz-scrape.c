/* SPDX-License-Identifier: MIT */
/* Any text as the counters of a server, which need not be one: what is understood of it is within the
 * bounds of our own tables, and as our own text it is understood the same way. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "fuzz.h"
#include "metrics.h"
#include "scrape-client.h"

#define EXACT (UINT64_C(1) << 50) /* up to here a number of JSON, a double, loses nothing */

static void check_guards(const struct metrics *m)
{
	assert(m->n_guards <= METRIC_MAX_GUARDS);
	for (unsigned i = 0; i < m->n_guards; i++) {
		size_t n = strnlen(m->guard[i].name, METRIC_GUARD_NAME);

		assert(n > 0 && n < METRIC_GUARD_NAME);
		assert(strspn(m->guard[i].name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n);
	}
}

static void check_again(const struct metrics *m)
{
	autofree char *text = NULL;
	struct metrics back;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert(f);
	metrics_put_json(f, m);
	fclose(f);
	if (scrape_parse(text, &back)) /* a sum that is larger than what JSON has */
		return;
	assert(back.n_guards == m->n_guards);
	for (unsigned b = 0; b < N_METRIC_BUDGETS; b++)
		assert(back.budget[b].used == m->budget[b].used || m->budget[b].used > EXACT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	struct metrics m;
	int r;

	assert(text);
	r = scrape_parse(text, &m);
	assert(r == 0 || r == -EPROTO);
	if (r)
		return 0;
	check_guards(&m);
	check_again(&m);
	return 0;
}
