/* SPDX-License-Identifier: MIT */
/* What each step does to a world, and how what was seen of it is judged. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache-rules.h"
#include "macros.h"
#include "seen.h"
#include "world-parts.h"
#include "world.h"

#define PAGE 4096U

static bool is_error(const struct seen *s, const char *name)
{
	return s->kind == SEEN_ERROR && !strcmp(s->error, name);
}

static void judge(struct judgement *j, enum mark m, const char *text)
{
	j->mark = m;
	snprintf(j->text, sizeof(j->text), "%s", text);
}

/* For a step that has to work. */
static int expect_ok(const struct seen *s, struct judgement *j)
{
	if (s->kind == SEEN_ERROR)
		judge(j, MARK_ERROR, s->error);
	else
		j->mark = MARK_NEW;
	return s->kind == SEEN_ERROR ? -ECANCELED : 0;
}

static int do_host_change(struct world *w, const struct step *s, const struct seen *seen,
			  struct judgement *j)
{
	struct name *n = world_name(w, s->file);

	(void)seen;
	(void)j;
	if (!n->now)
		world_bind(n, world_object(w));
	return world_host_changes(w, n->now, s);
}

static int do_host_rename(struct world *w, const struct step *s, const struct seen *seen,
			  struct judgement *j)
{
	struct name *from = world_name(w, s->file), *to = world_name(w, s->to);

	(void)seen;
	(void)j;
	world_bind(to, from->now);
	world_bind(from, NULL);
	return 0;
}

static int do_host_unlink(struct world *w, const struct step *s, const struct seen *seen,
			  struct judgement *j)
{
	(void)seen;
	(void)j;
	world_bind(world_name(w, s->file), NULL);
	return 0;
}

static int do_nothing(struct world *w, const struct step *s, const struct seen *seen,
		      struct judgement *j)
{
	(void)w;
	(void)s;
	(void)seen;
	(void)j;
	return 0;
}

static int do_host_adopt(struct world *w, const struct step *s, const struct seen *seen,
			 struct judgement *j)
{
	struct object *o = world_object(w);

	(void)j;
	world_bind(world_name(w, s->file), o);
	o->is_shorter = true;
	return content_copy(&seen->data, &o->truth);
}

static int do_host_look(struct world *w, const struct step *s, const struct seen *seen,
			struct judgement *j)
{
	const struct object *o = world_name(w, s->file)->now;
	struct expected e;
	unsigned char lost;

	if (!o) {
		judge(j, is_error(seen, "ENOENT") ? MARK_NEW : MARK_WRONG, "the host has it still");
		return 0;
	}
	if (expect_ok(seen, j))
		return 0;
	world_expected_of_host(w, o, &e);
	judge_host(&e, seen, j, &lost);
	if (lost && w->is_hosts[lost] && o->guest_wrote && w->rules->writes_back)
		j->problem = PROBLEM_UNDONE;
	return 0;
}

/* How the look-up of a name in the guest came out: a size that was told comes later. Returns whether it
 * was found. */
static bool judge_name(const struct world *w, const struct name *n, const struct handle *h,
		       const struct seen *seen, struct judgement *j)
{
	bool is_absent = is_error(seen, "ENOENT");

	if (seen->kind == SEEN_ERROR && !is_absent)
		judge(j, MARK_ERROR, seen->error);
	else if (is_absent && !n->now)
		j->mark = MARK_NEW;
	else if (is_absent && w->rules->absence && n->was_absent)
		j->mark = MARK_STALE;
	else if (is_absent)
		judge(j, MARK_ERROR, "ENOENT, where the host has such a file");
	else if (n->now)
		j->mark = MARK_NEW;
	else if (h->n_maybe)
		j->mark = MARK_STALE;
	else
		judge(j, MARK_OLD, "it is found, where the host has none such any more");
	return seen->kind != SEEN_ERROR;
}

/* Old by way of H: since another handle holds what had the name? */
static void find_name_problem(const struct handle *h, struct judgement *j)
{
	if (j->mark == MARK_OLD && h->is_past_held)
		j->problem = PROBLEM_NAME;
}

static int do_open(struct world *w, const struct step *s, const struct seen *seen,
		   struct judgement *j)
{
	struct name *n = world_name(w, s->file);
	struct handle h;

	if (!n->now && !strcmp(s->mode, "c") && seen->kind == SEEN_OK) {
		world_bind(n, world_object(w));
		n->now->guest_wrote = true;
	}
	world_look_up(w, n, &h);
	if (judge_name(w, n, &h, seen, j)) {
		world_hold(&h);
		w->handles[s->handle] = h;
	}
	find_name_problem(&h, j);
	return 0;
}

