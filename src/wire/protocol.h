/* SPDX-License-Identifier: MIT */
/* The numbers and value types of 9P2000.L. Sources: the protocol's description in diod's
 * protocol.md, Linux include/net/9p/9p.h and intro(5) of Plan 9 for the inherited part.
 */
#ifndef WIRE_PROTOCOL_H
#define WIRE_PROTOCOL_H

#include <stdint.h>

#define P9_NOTAG 0xffffu
#define P9_NOFID 0xffffffffu
#define P9_NONUNAME 0xffffffffu

#define P9_MAXWELEM 16
#define P9_NAME_MAX 255

#define P9_HEADER_SIZE 7u	 /* size[4] type[1] tag[2] */
#define P9_READ_HEADER_SIZE 11u	 /* Rread and Rreaddir up to the data: header count[4] */
#define P9_WRITE_HEADER_SIZE 23u /* Twrite up to the data: header fid[4] offset[8] count[4] */
#define P9_IO_HEADER_SIZE \
	24u /* what clients keep free of msize for the header of Tread and Twrite */
#define P9_MIN_MSIZE 4096u

#define P9_VERSION "9P2000.L"
#define P9_VERSION_UNKNOWN "unknown"

enum p9_qid_type {
	P9_QTDIR = 0x80,
	P9_QTAPPEND = 0x40,
	P9_QTEXCL = 0x20,
	P9_QTMOUNT = 0x10,
	P9_QTAUTH = 0x08,
	P9_QTTMP = 0x04,
	P9_QTSYMLINK = 0x02,
	P9_QTLINK = 0x01,
	P9_QTFILE = 0x00,
};

/* Open flags: Linux's generic values, whatever the architectures at both ends use. */
enum p9_open_flags {
	P9_O_RDONLY = 00,
	P9_O_WRONLY = 01,
	P9_O_RDWR = 02,
	P9_O_ACCMODE = 03,
	P9_O_CREAT = 0100,
	P9_O_EXCL = 0200,
	P9_O_NOCTTY = 0400,
	P9_O_TRUNC = 01000,
	P9_O_APPEND = 02000,
	P9_O_NONBLOCK = 04000,
	P9_O_DSYNC = 010000,
	P9_O_FASYNC = 020000,
	P9_O_DIRECT = 040000,
	P9_O_LARGEFILE = 0100000,
	P9_O_DIRECTORY = 0200000,
	P9_O_NOFOLLOW = 0400000,
	P9_O_NOATIME = 01000000,
	P9_O_CLOEXEC = 02000000,
	P9_O_SYNC = 04000000,
};

enum p9_getattr_mask {
	P9_GETATTR_MODE = 0x1,
	P9_GETATTR_NLINK = 0x2,
	P9_GETATTR_UID = 0x4,
	P9_GETATTR_GID = 0x8,
	P9_GETATTR_RDEV = 0x10,
	P9_GETATTR_ATIME = 0x20,
	P9_GETATTR_MTIME = 0x40,
	P9_GETATTR_CTIME = 0x80,
	P9_GETATTR_INO = 0x100,
	P9_GETATTR_SIZE = 0x200,
	P9_GETATTR_BLOCKS = 0x400,
	P9_GETATTR_BASIC = 0x7ff,
	P9_GETATTR_BTIME = 0x800,
	P9_GETATTR_GEN = 0x1000,
	P9_GETATTR_DATA_VERSION = 0x2000,
	P9_GETATTR_ALL = 0x3fff,
};

enum p9_setattr_mask {
	P9_SETATTR_MODE = 0x1,
	P9_SETATTR_UID = 0x2,
	P9_SETATTR_GID = 0x4,
	P9_SETATTR_SIZE = 0x8,
	P9_SETATTR_ATIME = 0x10,
	P9_SETATTR_MTIME = 0x20,
	P9_SETATTR_CTIME = 0x40,
	P9_SETATTR_ATIME_SET = 0x80, /* else: now */
	P9_SETATTR_MTIME_SET = 0x100,
};

enum p9_lock_type { P9_LOCK_RDLCK, P9_LOCK_WRLCK, P9_LOCK_UNLCK };
enum p9_lock_flags { P9_LOCK_FLAGS_BLOCK = 1, P9_LOCK_FLAGS_RECLAIM = 2 };
enum p9_lock_status { P9_LOCK_SUCCESS, P9_LOCK_BLOCKED, P9_LOCK_ERROR, P9_LOCK_GRACE };

enum p9_unlink_flags { P9_AT_REMOVEDIR = 0x200 };

struct qid {
	uint8_t type; /* enum p9_qid_type bits */
	uint32_t version;
	uint64_t path;
};

/* A view of a string of the message: LEN bytes without a NUL in or behind them. */
struct str {
	const char *p;
	uint16_t len;
};

struct names {
	uint16_t n;
	struct str at[P9_MAXWELEM];
};

struct qids {
	uint16_t n;
	struct qid at[P9_MAXWELEM];
};

/* File data in a message. P is NULL where the bytes travel beside the message (they stay in the
 * peer's memory, say); the message then ends with COUNT. */
struct data {
	uint32_t count;
	const uint8_t *p;
};

/* One entry of Rreaddir's data: qid[13] offset[8] type[1] name[s]. */
struct dirent9 {
	struct qid qid;
	uint64_t offset; /* give this to Treaddir to go on behind the entry */
	uint8_t type;	 /* DT_... */
	struct str name;
};

#endif
