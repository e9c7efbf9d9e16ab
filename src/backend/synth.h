/* SPDX-License-Identifier: MIT */
/* The backend of tests: a tree in memory whose content is a function of name and offset.
 *
 *	/size/N		a file of N bytes (decimal; any size): synth_byte(N, offset) at each offset
 *	/dir/N		a directory of N empty files "f0000000" ...
 *	/error/E	a file that can be walked to and looked at; anything else, open first,
 *			answers errno E (decimal)
 *	/ioerror/E	a file that opens, and whose reads, writes, fsyncs and locks answer errno E
 *	/block/NAME	/size/4096, but a read would block in place (CALL_WOULD_BLOCK), then blocks
 *			the worker until synth_release
 *	/tmp		a writable directory, flat (no mkdir), in memory: files of up to 64 MiB,
 *			symlinks, other nodes, hard links, attributes
 *
 * All belongs to user 0; files are 0644, directories 0755. Time stands still but in /tmp, where
 * each change is a nanosecond. Locks conflict as they should; giving one up gives up all of the
 * owner's that overlap it.
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
