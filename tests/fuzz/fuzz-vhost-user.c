/* SPDX-License-Identifier: MIT */
/* Any conversation with a vhost-user device: messages with descriptors, writes to the guest's
 * memory and kicks. Nothing of it may end the process, and at the end all is given back.
 *
 * The first byte says whether the device is set up and running before; what follows are records,
 * each an opcode byte with its operands (see play). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "fuzz.h"
#include "logging.h"
#include "loop.h"
#include "macros.h"
#include "msg.h"
#include "transport.h"
#include "vhost-protocol.h"
#include "vhost-user.h"
#include "virtqueue.h"

#define SIZE 0x8000u
#define USER 0x100000u
#define RING_NUM 16

static int memory_fd = -1;
static uint8_t *memory;

/* The server: answers what it can, holds each Tflush until the end of its session. */
struct session {
	struct channel *channel;
	struct frame *held[4096];
	unsigned n_held;
};

static int n_sessions;

static int on_opened(void *handler, struct channel *ch, void **ret_session)
{
	struct session *s = calloc(1, sizeof(*s));

	(void)handler;
	assert(s);
	s->channel = ch;
	*ret_session = s;
	n_sessions++;
	return 0;
}

static void do_read(struct frame *f)
{
	const uint8_t head[11] = {11, 0, 0, 0, Rread};
	struct iovec iov[1024];
	uint32_t want = (uint32_t)MIN(f->room, 5000u) - 11;
	int n;

	assert(!f->channel->ops->payload(f, 11, want, iov, 1024, &n));
	for (int i = 0; i < n; i++)
		memset(iov[i].iov_base, 'x', iov[i].iov_len);
	f->channel->ops->reply(f, head, sizeof(head), want);
}

static void on_receive(void *session, struct frame *f)
{
	const uint8_t head[11] = {11, 0, 0, 0, Rlerror};
	struct session *s = session;
	uint8_t type = ((const uint8_t *)f->head)[4], sum = 0;

	assert(f->room >= 11 && f->head_len >= 7);
	for (int i = 0; i < f->n_data; i++)
		for (size_t k = 0; k < f->data[i].iov_len; k++)
			sum ^= ((const volatile uint8_t *)f->data[i].iov_base)[k];
	if (type == Tflush)
		s->held[s->n_held++] = f;
	else if (type == Tread)
		do_read(f);
	else if (type == Tclunk && sum == 0)
		f->channel->ops->drop(f);
	else
		f->channel->ops->reply(f, head, sizeof(head), 0);
	if (type == Tremove)
		s->channel->ops->shutdown(s->channel, "the fuzzer says so");
}

static void on_closed(void *session)
{
	struct session *s = session;
	struct channel *ch = s->channel;

	for (unsigned i = 0; i < s->n_held; i++)
		ch->ops->drop(s->held[i]);
	free(s);
	n_sessions--;
	ch->ops->released(ch);
}

static const struct handler_ops ops = {
	.opened = on_opened, .receive = on_receive, .closed = on_closed};
static const struct handler handler = {.ops = &ops};

/* What is left to read of the input. */
struct input {
	const uint8_t *p, *end;
};

