/* SPDX-License-Identifier: MIT */
/* A manifest as a file: the lines of report.h that describe a tree, "warren-manifest 1" first. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fields.h"
#include "manifest-parts.h"
#include "manifest.h"
#include "text.h"

#define FIRST_LINE "warren-manifest 1"

static void save_xattrs(const struct node *n, FILE *f)
{
	for (const struct xattr *x = n->xattrs; x; x = x->next) {
		fputs("x ", f);
		text_put(f, x->name, strlen(x->name));
		fputc(' ', f);
		text_put(f, x->value, x->len);
		fputc('\n', f);
	}
}

static void save_content(const struct node *n, FILE *f)
{
	struct digest_writer w = {.f = f};

	for (size_t i = 0; i < n->runs.n; i++)
		digest_writer_add(&w, n->runs.r[i].digest, n->runs.r[i].count);
	digest_writer_end(&w);
	fprintf(f, "s %" PRIu64 " 0\n", n->length);
}

static void save_node(const struct node *n, FILE *f)
{
	report_put_entry(f, n->same == n ? n->kind : 'h', n->name, &n->st, n->target);
	if (n->err)
		fprintf(f, "error . open %s\n", report_errno(n->err));
	save_xattrs(n, f);
	if (n->kind == 'f' && n->same == n && !n->err)
		save_content(n, f);
	for (size_t i = 0; i < n->n_children; i++)
		save_node(n->children[i], f);
	if (n->kind == 'd')
		fputs("up\n", f);
}

int manifest_save(struct manifest *m, FILE *f)
{
	fprintf(f, FIRST_LINE "\n");
	save_node(m->root, f);
	fprintf(f, "walked %" PRIu64 " %" PRIu64 "\n", m->files, m->bytes);
	return fflush(f) || ferror(f) ? -EIO : 0;
}

struct loader {
	struct manifest *m;
	struct node *node; /* the entry above */
	bool is_complete;
};

static int load_entry(struct loader *l, char kind, const char *at)
{
	autofree char *name = NULL, *target = NULL;
	struct node_stat st;

	if (field_word(&at, &name, NULL) < 0 || field_stat(&at, &st) < 0)
		return -EINVAL;
	if (kind == 'l' && *at && field_word(&at, &target, NULL) < 0)
		return -EINVAL;
	if (*at || (!l->m->folder && (l->m->root || kind != 'd')))
		return -EINVAL;
	/* Folders are sorted since they were read: a further name may stand before the first. */
	l->node = manifest_add(l->m, l->m->folder, name, kind == 'h' ? 'f' : kind, &st);
	if (!l->node || (target && manifest_set_target(l->m, l->node, target) < 0))
		return -ENOMEM;
	if (kind == 'd')
		l->m->folder = l->node;
	return 0;
}

static int load_digests(struct loader *l, const char *at)
{
	uint64_t digest, count;
	int r;

	while (!(r = field_digest(&at, &digest, &count)))
		if ((r = runs_add(&l->node->same->runs, digest, count)) < 0)
			return r;
	return r == -ENODATA ? 0 : r;
}

static int load_xattr(struct loader *l, const char *at)
{
	autofree char *name = NULL, *value = NULL;
	size_t len;

	if (field_word(&at, &name, NULL) < 0 || field_word(&at, &value, &len) < 0)
		return -EINVAL;
	return manifest_add_xattr(l->node, name, value, len);
}

static int load_error(struct loader *l, const char *at)
{
	autofree char *name = NULL, *op = NULL;

	if (field_word(&at, &name, NULL) < 0 || field_word(&at, &op, NULL) < 0)
		return -EINVAL;
	return field_errno(&at, &l->node->err);
}

static int load_up(struct loader *l)
{
	if (!l->m->folder)
		return -EINVAL;
	manifest_end_folder(l->m->folder);
	l->m->folder = l->m->folder->parent;
	return 0;
}

static int load_length(struct loader *l, const char *at)
{
	int r = field_u64(&at, &l->node->same->length);

	l->m->bytes += r ? 0 : l->node->same->length;
	return r;
}

static int load_line(struct loader *l, char *line)
{
	size_t len = strcspn(line, " ");
	const char *rest = line + len + strspn(line + len, " ");

	line[len] = line[len] ? '\0' : line[len];
	if (l->is_complete)
		return -EINVAL;
	if (!strcmp(line, "walked")) {
		l->is_complete = l->m->root && !l->m->folder;
		return l->is_complete ? 0 : -EINVAL;
	}
	if (!strcmp(line, "up"))
		return load_up(l);
	if (len == 1 && strchr("dfhlo", line[0]))
		return load_entry(l, line[0], rest);
	if (!l->node)
		return -EINVAL;
	return !strcmp(line, "b")	? load_digests(l, rest)
	       : !strcmp(line, "x")	? load_xattr(l, rest)
	       : !strcmp(line, "error") ? load_error(l, rest)
	       : !strcmp(line, "s")	? load_length(l, rest)
					: -EINVAL;
}

int manifest_load(FILE *f, int root_fd, struct manifest **ret_m, unsigned *ret_line)
{
	autofree char *line = NULL;
	struct loader l = {0};
	unsigned number = 0;
	size_t cap = 0;
	int r = manifest_new(root_fd, &l.m);

	while (!r && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		number++;
		if (number == 1)
			r = strcmp(line, FIRST_LINE) ? -EINVAL : 0;
		else
			r = load_line(&l, line);
	}
	if (!r && !l.is_complete) {
		r = -EINVAL;
		number++;
	}
	if (r) {
		*ret_line = number;
		manifest_free(l.m);
		return r;
	}
	*ret_m = l.m;
	return 0;
}