static int do_stat(struct world *w, const struct step *s, const struct seen *seen,
		   struct judgement *j)
{
	struct name *n = world_name(w, s->file);
	struct judgement by_size = {0};
	struct expected e;
	struct handle h;

	world_look_up(w, n, &h);
	if (judge_name(w, n, &h, seen, j) && n->now) {
		world_expected(w, &h, false, &e);
		judge_size(&e, seen->size, &by_size);
		judgement_add(j, &by_size);
	}
	find_name_problem(&h, j);
	return 0;
}

/* Was what H holds another file's name since? *RET_NOW is what has it now, perhaps nothing. */
static bool has_lost_name(const struct world *w, const struct handle *h,
			  const struct object **ret_now)
{
	for (size_t i = 0; i < w->n_names; i++)
		for (size_t k = 0; k < w->names[i].n_was; k++)
			if (w->names[i].was[k] == h->of) {
				*ret_now = w->names[i].now;
				return true;
			}
	return false;
}

/* Are these the attributes of what has the name now? */
static void find_path_problem(const struct world *w, const struct handle *h,
			      const struct seen *seen, struct judgement *j)
{
	const struct object *now = NULL;

	if (!mark_is_forbidden(j->mark) || !has_lost_name(w, h, &now))
		return;
	if (now ? seen->kind == SEEN_SIZE && seen->size == now->truth.n : is_error(seen, "ENOENT"))
		j->problem = PROBLEM_PATH;
}

static int do_fstat(struct world *w, const struct step *s, const struct seen *seen,
		    struct judgement *j)
{
	const struct handle *h = &w->handles[s->handle];
	struct expected e;

	if (!expect_ok(seen, j)) {
		world_expected(w, h, false, &e);
		judge_size(&e, seen->size, j);
		find_name_problem(h, j);
	}
	find_path_problem(w, h, seen, j);
	return 0;
}

/* EIO from a guard, where the file is shorter than the guest thinks. */
static bool is_honest(const struct world *w, const struct object *o, const struct seen *seen)
{
	return w->eio_is_honest && o && o->is_shorter && !strcmp(seen->error, "EIO");
}

static int do_read(struct world *w, const struct step *s, const struct seen *seen,
		   struct judgement *j)
{
	const struct handle *h = &w->handles[s->handle];
	struct expected e;
	bool past = false;

	world_expected(w, h, false, &e);
	judge_read(&e, seen, s->n[0], s->n[1], j, &past);
	if (j->mark == MARK_ZEROS && past && h->of && h->of->is_shorter)
		j->problem = PROBLEM_PADDED;
	else if (j->mark == MARK_ZEROS && !past && h->of && h->of->has_grown)
		j->problem = PROBLEM_APPENDED;
	else if (j->mark == MARK_ZEROS && h->n_maybe)
		j->problem = PROBLEM_PATH; /* the old content, as long as the new */
	find_name_problem(h, j);
	if (*seen->error && j->mark <= MARK_REFUSED)
		judge(j, is_honest(w, h->of, seen) ? MARK_REFUSED : MARK_ERROR, seen->error);
	/* What Linux makes of it since it does not spin any more. */
	if (j->mark == MARK_ERROR && !strcmp(seen->error, "ENODATA") && h->of && h->of->is_shorter)
		j->problem = PROBLEM_ENDLESS;
	return 0;
}

static bool ends_before(const struct content *c, size_t end)
{
	return end > (c->n + PAGE - 1) / PAGE * PAGE;
}

/* SIGBUS is right behind the last page of what the file is, or may be for this guest. */
static void judge_bus(const struct world *w, const struct expected *e, const struct object *o,
		      size_t end, struct judgement *j)
{
	judge(j, w->eio_is_honest && o && o->is_shorter ? MARK_REFUSED : MARK_ERROR, "SIGBUS");
	for (size_t i = 0; i < e->n_may; i++)
		if (ends_before(e->may[i], end))
			*j = (struct judgement){.mark = MARK_STALE};
	if (ends_before(e->truth, end))
		*j = (struct judgement){.mark = MARK_NEW};
}

static int do_peek(struct world *w, const struct step *s, const struct seen *seen,
		   struct judgement *j)
{
	const struct handle *h = &w->handles[s->handle];
	struct expected e;
	bool past;

