/* SPDX-License-Identifier: MIT */
#include "qemu-events.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "macros.h"

/* A row an event: name, message, and the log's words behind tag and id, in which %FIELD stands for
 * a field of the message: %d for a number that is signed there, %u, %s for a string, %n for how
 * many names or qids. %S: the size of the reply. %x: nothing of ours. */
static const struct event {
	const char *name;
	uint8_t type;
	const char *words;
} events[] = {
	{"v9fs_version", Tversion, "msize %d(msize) version %s(version)"},
	{"v9fs_version_return", Rversion, "msize %d(msize) version %s(version)"},
	{"v9fs_attach", Tattach, "fid %d(fid) afid %d(afid) uname %s(uname) aname %s(aname)"},
	{"v9fs_attach_return", Rattach,
	 "type %u(qid.type) version %u(qid.version) path %u(qid.path)"},
	{"v9fs_getattr", Tgetattr, "fid %d(fid) request_mask %u(request_mask)"},
	{"v9fs_getattr_return", Rgetattr,
	 "getattr={result_mask %u(valid) mode %u(mode) uid %u(uid) gid %u(gid)}"},
	{"v9fs_walk", Twalk, "fid %d(fid) newfid %d(newfid) nwnames %n(wname)"},
	{"v9fs_walk_return", Rwalk, "nwnames %n(wqid) qids %x()"},
	{"v9fs_open", Tlopen, "fid %d(fid) mode %d(flags)"},
	{"v9fs_open_return", Rlopen,
	 "qid={type %u(qid.type) version %u(qid.version) path %u(qid.path)} iounit %d(iounit)"},
	{"v9fs_lcreate", Tlcreate, "dfid %d(fid) flags %d(flags) mode %d(mode) gid %u(gid)"},
	{"v9fs_lcreate_return", Rlcreate,
	 "qid={type %u(qid.type) version %u(qid.version) path %u(qid.path)} iounit %d(iounit)"},
	{"v9fs_fsync", Tfsync, "fid %d(fid) datasync %d(datasync)"},
	{"v9fs_clunk", Tclunk, "fid %d(fid)"},
	{"v9fs_read", Tread, "fid %d(fid) off %u(offset) max_count %u(count)"},
	{"v9fs_read_return", Rread, "count %d(data) err %S()"},
	{"v9fs_readdir", Treaddir, "fid %d(fid) offset %u(offset) max_count %u(count)"},
	{"v9fs_readdir_return", Rreaddir, "count %u(data) retval %S()"},
	{"v9fs_write", Twrite, "fid %d(fid) off %u(offset) count %u(data) cnt %x()"},
	{"v9fs_write_return", Rwrite, "total %d(count) err %S()"},
	{"v9fs_symlink", Tsymlink, "fid %d(fid) name %s(name) symname %s(symtgt) gid %u(gid)"},
	{"v9fs_symlink_return", Rsymlink,
	 "qid={type %u(qid.type) version %u(qid.version) path %u(qid.path)}"},
	{"v9fs_flush", Tflush, "flush_tag %d(oldtag)"},
	{"v9fs_link", Tlink, "dfid %d(dfid) oldfid %d(fid) name %s(name)"},
	{"v9fs_remove", Tremove, "fid %d(fid)"},
	{"v9fs_mknod", Tmknod, "fid %d(dfid) mode %d(mode) major %d(major) minor %d(minor)"},
	{"v9fs_mknod_return", Rmknod,
	 "qid={type %u(qid.type) version %u(qid.version) path %u(qid.path)}"},
	{"v9fs_lock", Tlock, "fid %d(fid) type %d(type) start %u(start) length %u(length)"},
	{"v9fs_lock_return", Rlock, "status %d(status)"},
	{"v9fs_getlock", Tgetlock, "fid %d(fid) type %d(type) start %u(start) length %u(length)"},
	{"v9fs_getlock_return", Rgetlock,
	 "type %d(type) start %u(start) length %u(length) proc_id %u(proc_id)"},
	{"v9fs_mkdir", Tmkdir, "fid %d(dfid) name %s(name) mode %d(mode) gid %u(gid)"},
	{"v9fs_mkdir_return", Rmkdir,
	 "qid={type %u(qid.type) version %u(qid.version) path %u(qid.path)} err %S()"},
	{"v9fs_xattrwalk", Txattrwalk, "fid %d(fid) newfid %d(newfid) name %s(name)"},
	{"v9fs_xattrwalk_return", Rxattrwalk, "size %u(size)"},
	{"v9fs_xattrcreate", Txattrcreate,
	 "fid %d(fid) name %s(name) size %u(attr_size) flags %d(flags)"},
	{"v9fs_readlink", Treadlink, "fid %d(fid)"},
	{"v9fs_readlink_return", Rreadlink, "name %s(target)"},
	{"v9fs_setattr", Tsetattr,
	 "fid %d(fid) iattr={valid %d(valid) mode %d(mode) uid %d(uid) gid %d(gid) size %u(size) "
	 "atime=%u(atime_sec) mtime=%u(mtime_sec) }"},
	{"v9fs_setattr_return", Rsetattr, ""},
	{"v9fs_rerror", Rlerror, "err %d(ecode)"},
};

