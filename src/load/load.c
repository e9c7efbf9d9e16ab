/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "cleanup.h"
#include "clock.h"
#include "link.h"
#include "load-parts.h"
#include "macros.h"
#include "processes.h"
#include "syscalls.h"

/* After the end of a cell, the time for the first that is counted, and for what is still in flight. */
#define DRAIN_NS (30 * NS_PER_SEC)

volatile int load_stopped;

void load_stop(void)
{
	load_stopped = 1;
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
	err = async_attach(*ret_a, l->plan.msize, l->plan.uid, l->plan.aname, ret_msize);
	if (!err)
		return 0;
	async_free(*ret_a);
	*ret_a = NULL;
	return why(ret_why, err, "the server did not let us in: %s", strerror(-err));
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

int load_new(const struct load_plan *plan, struct load **ret_l, char **ret_why)
{
	struct load *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return why(ret_why, -ENOMEM, "out of memory");
	l->plan = *plan;
	err = control_open(l, ret_why);
	if (!err) {
		struct link *link = async_link(l->control);

		if (!l->plan.server)
			l->plan.server = link->ops->peer(link);
		err = files_make(l, ret_why);
	}
	if (err) {
		load_free(l);
		return err;
	}
	control_leave(l);
	*ret_l = l;
	return 0;
}

void load_free(struct load *l)
{
	autofree char *reason = NULL;

	if (!l)
		return;
	/* A server that is gone has taken the way to the files with it. */
	if (l->folder[0] && !control_open(l, &reason))
		files_remove(l);
	async_free(l->control);
	free(l->names);
	free(l);
}

static uint64_t seconds_ns(double s)
{
	return (uint64_t)(s * (double)NS_PER_SEC);
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
	if (!r->is_counting)
		return;
	r->result->operations++;
	r->result->errors += l->failed;
	histogram_add(&r->result->latency, clock_now_ns() - l->began);
}

/* Sends the lane's next request, or ends its operation. */
static void go_on(struct lane *l)
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
		l->offset = offset;
	} else if (err) {
		l->is_idle = true;
		r->err = err;
	}
}

static void begin(struct lane *l, uint64_t due)
{
	const struct load_op *op = l->conn->run->cell->op;

	l->op = op->choose ? op->choose(l) : op;
	l->step = 0;
	l->failed = false;
	l->is_idle = false;
	l->began = due;
	go_on(l);
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
	if (err)
		l->failed = true;
	else if (l->op->reply)
		l->op->reply(l, reply);
	l->step++;
	go_on(l);
	if (l->is_idle && r->cell->rate <= 0 && !r->is_stopping && !r->err)
		begin(l, clock_now_ns());
}

static void retry_waiting(struct lane_conn *conns, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < conns[i].n_lanes; j++) {
			struct lane *l = &conns[i].lanes[j];

			assert(l);
			if (!l->is_waiting)
				continue;
			l->is_waiting = false;
			go_on(l);
		}
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

/* Starts what is due. Returns when the next operation is due, UINT64_MAX: with the next reply. */
static uint64_t start_due(struct load_run *r, struct lane_conn *conns, unsigned n, uint64_t *due)
{
	uint64_t now = clock_now_ns(), gap;

	if (r->cell->rate <= 0) {
		for (unsigned i = 0; i < n; i++)
			for (unsigned j = 0; j < conns[i].n_lanes; j++)
				if (conns[i].lanes[j].is_idle)
					begin(&conns[i].lanes[j], clock_now_ns());
		return UINT64_MAX;
	}
	gap = (uint64_t)((double)NS_PER_SEC / r->cell->rate);
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < conns[i].n_lanes && *due <= now; j++)
			if (conns[i].lanes[j].is_idle) {
				begin(&conns[i].lanes[j], *due);
				*due += MAX(gap, 1u);
			}
	return *due;
}

static unsigned count_in_flight(const struct lane_conn *conns, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += async_in_flight(conns[i].async);
	return sum;
}

