/* SPDX-License-Identifier: MIT */
/* The backend of tests: a tree in memory whose content is a function of name and offset.
 *
 *	/size/N		a file of N bytes (decimal; any size): synth_byte(N, offset) at each offset
 *	/dir/N		a directory of N empty files "f0000000" ...
 *	/error/E	a file for which open, read, write ... answer errno E (decimal)
 *	/block/NAME	a file whose read would block in place (CALL_WOULD_BLOCK), then blocks the
 *			worker until synth_release
 *	/tmp		a writable directory, flat, in memory
 */
#ifndef BACKEND_SYNTH_H
#define BACKEND_SYNTH_H

#include <stdint.h>

struct backend;

int synth_new(struct backend **ret_b);

/* The byte at OFFSET of the file /size/SIZE. */
uint8_t synth_byte(uint64_t size, uint64_t offset);

/* Lets the reads of files in /block go on, those that wait and those to come. */
void synth_release(struct backend *b);

/* Waits until N reads of files in /block are waiting in workers. */
void synth_wait_blocked(struct backend *b, unsigned n);

#endif
