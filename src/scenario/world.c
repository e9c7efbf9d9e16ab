/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache-rules.h"
#include "macros.h"
#include "world-parts.h"

int world_new(const struct cache_rules *rules, bool eio_is_honest, struct world **ret_w)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->rules = rules;
	w->eio_is_honest = eio_is_honest;
	*ret_w = w;
	return 0;
}

static void views_done(struct views *v)
{
	for (size_t i = 0; i < v->n; i++)
		content_done(&v->old[i]);
}

void world_free(struct world *w)
{
	for (size_t i = 0; w && i < w->n_objects; i++) {
		content_done(&w->objects[i].truth);
		views_done(&w->objects[i].guest);
		views_done(&w->objects[i].host);
	}
	free(w);
}

struct name *world_name(struct world *w, const char *word)
{
	for (size_t i = 0; i < w->n_names; i++)
		if (!strcmp(w->names[i].word, word))
			return &w->names[i];
	assert(w->n_names < NAMES);
	memcpy(w->names[w->n_names].word, word, STEP_WORD);
	return &w->names[w->n_names++];
}

struct object *world_object(struct world *w)
{
	assert(w->n_objects < OBJECTS);
	return &w->objects[w->n_objects++];
}

static int change(struct content *c, const struct step *s)
{
	switch (s->effect) {
	case STEP_PUTS:
		return content_fill(c, s->offset, s->byte, s->count);
	case STEP_ADDS:
		return content_fill(c, c->n, s->byte, s->count);
	case STEP_CUTS:
		return content_resize(c, s->n[0]);
	case STEP_KEEPS:
		break;
	}
	return 0;
}

static int keep_view(struct views *v, const struct content *truth)
{
	int r;

	assert(v->n < OLD_MAX);
	r = content_copy(truth, &v->old[v->n]);
	v->n += !r;
	return r;
}

static int change_all(struct object *o, struct views *own, const struct step *s)
{
	int r = change(&o->truth, s);

	for (size_t i = 0; i < own->n && !r; i++)
		r = change(&own->old[i], s);
	return r;
}

int world_host_changes(struct world *w, struct object *o, const struct step *s)
{
	size_t before = o->truth.n;
	int r = o->is_known ? keep_view(&o->guest, &o->truth) : 0;

	if (s->count)
		w->is_hosts[s->byte] = true;
	r = r ? r : change_all(o, &o->host, s);
	o->is_shorter = o->is_shorter || o->truth.n < before;
	o->has_grown = o->has_grown || (o->held && o->truth.n > before);
	return r;
}

int world_guest_changes(struct world *w, struct object *o, const struct step *s)
{
	int r = w->rules->writes_back ? keep_view(&o->host, &o->truth) : 0;

	o->guest_wrote = true;
	return r ? r : change_all(o, &o->guest, s);
}

void world_synced(struct object *o)
{
	o->host.from = o->host.n;
}

void world_bind(struct name *n, struct object *o)
{
	if (n->now) {
		assert(n->n_was < FORMER);
		n->was[n->n_was++] = n->now;
	} else {
		n->was_absent = true;
	}
	n->now = o;
}

static bool may_be_old(const struct world *w, const struct object *o)
{
	return w->rules->forever || (w->rules->held && o->held);
}

void world_look_up(const struct world *w, struct name *n, struct handle *ret_h)
{
	*ret_h = (struct handle){.of = n->now};
	if (n->now)
		n->now->is_known = true;
	for (size_t i = 0; i < n->n_was; i++)
		if (may_be_old(w, n->was[i])) {
			ret_h->maybe[ret_h->n_maybe++] = n->was[i];
		} else {
			ret_h->past[ret_h->n_past++] = n->was[i];
			ret_h->is_past_held = ret_h->is_past_held || n->was[i]->held;
		}
}

static void hold(struct object *o)
{
	if (!o->held++)
		o->guest.from = o->guest.n;
}

void world_hold(struct handle *h)
{
	h->is_open = true;
	if (h->of)
		hold(h->of);
	for (size_t i = 0; i < h->n_maybe; i++)
		hold(h->maybe[i]);
}

void world_let_go(struct handle *h)
{
	if (h->of)
		h->of->held--;
	for (size_t i = 0; i < h->n_maybe; i++)
		h->maybe[i]->held--;
	*h = (struct handle){0};
}

static void add(const struct content **list, size_t *n, const struct content *c)
{
	if (*n < EXPECTED_MAX)
		list[(*n)++] = c;
}

static void add_views(const struct views *v, size_t from, struct expected *e)
{
	for (size_t i = 0; i < v->n; i++)
		if (i >= from)
			add(e->may, &e->n_may, &v->old[i]);
		else
			add(e->gone, &e->n_gone, &v->old[i]);
}

/* The first of the guest's views that it may still see: a mapping keeps its pages in all modes. */
static size_t first_of_guest(const struct world *w, const struct object *o, bool is_mapped)
{
	if (w->rules->forever)
		return 0;
	return is_mapped || may_be_old(w, o) ? o->guest.from : o->guest.n;
}

void world_expected(const struct world *w, const struct handle *h, bool is_mapping,
		    struct expected *ret_e)
{
	*ret_e = (struct expected){.truth = h->of ? &h->of->truth : &w->nothing.truth,
				   .is_mapping = is_mapping};
	if (h->of)
		add_views(&h->of->guest, first_of_guest(w, h->of, is_mapping), ret_e);
	for (size_t i = 0; i < h->n_maybe; i++) {
		add(ret_e->may, &ret_e->n_may, &h->maybe[i]->truth);
		add_views(&h->maybe[i]->guest, first_of_guest(w, h->maybe[i], is_mapping), ret_e);
	}
	for (size_t i = 0; i < h->n_past; i++)
		add(ret_e->gone, &ret_e->n_gone, &h->past[i]->truth);
}

void world_expected_of_host(const struct world *w, const struct object *o, struct expected *ret_e)
{
	*ret_e = (struct expected){.truth = &o->truth, .keeps_order = !w->rules->writes_back};
	add_views(&o->host, o->host.from, ret_e);
}
