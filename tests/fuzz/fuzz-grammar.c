/* SPDX-License-Identifier: MIT */
/* A client that speaks sentences: it walks to what there is, opens it, lists it from where the last
 * listing ended, writes an attribute in parts. So it comes to where single messages do not come.
 * Others change the folder meanwhile. fuzz-session.c sends what is no sentence.
 *
 * The input: a byte that chooses the backend and the peer; then sentences, each a byte that chooses
 * a row of SENTENCES, and what fills its blanks. */
#include <stdarg.h>

#include "backend.h"
#include "fake-channel.h"
#include "fuzz.h"
#include "hostile-folder.h"
#include "local.h"
#include "mapped.h"
#include "msg.h"
#include "server.h"
#include "synth.h"

#define MAX_SENTENCES 64
#define N_FIDS 16
#define N_OFFSETS 16

/* A blank is a letter behind a dollar: */
#define SENTENCES(S)                                                                         \
	S("Twalk fid=$d newfid=$n wname=[$w]")                                               \
	S("Twalk fid=$d newfid=$n wname=[$w,$w]")                                            \
	S("Twalk fid=$d newfid=$n wname=[$w,$w,$w]")                                         \
	S("Twalk fid=$a newfid=$n wname=[]")                                                 \
	S("Twalk fid=$d newfid=$n wname=[$w];Tlopen fid=$= flags=$l")                        \
	S("Tlopen fid=$p flags=$l")                                                          \
	S("Tlopen fid=$d flags=0;Treaddir fid=$= count=8000")                                \
	S("Twalk fid=$d newfid=$n wname=[];Tlcreate fid=$= name=$w flags=$l mode=$m gid=0")  \
	S("Tread fid=$o offset=$u count=$c")                                                 \
	S("Tread fid=$o offset=$u count=$c;Tread fid=$= count=$c")                           \
	S("Twrite fid=$o offset=$u data=$b")                                                 \
	S("Twrite fid=$o offset=$u data=$b;Tfsync fid=$= datasync=$s")                       \
	S("Treaddir fid=$D offset=$q count=$c")                                              \
	S("Treaddir fid=$D offset=$q count=$c;Treaddir fid=$= offset=$q count=$c")           \
	S("Txattrwalk fid=$a newfid=$n name=\"\";Tread fid=$= offset=$u count=$c")           \
	S("Txattrwalk fid=$a newfid=$n name=$x;Tread fid=$= count=$c")                       \
	S("Tread fid=$X offset=$u count=$c")                                                 \
	S("Txattrcreate fid=$p name=$x attr_size=$k flags=$s;Twrite fid=$= data=$b")         \
	S("Txattrcreate fid=$p name=$x attr_size=4 flags=$s;Twrite fid=$= data=abcd;Tclunk " \
	  "fid=$=")                                                                          \
	S("Txattrcreate fid=$p name=$x attr_size=0 flags=$s;Tclunk fid=$=")                  \
	S("Twrite fid=$X offset=$k data=$b")                                                 \
	S("Tclunk fid=$X")                                                                   \
	S("Trename fid=$p dfid=$d name=$w")                                                  \
	S("Trenameat olddirfid=$d oldname=$w newdirfid=$d newname=$w")                       \
	S("Tunlinkat dirfd=$d name=$w flags=$r")                                             \
	S("Tremove fid=$a")                                                                  \
	S("Tlink dfid=$d fid=$p name=$w")                                                    \
	S("Tsymlink fid=$d name=$w symtgt=$w gid=0")                                         \
	S("Tmkdir dfid=$d name=$w mode=$m gid=0")                                            \
	S("Tmknod dfid=$d name=$w mode=$M major=1 minor=3 gid=0")                            \
	S("Treadlink fid=$p")                                                                \
	S("Tgetattr fid=$a request_mask=0x3fff")                                             \
	S("Tsetattr fid=$a valid=$v mode=$m uid=$k gid=$k size=$u mtime_sec=$k")             \
	S("Tstatfs fid=$a")                                                                  \
	S("Tlock fid=$o type=$s flags=$s start=$u length=$u proc_id=$k client_id=$w")        \
	S("Tgetlock fid=$o type=$s start=$u length=$u proc_id=$k client_id=$w")              \
	S("Tclunk fid=$a")                                                                   \
	S("Tread fid=$o count=$c;Tflush oldtag=$t")                                          \
	S("Treaddir fid=$D count=$c;Tflush oldtag=$t;Tclunk fid=$=")                         \
	S("Tattach fid=$n afid=4294967295 aname=$w n_uname=$k")

