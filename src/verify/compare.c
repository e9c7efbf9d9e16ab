/* SPDX-License-Identifier: MIT */
#include "compare.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compare-parts.h"
#include "fields.h"
#include "host-file.h"
#include "macros.h"

#define LEVELS_MAX 1000000
#define THOROUGH_FILES 4

/* The guest's inode, and which of the host's it stood for first. */
struct guest_inode {
	uint64_t dev, ino;
	const struct node *same;
};

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

static void free_paths(struct path_list *l)
{
	while (l) {
		struct path_list *next = l->next;

		free(l->path);
		free(l);
		l = next;
	}
}

void compare_free(struct compare *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->t.n_steps; i++)
		free(c->t.steps[i]);
	while (c->t.findings) {
		struct finding *f = c->t.findings;

		c->t.findings = f->next;
		free(f->path);
		free(f->text);
		free(f->evidence);
		free(f->near);
		free(f);
	}
	free_paths(c->t.changed);
	free_paths(c->t.unreadable);
	free_paths(c->t.starved);
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

/* Ends the entry above: what can be said only when all its lines are there. */
static int end_entry(struct compare *c)
{
	int r = judge_xattrs(c);

	xattrs_free(c->xattrs);
	c->xattrs = NULL;
	c->has_xattrs = c->has_entry = c->is_judged = false;
	c->node = NULL;
	content_clear(&c->content);
	return r;
}

/* A name that the guest lists and the manifest does not know. */
static int judge_extra(struct compare *c, const char *name)
{
	struct node extra = {.parent = c->folder, .name = (char *)name};
	struct stat st;

	assert(c->folder);
	if (c->folder->err)
		return note_unreadable(c, c->folder);
	if (host_stat(manifest_root_fd(c->m), &extra, &st) == 0 ||
	    host_recheck(manifest_root_fd(c->m), c->folder, false, NULL) == HOST_CHANGED)
		return note_changed(c, NULL, name);
	return add_finding(c, NULL, name, DAMAGE_EXTRA, 0, 0, 0, 0, NULL);
}

static int compare_inodes(const void *a, const void *b)
{
	const struct guest_inode *x = a, *y = b;

	return x->dev != y->dev	  ? (x->dev < y->dev ? -1 : 1)
	       : x->ino != y->ino ? (x->ino < y->ino ? -1 : 1)
				  : 0;
}

/* Two names with one inode in the guest have to be one file of the host. */
static int judge_inode(struct compare *c)
{
	struct guest_inode *i = malloc(sizeof(*i)), **found;
	const struct node *same;
	char *text, *path;

	if (!i)
		return -ENOMEM;
	*i = (struct guest_inode){c->st.dev, c->st.ino, c->node->same};
	found = (struct guest_inode **)tsearch(i, &c->inodes, compare_inodes);
	if (!found) {
		free(i);
		return -ENOMEM;
	}
	same = (*found)->same;
	if (*found != i)
		free(i);
	if (same == c->node->same)
		return 0;
	path = node_path(same);
	if (asprintf(&text, "the guest takes it for another name of %s", path ? path : "?") < 0)
		text = NULL;
	free(path);
	return add_finding(c, c->node, NULL, DAMAGE_INODE, 0, 0, 0, 0, text);
}

static struct node *find_node(const struct compare *c, const char *name, bool is_root)
{
	if (is_root)
		return manifest_root(c->m);
	return manifest_child(c->folder, name);
}

/* Finds the name and compares what its own line says. */
static int take_name(struct compare *c, char kind, const char *name, const char *target)
{
	bool is_root = !c->folder && !strcmp(name, ".") && kind == 'd';
	int r;

	if (!is_root && !c->folder)
		return -EINVAL;
	c->node = find_node(c, name, is_root);
	if (!c->node)
		return is_root ? -EINVAL : judge_extra(c, name);
	if (c->node->seen == c->walk)
		return add_finding(c, c->node, NULL, DAMAGE_DUPLICATE, 0, 0, 0, 0, NULL);
	c->node->seen = c->walk;
	if (c->without_times) {
		c->st.mtime_s = c->node->st.mtime_s;
		c->st.mtime_ns = c->node->st.mtime_ns;
	}
	r = judge_node(c, target);
	if (!r && (kind == 'f' || kind == 'h') && c->st.nlink > 1 && c->node->kind == 'f')
		r = judge_inode(c);
	return r;
}

static void enter_folder(struct compare *c)
{
	struct node *n = c->node;

	if (n && n->kind == 'd' && n->seen == c->walk)
		c->folder = n;
	else
		c->lost_levels++;
}

static int take_entry(struct compare *c, char kind, const char *at)
{
	autofree char *name = NULL, *target = NULL;
	int r = end_entry(c);

	if (r < 0)
		return r;
	if (field_word(&at, &name, NULL) < 0 || field_stat(&at, &c->st) < 0)
		return -EINVAL;
	if (kind == 'l' && *at && field_word(&at, &target, NULL) < 0)
		return -EINVAL;
	if (*at || c->lost_levels == LEVELS_MAX)
		return -EINVAL;
	c->has_entry = true;
	c->has_xattrs = kind == 'd' || kind == 'f' || kind == 'h';
	if (!c->lost_levels)
		r = take_name(c, kind, name, target);
	if (!r && kind == 'd')
		enter_folder(c);
	return r;
}

static int judge_missing(struct compare *c, const struct node *n)
{
	int root_fd = manifest_root_fd(c->m);

	c->is_judged = false;
	if (host_recheck(root_fd, n, false, NULL) == HOST_CHANGED ||
	    host_recheck(root_fd, n->parent, false, NULL) == HOST_CHANGED)
		return note_changed(c, n, NULL);
	return add_finding(c, n, NULL, DAMAGE_MISSING, 0, 0, 0, 0, NULL);
}

