/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compare-parts.h"
#include "host-file.h"

/* A list "WHAT HOST on the host, GUEST in the guest; ..." */
struct difference {
	FILE *f;
	unsigned n;
};

static void put_number(struct difference *d, const char *what, const char *format, uint64_t host,
		       uint64_t guest)
{
	char x[32], y[32];

	if (host == guest)
		return;
	/* FORMAT is one of two of ours. */
	if (!strcmp(format, "octal")) {
		snprintf(x, sizeof(x), "%04" PRIo64, host);
		snprintf(y, sizeof(y), "%04" PRIo64, guest);
	} else {
		snprintf(x, sizeof(x), "%" PRIu64, host);
		snprintf(y, sizeof(y), "%" PRIu64, guest);
	}
	fprintf(d->f, "%s%s %s on the host, %s in the guest", d->n++ ? "; " : "", what, x, y);
}

static void put_time(struct difference *d, const struct node_stat *host,
		     const struct node_stat *guest)
{
	if (host->mtime_s == guest->mtime_s && host->mtime_ns == guest->mtime_ns)
		return;
	fprintf(d->f,
		"%smtime %" PRId64 ".%09" PRIu32 " on the host, %" PRId64 ".%09" PRIu32
		" in the guest",
		d->n++ ? "; " : "", host->mtime_s, host->mtime_ns, guest->mtime_s, guest->mtime_ns);
}

static unsigned put_differences(FILE *f, char kind, const struct node_stat *host,
				const struct node_stat *guest)
{
	struct difference d = {.f = f};

	/* Of special files only the type is the share's business. */
	if (kind == 'o')
		return 0;
	put_number(&d, "mode", "octal", host->mode & 07777, guest->mode & 07777);
	put_number(&d, "links", "", host->nlink, guest->nlink);
	put_number(&d, "uid", "", host->uid, guest->uid);
	put_number(&d, "gid", "", host->gid, guest->gid);
	if (kind != 'd')
		put_number(&d, "size", "", host->size, guest->size);
	put_time(&d, host, guest);
	return d.n;
}

/* Are the host's attributes still those that the manifest has? */
static bool has_host_changed(struct compare *c)
{
	struct node_stat now;
	struct stat st;
	FILE *sink;
	unsigned n;

	if (host_recheck(manifest_root_fd(c->m), c->node, false, NULL) == HOST_CHANGED ||
	    host_stat(manifest_root_fd(c->m), c->node, &st) < 0)
		return true;
	node_stat_from(&st, &now);
	sink = fopen("/dev/null", "we");
	n = sink ? put_differences(sink, c->node->kind, &c->node->st, &now) : 0;
	if (sink)
		fclose(sink);
	return n > 0;
}

static int judge_attributes(struct compare *c)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	unsigned n = f ? put_differences(f, c->node->kind, &c->node->st, &c->st) : 0;

	if (!f)
		return -ENOMEM;
	fclose(f);
	if (n && !has_host_changed(c))
		return add_finding(c, c->node, NULL, DAMAGE_ATTRIBUTES, 0, 0, 0, 0, text);
	free(text);
	return n ? note_changed(c, c->node, NULL) : 0;
}

static int judge_target(struct compare *c, const char *target)
{
	char *text;

	if (c->node->kind != 'l' || !c->node->target || !target || !strcmp(c->node->target, target))
		return 0;
	if (has_host_changed(c))
		return note_changed(c, c->node, NULL);
	if (asprintf(&text, "it points to %s", target) < 0)
		return -ENOMEM;
	return add_finding(c, c->node, NULL, DAMAGE_TARGET, 0, 0, 0, 0, text);
}

int judge_node(struct compare *c, const char *target)
{
	char *text;
	int r;

	if ((c->node->st.mode & S_IFMT) != (c->st.mode & S_IFMT)) {
		if (has_host_changed(c))
			return note_changed(c, c->node, NULL);
		if (asprintf(&text, "mode %06" PRIo32 " on the host, %06" PRIo32 " in the guest",
			     c->node->st.mode, c->st.mode) < 0)
			return -ENOMEM;
		return add_finding(c, c->node, NULL, DAMAGE_TYPE, 0, 0, 0, 0, text);
	}
	r = judge_attributes(c);
	return r ? r : judge_target(c, target);
}

void xattrs_free(struct xattr *x)
{
	while (x) {
		struct xattr *next = x->next;

		free(x->name);
		free(x->value);
		free(x);
		x = next;
	}
}

static const struct xattr *find_xattr(const struct xattr *x, const char *name)
{
	while (x && strcmp(x->name, name) != 0)
		x = x->next;
	return x;
}

/* The first attribute of A that B does not have alike. */
static const char *find_other(const struct xattr *a, const struct xattr *b)
{
	for (; a; a = a->next) {
		const struct xattr *x = find_xattr(b, a->name);

		if (!x || x->len != a->len || memcmp(x->value, a->value, a->len) != 0)
			return a->name;
	}
	return NULL;
}

int judge_xattrs(struct compare *c)
{
	const char *name;
	struct stat st;
	char *text;

	if (!c->node || !c->has_xattrs || c->t.no_xattrs)
		return 0;
	name = find_other(c->node->xattrs, c->xattrs);
	if (!name)
		name = find_other(c->xattrs, c->node->xattrs);
	if (!name)
		return 0;
	/* They have no time of their own: any change since counts as theirs. */
	if (host_stat(manifest_root_fd(c->m), c->node, &st) < 0 ||
	    st.st_ctim.tv_sec != c->node->st.ctime_s ||
	    (uint32_t)st.st_ctim.tv_nsec != c->node->st.ctime_ns)
		return note_changed(c, c->node, NULL);
	if (asprintf(&text, "%s is not the same", name) < 0)
		return -ENOMEM;
	return add_finding(c, c->node, NULL, DAMAGE_XATTR, 0, 0, 0, 0, text);
}