static const char *const sentences[] = {
#define S(text) text,
	SENTENCES(S)
#undef S
};

/* What a fid is, as far as the client knows. */
enum kind { NONE = 0, FOLDER = 1, FILE_PATH = 2, OPEN_FILE = 4, OPEN_FOLDER = 8, ATTRIBUTE = 16 };
#define PATHS (FOLDER | FILE_PATH)
#define ANY (PATHS | OPEN_FILE | OPEN_FOLDER | ATTRIBUTE)

struct sent {
	uint8_t type;
	uint32_t fid, newfid, count;
};

struct client {
	struct fake_channel *fc;
	const uint8_t *p, *end;
	enum kind kinds[N_FIDS];
	unsigned last_fid;
	uint64_t offsets[N_OFFSETS]; /* of entries that were listed */
	unsigned n_offsets;
	struct sent sent[256]; /* by tag */
	unsigned n_sent, n_received;
	char text[4096];
	size_t n;
};

static uint8_t take(struct client *c)
{
	return c->p < c->end ? *c->p++ : 0;
}

static void put(struct client *c, const char *text, ...) printf_like(2, 3);

static void put(struct client *c, const char *text, ...)
{
	va_list args;

	va_start(args, text);
	c->n += (size_t)vsnprintf(c->text + c->n, sizeof(c->text) - c->n, text, args);
	va_end(args);
	assert(c->n < sizeof(c->text));
}

/* A fid of one of KINDS, if there is one, most of the time. */
static unsigned choose_fid(struct client *c, unsigned kinds)
{
	uint8_t b = take(c);

	for (unsigned i = 0; i < N_FIDS && b < 240; i++) {
		if (c->kinds[(b + i) % N_FIDS] & kinds)
			return c->last_fid = (b + i) % N_FIDS;
	}
	return c->last_fid = b % N_FIDS;
}

static unsigned choose_new_fid(struct client *c)
{
	uint8_t b = take(c);

	for (unsigned i = 0; i < N_FIDS && b < 240; i++) {
		if (!c->kinds[(b + i) % N_FIDS])
			return c->last_fid = (b + i) % N_FIDS;
	}
	return c->last_fid = b % N_FIDS;
}

#define CHOOSE(c, list) ((list)[take(c) % ARRAY_SIZE(list)])

static void put_words(struct client *c, char blank)
{
	static const char *const names[] = {
		"a",	    "d",       "e",   "b",     "l",	"up",	   "fifo",  "\"..\"",
		"tmp",	    "dir",     "300", "size",  "12943", "block",   "error", "5",
		"f0000003", "ioerror", "c",   "\".\"", "\"\"",	"\"a/b\"",
	};
	static const char *const attributes[] = {
		"user.a",
		"user.b",
		"user.virtfs.uid",
		"security.capability",
		"trusted.a",
		"system.posix_acl_access",
		"system.posix_acl_default",
		"user.",
		"a",
		"\"\"",
	};
	uint8_t length;

	if (blank == 'w') {
		put(c, "%s", CHOOSE(c, names));
	} else if (blank == 'x') {
		put(c, "%s", CHOOSE(c, attributes));
	} else {
		length = take(c);
		for (unsigned i = 0; i <= length; i++)
			put(c, "%c", 'a' + (int)(i + length) % 26);
	}
}