/* One round: send, wait until UNTIL at most, take what came. */
static int turn(struct lane_conn *conns, struct pollfd *fds, unsigned n, uint64_t until)
{
	uint64_t now = clock_now_ns(), left = until > now ? until - now : 0;
	const struct timespec wait = {.tv_sec = (time_t)(left / NS_PER_SEC),
				      .tv_nsec = (long)(left % NS_PER_SEC)};

	for (unsigned i = 0; i < n; i++) {
		struct link *link = async_link(conns[i].async);
		int err = async_flush(conns[i].async);

		if (err)
			return err;
		fds[i].fd = link->ops->poll_fd(link, &fds[i].events);
	}
	if (ppoll(fds, n, &wait, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	for (unsigned i = 0; i < n; i++) {
		int err = fds[i].revents ? async_take(conns[i].async) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* CPU time so far, of the server and of ourselves; its system calls. */
struct costs {
	uint64_t server, own, syscalls;
};

static struct costs costs_now(const struct load_run *r)
{
	struct timespec own;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	return (struct costs){r->load->plan.server ? processes_cpu_ns(r->load->plan.server) : 0,
			      (uint64_t)own.tv_sec * NS_PER_SEC + (uint64_t)own.tv_nsec,
			      r->syscalls ? syscalls_count(r->syscalls) : 0};
}

static void note_costs(struct load_run *r, uint64_t began, struct costs from)
{
	const struct costs to = costs_now(r);
	double n = (double)r->result->requests;

	r->result->seconds = (double)(clock_now_ns() - began) / (double)NS_PER_SEC;
	r->result->server_cpu_us = from.server && to.server >= from.server && n > 0
					   ? (double)(to.server - from.server) / 1000 / n
					   : -1;
	r->result->own_cpu_us = n > 0 ? (double)(to.own - from.own) / 1000 / n : -1;
	r->result->server_syscalls = r->syscalls && n > 0
					     ? (double)(to.syscalls - from.syscalls) / n
					     : -1;
}

/* On a busy machine not even one operation may end in a short time: that one is waited for. */
static bool is_over(const struct load_run *r, uint64_t now, uint64_t end)
{
	bool lacks_one = r->is_counting && r->cell->rate <= 0 && !r->result->operations;

	return now >= end + (lacks_one ? DRAIN_NS : 0);
}

/* Until END; operations begin as they are due from *DUE on. */
static int drive_until(struct load_run *r, struct lane_conn *conns, struct pollfd *fds, unsigned n,
		       uint64_t end, uint64_t *due)
{
	int err = 0;

	while (!err) {
		uint64_t now = clock_now_ns(), next;

		if (is_over(r, now, end))
			break;
		retry_waiting(conns, n);
		next = start_due(r, conns, n, due);
		next = MIN(next, now < end ? end : end + DRAIN_NS);
		err = load_stopped ? -EINTR : turn(conns, fds, n, next);
		if (!err)
			err = r->err;
	}
	return err;
}

static int drive(struct load_run *r, struct lane_conn *conns, struct pollfd *fds, unsigned n)
{
	uint64_t due = clock_now_ns(), began = due + seconds_ns(r->cell->warm_up), end;
	int err = drive_until(r, conns, fds, n, began, &due);
	struct costs from = costs_now(r);

	began = clock_now_ns();
	r->is_counting = true;
	if (!err)
		err = drive_until(r, conns, fds, n, began + seconds_ns(r->cell->seconds), &due);
	r->is_counting = false;
	note_costs(r, began, from);
	r->is_stopping = true;
	end = clock_now_ns() + DRAIN_NS;
	while (!err && count_in_flight(conns, n) && clock_now_ns() < end)
		err = turn(conns, fds, n, clock_now_ns() + NS_PER_SEC);
	return err;
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
		err = drive(&r, conns, fds, n);
		if (err && err != -EINTR)
			why(ret_why, err, "the server is gone: %s", strerror(-err));
	}
	syscalls_stop(r.syscalls);
	for (unsigned i = 0; i < n; i++) {
		async_free(conns[i].async);
		free(conns[i].lanes);
	}
	return err;
}
