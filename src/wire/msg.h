/* SPDX-License-Identifier: MIT */
/* A 9P message: the struct, and the functions that take it from and to bytes and text. */
#ifndef WIRE_MSG_H
#define WIRE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "messages.h"
#include "protocol.h"

/* The C type of each kind of field. */
#define KIND_u8 uint8_t
#define KIND_u16 uint16_t
#define KIND_u32 uint32_t
#define KIND_u64 uint64_t
#define KIND_oct32 uint32_t
#define KIND_hex32 uint32_t
#define KIND_hex64 uint64_t
#define KIND_str struct str
#define KIND_name struct str
#define KIND_names struct names
#define KIND_qid struct qid
#define KIND_qids struct qids
#define KIND_data struct data

enum msg_type {
#define M(number, Name) Name = (number),
	WIRE_MESSAGES(M)
#undef M
};

#define F(kind, name) KIND_##kind name;
#define M(number, Name)          \
	struct msg_##Name {      \
		FIELDS_##Name(F) \
	};
/* The messages without a field are structs without a member. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
WIRE_MESSAGES(M)
#pragma GCC diagnostic pop
#undef M
#undef F

struct msg {
	uint8_t type; /* enum msg_type */
	uint16_t tag;
	union {
#define M(number, Name) struct msg_##Name Name;
		WIRE_MESSAGES(M)
#undef M
	};
};

/* The side that wrote a message: what a server reads comes from a client. */
enum msg_side { MSG_FROM_CLIENT = 1, MSG_FROM_SERVER = 2, MSG_FROM_ANY = 3 };

/* Reads one message. BYTES holds the whole message of size[4] bytes, or all of it but the last
 * OUTSIDE bytes, which are file data that is held elsewhere (data.p is then NULL). The strings and
 * data of *RET_M are views into BYTES. Allocates nothing.
 *
 * 0, or what is wrong with it; *RET_M then holds type and tag if LEN permits, nothing more:
 *   -EBADMSG     size, a count, a string or data does not fit; bytes left over; a NUL in a string
 *   -EPROTO      the message comes from the wrong side
 *   -EOPNOTSUPP  no such message
 *   -ENAMETOOLONG, -EINVAL  a name that msg_check_name refuses */
int msg_decode(const void *bytes, size_t len, size_t outside, enum msg_side side,
	       struct msg *ret_m);

/* Writes M to BUF. Data without a p is left out, but counted in size[4]. Names are not checked:
 * tests send bad ones. *RET_LEN is the number of bytes in BUF. 0, -EMSGSIZE when CAP is too small,
 * a list too long or the message larger than size[4] can say, -EOPNOTSUPP for no such message. */
int msg_encode(const struct msg *m, void *buf, size_t cap, size_t *ret_len);

/* Is S fit as the name of one component: not empty, no '/', no NUL, at most 255 bytes; "." never;
 * ".." only where DOTDOT. 0, -EINVAL, -ENAMETOOLONG. The only validator of names there is. */
int msg_check_name(struct str s, bool dotdot);

/* "Twalk tag=1 fid=0 newfid=1 wname=[etc]", without a newline. Data held elsewhere: data=#COUNT. */
void msg_print(FILE *f, const struct msg *m);

/* " fid=0 newfid=1": only the fields, those that WANTED (NULL: all) says; nothing for a type that is
 * none. */
void msg_print_fields(FILE *f, const struct msg *m, bool (*wanted)(const char *field));

/* Reads what msg_print wrote; fields may be left out (zero or empty), their order is free, the last
 * of two counts. Numbers may be decimal, 0octal or 0xhexadecimal. Names are not checked. Strings
 * and data are views into SCRATCH (CAP bytes; as many as TEXT has always suffice). 0, -EINVAL,
 * -ENOSPC; *RET_AT, if not NULL, points at the place in TEXT that was not understood. */
int msg_parse(const char *text, void *scratch, size_t cap, struct msg *ret_m, const char **ret_at);

/* Same type, tag and fields. Data held elsewhere equals data held elsewhere of the same count. */
bool msg_is_equal(const struct msg *a, const struct msg *b);

/* Fills M with a random message of TYPE that encodes to at most 64 KiB; its views lie in SCRATCH
 * (at least MSG_RANDOM_SCRATCH bytes). The same SEED gives the same message. */
#define MSG_RANDOM_SCRATCH 16384
void msg_random(uint8_t type, uint64_t seed, void *scratch, struct msg *ret_m);

/* "Twalk", or NULL when there is no such message. */
const char *msg_name(uint8_t type);

/* The type of the message NAME, 0 if there is none. */
uint8_t msg_type_of(const char *name, size_t len);

static inline bool msg_is_request(uint8_t type)
{
	return type % 2 == 0;
}

/* Directory entries: writes E to BUF; the bytes written, 0 if CAP is too small. */
size_t dirent_encode(const struct dirent9 *e, void *buf, size_t cap);
#define DIRENT_FIXED_SIZE 24u /* of an entry without its name */

/* Reads the entry at the start of BYTES. 0 and its size, -EBADMSG, also for a name that is none of
 * a file ("." and ".." are). */
int dirent_decode(const void *bytes, size_t len, struct dirent9 *ret_e, size_t *ret_size);

static inline struct str str_of(const char *p, size_t n)
{
	return (struct str){.p = p, .len = (uint16_t)n};
}

bool str_is(struct str s, const char *literal);

#endif
