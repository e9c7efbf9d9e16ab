/* SPDX-License-Identifier: MIT */
/* What `warren bench` does, for a device that speaks FUSE: virtiofsd without a guest.
 *
 *	fuse-bench SOCKET OP DEPTH SECONDS CPU PID FILE SIZE random|sequential
 *
 * A vhost-user front end of its own, DEPTH operations in flight, a closed loop. FILE lies in the root of
 * the share. Prints one JSON object, with the keys of `warren bench --json`; CPU time is for a request.
 * Sources: linux/fuse.h; the virtio specification, "File System Device". */
#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "clock.h"
#include "histogram.h"
#include "macros.h"
#include "pin.h"
#include "vhost-front.h"
#include "vhost-slots.h"

#define REQUEST_QUEUE 1 /* 0 is for requests of high priority */
#define WAIT_MS 20000
#define MAX_NAME 255

struct bench {
	const char *socket, *op_name, *file;
	unsigned depth;
	double seconds;
	int cpu;
	pid_t pid;
	uint32_t size;
	bool sequential;

	struct front *front;
	struct vhost_slots slots;
	const struct op *op;
	uint64_t node, file_size, handle;
	struct lane *lanes;
	bool ended;
	unsigned in_flight;

	struct histogram latency;
	uint64_t operations, requests, bytes, errors;
};

/* One operation in flight. */
struct lane {
	unsigned step;
	uint64_t began, handle, random, place;
};

/* The arguments of a request behind its header, and what may come back. */
struct call {
	uint32_t opcode;
	uint64_t node;
	uint32_t n_args, n_reply;
	bool is_read, is_write;
	union {
		char bytes[MAX_NAME + 1];
		struct fuse_init_in init;
		struct fuse_getattr_in getattr;
		struct fuse_open_in open;
		struct fuse_release_in release;
		struct fuse_forget_in forget;
		struct fuse_read_in read;
		struct fuse_write_in write;
	} args;
};

static uint64_t next_offset(const struct bench *b, struct lane *l)
{
	uint64_t n = b->file_size / b->size;

	if (b->sequential)
		return (l->place += b->depth) % n * b->size;
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random % n * b->size;
}

static void fill_lookup(const struct bench *b, struct lane *l, struct call *c)
{
	(void)l;
	c->opcode = FUSE_LOOKUP;
	c->node = FUSE_ROOT_ID;
	c->n_args = (uint32_t)strlen(b->file) + 1;
	memcpy(c->args.bytes, b->file, c->n_args);
	c->n_reply = sizeof(struct fuse_entry_out);
}

static void fill_forget(const struct bench *b, struct lane *l, struct call *c)
{
	(void)l;
	c->opcode = FUSE_FORGET;
	c->node = b->node;
	c->args.forget = (struct fuse_forget_in){.nlookup = 1};
	c->n_args = sizeof(c->args.forget);
}

static void fill_getattr(const struct bench *b, struct lane *l, struct call *c)
{
	(void)l;
	c->opcode = FUSE_GETATTR;
	c->node = b->node;
	c->n_args = sizeof(c->args.getattr);
	c->n_reply = sizeof(struct fuse_attr_out);
}

static void fill_open(const struct bench *b, struct lane *l, struct call *c)
{
	(void)l;
	c->opcode = FUSE_OPEN;
	c->node = b->node;
	c->args.open.flags = strcmp(b->op_name, "write") ? 0 : 2 /* O_RDWR */;
	c->n_args = sizeof(c->args.open);
	c->n_reply = sizeof(struct fuse_open_out);
}

static void fill_release(const struct bench *b, struct lane *l, struct call *c)
{
	c->opcode = FUSE_RELEASE;
	c->node = b->node;
	c->args.release.fh = l->handle;
	c->n_args = sizeof(c->args.release);
}

static void fill_read(const struct bench *b, struct lane *l, struct call *c)
{
	c->opcode = FUSE_READ;
	c->node = b->node;
	c->args.read = (struct fuse_read_in){
		.fh = b->handle, .offset = next_offset(b, l), .size = b->size};
	c->n_args = sizeof(c->args.read);
	c->is_read = true;
}

static void fill_write(const struct bench *b, struct lane *l, struct call *c)
{
	c->opcode = FUSE_WRITE;
	c->node = b->node;
	c->args.write = (struct fuse_write_in){
		.fh = b->handle, .offset = next_offset(b, l), .size = b->size};
	c->n_args = sizeof(c->args.write);
	c->n_reply = sizeof(struct fuse_write_out);
	c->is_write = true;
}