/* Where each field is. */
enum kind {
	K_u8,
	K_u16,
	K_u32,
	K_u64,
	K_oct32,
	K_hex32,
	K_hex64,
	K_str,
	K_name,
	K_names,
	K_qid,
	K_qids,
	K_data,
};

struct field {
	const char *name;
	enum kind kind;
	size_t offset; /* in the message's struct */
};

static const struct field *fields_of(uint8_t type)
{
	switch (type) {
#define F(kind, field) {#field, K_##kind, offsetof(__typeof__(*of), field)},
#define M(number, Name)                                                                 \
	case Name: {                                                                    \
		const struct msg_##Name *of __attribute__((unused)) = NULL;             \
		static const struct field fields[] = {FIELDS_##Name(F){NULL, K_u8, 0}}; \
                                                                                        \
		return fields;                                                          \
	}
		WIRE_MESSAGES(M)
#undef F
#undef M
	default:
		return NULL;
	}
}

/* A place in a row's words: what is before it, and which field. */
struct slot {
	const char *text; /* LEN bytes, then the slot */
	int len;
	char conv;		/* 0: the end */
	char name[24], part[8]; /* "qid", "version" */
	const char *next;	/* the words behind it */
};

static struct slot next_slot(const char *words)
{
	struct slot s = {.text = words, .len = (int)strcspn(words, "%")};
	const char *at = words + s.len;
	char field[32] = "";

	if (!*at)
		return s;
	s.conv = at[1];
	sscanf(at + 2, "(%31[^)])", field);
	sscanf(field, "%23[^.].%7s", s.name, s.part);
	s.next = strchr(at, ')') + 1;
	return s;
}

/* The word before the slot, which names it in the log. */
static void key_of(const struct slot *s, char *key, size_t cap)
{
	int end = s->len, start;

	while (end && strchr(" =", s->text[end - 1]))
		end--;
	for (start = end; start && !strchr(" {", s->text[start - 1]);)
		start--;
	snprintf(key, cap, "%.*s", end - start, s->text + start);
}

static void *field_at(struct msg *m, const struct slot *s, enum kind *ret_kind)
{
	const struct field *f = fields_of(m->type);

	for (; f && f->name; f++)
		if (!strcmp(f->name, s->name)) {
			*ret_kind = f->kind;
			return (char *)&m->Tversion + f->offset;
		}
	return NULL;
}

static uint64_t get_qid(const struct qid *q, const char *part)
{
	return part[0] == 't' ? q->type : part[0] == 'v' ? q->version : q->path;
}

static void set_qid(struct qid *q, const char *part, uint64_t v)
{
	if (part[0] == 't')
		q->type = (uint8_t)v;
	else if (part[0] == 'v')
		q->version = (uint32_t)v;
	else
		q->path = v;
}

static uint64_t get_number(const void *p, enum kind kind, const char *part)
{
	switch (kind) {
	case K_u8:
		return *(const uint8_t *)p;
	case K_u16:
		return *(const uint16_t *)p;
	case K_u32:
	case K_oct32:
	case K_hex32:
		return *(const uint32_t *)p;
	case K_u64:
	case K_hex64:
		return *(const uint64_t *)p;
	case K_names:
		return ((const struct names *)p)->n;
	case K_qids:
		return ((const struct qids *)p)->n;
	case K_data:
		return ((const struct data *)p)->count;
	case K_qid:
		return get_qid(p, part);
	case K_str:
	case K_name:
		break;
	}
	return 0;
}

static void set_names(struct names *n, uint64_t v)
{
	n->n = (uint16_t)MIN(v, P9_MAXWELEM);
	for (unsigned i = 0; i < n->n; i++)
		n->at[i] = str_of("?", 1);
}

static void set_number(void *p, enum kind kind, const char *part, uint64_t v)
{
	switch (kind) {
	case K_u8:
		*(uint8_t *)p = (uint8_t)v;
		break;
	case K_u16:
		*(uint16_t *)p = (uint16_t)v;
		break;
	case K_u32:
	case K_oct32:
	case K_hex32:
		*(uint32_t *)p = (uint32_t)v;
		break;
	case K_u64:
	case K_hex64:
		*(uint64_t *)p = v;
		break;
	case K_names:
		set_names(p, v);
		break;
	case K_qids:
		((struct qids *)p)->n = (uint16_t)MIN(v, P9_MAXWELEM);
		break;
	case K_data:
		((struct data *)p)->count = (uint32_t)MIN(v, TRACE_MAX_PAYLOAD);
		break;
	case K_qid:
		set_qid(p, part, v);
		break;
	case K_str:
	case K_name:
		break;
	}
}

static void print_slot(FILE *f, const struct slot *s, struct msg *m, uint32_t size)
{
	enum kind kind = K_u8;
	void *p = field_at(m, s, &kind);

	if (s->conv == 'S')
		fprintf(f, "%" PRIu32, size);
	else if (s->conv == 'x' || !p)
		fputs(m->type == Rwalk ? "(nil)" : "1", f);
	else if (s->conv == 's')
		fprintf(f, "%.*s", ((struct str *)p)->len, ((struct str *)p)->p);
	else if (s->conv == 'd')
		fprintf(f, "%" PRId32, (int32_t)get_number(p, kind, s->part));
	else
		fprintf(f, "%" PRIu64, get_number(p, kind, s->part));
}

static const struct event *event_of(uint8_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i].type == type)
			return &events[i];
	return NULL;
}