	world_expected(w, h, true, &e);
	if (is_error(seen, "SIGBUS")) {
		judge_bus(w, &e, h->of, s->n[0] + s->n[1], j);
		return 0;
	}
	if (expect_ok(seen, j))
		return 0;
	judge_read(&e, seen, s->n[0], s->n[1], j, &past);
	if (j->mark == MARK_ZEROS && h->of && h->of->has_grown)
		j->problem = PROBLEM_APPENDED;
	return 0;
}

static int do_guest_change(struct world *w, const struct step *s, const struct seen *seen,
			   struct judgement *j)
{
	struct object *o = w->handles[s->handle].of;

	return expect_ok(seen, j) || !o ? 0 : world_guest_changes(w, o, s);
}

static int do_sync(struct world *w, const struct step *s, const struct seen *seen,
		   struct judgement *j)
{
	struct handle *h = &w->handles[s->handle];

	expect_ok(seen, j);
	if (h->of && !(s->verb == STEP_CLOSE && w->rules->close_waits))
		world_synced(h->of);
	if (s->verb == STEP_CLOSE)
		world_let_go(h);
	return 0;
}

/* A change by the guest of the names: the host has it at once, in all modes. */
static int do_guest_rename(struct world *w, const struct step *s, const struct seen *seen,
			   struct judgement *j)
{
	if (expect_ok(seen, j))
		return 0;
	if (s->verb == STEP_RENAME)
		world_bind(world_name(w, s->to), world_name(w, s->file)->now);
	world_bind(world_name(w, s->file), NULL);
	return 0;
}

static int do_map(struct world *w, const struct step *s, const struct seen *seen,
		  struct judgement *j)
{
	bool may_refuse = !w->rules->maps && !strcmp(s->mode, "rw");

	if (may_refuse && (is_error(seen, "EINVAL") || is_error(seen, "ENODEV")))
		judge(j, MARK_REFUSED, seen->error);
	else if (!expect_ok(seen, j))
		w->handles[s->handle].is_mapped = true;
	return 0;
}

static int (*const steps[N_STEPS])(struct world *w, const struct step *s, const struct seen *seen,
				   struct judgement *j) = {
	[STEP_HOST_WRITE] = do_host_change,
	[STEP_HOST_APPEND] = do_host_change,
	[STEP_HOST_TRUNCATE] = do_host_change,
	[STEP_HOST_RENAME] = do_host_rename,
	[STEP_HOST_UNLINK] = do_host_unlink,
	[STEP_HOST_AGE] = do_nothing,
	[STEP_HOST_ADOPT] = do_host_adopt,
	[STEP_HOST_LOOK] = do_host_look,
	[STEP_OPEN] = do_open,
	[STEP_CLOSE] = do_sync,
	[STEP_READ] = do_read,
	[STEP_WRITE] = do_guest_change,
	[STEP_APPEND] = do_guest_change,
	[STEP_FSTAT] = do_fstat,
	[STEP_STAT] = do_stat,
	[STEP_FTRUNCATE] = do_guest_change,
	[STEP_FSYNC] = do_sync,
	[STEP_UNLINK] = do_guest_rename,
	[STEP_RENAME] = do_guest_rename,
	[STEP_MAP] = do_map,
	[STEP_PEEK] = do_peek,
	[STEP_POKE] = do_guest_change,
	[STEP_MSYNC] = do_sync,
};

/* Steps by a handle that could not be opened, or a mapping that was refused, say nothing more. */
static bool has_handle(const struct world *w, const struct step *s)
{
	const struct handle *h = &w->handles[s->handle];

	return s->needs == STEP_MAPPING ? h->is_mapped : s->needs == STEP_NOTHING || h->is_open;
}

static void judge_stuck(const struct world *w, const struct step *s, const struct seen *seen,
			struct judgement *j)
{
	const struct object *o = w->handles[s->handle].of;

	judge(j, MARK_HANG,
	      seen->stays ? "it never ended, and SIGKILL did not help"
			  : "it never ended, until it was killed");
	if (s->verb == STEP_READ && o && o->is_shorter)
		j->problem = PROBLEM_ENDLESS;
}

int world_step(struct world *w, const struct step *s, const struct seen *seen,
	       struct judgement *ret_j)
{
	*ret_j = (struct judgement){0};
	if (seen->kind == SEEN_STUCK)
		judge_stuck(w, s, seen, ret_j);
	else if (seen->kind == SEEN_DIED)
		judge(ret_j, MARK_ERROR, "the process that did it was killed");
	else if (has_handle(w, s))
		return steps[s->verb](w, s, seen, ret_j);
	return 0;
}
