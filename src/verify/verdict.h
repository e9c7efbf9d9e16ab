/* SPDX-License-Identifier: MIT */
/* One sentence that says what came out, and the lines of evidence below it. */
#ifndef VERIFY_VERDICT_H
#define VERIFY_VERDICT_H

#include <stdbool.h>
#include <stdio.h>

struct finding;
struct tally;

/* Under what the share was read. */
struct circumstances {
	const char *version;   /* "6.12.95" */
	const char *guest;     /* "UML", "QEMU" ... */
	const char *server;    /* NULL: warren; else whose it is */
	const char *transport; /* "virtio", "tcp" */
	const char *cache;
	unsigned long msize;
};

enum verdict { VERDICT_OK, VERDICT_DAMAGED, VERDICT_NONE };

/* VERDICT_NONE: the walk proves nothing, it did not end, no way of reading worked, or the guest's memory
 * was too little. */
enum verdict verdict_of(const struct tally *t);

/* The caller frees it; NULL when memory is out. */
char *verdict_sentence(const struct tally *t, const struct circumstances *c);

/* "bytes 0x3000-0x328e are ZERO by read and mmap, right by direct (TEXT) = exactly the Rread of ...; first bad
 * layer: ...". The caller frees it. */
char *finding_sentence(const struct tally *t, const struct finding *f);

/* How its bytes lie to pages, Treads and the file's end; NULL if there is nothing to say. */
char *finding_relation(const struct tally *t, const struct finding *f);

/* A line for each finding, and for each path that was left out, up to a limit. */
void verdict_evidence(FILE *f, const struct tally *t);

/* "61.8 MB". BUF has 32 bytes. */
const char *bytes_text(char *buf, unsigned long long bytes);

#endif