bool qemu_logs_reply(uint8_t type)
{
	return event_of((uint8_t)(type + 1));
}

/* ID is the type of the request, also in what tells of replies. */
static void print_event(FILE *f, struct msg *m, unsigned id, const struct trace_record *r,
			uint64_t start, uint64_t wall)
{
	const struct event *ev = event_of(m->type);
	uint64_t at = wall + (r->time - start);

	if (!ev)
		return;
	fprintf(f, "%" PRIu32 "@%llu.%06llu:%s tag %u id %u", r->conn, at / NS_PER_SEC,
		at % NS_PER_SEC / 1000, ev->name, m->tag, id);
	if (ev->words[0])
		fputc(' ', f);
	for (struct slot s = next_slot(ev->words);; s = next_slot(s.next)) {
		fprintf(f, "%.*s", s.len, s.text);
		if (!s.conv)
			break;
		print_slot(f, &s, m, r->head_len + r->payload_len);
	}
	fputc('\n', f);
}

void qemu_print_exchange(FILE *f, const struct exchange *e, uint64_t start, uint64_t wall)
{
	struct msg t = e->t, r = e->r;

	if (e->t_well_formed)
		print_event(f, &t, e->t.type, &e->request, start, wall);
	if (e->kind == EXCHANGE_DROPPED)
		fprintf(f, "%" PRIu32 "@%llu.%06llu:v9fs_rcancel tag %u id %u\n", e->reply.conn,
			(wall + e->reply.time - start) / NS_PER_SEC,
			(wall + e->reply.time - start) % NS_PER_SEC / 1000, e->t.tag, e->t.type);
	else if (e->r_well_formed)
		print_event(f, &r, e->t_well_formed ? e->t.type : e->r.type - 1u, &e->reply, start,
			    wall);
}

