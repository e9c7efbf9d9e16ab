/* SPDX-License-Identifier: MIT */
/* A client that sends anything, well formed or not, to a server on a folder of the host, on the
 * synthetic tree, or on the toy backend. Every frame must come back once, every reply must be one,
 * nothing outside the folder is seen or touched, and nothing is left when the client is gone.
 *
 * The input: a byte that chooses the backend and the peer; then messages. Each starts with a byte:
 * a raw one (bytes of the input), or one of the table whose fields come from the input.
 */
#include <string.h>

#include "backend.h"
#include "fake-channel.h"
#include "fuzz.h"
#include "hostile-folder.h"
#include "local.h"
#include "macros.h"
#include "msg.h"
#include "server.h"
#include "synth.h"
#include "toy-backend.h"

#define MAX_MESSAGES 64
#define SCRATCH (64u << 10)

struct input {
	const uint8_t *p, *end;
	uint8_t *scratch, *scratch_end; /* for strings and data */
};

static uint8_t take(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static uint64_t take_number(struct input *in)
{
	static const uint64_t edges[] = {
		0,	    1,		2,	   10,	       11,	   7,
		100,	    4096,	65535,	   65536,      65537,	   INT32_MAX,
		UINT32_MAX, 1ull << 32, INT64_MAX, 1ull << 63, UINT64_MAX, UINT64_MAX - 7,
	};
	uint8_t b = take(in);
	uint64_t v = 0;

	if (b < 128)
		return b % 16;
	if (b < 240)
		return edges[b % ARRAY_SIZE(edges)];
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | take(in);
	return v;
}

static uint8_t *copy(struct input *in, const void *p, size_t n)
{
	uint8_t *to = in->scratch;

	n = MIN(n, (size_t)(in->scratch_end - to));
	memcpy(to, p, n);
	in->scratch += n;
	return to;
}

static struct str take_text(struct input *in)
{
	static const char *const words[] = {
		"a",	      "b",
		"d",	      "e",
		"l",	      "up",
		"fifo",	      "..",
		"a",	      "d",
		"size",	      "12943",
		"dir",	      "300",
		"error",      "ioerror",
		"5",	      "block",
		"tmp",	      "x",
		"slow",	      "missing",
		"",	      ".",
		"../a",	      "/etc",
		"user.a",     "user.b",
		"user.5",     "security.capability",
		"../.a",      "9P2000.L",
		"trusted.a",  "system.posix_acl_access",
		"user.65536", "0",
	};
	uint8_t b = take(in);
	uint8_t bytes[256];
	size_t n;

	if (b < 224)
		return str_of(words[b % ARRAY_SIZE(words)], strlen(words[b % ARRAY_SIZE(words)]));
	n = take(in);
	for (size_t i = 0; i < n; i++)
		bytes[i] = take(in);
	return str_of((char *)copy(in, bytes, n), MIN(n, (size_t)(in->scratch_end - in->scratch)));
}

#define NUMBER(kind, type)                                 \
	static void take_##kind(struct input *in, type *v) \
	{                                                  \
		*v = (type)take_number(in);                \
	}
NUMBER(u8, uint8_t)
NUMBER(u16, uint16_t)
NUMBER(u32, uint32_t)
NUMBER(u64, uint64_t)
NUMBER(oct32, uint32_t)
NUMBER(hex32, uint32_t)
NUMBER(hex64, uint64_t)

static void take_str(struct input *in, struct str *v)
{
	*v = take_text(in);
}

static void take_name(struct input *in, struct str *v)
{
	*v = take_text(in);
}

static void take_names(struct input *in, struct names *v)
{
	v->n = take(in) % (P9_MAXWELEM + 1);
	if (v->n > 4)
		v->n %= 4;
	for (unsigned i = 0; i < v->n; i++)
		v->at[i] = take_text(in);
}

static void take_qid(struct input *in, struct qid *v)
{
	v->path = take(in);
}

static void take_qids(struct input *in, struct qids *v)
{
	v->n = take(in) % (P9_MAXWELEM + 1);
}

static void take_data(struct input *in, struct data *v)
{
	static const uint8_t zeros[3000];
	size_t n = take(in) * (size_t)10;

	n = MIN(n, (size_t)(in->scratch_end - in->scratch));
	*v = (struct data){.p = copy(in, zeros, n), .count = (uint32_t)n};
}

static void take_message(struct input *in, uint8_t type, struct msg *m)
{
	memset(m, 0, sizeof(*m));
	m->type = type;
	m->tag = take(in) % 8;
	switch (type) {
#define F(kind, field) take_##kind(in, &v->field);
#define M(number, Name)                                                  \
	case Name: {                                                     \
		struct msg_##Name *v __attribute__((unused)) = &m->Name; \
                                                                         \
		FIELDS_##Name(F) break;                                  \
	}
		WIRE_MESSAGES(M)
#undef M
#undef F
	default:
		break;
	}
}

static const uint8_t types[] = {
#define M(number, Name) number,
	WIRE_MESSAGES(M)
#undef M
};

/* What comes back must be what a server says, and not what it must not know. */
static void receive_all(struct fake_channel *fc)
{
	while (fake_channel_has_reply(fc)) {
		const struct msg *m = fake_channel_recv(fc);

		assert(!msg_is_request(m->type) || m->type == 0);
		if (m->type == Rread && m->Rread.data.count)
			assert(!memmem(m->Rread.data.p, m->Rread.data.count, SECRET,
				       strlen(SECRET)));
	}
}

static void send_raw(struct fake_channel *fc, struct input *in)
{
	size_t n = take(in);
	uint8_t bytes[256];

	for (size_t i = 0; i < n; i++)
		bytes[i] = take(in);
	/* what a transport delivers has a right size, most of the time */
	if (n >= 4 && take(in) % 8) {
		memset(bytes, 0, 4);
		bytes[0] = (uint8_t)n;
	}
	fake_channel_send_bytes(fc, bytes, n);
}

static void send_one(struct fake_channel *fc, struct input *in)
{
	uint8_t type, kind = take(in);
	struct msg m;

	if (kind == 255) {
		send_raw(fc, in);
		return;
	}
	type = types[kind % ARRAY_SIZE(types)];
	/* replies and Tversion once in a while only, or the other messages get nowhere */
	if (kind < 200 && !msg_is_request(type))
		type--;
	if (kind < 200 && (type == Tversion || !msg_name(type)))
		type = Tread;
	take_message(in, type, &m);
	fake_channel_send(fc, &m);
}

/* Fids 0 to 3: the root, a file, a file that is open, a folder that is open. */
static void begin(struct fake_channel *fc)
{
	fake_channel_sendf(fc, "Tversion tag=65535 msize=16384 version=9P2000.L");
	fake_channel_sendf(fc, "Tattach tag=1 fid=0 afid=4294967295");
	fake_channel_sendf(fc, "Twalk tag=1 fid=0 newfid=1 wname=[a]");
	fake_channel_sendf(fc, "Twalk tag=1 fid=0 newfid=2 wname=[a]");
	fake_channel_sendf(fc, "Tlopen tag=1 fid=2 flags=2");
	fake_channel_sendf(fc, "Twalk tag=1 fid=0 newfid=3 wname=[]");
	fake_channel_sendf(fc, "Tlopen tag=1 fid=3 flags=0");
}

static void talk(struct server *s, struct input *in)
{
	static uint8_t scratch[SCRATCH];
	uint8_t how = take(in);
	struct fake_config cfg = {
		.part = how & 1 ? 37 : 0,
		.data_beside = how & 2,
		.room = how & 4 ? 200 : 0,
	};
	struct fake_channel *fc = fake_channel_new(server_handler(s), &cfg);

	assert(fc);
	if (!(how & 8))
		begin(fc);
	for (unsigned i = 0; i < MAX_MESSAGES && in->p < in->end; i++) {
		in->scratch = scratch;
		in->scratch_end = scratch + sizeof(scratch);
		if (fake_channel_shutdown_reason(fc))
			break;
		send_one(fc, in);
		receive_all(fc);
	}
	fake_channel_free(fc);
}

enum { LOCAL, SYNTH, TOY, N_BACKENDS };

static struct backend *backends[N_BACKENDS];
static struct server *servers[N_BACKENDS];

static void start(void)
{
	struct local_config plain = {.dir = inner};

	make_folder();
	assert(!local_new(&plain, &backends[LOCAL]));
	assert(!synth_new(&backends[SYNTH]));
	synth_release(backends[SYNTH]);
	backends[TOY] = toy_new();
	toy_release(backends[TOY], UINT32_MAX / 2);
	for (unsigned i = 0; i < N_BACKENDS; i++) {
		struct server_config cfg = {
			.backend = backends[i],
			.workers = 2,
			.budgets[BUDGET_FIDS].one = 100,
			.budgets[BUDGET_REQUESTS].one = 20,
			.budgets[BUDGET_XATTR_BYTES].one = 100000,
		};

		assert(!server_new(&cfg, &servers[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.p = data, .end = data + size};
	unsigned which;

	if (!servers[0])
		start();
	which = take(&in) % N_BACKENDS;
	if (which == LOCAL)
		fill_folder();
	talk(servers[which], &in);
	if (which == LOCAL)
		check_outside();
	assert(toy_n_live(backends[TOY]) == 0);
	return 0;
}
