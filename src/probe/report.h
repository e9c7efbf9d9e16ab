/* SPDX-License-Identifier: MIT */
/* The report that the probe writes and the manifest file that the host keeps: one grammar, text,
 * a line a fact, words as base/text.h writes them.
 *
 *	warren-probe 1 RELEASE MACHINE		first line of a report
 *	done STATEMENT...			a statement of the job worked
 *	mounted OPTIONS				the mount's options as the kernel shows them
 *	fact NAME VALUE				what the guest says of itself; a later one counts
 *	failed STATEMENT ERRNO TEXT		it did not
 *	started					the program of a `run` or `shell` runs: input may come
 *	out TEXT				output of an `exec` or a `run`
 *	err TEXT				errors of a `run`
 *	exit STATUS				how it ended
 *	paused NAME				it waits for the host (probe.h)
 *	(an empty line)				it still runs
 *	crash SIGNAL				the probe's worker died
 *	walk STEP...				from here: one tree; a step is a way, or `drop`
 *	unsupported STEP ERRNO			step number STEP cannot be done here
 *	d|f|h|l|o NAME MODE NLINK UID GID SIZE MTIME CTIME INO DEV [TARGET]
 *		a folder (its entries follow, up to "up"), a regular file, a further name of a
 *		file that stands above already, a symbolic link, anything else. Times are
 *		SEC.NNNNNNNNN, MODE is octal.
 *	up [ERRNO]				the folder ends; ERRNO: its listing failed
 *	error NAME OP ERRNO			of the entry above, or of a name without one
 *	x NAME VALUE				an extended attribute of the entry above
 *	xfail ERRNO				it does not tell its attributes
 *	b DIGEST[*COUNT]...			the next blocks of the file above, by the first way
 *	r OFFSET STEP				from here the first way that worked was STEP
 *	! STEP BLOCK DIGEST [FROM BYTES FIRST]	a block that this step read differently: the
 *		digest of it; in hex the bytes from the first to the last that differ, which
 *		start FROM bytes into the block, and what the first way had there
 *	~ STEP BLOCK COUNT			more such blocks
 *	z STEP BYTES				this step found another length than the first way
 *	past STEP OFFSET BYTES			mmap showed bytes other than 0 behind the end
 *	e STEP OFFSET ERRNO			this step failed there
 *	s BYTES STEPS				the file's end: its length as read, the steps done
 *	stray PAGE FROM BYTES			in the guest's memory, in a page that was kept to
 *						see it, somebody wrote these bytes, in hex
 *	look					the host may ask for a second look (probe-look.c)
 *	lk FILE					of the file with this number, counted as it was asked
 *	lb STEP BLOCK DIGEST[*COUNT]...		its blocks from BLOCK on by this step
 *	le STEP ERRNO				the step failed
 *	listening				statements may come by the terminal
 *	saw ID ok				what a `step` came to: it worked
 *	saw ID size BYTES			... and this is the file's size
 *	saw ID data [XX:COUNT]... [+] [!ERRNO]	... this was read, as runs of equal bytes in hex;
 *						"+": and more of them; then an error ended it
 *	saw ID error ERRNO|SIGNAL		it did not work
 *	saw ID stuck gone|stays			it never ended; SIGKILL helped, or it did not
 *	saw ID died				it ended the process that did it
 *	p FILES BYTES				progress
 *	walked FILES BYTES			the tree's end
 *	end STATUS				the job's end: 0, or 1 after `failed` or `crash`
 */
#ifndef VERIFY_REPORT_H
#define VERIFY_REPORT_H

#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#define REPORT_VERSION 1

/* What both sides know of one name. */
struct node_stat {
	uint32_t mode, uid, gid;
	uint64_t nlink, size, ino, dev;
	int64_t mtime_s, ctime_s;
	uint32_t mtime_ns, ctime_ns;
};

void node_stat_from(const struct stat *st, struct node_stat *ret_ns);

/* Prints the line of one entry; KIND is its first letter. */
void report_put_entry(FILE *f, char kind, const char *name, const struct node_stat *ns,
		      const char *target);

/* "ENOENT", or "E999" for a number without a name; as a static string. */
const char *report_errno(int err);

/* Digests as they come, equal neighbours as one word, some hundred of them a line. */
struct digest_writer {
	FILE *f;
	uint64_t digest, count;
	unsigned in_line;
};

void digest_writer_add(struct digest_writer *w, uint64_t digest, uint64_t count);
void digest_writer_end(struct digest_writer *w);

#endif