/* An error of the guest; the host's recheck tells whether the host would have one now, too. That its
 * client found no memory for a message says nothing of the share. */
static int judge_error(struct compare *c, const struct node *n, const char *what, int err,
		       uint64_t step, uint64_t at)
{
	char *text;

	if (n->err)
		return note_unreadable(c, n);
	if (host_recheck(manifest_root_fd(c->m), n, false, NULL) == HOST_CHANGED)
		return note_changed(c, n, NULL);
	if (err == ENOMEM)
		return note_starved(c, n);
	if (asprintf(&text, "%s: %s", what, report_errno(err)) < 0)
		return -ENOMEM;
	return add_finding(c, n, NULL, DAMAGE_ERROR, at, at, step, 0, text);
}

static int judge_listing(struct compare *c, const struct node *folder, int err)
{
	int r = 0;

	if (folder->err)
		return note_unreadable(c, folder);
	if (err)
		return judge_error(c, folder, "listing", err, 0, 0);
	for (size_t i = 0; i < folder->n_children && !r; i++)
		if (folder->children[i]->seen != c->walk)
			r = judge_missing(c, folder->children[i]);
	return r;
}

static int take_up(struct compare *c, const char *at)
{
	struct node *folder = c->folder;
	bool is_listed = !c->is_unopened;
	int r = end_entry(c), err = 0;

	if (r < 0)
		return r;
	c->is_unopened = false;
	if (*at && field_errno(&at, &err) < 0)
		return -EINVAL;
	if (c->lost_levels) {
		c->lost_levels--;
		return 0;
	}
	if (!folder)
		return -EINVAL;
	if (is_listed)
		r = judge_listing(c, folder, err);
	c->is_judged = false;
	c->folder = folder->parent;
	return r;
}

/* An entry's own error, or that of a name whose attributes could not be had: then it stands alone.
 */
static int take_error(struct compare *c, const char *at)
{
	autofree char *name = NULL, *op = NULL;
	int err, r;

	if (field_word(&at, &name, NULL) < 0 || field_word(&at, &op, NULL) < 0 ||
	    field_errno(&at, &err) < 0)
		return -EINVAL;
	if (!strcmp(op, "stat")) {
		r = end_entry(c);
		if (r < 0 || c->lost_levels)
			return r;
		if (!c->folder)
			return -EINVAL;
		c->node = manifest_child(c->folder, name);
		if (!c->node)
			return judge_extra(c, name);
		c->node->seen = c->walk;
	}
	c->has_xattrs = false;
	c->is_unopened = c->st.mode && S_ISDIR(c->st.mode);
	return c->node ? judge_error(c, c->node, op, err, 0, 0) : 0;
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

static int take_walk(struct compare *c, const char *at)
{
	while (*at) {
		char *word;

		if (c->t.n_steps == WALK_MAX_STEPS || field_word(&at, &word, NULL) < 0)
			return -EINVAL;
		c->t.steps[c->t.n_steps++] = word;
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

static int compare_paths(const void *a, const void *b)
{
	const struct finding *x = *(const struct finding *const *)a;
	const struct finding *y = *(const struct finding *const *)b;

	int order = strcmp(x->path, y->path);

	return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* By path: the order of a listing is another one each time. What is said of one path stays as it
 * came. */
static int sort_findings(struct tally *t)
{
	size_t n = 0, i = 0;
	autofree struct finding **all = NULL;

	for (struct finding *f = t->findings; f; f = f->next)
		n++;
	if (n < 2)
		return 0;
	all = calloc(n, sizeof(struct finding *));
	if (!all)
		return -ENOMEM;
	for (struct finding *f = t->findings; f; f = f->next)
		all[i++] = f;
	qsort(all, n, sizeof(struct finding *), compare_paths);
	t->last_finding = &t->findings;
	for (i = 0; i < n; i++) {
		*t->last_finding = all[i];
		t->last_finding = &all[i]->next;
	}
	*t->last_finding = NULL;
	return 0;
}

static int take_walked(struct compare *c, const char *at)
{
	int r = end_entry(c);

	if (r < 0)
		return r;
	if (c->folder || c->lost_levels)
		return -EINVAL;
	c->t.is_complete = true;
	r = sort_findings(&c->t);
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

static bool is_repeated(const struct tally *t, size_t step, uint64_t among)
{
	for (size_t i = 0; i < step; i++)
		if (among & UINT64_C(1) << i && !strcmp(t->steps[i], t->steps[step]))
			return true;
	return false;
}

/* The steps of a mask that read, each way once. */
static uint64_t distinct_ways(const struct tally *t, uint64_t steps)
{
	uint64_t ways = 0;

	for (size_t i = 0; i < t->n_steps; i++)
		if (steps & UINT64_C(1) << i && strcmp(t->steps[i], "drop") != 0 &&
		    !is_repeated(t, i, steps))
			ways |= UINT64_C(1) << i;
	return ways;
}

unsigned tally_ways(const struct tally *t)
{
	return (unsigned)__builtin_popcountll(distinct_ways(t, ~t->off_steps));
}

char *tally_step_names(const struct tally *t, uint64_t steps)
{
	uint64_t ways = distinct_ways(t, steps);
	int left = __builtin_popcountll(ways);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < t->n_steps; i++)
		if (ways & UINT64_C(1) << i)
			fprintf(f, "%s%s", t->steps[i],
				--left == 0 ? ""
				: left == 1 ? " and "
					    : ", ");
	fclose(f);
	return text;
}