static uint8_t get(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static uint16_t get16(struct input *in)
{
	uint16_t low = get(in);

	return (uint16_t)(low | get(in) << 8);
}

struct conversation {
	struct loop *loop;
	struct vhost_user *vu;
	int fd, kick;
	struct task stop;
};

static struct loop *stopped;

static void stop_loop(struct task *t)
{
	(void)t;
	loop_stop(stopped);
}

/* The device's turn: a few rounds of its loop. */
static void pump(struct conversation *c)
{
	char junk[4096];

	stopped = c->loop;
	for (int i = 0; i < 3; i++) {
		loop_post(c->loop, &c->stop);
		assert(loop_run(c->loop) == 0);
	}
	while (recv(c->fd, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
}

static void send_bytes(struct conversation *c, const void *p, size_t n, const int *fds,
		       unsigned n_fds)
{
	struct iovec part = {(void *)(uintptr_t)p, n};
	union {
		char bytes[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

	if (n_fds) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS,
						 .cmsg_len = CMSG_LEN(n_fds * sizeof(int))};
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
	}
	(void)!sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_message(struct conversation *c, uint32_t request, uint32_t flags,
			 const void *payload, uint32_t size, const int *fds, unsigned n_fds)
{
	uint8_t bytes[12 + 600];
	const uint32_t h[] = {request, flags, size};

	assert(size <= 600);
	memcpy(bytes, h, sizeof(h));
	memcpy(bytes + sizeof(h), payload, size);
	send_bytes(c, bytes, sizeof(h) + size, fds, n_fds);
}

static void send_u64(struct conversation *c, uint32_t request, uint64_t value)
{
	send_message(c, request, VU_VERSION, &value, sizeof(value), NULL, 0);
}

/* A ring of RING_NUM at the start of the memory, running. */
static void set_up(struct conversation *c, uint64_t features)
{
	union vu_payload p = {.table = {.n = 1, .at = {{0, SIZE, USER, 0}}}};

	send_u64(c, VU_SET_PROTOCOL_FEATURES, 0x1a229);
	send_u64(c, VU_SET_FEATURES, features);
	send_message(c, VU_SET_MEM_TABLE, VU_VERSION, &p, 40, &memory_fd, 1);
	send_u64(c, VU_SET_VRING_NUM, (uint64_t)RING_NUM << 32);
	send_u64(c, VU_SET_VRING_BASE, 0);
	p = (union vu_payload){.addr = {.desc = USER, .avail = USER + 0x200, .used = USER + 0x400}};
	send_message(c, VU_SET_VRING_ADDR, VU_VERSION, &p, 40, NULL, 0);
	send_message(c, VU_SET_VRING_CALL, VU_VERSION, "\0\0\0\0\0\0\0", 8, &c->kick, 1);
	send_message(c, VU_SET_VRING_KICK, VU_VERSION, "\0\0\0\0\0\0\0", 8, &c->kick, 1);
	send_u64(c, VU_SET_VRING_ENABLE, 1ULL << 32);
	pump(c);
}

/* What is no memory, or no ring's eventfd: a pipe's ends, memory that is too small, that cannot be
 * written, that is not to be mapped at all, and a path. */
enum { PIPE_OUT, PIPE_IN, SMALL, READ_ONLY, DEVICE, FOLDER, N_WRONG };

static int wrong_fds[N_WRONG];

static void make_wrong_fds(void)
{
	char path[32];

	assert(!pipe2(wrong_fds, O_CLOEXEC | O_NONBLOCK));
	wrong_fds[SMALL] = memfd_create("small", MFD_CLOEXEC);
	assert(wrong_fds[SMALL] >= 0 && !ftruncate(wrong_fds[SMALL], 100));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory_fd);
	wrong_fds[READ_ONLY] = open(path, O_RDONLY | O_CLOEXEC);
	wrong_fds[DEVICE] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	wrong_fds[FOLDER] = open("/", O_PATH | O_CLOEXEC);
	assert(wrong_fds[READ_ONLY] >= 0 && wrong_fds[DEVICE] >= 0 && wrong_fds[FOLDER] >= 0);
}

/* Descriptors of all kinds; which ones, the bits of KINDS say, or a byte for each. */
static unsigned pick_fds(struct conversation *c, struct input *in, uint8_t kinds, unsigned n,
			 int *fds)
{
	const int right[] = {memory_fd, c->kick, c->fd};

	for (unsigned i = 0; i < n; i++) {
		unsigned kind = kinds >> (i % 8) & 1 ? 1 : kinds & 0x80 ? 2 : 0;

		if ((kinds & 0xc0) == 0xc0)
			kind = get(in) % (ARRAY_SIZE(right) + N_WRONG);
		fds[i] = kind < ARRAY_SIZE(right) ? right[kind]
						  : wrong_fds[kind - ARRAY_SIZE(right)];
	}
	return n;
}

/* Operands: request, flags, descriptors, kinds, size, and SIZE bytes of payload. */
static void fuzz_message(struct conversation *c, struct input *in)
{
	uint8_t request = get(in), flags = get(in), payload[600] = {0};
	int fds[16];
	unsigned n = get(in) % 11;
	uint32_t size;

	n = pick_fds(c, in, get(in), n, fds);
	size = get16(in) % 600;
	for (uint32_t i = 0; i < size && in->p < in->end; i++)
		payload[i] = get(in);
	send_message(c, request, flags, payload, size, fds, n);
}

/* Operands: offset, length, and so many bytes for the guest's memory. */
static void fuzz_memory(struct input *in)
{
	uint16_t at = get16(in), n = get16(in);

	for (uint32_t i = at; i < (uint32_t)at + n && i < SIZE && in->p < in->end; i++)
		memory[i] = get(in);
}

/* Operand: pages. The guest's memory is so short while the device looks at it. */
static void shrink_memory(struct conversation *c, struct input *in)
{
	assert(!ftruncate(memory_fd, get(in) % (SIZE / 4096) * 4096));
	eventfd_write(c->kick, 1);
	pump(c);
	assert(!ftruncate(memory_fd, SIZE));
}

static void play(struct conversation *c, struct input *in)
{
	uint8_t opcode = get(in);

	if (opcode >= 0xf0) {
		shrink_memory(c, in);
		return;
	}
	switch (opcode % 6) {
	case 0:
		fuzz_message(c, in);
		break;
	case 1:
		fuzz_message(c, in);
		pump(c);
		break;
	case 2: {
		/* bytes that are no message */
		size_t n = get(in);

		n = MIN(n, (size_t)(in->end - in->p));
		send_bytes(c, in->p, n, NULL, 0);
		in->p += n;
		break;
	}
	case 3:
		fuzz_memory(in);
		break;
	case 4:
		/* one chain more, and its head */
		memory[0x202]++;
		fuzz_memory(in);
		/* fall through */
	default:
		eventfd_write(c->kick, 1);
		pump(c);
	}
}

static void make_memory(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	memory_fd = memfd_create("guest", MFD_CLOEXEC);
	assert(memory_fd >= 0 && !ftruncate(memory_fd, SIZE));
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	assert(memory != MAP_FAILED);
	make_wrong_fds();
}

/* Whatever was passed to the device, it keeps nothing of it. */
static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 128; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct conversation c = {.stop.run = stop_loop};
	struct vhost_user_config cfg = {.tag = "fuzz"};
	char *why;
	int ends[2];
	uint8_t mode = get(&in);
	unsigned n_fds;

	if (!memory)
		make_memory();
	n_fds = count_fds();
	memset(memory, 0, SIZE);
	assert(!loop_new(&c.loop) && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	c.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c.fd = ends[1];
	cfg.fd = ends[0];
	assert(!vhost_user_new(c.loop, &cfg, &handler, &c.vu, &why));
	if (mode & 1)
		set_up(&c, 0x150000001 & ~((uint64_t)(mode >> 1) << 28));
	while (in.p < in.end)
		play(&c, &in);
	pump(&c);
	vhost_user_free(c.vu);
	assert(n_sessions == 0);
	close(c.fd);
	close(c.kick);
	loop_free(c.loop);
	assert(count_fds() == n_fds);
	return 0;
}
