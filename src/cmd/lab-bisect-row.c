/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel-edits.h"
#include "kernel-names.h"
#include "kernel-spec.h"
#include "kernel.h"
#include "lab-bisect.h"
#include "logging.h"
#include "ready.h"

static void free_kernel(struct row_kernel *k)
{
	free(k->name);
	free(k->version);
	free(k->edits);
}

void bisect_row_done(struct bisect_row *r)
{
	for (size_t i = 0; i < r->n; i++)
		free_kernel(&r->kernels[i]);
	free(r->kernels);
	*r = (struct bisect_row){0};
}

static bool has_kernel(const struct bisect_row *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->kernels[i].name, name))
			return true;
	return false;
}

static int add(struct bisect_row *r, const struct kernel *k)
{
	const char *edits = k->edits && strcmp(k->edits, "none") != 0 ? k->edits : "";
	struct row_kernel *more, one;

	if (has_kernel(r, k->name))
		return 0;
	more = reallocarray(r->kernels, r->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	r->kernels = more;
	one = (struct row_kernel){strdup(k->name), strdup(k->version), strdup(edits)};
	if (!one.name || !one.version || !one.edits) {
		free_kernel(&one);
		return -ENOMEM;
	}
	r->kernels[r->n++] = one;
	return 0;
}

static size_t count_edits(const struct row_kernel *k)
{
	size_t n = *k->edits != '\0';

	for (const char *at = k->edits; *at; at++)
		n += *at == ',';
	return n;
}

static int compare(const void *a, const void *b)
{
	const struct row_kernel *x = a, *y = b;
	int order = strverscmp(x->version, y->version);

	if (!order)
		order = (count_edits(x) > count_edits(y)) - (count_edits(x) < count_edits(y));
	return order ? order : strcmp(x->name, y->name);
}

/* Is each fix that SPEC undoes undone in OTHER as well? */
static bool is_part_of(const struct kernel_spec *spec, const struct kernel_spec *other)
{
	for (size_t i = 0; i < spec->n_edits; i++) {
		bool found = false;

		for (size_t k = 0; k < other->n_edits; k++)
			found = found || spec->edits[i] == other->edits[k];
		if (!found)
			return false;
	}
	return true;
}

static int add_named(struct bisect_row *r, const char *name, bool is_made)
{
	struct kernel *k = NULL;
	enum guest_kind guest;
	char *why = NULL;
	int err = kernel_find(name, &k);

	if (err == -ENOENT && is_made && !ready_guest_of(name, &guest, &why))
		err = kernel_get(name, guest == GUEST_UML, &k, &why);
	if (err && err != -ENOENT && why)
		log_warn("%s is left out: %s", name, why);
	free(why);
	if (err)
		return err == -EINTR ? err : 0;
	err = add(r, k);
	kernel_free(k);
	return err;
}

/* The fixes of SPEC one after the other, on its own source. */
static int add_steps(struct bisect_row *r, const struct kernel_spec *spec)
{
	struct kernel_spec step = kernel_spec_base(spec);
	char *why = NULL;
	int err = 0;

	if (spec->has_kasan || *spec->patch || !spec->n_edits)
		return 0;
	err = add_named(r, step.name, true);
	for (size_t i = 0; i + 1 < spec->n_edits && !err; i++) {
		err = kernel_spec_add_edit(&step, spec->edits[i]->name, &why);
		if (!err)
			err = add_named(r, step.name, true);
	}
	free(why);
	return err;
}

/* What the cache has of the same kind, with no other fixes undone than the two ends have. */
static int add_cached(struct bisect_row *r, const struct kernel_spec *good,
		      const struct kernel_spec *bad)
{
	int err = 0;

	for (size_t i = 0; i < n_kernel_sources && !err; i++) {
		const struct kernel_source *s = &kernel_sources[i];

		if (kernel_source_is_uml(s) != kernel_source_is_uml(bad->source))
			continue;
		err = add_named(r, s->name, false);
		for (size_t k = 0; k < n_kernel_edits && !err; k++) {
			struct kernel_spec spec;
			autofree char *name = NULL;
			char *why = NULL;

			if (asprintf(&name, "%s-without-%s", s->name, kernel_edits[k].name) < 0)
				return -ENOMEM;
			if (!kernel_spec_by_name(name, &spec, &why) &&
			    (is_part_of(&spec, good) || is_part_of(&spec, bad)))
				err = add_named(r, name, false);
			free(why);
		}
	}
	return err;
}

static void drop(struct bisect_row *r, size_t i)
{
	free_kernel(&r->kernels[i]);
	memmove(r->kernels + i, r->kernels + i + 1, (r->n - i - 1) * sizeof(*r->kernels));
	r->n--;
}

static size_t find(const struct bisect_row *r, const char *name)
{
	size_t i = 0;

	while (i < r->n && strcmp(r->kernels[i].name, name) != 0)
		i++;
	return i;
}

/* Cuts what is outside, and turns it round when the good one is the newer. */
static void trim(struct bisect_row *r, const char *good, const char *bad)
{
	size_t from, to;

	qsort(r->kernels, r->n, sizeof(*r->kernels), compare);
	from = find(r, good);
	to = find(r, bad);
	if (from > to) {
		for (size_t i = 0; i < r->n / 2; i++) {
			struct row_kernel k = r->kernels[i];

			r->kernels[i] = r->kernels[r->n - 1 - i];
			r->kernels[r->n - 1 - i] = k;
		}
		from = find(r, good);
		to = find(r, bad);
	}
	while (r->n > to + 1)
		drop(r, r->n - 1);
	while (from--)
		drop(r, 0);
}

static int get_end(const char *name, struct kernel **ret_k, struct kernel_spec *ret_spec,
		   char **ret_why)
{
	enum guest_kind guest;
	char *why = NULL;
	int r = kernel_spec_by_name(name, ret_spec, &why);

	if (r) {
		*ret_why = why;
		if (!why &&
		    asprintf(ret_why, "there is no kernel '%s': see 'warren lab kernel list'",
			     name) < 0)
			*ret_why = NULL;
		return EXIT_ENVIRONMENT;
	}
	guest = kernel_source_is_uml(ret_spec->source) ? GUEST_UML : GUEST_QEMU;
	r = kernel_get(name, guest == GUEST_UML, ret_k, ret_why);
	return r == -EINTR ? 130 : r ? EXIT_ENVIRONMENT : EXIT_OK;
}

static int fill(struct bisect_row *r, const struct kernel *g, const struct kernel *b,
		const struct kernel_spec *good, const struct kernel_spec *bad)
{
	int err = add(r, g);

	err = err ? err : add(r, b);
	err = err ? err : add_steps(r, good);
	err = err ? err : add_steps(r, bad);
	err = err ? err : add_cached(r, good, bad);
	if (!err)
		trim(r, g->name, b->name);
	return err;
}

int bisect_row_make(const char *good, const char *bad, struct bisect_row *ret_r, char **ret_why)
{
	struct kernel *g = NULL, *b = NULL;
	struct kernel_spec spec_g, spec_b;
	struct bisect_row r = {0};
	int err, status = get_end(good, &g, &spec_g, ret_why);

	if (!status)
		status = get_end(bad, &b, &spec_b, ret_why);
	if (!status && g->is_uml != b->is_uml) {
		*ret_why = strdup("one of them is for UML, the other for QEMU: give two of a kind");
		status = EXIT_USAGE;
	}
	if (!status && !strcmp(g->name, b->name)) {
		*ret_why = strdup("both are the same kernel");
		status = EXIT_USAGE;
	}
	if (!status && (err = fill(&r, g, b, &spec_g, &spec_b))) {
		*ret_why = strdup(strerror(-err));
		status = err == -EINTR ? 130 : EXIT_ENVIRONMENT;
	}
	if (status)
		bisect_row_done(&r);
	else
		*ret_r = r;
	kernel_free(g);
	kernel_free(b);
	return status;
}
