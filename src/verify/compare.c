/* SPDX-License-Identifier: MIT */
#include "compare.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "compare-parts.h"
#include "fields.h"
#include "host-file.h"
#include "macros.h"
#include "way-names.h"

#define THOROUGH_FILES 4

int compare_new(struct manifest *m, unsigned walk, struct compare **ret_c)
{
	struct compare *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->m = m;
	c->walk = walk;
	c->t.last_finding = &c->t.findings;
	c->thorough_left = THOROUGH_FILES;
	owner_search_init(&c->owners, m);
	*ret_c = c;
	return 0;
}

void compare_without_times(struct compare *c)
{
	c->without_times = true;
}

void compare_with_old_manifest(struct compare *c)
{
	c->is_old = true;
}

void compare_set_read_size(struct compare *c, uint64_t bytes)
{
	c->t.read_size = bytes;
}

void compare_free(struct compare *c)
{
	if (!c)
		return;
	tally_clear(&c->t);
	xattrs_free(c->xattrs);
	content_clear(&c->content);
	runs_done(&c->content.runs);
	tdestroy(c->inodes, free);
	free(c);
}

const struct tally *compare_tally(const struct compare *c)
{
	return &c->t;
}

/* NODE's path, or that of NAME in the current folder. */
static char *path_of(const struct compare *c, const struct node *node, const char *name)
{
	char *up, *path;

	if (node || !c->folder)
		return node ? node_path(node) : strdup(name);
	if (!c->folder->parent)
		return strdup(name);
	up = node_path(c->folder);
	if (!up || asprintf(&path, "%s/%s", up, name) < 0)
		path = NULL;
	free(up);
	return path;
}

int add_finding(struct compare *c, const struct node *node, const char *name, enum damage class,
		uint64_t from, uint64_t to, uint64_t steps, uint64_t right, char *text)
{
	struct finding *f = NULL;
	char *path = NULL;

	c->t.n_damaged += !c->is_judged;
	c->t.bad_bytes += to - from;
	c->is_judged = true;
	if (c->t.n_findings++ >= KEPT_MAX) {
		free(text);
		return 0;
	}
	f = calloc(1, sizeof(*f));
	path = path_of(c, node, name);
	if (!f || !path) {
		free(f);
		free(path);
		free(text);
		return -ENOMEM;
	}
	*f = (struct finding){
		.path = path,
		.number = c->t.n_findings,
		.class = class,
		.from = from,
		.to = to,
		.size = node && node->kind == 'f' ? node->same->length : 0,
		.steps = steps,
		.right = right,
		.text = text,
		.layer = class == DAMAGE_HOST_ALTERED ? LAYER_HOST_FILE : LAYER_UNKNOWN,
	};
	*c->t.last_finding = f;
	c->t.last_finding = &f->next;
	return 0;
}

static int add_path(struct path_list **l, uint64_t *n, char *path)
{
	struct path_list *p;

	if (*n >= KEPT_MAX) {
		free(path);
		++*n;
		return 0;
	}
	p = malloc(sizeof(*p));
	if (!p || !path || (*l && !strcmp((*l)->path, path))) {
		bool is_known = p && path;

		free(p);
		free(path);
		return is_known ? 0 : -ENOMEM;
	}
	*p = (struct path_list){*l, path};
	*l = p;
	++*n;
	return 0;
}

int note_changed(struct compare *c, const struct node *node, const char *name)
{
	return add_path(&c->t.changed, &c->t.n_changed, path_of(c, node, name));
}

int note_unreadable(struct compare *c, const struct node *node)
{
	return add_path(&c->t.unreadable, &c->t.n_unreadable, node_path(node));
}

int note_starved(struct compare *c, const struct node *node)
{
	return add_path(&c->t.starved, &c->t.n_starved, node_path(node));
}

uint64_t reading_steps(const struct compare *c)
{
	uint64_t steps = 0;

	for (size_t i = 0; i < c->t.n_steps; i++)
		if (strcmp(c->t.steps[i], "drop") != 0)
			steps |= UINT64_C(1) << i;
	return steps & ~c->t.off_steps;
}

