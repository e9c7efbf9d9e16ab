/* SPDX-License-Identifier: MIT */
#include "inquiry.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "blame.h"
#include "cleanup.h"
#include "compare.h"
#include "look.h"
#include "wire-facts.h"

#define BLAMED_MAX 256	   /* findings of a mount */
#define ROOM_WAIT_MS 10000 /* for a guest that takes nothing */
#define MARK_WAIT_MS 3000  /* a server writes its recording within a fraction of that */
#define NO_MARK_WAIT_MS 300

static int send_all(int fd, const char *at, size_t n)
{
	while (n) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		ssize_t done = send(fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (done < 0 && errno == EAGAIN) {
			if (!poll(&p, 1, ROOM_WAIT_MS))
				return -ETIMEDOUT;
			continue;
		}
		if (done < 0 && errno != EINTR)
			return -errno;
		at += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

int inquiry_ask(struct inquiry *q, const struct tally *t, int terminal)
{
	autofree char *text = NULL;
	int err = q->look ? -EINVAL : look_new(q->manifest, t, &q->look);

	if (err)
		return err;
	text = look_request(q->look);
	return text ? send_all(terminal, text, strlen(text)) : -ENOMEM;
}

/* The facts of the first N findings; NULL when there is no recording, or it cannot be read. */
static struct wire_facts *read_wire(const struct inquiry *q, const struct tally *t, size_t n)
{
	struct wire_facts *facts = q->recording ? calloc(n, sizeof(*facts)) : NULL;
	const struct wire_question question = {
		.path = q->recording,
		.m = q->manifest,
		.walk = q->walk,
		.has_writes = q->has_writes,
		.facts = facts,
		.n = n,
	};
	size_t i = 0;

	if (!facts)
		return NULL;
	for (const struct finding *f = t->findings; f && i < n; f = f->next)
		facts[i++].f = f;
	wire_facts_wait(q->recording, q->walk, q->look ? MARK_WAIT_MS : NO_MARK_WAIT_MS);
	if (!wire_facts_read(&question))
		return facts;
	wire_facts_done(facts, n);
	free(facts);
	return NULL;
}

void inquiry_conclude(const struct inquiry *q, const struct tally *t)
{
	size_t n = 0, i = 0;
	struct wire_facts *facts;

	for (const struct finding *f = t->findings; f && n < BLAMED_MAX; f = f->next)
		n++;
	if (!n)
		return;
	facts = read_wire(q, t, n);
	for (struct finding *f = t->findings; f && i < n; f = f->next, i++) {
		const struct blame_facts b = {
			.t = t,
			.wire = facts ? &facts[i] : NULL,
			.no_wire = q->recording ? "the recording cannot be read" : q->no_recording,
			.look = q->look,
			.kernel = &q->kernel,
			.is_uncached = q->is_uncached,
		};

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
