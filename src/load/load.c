/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "cleanup.h"
#include "clock.h"
#include "link.h"
#include "load-parts.h"
#include "macros.h"
#include "syscalls.h"

/* How long to wait for a server that does not answer, once we are to stop. */
#define STOPPED_SECONDS 2u

volatile int load_stopped;

void load_stop(void)
{
	load_stopped = 1;
}

uint64_t load_patience_ns(const struct load *l)
{
	uint64_t s = l->plan.timeout;

	return (load_stopped ? MIN(s, STOPPED_SECONDS) : s) * NS_PER_SEC;
}

/* Whoever stopped us wants to wait neither for a reply nor for the last file to be removed. */
static void load_set_patience(const struct load *l, struct async *a)
{
	async_set_patience(a, (int)(load_patience_ns(l) / NS_PER_MS),
			   load_stopped ? NULL : &load_stopped);
}

static int say_refused(const struct load *l, int err, char **ret_why)
{
	switch (err) {
	case -EINTR:
		return why(ret_why, err, "stopped");
	case -EPROTONOSUPPORT:
		return why(ret_why, err,
			   "the server speaks no 9P2000.L, or allows too small an msize");
	case -EBADMSG:
	case -EPROTO:
		return why(ret_why, err, "what the server answers is no 9P2000.L");
	case -ETIMEDOUT:
		return why(
			ret_why, err,
			"the server took the connection, but has not answered for %u s: it hangs, "
			"or allows no more connections (to wait longer: --timeout)",
			l->plan.timeout);
	case -ECONNRESET:
	case -EPIPE:
		return why(ret_why, err, "the server closed the connection at once");
	default:
		return why(ret_why, err, "the server did not let us in: %s (%s%s%s)",
			   strerror(-err),
			   *l->plan.aname ? "does it export '"
					  : "some servers want --aname, the path "
					    "of the exported folder",
			   l->plan.aname, *l->plan.aname ? "'?" : "");
	}
}

static int connect_one(const struct load *l, unsigned depth, struct async **ret_a,
		       uint32_t *ret_msize, char **ret_why)
{
	struct link *link;
	int err = l->plan.connect(l->plan.ctx, depth, &link, ret_why);

	if (err)
		return err;
	err = async_new(link, depth, ret_a);
	if (err)
		return why(ret_why, err, "out of memory");
	load_set_patience(l, *ret_a);
	err = async_attach(*ret_a, l->plan.msize, l->plan.uid, l->plan.aname, ret_msize);
	if (!err)
		return 0;
	async_free(*ret_a);
	*ret_a = NULL;
	return say_refused(l, err, ret_why);
}

/* The connection that makes and removes the files. */
static int control_open(struct load *l, char **ret_why)
{
	int err;

	if (l->control)
		return 0;
	err = connect_one(l, 1, &l->control, &l->msize, ret_why);
	if (!err && l->folder[0])
		err = load_walk(l->control, FID_ROOT, FID_FOLDER, &l->walk_folder);
	return err;
}

/* Makes room for the others, where that is needed. */
static void control_leave(struct load *l)
{
	if (!l->plan.one_at_a_time)
		return;
	async_free(l->control);
	l->control = NULL;
}

/* What is said is REASON, and what is left. */
static void free_unborn(struct load *l, char **ret_why)
{
	autofree char *left = NULL, *reason = steal_ptr(ret_why);

	load_free(l, &left);
	if (!left)
		*ret_why = steal_ptr(&reason);
	else if (asprintf(ret_why, "%s; %s", reason ? reason : "failed", left) < 0)
		*ret_why = NULL;
}

int load_new(const struct load_plan *plan, struct load **ret_l, char **ret_why)
{
	struct load *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return why(ret_why, -ENOMEM, "out of memory");
	l->plan = *plan;
	if (!l->plan.timeout)
		l->plan.timeout = 30;
	err = control_open(l, ret_why);
	if (!err) {
		struct link *link = async_link(l->control);

		if (!l->plan.server)
			l->plan.server = link->ops->peer(link);
		err = files_make(l, ret_why);
	}
	if (err) {
		free_unborn(l, ret_why);
		return err;
	}
	control_leave(l);
	*ret_l = l;
	return 0;
}