static int take_xattr(struct compare *c, const char *at)
{
	struct xattr *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->next = c->xattrs;
	c->xattrs = x;
	return field_word(&at, &x->name, NULL) < 0 || field_word(&at, &x->value, &x->len) < 0
		       ? -EINVAL
		       : 0;
}

static int take_xattr_error(struct compare *c, const char *at)
{
	int err;

	if (field_errno(&at, &err) < 0)
		return -EINVAL;
	c->has_xattrs = false;
	c->t.no_xattrs = c->t.no_xattrs || err == EOPNOTSUPP;
	if (!c->node || err == EOPNOTSUPP)
		return 0;
	return judge_error(c, c->node, "listxattr", err, 0, 0);
}

static int take_digests(struct compare *c, const char *at)
{
	uint64_t digest, count;
	int r;

	while (!(r = field_digest(&at, &digest, &count)))
		if (c->node && (r = runs_add(&c->content.runs, digest, count)) < 0)
			return r;
	return r == -ENODATA ? 0 : r;
}

static int field_step(const struct compare *c, const char **at, size_t *ret_step)
{
	uint64_t step;

	if (field_u64(at, &step) < 0 || step >= c->t.n_steps)
		return -EINVAL;
	*ret_step = (size_t)step;
	return 0;
}

static int take_first_step(struct compare *c, const char *at)
{
	uint64_t offset;

	return field_u64(&at, &offset) < 0 ? -EINVAL : field_step(c, &at, &c->content.first_step);
}

static int keep_sighting(struct compare *c, const struct sighting *s, const unsigned char *bytes)
{
	struct content *l = &c->content;
	size_t n = l->n_sightings;

	if (n == SIGHTINGS_MAX || !c->node)
		return 0;
	if (!l->sightings)
		l->sightings = calloc(SIGHTINGS_MAX, sizeof(*s));
	if (!l->sightings)
		return -ENOMEM;
	l->sightings[n] = *s;
	if (bytes && s->n) {
		l->sightings[n].bytes = malloc(2 * s->n);
		if (!l->sightings[n].bytes)
			return -ENOMEM;
		memcpy(l->sightings[n].bytes, bytes, s->n);
		memcpy(l->sightings[n].bytes + s->n, bytes + DIGEST_BLOCK, s->n);
	}
	l->n_sightings++;
	return 0;
}

static int take_sighting(struct compare *c, const char *at)
{
	struct sighting s = {.count = 1, .has_digest = true};
	unsigned char bytes[2 * DIGEST_BLOCK];
	uint64_t from, count;
	size_t n_first;

	if (field_step(c, &at, &s.step) < 0 || field_u64(&at, &s.block) < 0 ||
	    field_digest(&at, &s.digest, &count) < 0)
		return -EINVAL;
	if (*at) {
		if (field_u64(&at, &from) < 0 || from >= DIGEST_BLOCK ||
		    field_hex(&at, bytes, DIGEST_BLOCK - from, &s.n) < 0 ||
		    field_hex(&at, bytes + DIGEST_BLOCK, DIGEST_BLOCK - from, &n_first) < 0 ||
		    n_first != s.n)
			return -EINVAL;
		s.from = (size_t)from;
	}
	return keep_sighting(c, &s, bytes);
}

static int take_sightings(struct compare *c, const char *at)
{
	struct sighting s = {0};

	if (field_step(c, &at, &s.step) < 0 || field_u64(&at, &s.block) < 0 ||
	    field_u64(&at, &s.count) < 0 || s.block + s.count < s.block)
		return -EINVAL;
	return keep_sighting(c, &s, NULL);
}

static int take_length(struct compare *c, const char *at)
{
	uint64_t length;
	size_t step;

	if (field_step(c, &at, &step) < 0 || field_u64(&at, &length) < 0)
		return -EINVAL;
	if (!(c->content.has_lengths & UINT64_C(1) << step))
		c->content.lengths[step] = length;
	c->content.has_lengths |= UINT64_C(1) << step;
	return 0;
}

