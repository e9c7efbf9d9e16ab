/* SPDX-License-Identifier: MIT */
/* What files do, asked of a folder of some file system: each question is a line "AREA: QUESTION = ANSWER".
 * The lines of a local file system are the oracle for those of a mounted share; posix.c has the areas. */
#ifndef TESTS_POSIX_H
#define TESTS_POSIX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "macros.h"

/* An answer: "ok" for R >= 0, else the name of errno; a number; a text. FMT is the question. */
void result(long r, const char *fmt, ...) printf_like(2, 3);
void number(long long n, const char *fmt, ...) printf_like(2, 3);
void text(const char *answer, const char *fmt, ...) printf_like(2, 3);

/* "regular 0644 links 1 size 5", or why there is none; in a buffer of the caller's, which is returned. */
#define STATE_SIZE 96
const char *state_of(const char *path, char *buf);
const char *state_of_stat(const struct stat *st, char *buf);

/* "ok" or the name of errno. */
const char *outcome(long r);

/* The working folder is emptied. */
void clean(void);

/* The names in the folder PATH, sorted, blanks between; the caller frees it. */
char *names_in(const char *path);

/* A regular file with this content; a failure ends the program: then nothing can be asked. */
void put_file(const char *path, const char *content);
void must(bool is, const char *what);

/* Waits until the file system's clock has moved on since now. */
void wait_for_clock(void);

/* Runs F in a process as UID and GID without other groups; its exit status, -1 when it crashed. */
int as_user(uid_t uid, gid_t gid, int (*f)(const void *arg), const void *arg);

/* Ends the program when it hangs: a test that waits for ever has no answer either. */
void limit_time(unsigned seconds);

/* What a name can stand for; KIND_NAMES in objects.c. */
enum kind {
	KIND_REGULAR,
	KIND_EMPTY,
	KIND_DIRECTORY,
	KIND_FULL_DIRECTORY,
	KIND_LINK_TO_FILE,
	KIND_LINK_TO_DIRECTORY,
	KIND_DANGLING,
	KIND_LOOP,
	KIND_FIFO,
	KIND_SOCKET,
	KIND_HARD_LINK,
	KIND_MISSING,
	KIND_BELOW_FILE,
	KIND_BELOW_MISSING,
	KIND_BELOW_DANGLING,
	KIND_LONG_NAME,
	KIND_TOO_LONG,
	KIND_FILE_SLASH,
	KIND_DIRECTORY_SLASH,
	KIND_MISSING_SLASH,
	KIND_DOT,
	KIND_DOT_DOT,
	KIND_NOTHING,
	N_KINDS
};

/* Makes it in the working folder; its path, which lives until the next call. */
const char *make_kind(enum kind k);
const char *kind_name(enum kind k);

/* The areas. */
void area_operations(void);
void area_rename(void);
void area_open(void);
void area_permissions(void);
void area_sticky(void);
void area_set_id(void);
void area_times(void);
void area_content(void);
void area_append(void);
void area_holes(void);
void area_directories(void);
void area_names(void);
void area_links(void);
void area_unlinked(void);
void area_locks(void);
void area_flock(void);
void area_waiting_locks(void);
void area_mmap(void);
void area_xattrs(void);

#endif