static void put_number(struct client *c, char blank)
{
	static const uint64_t edges[] = {
		0, 1, 10, 11, 4096, 65536, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX - 7,
	};
	static const uint32_t counts[] = {0,	1,    23,    24,    30,	       100,
					  4000, 8181, 16373, 65536, UINT32_MAX};
	static const uint32_t flags[] = {0,	1,    2,       3,    0x401, 0x201,
					 02002, 0200, 0400000, 0100, 040000};
	static const uint32_t modes[] = {0644, 0755, 0, 0777, 04755, 02755, 01777};
	static const uint32_t nodes[] = {0100644, 0010600, 0140600, 0020600, 0060600, 0040700};

	if (blank == 'u')
		put(c, "%llu", (unsigned long long)CHOOSE(c, edges));
	else if (blank == 'c')
		put(c, "%u", CHOOSE(c, counts));
	else if (blank == 'l')
		put(c, "%u", CHOOSE(c, flags));
	else if (blank == 'm')
		put(c, "%u", CHOOSE(c, modes));
	else if (blank == 'M')
		put(c, "%u", CHOOSE(c, nodes));
	else if (blank == 'v')
		put(c, "%u", take(c) | (unsigned)take(c) << 8);
	else if (blank == 'r')
		put(c, "%u", take(c) % 2 ? P9_AT_REMOVEDIR : 0);
	else if (blank == 's')
		put(c, "%u", take(c) % 4);
	else
		put(c, "%u", take(c));
}

static void put_blank(struct client *c, char blank)
{
	static const struct {
		char blank;
		unsigned kinds;
	} fids[] = {{'d', FOLDER},	{'p', PATHS},	  {'o', OPEN_FILE},
		    {'D', OPEN_FOLDER}, {'X', ATTRIBUTE}, {'a', ANY}};

	for (size_t i = 0; i < ARRAY_SIZE(fids); i++) {
		if (fids[i].blank == blank) {
			put(c, "%u", choose_fid(c, fids[i].kinds));
			return;
		}
	}
	if (blank == 'n')
		put(c, "%u", choose_new_fid(c));
	else if (blank == '=')
		put(c, "%u", c->last_fid);
	else if (blank == 't')
		put(c, "%u", (c->n_sent - take(c) % 4) % 256);
	else if (blank == 'q')
		put(c, "%llu",
		    c->n_offsets ? (unsigned long long)c->offsets[take(c) % c->n_offsets] : 0);
	else if (blank == 'w' || blank == 'x' || blank == 'b')
		put_words(c, blank);
	else
		put_number(c, blank);
}

static void remember(struct client *c, const struct msg *m)
{
	struct sent *s = &c->sent[m->tag];

	*s = (struct sent){.type = m->type};
	/* first in all of these */
	memcpy(&s->fid, &m->Tread, sizeof(s->fid));
	if (m->type == Twalk)
		s->newfid = m->Twalk.newfid;
	else if (m->type == Txattrwalk)
		s->newfid = m->Txattrwalk.newfid;
	else if (m->type == Tread)
		s->count = m->Tread.count;
	else if (m->type == Treaddir)
		s->count = m->Treaddir.count;
}

static void send_text(struct client *c)
{
	static char scratch[sizeof(c->text)];
	struct msg m;

	assert(!msg_parse(c->text, scratch, sizeof(scratch), &m, NULL));
	m.tag = (uint16_t)(++c->n_sent % 256);
	remember(c, &m);
	fake_channel_send(c->fc, &m);
}

static void become(struct client *c, uint32_t fid, enum kind k)
{
	if (fid < N_FIDS)
		c->kinds[fid] = k;
}

static enum kind kind_of(const struct client *c, uint32_t fid)
{
	return fid < N_FIDS ? c->kinds[fid] : NONE;
}

/* Each entry is whole, and has a name that may be walked to. */
static void check_entries(struct client *c, const struct data *d)
{
	struct dirent9 e;
	size_t size;

	for (size_t at = 0; at < d->count; at += size) {
		assert(!dirent_decode(d->p + at, d->count - at, &e, &size));
		c->offsets[c->n_offsets < N_OFFSETS ? c->n_offsets++ : at % N_OFFSETS] = e.offset;
	}
}

static void understand(struct client *c, const struct sent *s, const struct msg *m)
{
	if (m->type == Rwalk && m->Rwalk.wqid.n)
		become(c, s->newfid,
		       m->Rwalk.wqid.at[m->Rwalk.wqid.n - 1].type & P9_QTDIR ? FOLDER : FILE_PATH);
	else if (m->type == Rwalk)
		become(c, s->newfid, kind_of(c, s->fid) & FOLDER ? FOLDER : FILE_PATH);
	else if (m->type == Rlopen)
		become(c, s->fid, m->Rlopen.qid.type & P9_QTDIR ? OPEN_FOLDER : OPEN_FILE);
	else if (m->type == Rlcreate)
		become(c, s->fid, OPEN_FILE);
	else if (m->type == Rattach)
		become(c, s->fid, FOLDER);
	else if (m->type == Rxattrwalk)
		become(c, s->newfid, ATTRIBUTE);
	else if (m->type == Rxattrcreate)
		become(c, s->fid, ATTRIBUTE);
	else if (s->type == Tclunk || s->type == Tremove)
		become(c, s->fid, NONE);
	else if (m->type == Rreaddir)
		check_entries(c, &m->Rreaddir.data);
}