/* On the connection that made them, or, should it have broken, on another. */
static int remove_files(struct load *l)
{
	autofree char *reason = NULL;
	int err = -ENOTCONN;

	for (unsigned i = 0; err && i < 2; i++) {
		if (control_open(l, &reason))
			break;
		load_set_patience(l, l->control);
		err = files_remove(l);
		if (!err || err == -ETIMEDOUT)
			break;
		async_free(l->control);
		l->control = NULL;
	}
	return err;
}

void load_free(struct load *l, char **ret_left)
{
	int err;

	*ret_left = NULL;
	if (!l)
		return;
	err = l->folder[0] ? remove_files(l) : 0;
	if (err)
		why(ret_left, err, "the folder '%s' is left in the share: remove it (%s)",
		    l->folder, strerror(-err));
	async_free(l->control);
	free(l->names);
	free(l);
}

void lane_count(struct lane *l, uint64_t bytes, uint64_t entries)
{
	struct load_run *r = l->conn->run;

	if (!r->is_counting)
		return;
	r->result->bytes += bytes;
	r->result->entries += entries;
}

static void end_operation(struct lane *l)
{
	struct load_run *r = l->conn->run;

	l->is_idle = true;
	if (!r->is_counting && !r->is_draining)
		return;
	r->result->operations += r->is_counting;
	r->result->errors += r->is_counting && l->failed;
	histogram_add(&r->result->latency, clock_now_ns() - l->began);
}

void lane_go_on(struct lane *l)
{
	struct load_run *r = l->conn->run;
	uint64_t offset = l->offset;
	struct msg m;
	int err;

	memset(&m, 0, sizeof(m));
	if (!l->op->step(l, &m)) {
		end_operation(l);
		return;
	}
	err = async_send(l->conn->async, &m, &l->call);
	if (err == -EAGAIN) {
		l->is_waiting = true;
		r->is_any_waiting = true;
		l->offset = offset;
	} else if (err) {
		l->is_idle = true;
		r->err = err;
	}
}

void lane_begin(struct lane *l, uint64_t due)
{
	const struct load_op *op = l->conn->run->cell->op;

	l->op = op->choose ? op->choose(l) : op;
	l->step = 0;
	l->failed = false;
	l->is_idle = false;
	l->began = due;
	lane_go_on(l);
}

static void take_reply(struct async_call *c, const struct msg *reply, int err)
{
	struct lane *l = container_of(c, struct lane, call);
	struct load_run *r = l->conn->run;

	if (!reply) {
		l->is_idle = true;
		r->err = err;
		return;
	}
	r->result->requests += r->is_counting;
	if (err) {
		l->failed = true;
		if (r->is_counting && !r->result->first_error)
			r->result->first_error = -err;
	} else if (l->op->reply)
		l->op->reply(l, reply);
	l->step++;
	lane_go_on(l);
	if (l->is_idle && r->cell->rate <= 0 && !r->is_stopping && !r->err)
		lane_begin(l, clock_now_ns());
}

static int open_file(struct lane_conn *c, bool writes)
{
	const struct load *l = c->run->load;
	int err = load_walk(c->async, FID_ROOT, FID_FOLDER, &l->walk_folder);

	if (!err)
		err = load_walk(c->async, FID_ROOT, FID_FILE, &l->walk_file);
	if (!err)
		err = load_walk(c->async, FID_ROOT, FID_OPENED, &l->walk_file);
	return err ? err : load_open(c->async, FID_OPENED, writes ? P9_O_RDWR : P9_O_RDONLY);
}