/* Behind KEY, which stands alone in LINE. NULL: it is not there. */
static const char *behind_key(const char *line, const char *key, const char **ret_at)
{
	size_t n = strlen(key);

	for (const char *p = line; (p = strstr(p, key)); p++)
		if (strchr(" {", p == line ? ' ' : p[-1]) && (p[n] == ' ' || p[n] == '=')) {
			*ret_at = p;
			return p + n + 1;
		}
	return NULL;
}

/* Up to the key of the next slot: strings may hold spaces. */
static size_t string_length(const char *p, const char *next_words)
{
	struct slot next = next_slot(next_words);
	const char *at;
	char key[32];

	key_of(&next, key, sizeof(key));
	if (next.conv && behind_key(p, key, &at))
		return at > p ? (size_t)(at - p) - 1 : 0;
	return strlen(p);
}

struct scratch {
	char *at;
	size_t left;
};

static struct str keep_string(struct scratch *s, const char *p, size_t n)
{
	char *to = s->at;

	n = MIN(MIN(n, s->left), (size_t)UINT16_MAX);
	memcpy(to, p, n);
	s->at += n;
	s->left -= n;
	return str_of(to, n);
}

/* "wnames={a, b}", of QEMU 10.0 and newer. */
static void parse_names(const char *line, struct scratch *s, struct msg_Twalk *m)
{
	const char *p = strstr(line, "wnames={");

	if (!p)
		return;
	p += strlen("wnames={");
	for (unsigned i = 0; i < m->wname.n && *p && *p != '}'; i++) {
		const char *comma = strstr(p, ", ");
		bool is_last = i + 1 == m->wname.n || !comma;
		const char *end = is_last ? strrchr(p, '}') : comma;

		if (!end)
			return;
		m->wname.at[i] = keep_string(s, p, (size_t)(end - p));
		p = is_last ? end : end + 2;
	}
}

static void parse_slot(const char **line, const struct slot *s, struct scratch *scratch,
		       struct msg *m)
{
	enum kind kind = K_u8;
	void *p = field_at(m, s, &kind);
	const char *at, *value;
	char key[32];

	key_of(s, key, sizeof(key));
	value = behind_key(*line, key, &at);
	if (!value)
		return;
	*line = value;
	if (!p)
		return;
	if (s->conv == 's')
		*(struct str *)p = keep_string(scratch, value, string_length(value, s->next));
	else
		set_number(p, kind, s->part,
			   *value == '-' ? (uint64_t)strtoll(value, NULL, 10)
					 : strtoull(value, NULL, 10));
}

/* "v9fs_read tag 0 id 116", with = in newer ones. The rest of the line; NULL: none of ours. */
static const char *parse_start(const char *line, uint8_t *ret_type, uint16_t *ret_tag)
{
	char name[40];
	unsigned tag;
	int n = 0;

	if (sscanf(line, "%39[a-z0-9_] tag%*1[ =]%u id%*1[ =]%*u%n", name, &tag, &n) != 2 || !n ||
	    tag > UINT16_MAX)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (!strcmp(events[i].name, name)) {
			*ret_type = events[i].type;
			*ret_tag = (uint16_t)tag;
			return line + n;
		}
	return NULL;
}

/* QEMU does not log these names, and without one it would be no message. */
static void set_unlogged_name(struct msg *m)
{
	if (m->type == Tlcreate)
		m->Tlcreate.name = str_of("?", 1);
	else if (m->type == Tmknod)
		m->Tmknod.name = str_of("?", 1);
}

bool qemu_parse_event(const char *line, char *buf, size_t cap, struct msg *ret_m)
{
	struct scratch scratch = {.at = buf, .left = cap};
	struct msg m = {0};
	const char *rest = parse_start(line, &m.type, &m.tag);

	if (!rest)
		return false;
	line = rest;
	for (struct slot s = next_slot(event_of(m.type)->words); s.conv; s = next_slot(s.next))
		parse_slot(&rest, &s, &scratch, &m);
	if (m.type == Twalk)
		parse_names(line, &scratch, &m.Twalk);
	set_unlogged_name(&m);
	*ret_m = m;
	return true;
}