static void receive(struct client *c)
{
	const struct msg *m = fake_channel_recv(c->fc);
	const struct sent *s = &c->sent[m->tag];

	c->n_received++;
	assert(m->tag < 256 && (m->type == s->type + 1 || m->type == Rlerror));
	if (m->type == Rlerror)
		assert(m->Rlerror.ecode > 0 && m->Rlerror.ecode < 4096);
	if (m->type == Rread) {
		assert(m->Rread.data.count <= s->count);
		assert(!memmem(m->Rread.data.p, m->Rread.data.count, SECRET, strlen(SECRET)));
	}
	if (m->type == Rreaddir)
		assert(m->Rreaddir.data.count <= s->count);
	understand(c, s, m);
}

/* A request is answered or, if it was flushed, dropped before its Rflush comes. */
static void receive_all(struct client *c)
{
	while (c->n_received + fake_channel_n_dropped(c->fc) < c->n_sent &&
	       !fake_channel_shutdown_reason(c->fc))
		receive(c);
}

static void say(struct client *c)
{
	const char *t = sentences[take(c) % ARRAY_SIZE(sentences)];

	while (*t) {
		for (c->n = 0; *t && *t != ';'; t++) {
			if (*t == '$')
				put_blank(c, *++t);
			else
				put(c, "%c", *t);
		}
		t += *t == ';';
		send_text(c);
	}
}

enum { LOCAL, SYNTH, MAPPED, N_BACKENDS };

static void talk(struct server *s, const uint8_t *data, size_t size)
{
	static struct client c;
	uint8_t how = size ? data[0] : 0;
	const struct fake_config cfg = {.part = how & 16 ? 37 : 0, .data_beside = how & 32};

	c = (struct client){.p = data + !!size, .end = data + size};
	c.fc = fake_channel_new(server_handler(s), &cfg);
	assert(c.fc);
	fake_channel_sendf(c.fc, "Tversion tag=65535 msize=16384 version=9P2000.L");
	(void)fake_channel_recv(c.fc);
	put(&c, "Tattach fid=0 afid=4294967295 n_uname=0");
	send_text(&c);
	receive_all(&c);
	for (unsigned i = 0; i < MAX_SENTENCES && c.p < c.end; i++) {
		uint8_t before = take(&c);

		if (before >= 192 && how % N_BACKENDS != SYNTH)
			disturb_folder(take(&c) | (unsigned)take(&c) << 8);
		say(&c);
		/* some overtake each other; after 250, tags would come again */
		if (before % 4 || c.n_sent % 64 > 56 || i % 8 == 7)
			receive_all(&c);
	}
	fake_channel_free(c.fc);
}

static struct server *servers[N_BACKENDS];

static void start(void)
{
	struct local_config plain = {.dir = inner};
	struct backend *backends[N_BACKENDS], *lower;

	make_folder();
	assert(!local_new(&plain, &backends[LOCAL]));
	assert(!synth_new(&backends[SYNTH]));
	synth_release(backends[SYNTH]);
	assert(!local_new(&plain, &lower) && !mapped_new(lower, &backends[MAPPED]));
	for (unsigned i = 0; i < N_BACKENDS; i++) {
		struct server_config cfg = {
			.backend = backends[i],
			.workers = 2,
			.budgets[BUDGET_XATTR_BYTES].one = 100000,
		};

		assert(!server_new(&cfg, &servers[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned which = size ? data[0] % N_BACKENDS : 0;

	if (!servers[0])
		start();
	if (which != SYNTH)
		fill_folder();
	talk(servers[which], data, size);
	if (which != SYNTH)
		check_outside();
	return 0;
}
