/* SPDX-License-Identifier: MIT */
#include "wire-attr.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "compare.h"
#include "exchange-text.h"
#include "exchange.h"
#include "manifest.h"

#define GETATTR_SIZE 0x200U /* P9_STATS_SIZE: the reply has one */

static enum seen wrong(char **ret_text, const struct exchange *e, const char *what, uint64_t told,
		       uint64_t should, bool is_octal)
{
	int n = is_octal ? asprintf(ret_text,
				    "the Rgetattr of tag %u says %s %04" PRIo64
				    ", the host's file has %04" PRIo64,
				    e->t.tag, what, told, should)
			 : asprintf(ret_text,
				    "the Rgetattr of tag %u says %s %" PRIu64
				    ", the host's file has %" PRIu64,
				    e->t.tag, what, told, should);

	if (n < 0)
		*ret_text = NULL;
	return SEEN_WRONG;
}

static enum seen judge_size(const struct exchange *e, const struct node *n, char **ret_text)
{
	const struct msg_Rgetattr *a = &e->r.Rgetattr;

	if (!(a->valid & GETATTR_SIZE))
		return SEEN_NOT;
	return a->size == n->st.size ? SEEN_RIGHT
				     : wrong(ret_text, e, "size", a->size, n->st.size, false);
}

static enum seen judge_all(const struct exchange *e, const struct node *n, char **ret_text)
{
	const struct msg_Rgetattr *a = &e->r.Rgetattr;
	const struct node_stat *st = &n->st;

	if (a->mode != st->mode)
		return wrong(ret_text, e, "mode", a->mode, st->mode, true);
	if (a->nlink != st->nlink)
		return wrong(ret_text, e, "links", a->nlink, st->nlink, false);
	if (a->uid != st->uid)
		return wrong(ret_text, e, "uid", a->uid, st->uid, false);
	if (a->gid != st->gid)
		return wrong(ret_text, e, "gid", a->gid, st->gid, false);
	if (a->mtime_sec != (uint64_t)st->mtime_s || a->mtime_nsec != st->mtime_ns)
		return wrong(ret_text, e, "mtime", a->mtime_sec, (uint64_t)st->mtime_s, false);
	return n->kind == 'd' ? SEEN_RIGHT : judge_size(e, n, ret_text);
}

/* An error of the errno that the guest saw, for this very name. */
static enum seen judge_error(const struct exchange *e, const struct finding *f, char **ret_text)
{
	char buf[16];
	const char *name;

	if (e->r.type != Rlerror)
		return SEEN_NOT;
	name = errno_text(e->r.Rlerror.ecode, buf);
	if (f->class == DAMAGE_MISSING ? strcmp(name, "ENOENT") != 0
				       : !f->text || !strstr(f->text, name))
		return SEEN_NOT;
	if (asprintf(ret_text, "the server answered the %s of tag %u with %s", msg_name(e->t.type),
		     e->t.tag, name) < 0)
		*ret_text = NULL;
	return SEEN_WRONG;
}

static enum seen judge_target(const struct exchange *e, const struct node *n, char **ret_text)
{
	struct str target;

	if (e->r.type != Rreadlink || !n->target)
		return SEEN_NOT;
	target = e->r.Rreadlink.target;
	if (target.len == strlen(n->target) && !memcmp(target.p, n->target, target.len))
		return SEEN_RIGHT;
	if (asprintf(ret_text, "the Rreadlink of tag %u says another target", e->t.tag) < 0)
		*ret_text = NULL;
	return SEEN_WRONG;
}

static enum seen judge_type(const struct exchange *e, const struct node *n, char **ret_text)
{
	uint32_t mode = e->r.Rgetattr.mode;

	return (mode & S_IFMT) == (n->st.mode & S_IFMT)
		       ? SEEN_RIGHT
		       : wrong(ret_text, e, "mode", mode, n->st.mode, true);
}

enum seen wire_judge_reply(const struct exchange *e, const struct finding *f,
			   const struct node *node, char **ret_text)
{
	bool is_getattr = e->t.type == Tgetattr && e->r.type == Rgetattr;

	if (f->class == DAMAGE_TARGET)
		return judge_target(e, node, ret_text);
	if (f->class == DAMAGE_ERROR || f->class == DAMAGE_MISSING)
		return judge_error(e, f, ret_text);
	if (!is_getattr)
		return SEEN_NOT;
	if (f->class == DAMAGE_SHORT || f->class == DAMAGE_LONG)
		return judge_size(e, node, ret_text);
	if (f->class == DAMAGE_ATTRIBUTES)
		return judge_all(e, node, ret_text);
	return f->class == DAMAGE_TYPE ? judge_type(e, node, ret_text) : SEEN_NOT;
}