typedef void (*fill_fn)(const struct bench *b, struct lane *l, struct call *c);

static const struct op {
	const char *name; /* as `warren bench` calls its own */
	fill_fn steps[2];
} ops[] = {
	{"getattr", {fill_getattr}},
	{"walk", {fill_lookup, fill_forget}},
	{"open", {fill_open, fill_release}},
	{"read", {fill_read}},
	{"write", {fill_write}},
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "fuse-bench: %s: %s\n", what, strerror(-err));
	return 1;
}

/* Puts the request into the ring; nobody is told yet. */
static void put(struct bench *b, unsigned slot, const struct call *c)
{
	struct fuse_in_header head = {.opcode = c->opcode, .nodeid = c->node};
	struct slot_sizes sizes = {
		.request = (uint32_t)sizeof(head) + c->n_args,
		.data_out = c->is_write ? b->size : 0,
		.data_in = c->is_read ? b->size : 0,
	};
	uint8_t *at = slot_request(&b->slots, slot);

	if (c->opcode != FUSE_FORGET) /* which has no reply */
		sizes.reply = (uint32_t)sizeof(struct fuse_out_header) + c->n_reply;
	head.len = sizes.request + sizes.data_out;
	head.unique = slot + 1;
	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), &c->args, c->n_args);
	slot_offer(&b->slots, slot, &sizes);
	b->requests++;
}

static const struct fuse_out_header *reply_of(const struct bench *b, unsigned slot)
{
	return slot_reply(&b->slots, slot);
}

static uint64_t opened_handle(const struct bench *b, unsigned slot)
{
	struct fuse_open_out out;

	memcpy(&out, reply_of(b, slot) + 1, sizeof(out));
	return out.fh;
}

/* The next used entry, waited for. */
static int wait_used(struct bench *b, struct vring_used_elem *ret)
{
	return front_wait(b->front, WAIT_MS, ret) ? 0 : -ETIMEDOUT;
}

/* One request before the measurement, in slot 0; the error of its reply, or -errno. */
static int call_now(struct bench *b, const struct call *c)
{
	struct vring_used_elem used;
	int r;

	put(b, 0, c);
	front_kick(b->front);
	r = wait_used(b, &used);
	return r ? r : reply_of(b, 0)->error;
}

static int init(struct bench *b)
{
	struct call c = {.opcode = FUSE_INIT};

	c.args.init = (struct fuse_init_in){
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = 128 << 10,
		.flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES,
	};
	c.n_args = sizeof(c.args.init);
	c.n_reply = sizeof(struct fuse_init_out);
	return call_now(b, &c);
}

/* Looks FILE up, and opens it for those that read or write. */
static int prepare(struct bench *b)
{
	struct call lookup = {0}, open = {0};
	struct fuse_entry_out entry;
	int r = init(b);

	if (r)
		return fail("FUSE_INIT", r);
	fill_lookup(b, NULL, &lookup);
	r = call_now(b, &lookup);
	if (r)
		return fail(b->file, r);
	memcpy(&entry, reply_of(b, 0) + 1, sizeof(entry));
	b->node = entry.nodeid;
	b->file_size = entry.attr.size;
	if (b->file_size < b->size)
		return fail(b->file, -EINVAL);
	fill_open(b, NULL, &open);
	r = call_now(b, &open);
	if (r)
		return fail("FUSE_OPEN", r);
	b->handle = opened_handle(b, 0);
	b->requests = 0;
	return 0;
}

static void go_on(struct bench *b, unsigned slot)
{
	struct lane *l = &b->lanes[slot];
	struct call c = {0};

	if (!l->step) {
		if (b->ended)
			return;
		l->began = clock_now_ns();
	}
	b->op->steps[l->step](b, l, &c);
	put(b, slot, &c);
	b->in_flight++;
}

static void finish(struct bench *b, unsigned slot)
{
	struct lane *l = &b->lanes[slot];
	const fill_fn done = b->op->steps[l->step];

	b->in_flight--;
	if (done != fill_forget && reply_of(b, slot)->error)
		b->errors++;
	else if (done == fill_open)
		l->handle = opened_handle(b, slot);
	else if (done == fill_read || done == fill_write)
		b->bytes += b->size;
	l->step++;
	if (l->step == ARRAY_SIZE(b->op->steps) || !b->op->steps[l->step]) {
		histogram_add(&b->latency, clock_now_ns() - l->began);
		b->operations++;
		l->step = 0;
	}
}

