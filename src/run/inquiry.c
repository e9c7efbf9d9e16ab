/* SPDX-License-Identifier: MIT */
#include "inquiry.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "blame.h"
#include "cleanup.h"
#include "clock.h"
#include "compare.h"
#include "look.h"
#include "macros.h"
#include "wire-facts.h"

#define ROOM_WAIT_MS 10000 /* for a guest that takes little or nothing, all in all */
#define MARK_WAIT_MS 3000  /* a server writes its recording within a fraction of that */
#define NO_MARK_WAIT_MS 300

/* Until FD takes more. */
static int wait_for_room(int fd, int interrupt, uint64_t end_ns)
{
	uint64_t now = clock_now_ns();
	struct pollfd p[] = {{.fd = fd, .events = POLLOUT}, {.fd = interrupt, .events = POLLIN}};
	int n = now < end_ns ? poll(p, ARRAY_SIZE(p), (int)((end_ns - now) / NS_PER_MS) + 1) : 0;

	if (n > 0 && p[1].revents)
		return -EINTR;
	return n ? 0 : -ETIMEDOUT;
}

static int send_all(int fd, int interrupt, const char *at, size_t n)
{
	uint64_t end_ns = clock_now_ns() + ROOM_WAIT_MS * (uint64_t)NS_PER_MS;
	int err = 0;

	while (n && !err) {
		ssize_t done = send(fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (done < 0 && errno == EAGAIN)
			err = wait_for_room(fd, interrupt, end_ns);
		else if (done < 0 && errno != EINTR)
			err = -errno;
		at += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return err;
}

int inquiry_ask(struct inquiry *q, const struct tally *t, int terminal, int interrupt)
{
	autofree char *text = NULL;
	int err = q->look ? -EINVAL : look_new(q->manifest, t, &q->look);

	if (err)
		return err;
	text = look_request(q->look);
	return text ? send_all(terminal, interrupt, text, strlen(text)) : -ENOMEM;
}

/* The facts of the first N findings; NULL when there are none, and *RET_WHY says why. */
static struct wire_facts *read_wire(const struct inquiry *q, const struct tally *t, size_t n,
				    const char **ret_why)
{
	struct wire_facts *facts = q->recording ? calloc(n, sizeof(*facts)) : NULL;
	const struct wire_question question = {
		.path = q->recording,
		.is_log = q->is_log,
		.m = q->manifest,
		.walk = q->walk,
		.has_writes = q->has_writes,
		.facts = facts,
		.n = n,
	};
	size_t i = 0;
	int err;

	*ret_why = q->recording ? "the recording cannot be read" : q->no_recording;
	if (!facts)
		return NULL;
	for (const struct finding *f = t->findings; f && i < n; f = f->next)
		facts[i++].f = f;
	/* QEMU writes its log at once. */
	if (!q->is_log)
		wire_facts_wait(q->recording, q->walk, q->look ? MARK_WAIT_MS : NO_MARK_WAIT_MS);
	err = wire_facts_read(&question);
	if (!err)
		return facts;
	if (err == -ENODATA)
		*ret_why = facts->is_logged
				   ? "QEMU's log has no names of files (they are in that of "
				     "QEMU 10.0 and newer: --qemu trixie)"
				   : "the recording does not reach back to the beginning of "
				     "the walk";
	wire_facts_done(facts, n);
	free(facts);
	return NULL;
}

void inquiry_conclude(const struct inquiry *q, const struct tally *t)
{
	size_t n = 0, i = 0;
	struct wire_facts *facts;
	const char *why;

	for (const struct finding *f = t->findings; f && n < INQUIRY_BLAMED_MAX; f = f->next)
		n++;
	if (!n)
		return;
	facts = read_wire(q, t, n, &why);
	for (struct finding *f = t->findings; f; f = f->next, i++) {
		const struct blame_facts b = {
			.t = t,
			.wire = facts && i < n ? &facts[i] : NULL,
			.no_wire = why,
			.look = q->look,
			.kernel = &q->kernel,
			.is_uncached = q->is_uncached,
		};

		f->is_unasked = i >= n;
		if (!f->is_unasked)
			blame(&b, f);
	}
	known_bugs_spread(t);
	wire_facts_done(facts, n);
	free(facts);
}

void inquiry_done(struct inquiry *q)
{
	look_free(steal_ptr(&q->look));
}