static int open_folder(struct lane *lane)
{
	static const struct names many = {.n = 1, .at = {{.p = "many", .len = 4}}};
	struct lane_conn *c = lane->conn;
	int err = load_walk(c->async, FID_FOLDER, lane->dir_fid,
			    c->run->load->has_many ? &many : &(struct names){.n = 0});

	return err ? err : load_open(c->async, lane->dir_fid, P9_O_RDONLY | P9_O_DIRECTORY);
}

static int open_conn(struct lane_conn *c, char **ret_why)
{
	const struct load_run *r = c->run;
	uint32_t msize;
	int err = connect_one(r->load, r->cell->depth, &c->async, &msize, ret_why);

	if (err)
		return err;
	err = open_file(c, r->cell->op->writes);
	for (unsigned i = 0; !err && i < c->n_lanes; i++) {
		struct lane *l = &c->lanes[i];

		*l = (struct lane){.call.done = take_reply, .conn = c, .is_idle = true};
		l->fid = FID_LANES + 2 * i;
		l->dir_fid = l->fid + 1;
		l->random = 0x9e3779b97f4a7c15ULL * (c->index * 65536ULL + i + 1);
		l->offset = r->cell->op->reads_folder ? 0 : i;
		snprintf(l->name, sizeof(l->name), "lane-%u-%u", c->index, i);
		if (r->cell->op->reads_folder)
			err = open_folder(l);
	}
	return err ? why(ret_why, err, "cannot open the file to work on: %s", strerror(-err)) : 0;
}

static int trace_server(struct load_run *r, char **ret_why)
{
	pid_t server = r->load->plan.server;
	int err = server ? syscalls_start(server, &r->syscalls) : -ESRCH;

	if (!err)
		return 0;
	return why(ret_why, err, "cannot count the server's system calls: %s",
		   !server	   ? "give its --pid"
		   : err == -EPERM ? "it is another user's, or the kernel forbids to trace it "
				     "(kernel.yama.ptrace_scope)"
				   : strerror(-err));
}

static int say_gone(const struct load *l, int err, char **ret_why)
{
	if (err == -ETIMEDOUT)
		return why(ret_why, err, "the server has not answered for %u s (more: --timeout)",
			   l->plan.timeout);
	return why(ret_why, err, "the server is gone: %s", strerror(-err));
}

int load_run(struct load *l, const struct load_cell *cell, struct load_result *ret_r,
	     char **ret_why)
{
	struct load_run r = {.cell = cell, .load = l, .result = ret_r};
	autofree struct lane_conn *conns = calloc(cell->connections, sizeof(*conns));
	autofree struct pollfd *fds = calloc(cell->connections, sizeof(*fds));
	unsigned n = 0;
	int err = 0;

	if (!conns || !fds)
		return why(ret_why, -ENOMEM, "out of memory");
	memset(ret_r, 0, sizeof(*ret_r));
	ret_r->msize = l->msize;
	r.size = MIN(cell->size ? cell->size : 4096, l->msize - P9_IO_HEADER_SIZE);
	ret_r->size = r.size;
	if (!err && cell->op->reads_folder && !l->has_many) {
		err = control_open(l, ret_why);
		if (!err)
			err = files_make_many(l, ret_why);
		control_leave(l);
	}
	for (; !err && n < cell->connections; n++) {
		struct lane_conn *c = &conns[n];

		*c = (struct lane_conn){.run = &r, .index = n, .n_lanes = cell->depth};
		c->lanes = calloc(cell->depth, sizeof(*c->lanes));
		err = c->lanes ? open_conn(c, ret_why) : why(ret_why, -ENOMEM, "out of memory");
	}
	if (!err && cell->count_syscalls)
		err = trace_server(&r, ret_why);
	if (!err) {
		err = load_drive(&r, conns, fds, n);
		if (err && err != -EINTR)
			say_gone(l, err, ret_why);
	}
	syscalls_stop(r.syscalls);
	for (unsigned i = 0; i < n; i++) {
		async_free(conns[i].async);
		free(conns[i].lanes);
	}
	return err;
}