/* All that came back is followed by what comes next, and one kick. */
static int take_all(struct bench *b)
{
	struct vring_used_elem used;
	int r = wait_used(b, &used);

	if (r)
		return r;
	do {
		if (used.id >= b->depth)
			return -EPROTO;
		finish(b, used.id);
		go_on(b, used.id);
	} while (front_take(b->front, &used));
	front_kick(b->front);
	return 0;
}

static double cpu_us(clockid_t clock)
{
	struct timespec t = {0};

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void print(const struct bench *b, double seconds, double server_us, double client_us)
{
	double requests = (double)MAX(b->requests, 1u);

	printf("{\"op\": \"%s\", \"depth\": %u, \"connections\": 1, \"per_second\": %.1f, "
	       "\"bytes_per_second\": %.1f, \"requests_per_second\": %.1f, \"p50_us\": %.2f, "
	       "\"p99_us\": %.2f, \"server_cpu_us\": %.3f, \"client_cpu_us\": %.3f, \"errors\": "
	       "%llu, "
	       "\"msize\": %u, \"size\": %u}\n",
	       b->op_name, b->depth, (double)b->operations / seconds, (double)b->bytes / seconds,
	       (double)b->requests / seconds, (double)histogram_at(&b->latency, 0.5) / 1e3,
	       (double)histogram_at(&b->latency, 0.99) / 1e3, server_us / requests,
	       client_us / requests, (unsigned long long)b->errors, SLOT_DATA, b->size);
}

static int run(struct bench *b)
{
	uint64_t began = clock_now_ns(), end = began + (uint64_t)(b->seconds * (double)NS_PER_SEC);
	double server, own = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	clockid_t clock;
	int r = -clock_getcpuclockid(b->pid, &clock);

	if (r)
		return fail("the server's CPU time", r);
	server = cpu_us(clock);
	for (unsigned i = 0; i < b->depth; i++)
		go_on(b, i);
	front_kick(b->front);
	while (!r && b->in_flight) {
		r = take_all(b);
		b->ended = b->ended || clock_now_ns() >= end;
	}
	if (r)
		return fail("the device does not answer", r);
	print(b, (double)(clock_now_ns() - began) / (double)NS_PER_SEC, cpu_us(clock) - server,
	      cpu_us(CLOCK_PROCESS_CPUTIME_ID) - own);
	return 0;
}

static int start(struct bench *b)
{
	int r = pin_to_cpu(b->cpu);

	if (r)
		return fail("CPU", r);
	b->front = front_connect(b->socket);
	if (!b->front)
		return fail(b->socket, -errno);
	b->front->index = REQUEST_QUEUE;
	r = vhost_slots_start(&b->slots, b->front, b->depth);
	if (r)
		return fail("the device's start", r);
	b->lanes = calloc(b->depth, sizeof(*b->lanes));
	for (unsigned i = 0; b->lanes && i < b->depth; i++)
		b->lanes[i] = (struct lane){.random = 88172645463325252 + i, .place = i};
	return b->lanes ? 0 : fail("memory", -ENOMEM);
}

int main(int argc, char **argv)
{
	static struct bench b; /* zero */
	int r = 2;

	if (argc == 10) {
		b.socket = argv[1];
		b.op_name = argv[2];
		b.depth = (unsigned)strtoul(argv[3], NULL, 10);
		b.seconds = strtod(argv[4], NULL);
		b.cpu = atoi(argv[5]);
		b.pid = (pid_t)atoi(argv[6]);
		b.file = argv[7];
		b.size = (uint32_t)strtoul(argv[8], NULL, 10);
		b.sequential = !strcmp(argv[9], "sequential");
		for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
			if (!strcmp(ops[i].name, b.op_name))
				b.op = &ops[i];
	}
	if (!b.op || !b.depth || b.depth > 4096 || !b.size || b.size > SLOT_DATA ||
	    strlen(b.file) > MAX_NAME) {
		fprintf(stderr,
			"usage: fuse-bench SOCKET getattr|walk|open|read|write DEPTH SECONDS "
			"CPU PID FILE SIZE random|sequential\n");
		return r;
	}
	r = start(&b);
	r = r ? r : prepare(&b);
	r = r ? r : run(&b);
	front_free(b.front);
	free(b.lanes);
	return r;
}