static int take_past(struct compare *c, const char *at)
{
	unsigned char bytes[DIGEST_BLOCK];
	uint64_t offset;
	size_t step, n;

	if (field_step(c, &at, &step) < 0 || field_u64(&at, &offset) < 0 ||
	    field_hex(&at, bytes, sizeof(bytes), &n) < 0 || offset + n < offset)
		return -EINVAL;
	if (!c->node)
		return 0;
	if (host_recheck(manifest_root_fd(c->m), c->node, false, NULL) == HOST_CHANGED)
		return note_changed(c, c->node, NULL);
	return add_finding(c, c->node, NULL, DAMAGE_PAST_EOF, offset, offset + n,
			   UINT64_C(1) << step, 0, NULL);
}

static int take_step_error(struct compare *c, const char *at)
{
	uint64_t offset;
	size_t step;
	int err;

	if (field_step(c, &at, &step) < 0 || field_u64(&at, &offset) < 0 ||
	    field_errno(&at, &err) < 0)
		return -EINVAL;
	c->content.failed |= UINT64_C(1) << step;
	return c->node ? judge_error(c, c->node, c->t.steps[step], err, UINT64_C(1) << step, offset)
		       : 0;
}

static int take_end_of_file(struct compare *c, const char *at)
{
	if (field_u64(&at, &c->content.length) < 0)
		return -EINVAL;
	return c->node && c->node->kind == 'f' ? judge_content(c) : 0;
}

/* Once: what follows counts these steps, and shows their names to people. */
static int take_walk(struct compare *c, const char *at)
{
	if (c->t.n_steps)
		return -EINVAL;
	while (*at) {
		char *word;

		if (c->t.n_steps == WALK_MAX_STEPS || field_word(&at, &word, NULL) < 0)
			return -EINVAL;
		c->t.steps[c->t.n_steps++] = word;
		if (!way_is_step(word))
			return -EINVAL;
	}
	return 0;
}

static int take_unsupported(struct compare *c, const char *at)
{
	size_t step;

	if (field_step(c, &at, &step) < 0 || field_errno(&at, &c->t.off_errs[step]) < 0)
		return -EINVAL;
	c->t.off_steps |= UINT64_C(1) << step;
	return 0;
}

static int take_progress(struct compare *c, const char *at)
{
	return field_u64(&at, &c->t.files) < 0 || field_u64(&at, &c->t.bytes) < 0 ? -EINVAL : 0;
}

static int take_walked(struct compare *c, const char *at)
{
	int r = end_entry(c);

	if (r < 0)
		return r;
	if (c->folder || c->lost_levels)
		return -EINVAL;
	c->t.is_complete = true;
	r = tally_sort(&c->t);
	return r ? r : take_progress(c, at);
}

static const struct {
	const char *word;
	int (*take)(struct compare *c, const char *at);
} lines[] = {
	{"up", take_up},	 {"b", take_digests},	      {"s", take_end_of_file},
	{"x", take_xattr},	 {"xfail", take_xattr_error}, {"error", take_error},
	{"!", take_sighting},	 {"~", take_sightings},	      {"z", take_length},
	{"r", take_first_step},	 {"past", take_past},	      {"e", take_step_error},
	{"p", take_progress},	 {"walk", take_walk},	      {"unsupported", take_unsupported},
	{"walked", take_walked}, {"stray", take_stray},
};

int compare_line(struct compare *c, const char *line)
{
	size_t len = strcspn(line, " ");
	const char *rest = line + len + strspn(line + len, " ");

	if (len == 1 && strchr("dfhlo", line[0]))
		return take_entry(c, line[0], rest);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (strlen(lines[i].word) == len && !memcmp(lines[i].word, line, len))
			return lines[i].take(c, rest);
	return -EINVAL;
}
