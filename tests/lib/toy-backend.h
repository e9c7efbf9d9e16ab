/* SPDX-License-Identifier: MIT */
/* A backend for the server's tests: a tree that follows from its names, and a gate.
 *
 *	missing...   there is no such file
 *	dir...	     a directory that holds every name
 *	slow...	     a file; in place its read, write and fsync would block, in a worker they wait
 *		     for the gate
 *	..	     of the root is a folder that no client may see, else the root
 *	other names  a file of 1000 bytes: each is the low byte of its offset
 *
 * It counts what it gave out and never got back.
 */
#ifndef TESTS_TOY_BACKEND_H
#define TESTS_TOY_BACKEND_H

#include <stddef.h>
#include <stdint.h>

struct backend;

#define TOY_FILE_SIZE 1000u

struct backend *toy_new(void);

/* Nodes and files that the server holds. */
unsigned toy_n_live(struct backend *b);

/* Waits until N calls wait at the gate. */
void toy_wait_blocked(struct backend *b, unsigned n);

/* Waits until a call on the file NAME waits at the gate. */
void toy_wait_blocked_on(struct backend *b, const char *name);

/* Lets N waiting calls go on, or calls to come. */
void toy_release(struct backend *b, unsigned n);

/* What the last xattr_set got, "NAME=VALUE", or of xattr_remove, "-NAME"; "" if there was none. */
const char *toy_last_xattr(struct backend *b);

/* How many times a file was created, or made. */
unsigned toy_n_made(struct backend *b);

#endif
