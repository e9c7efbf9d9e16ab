/* SPDX-License-Identifier: MIT */
/* The names of a report: which node of the manifest each is, what is missing, what is too many. */
#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compare-parts.h"
#include "fields.h"
#include "host-file.h"

#define LEVELS_MAX 1000000

/* The guest's inode, and which of the host's it stood for first. */
struct guest_inode {
	uint64_t dev, ino;
	const struct node *same;
};
int end_entry(struct compare *c)
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

int take_entry(struct compare *c, char kind, const char *at)
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
int judge_error(struct compare *c, const struct node *n, const char *what, int err, uint64_t step,
		uint64_t at)
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

int take_up(struct compare *c, const char *at)
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

int take_error(struct compare *c, const char *at)
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
