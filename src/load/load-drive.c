/* SPDX-License-Identifier: MIT */
/* One cell from its warm-up to the last reply: what is due is sent, what came is taken. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "cleanup.h"
#include "clock.h"
#include "link.h"
#include "load-parts.h"
#include "macros.h"
#include "processes.h"
#include "syscalls.h"

#define MOST_CHARGED 1000000u

static uint64_t seconds_ns(double s)
{
	return (uint64_t)(s * (double)NS_PER_SEC);
}

static void retry_waiting(struct load_run *r, struct lane_conn *conns, unsigned n)
{
	if (!r->is_any_waiting)
		return;
	r->is_any_waiting = false;
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < conns[i].n_lanes; j++) {
			struct lane *l = &conns[i].lanes[j];

			assert(l);
			if (!l->is_waiting)
				continue;
			l->is_waiting = false;
			lane_go_on(l);
		}
}

/* Between two operations that are due. */
static uint64_t gap_ns(const struct load_cell *cell)
{
	return MAX((uint64_t)((double)NS_PER_SEC / cell->rate), 1u);
}

/* Starts what is due. Returns when the next operation is due, UINT64_MAX: with the next reply. */
static uint64_t start_due(struct load_run *r, struct lane_conn *conns, unsigned n, uint64_t *due)
{
	uint64_t now = clock_now_ns();

	if (r->cell->rate <= 0) {
		/* Once: from then on a reply begins the next one. */
		for (unsigned i = 0; !r->is_started && i < n; i++)
			for (unsigned j = 0; j < conns[i].n_lanes; j++)
				lane_begin(&conns[i].lanes[j], clock_now_ns());
		r->is_started = true;
		return UINT64_MAX;
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < conns[i].n_lanes && *due <= now; j++)
			if (conns[i].lanes[j].is_idle) {
				lane_begin(&conns[i].lanes[j], *due);
				*due += gap_ns(r->cell);
			}
	/* Late, for all lanes are busy: a reply comes first. */
	return *due <= now ? UINT64_MAX : *due;
}

static unsigned count_in_flight(const struct lane_conn *conns, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += async_in_flight(conns[i].async);
	return sum;
}

static int flush_all(struct lane_conn *conns, struct pollfd *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct link *link = async_link(conns[i].async);
		int err = async_flush(conns[i].async);

		if (err)
			return err;
		fds[i].fd = link->ops->poll_fd(link, &fds[i].events);
	}
	return 0;
}

/* One round: send, wait until UNTIL at most, take what came. -ETIMEDOUT: the server owes replies
 * and has said nothing for as long as the plan allows. */
static int turn(struct load_run *r, struct lane_conn *conns, struct pollfd *fds, unsigned n,
		uint64_t until)
{
	uint64_t now = clock_now_ns(), most = load_patience_ns(r->load), left;
	struct timespec wait;
	int err = flush_all(conns, fds, n), ready;

	if (err)
		return err;
	left = until > now ? MIN(until - now, most) : 0;
	wait = (struct timespec){.tv_sec = (time_t)(left / NS_PER_SEC),
				 .tv_nsec = (long)(left % NS_PER_SEC)};
	ready = ppoll(fds, n, &wait, NULL);
	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	for (unsigned i = 0; !err && i < n; i++)
		err = fds[i].revents ? async_take(conns[i].async) : 0;
	if (err)
		return err;
	if (ready) {
		r->heard_ns = clock_now_ns();
		return 0;
	}
	/* Nothing came. */
	if (!count_in_flight(conns, n))
		r->heard_ns = clock_now_ns();
	return clock_now_ns() - r->heard_ns > most ? -ETIMEDOUT : 0;
}

/* CPU time so far, of the server and of ourselves; its system calls. */
struct costs {
	uint64_t server, own, syscalls;
};

static struct costs costs_now(const struct load_run *r)
{
	return (struct costs){r->load->plan.server ? processes_cpu_ns(r->load->plan.server) : 0,
			      clock_read_ns(CLOCK_PROCESS_CPUTIME_ID),
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
static bool is_over(const struct load_run *r, uint64_t end)
{
	bool lacks_one = r->is_counting && r->cell->rate <= 0 && !r->result->operations;

	return !lacks_one && clock_now_ns() >= end;
}

/* Until END; operations begin as they are due from *DUE on. */
static int drive_until(struct load_run *r, struct lane_conn *conns, struct pollfd *fds, unsigned n,
		       uint64_t end, uint64_t *due)
{
	int err = 0;

	while (!err && !is_over(r, end)) {
		uint64_t now = clock_now_ns(), next;

		retry_waiting(r, conns, n);
		next = start_due(r, conns, n, due);
		err = load_stopped ? -EINTR
				   : turn(r, conns, fds, n, now < end ? MIN(next, end) : next);
		if (!err)
			err = r->err;
	}
	return err;
}

/* Operations end that have begun: those that took longest are not forgotten, and none leaves a file. */
static int drain(struct load_run *r, struct lane_conn *conns, struct pollfd *fds, unsigned n)
{
	int err = 0;

	r->heard_ns = clock_now_ns();
	while (!err && count_in_flight(conns, n)) {
		retry_waiting(r, conns, n);
		err = turn(r, conns, fds, n, UINT64_MAX);
		if (!err)
			err = r->err;
	}
	return err;
}

/* What was due before END and has not begun waited at least until now: of a server that stalls at the
 * end of a cell nothing else would be known. */
static void charge_unsent(struct load_run *r, uint64_t due, uint64_t end)
{
	uint64_t now = clock_now_ns(), gap, n;

	if (r->cell->rate <= 0 || due >= end)
		return;
	gap = gap_ns(r->cell);
	n = (end - due - 1) / gap + 1;
	/* Where it is far too many, evenly spread ones stand for all. */
	for (uint64_t i = 0, step = n / MOST_CHARGED + 1; i < n; i += step)
		histogram_add_n(&r->result->latency, now - (due + i * gap), MIN(step, n - i));
}

int load_drive(struct load_run *r, struct lane_conn *conns, struct pollfd *fds, unsigned n)
{
	uint64_t due = clock_now_ns(), began = due + seconds_ns(r->cell->warm_up), end;
	struct costs from;
	int err, late;

	r->heard_ns = due;
	err = drive_until(r, conns, fds, n, began, &due);
	from = costs_now(r);
	began = clock_now_ns();
	end = began + seconds_ns(r->cell->seconds);
	r->is_counting = !err;
	if (!err)
		err = drive_until(r, conns, fds, n, end, &due);
	note_costs(r, began, from);
	r->is_stopping = true;
	r->is_draining = r->is_counting;
	r->is_counting = false;
	if (err && err != -EINTR)
		return err;
	late = drain(r, conns, fds, n);
	if (!err && !late)
		charge_unsent(r, due, end);
	return err ? err : late;
}
