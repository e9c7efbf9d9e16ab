/* SPDX-License-Identifier: MIT */
/* The ways in which what the guest saw can differ from what the host holds. */
#ifndef VERIFY_DAMAGE_H
#define VERIFY_DAMAGE_H

/* Symbol, name in messages and JSON, and what it means. */
#define DAMAGE_CLASSES(X)                                                                 \
	X(ZERO, "ZERO", "zeros where the host has none")                                  \
	X(BITFLIP, "BITFLIP", "one bit is the other way round")                           \
	X(SHIFTED, "SHIFTED", "bytes of another place in the same file")                  \
	X(FOREIGN, "FOREIGN", "bytes of another file")                                    \
	X(STALE, "STALE", "what stood there before")                                      \
	X(TORN, "TORN", "old bytes and new ones in one page")                             \
	X(RANDOM, "RANDOM", "bytes that are not known from anywhere")                     \
	X(DIFFERENT, "DIFFERENT", "not looked at more closely")                           \
	X(SHORT, "SHORT", "the file ends too early")                                      \
	X(LONG, "LONG", "the file ends too late")                                         \
	X(PAST_EOF, "PAST-EOF", "mmap shows bytes other than 0 behind the end")           \
	X(ERROR, "ERROR", "an error where the host reads well")                           \
	X(MISSING, "MISSING", "a name that the guest does not see")                       \
	X(EXTRA, "EXTRA", "a name that the host does not have")                           \
	X(DUPLICATE, "DUPLICATE", "a name that is listed twice")                          \
	X(TYPE, "TYPE", "another type of file")                                           \
	X(ATTRIBUTES, "ATTRIBUTES", "other mode, owner, size, links or time")             \
	X(TARGET, "TARGET", "a symbolic link to elsewhere")                               \
	X(XATTR, "XATTR", "other extended attributes")                                    \
	X(INODE, "INODE", "two files that the guest takes for one")                       \
	X(STRAY, "FOREIGN-WRITE", "bytes that were written into memory of somebody else") \
	X(HOST_ALTERED, "HOST-ALTERED", "the host's file itself was altered, with its mtime kept")

#define X(symbol, name, meaning) DAMAGE_##symbol,
enum damage { DAMAGE_CLASSES(X) };
#undef X

const char *damage_name(enum damage d);
const char *damage_meaning(enum damage d);

#endif
