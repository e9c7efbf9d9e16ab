/* SPDX-License-Identifier: MIT */
#include "file-ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "macros.h"

#define UNIT (1U << 20)
#define BLOCK 4096u
#define MAX_NAMES 1000000
#define MAX_DEPTH 64ul

static int fail(const char *what)
{
	fprintf(stderr, "bench-helper: %s: %s\n", what, strerror(errno));
	return 1;
}

static int told(char **words, uint64_t started)
{
	printf("%s %s %.6f\n", words[0], words[1],
	       (double)(clock_now_ns() - started) / (double)NS_PER_SEC);
	return 0;
}

/* read NAME FILE */
static int read_all(char **words, int n_words)
{
	static char buf[UNIT];
	autoclose int fd = open(words[2], O_RDONLY | O_CLOEXEC);
	uint64_t started = clock_now_ns();
	ssize_t n = 1;

	(void)n_words;
	while (fd >= 0 && n > 0)
		n = read(fd, buf, sizeof(buf));
	return fd < 0 || n < 0 ? fail(words[2]) : told(words, started);
}

/* write NAME FILE MIB: until all of it is with the server */
static int write_all(char **words, int n_words)
{
	static char buf[UNIT];
	autoclose int fd = open(words[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	unsigned long mib = strtoul(words[3], NULL, 10);
	uint64_t started = clock_now_ns();

	(void)n_words;
	memset(buf, 0x5a, sizeof(buf));
	for (unsigned long i = 0; fd >= 0 && i < mib; i++)
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			return fail(words[2]);
	return fd < 0 || fsync(fd) ? fail(words[2]) : told(words, started);
}

struct random_worker {
	pthread_t thread;
	int fd;
	bool writes, failed;
	uint64_t random, n_blocks;
	unsigned long n_ops;
};

static void *work_at_random(void *ctx)
{
	struct random_worker *w = ctx;
	char buf[BLOCK] = {1};

	for (unsigned long i = 0; i < w->n_ops && !w->failed; i++) {
		off_t at;

		w->random ^= w->random << 13;
		w->random ^= w->random >> 7;
		w->random ^= w->random << 17;
		at = (off_t)(w->random % w->n_blocks * BLOCK);
		w->failed = (w->writes ? pwrite(w->fd, buf, BLOCK, at)
				       : pread(w->fd, buf, BLOCK, at)) != BLOCK;
	}
	return NULL;
}

/* random-read|random-write NAME FILE DEPTH OPS: blocks of 4 KiB by DEPTH threads, OPS in all; what
 * was written is with the server at the end */
static int at_random(char **words, int n_words)
{
	struct random_worker w[MAX_DEPTH];
	bool writes = !strcmp(words[0], "random-write"), failed = false;
	autoclose int fd = open(words[2], (writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	unsigned long depth = strtoul(words[3], NULL, 10), ops = strtoul(words[4], NULL, 10);
	unsigned long n = 0;
	uint64_t started;
	struct stat st;

	(void)n_words;
	if (fd < 0 || fstat(fd, &st))
		return fail(words[2]);
	if (st.st_size < (off_t)BLOCK || !depth || depth > MAX_DEPTH)
		return -1;
	started = clock_now_ns();
	for (; n < depth; n++) {
		w[n] = (struct random_worker){.fd = fd,
					      .writes = writes,
					      .random = 0x9e3779b97f4a7c15ULL * (n + 1),
					      .n_blocks = (uint64_t)st.st_size / BLOCK,
					      .n_ops = ops / depth};
		if (pthread_create(&w[n].thread, NULL, work_at_random, &w[n]))
			break;
	}
	failed = n < depth;
	for (unsigned long i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		failed |= w[i].failed;
	}
	if (writes && fsync(fd))
		failed = true;
	return failed ? fail(words[2]) : told(words, started);
}

static size_t list_names(DIR *d, char **names)
{
	struct dirent *e;
	size_t n = 0;

	while (n < MAX_NAMES && (e = readdir(d)))
		if (e->d_name[0] != '.' && (names[n] = strdup(e->d_name)))
			n++;
	return n;
}

/* stat NAME DIR: lstat(2) of each name in DIR, which is read before */
static int stat_all(char **words, int n_words)
{
	static char *names[MAX_NAMES];
	autoclosedir DIR *d = opendir(words[2]);
	uint64_t started;
	struct stat st;
	size_t n;

	(void)n_words;
	if (!d)
		return fail(words[2]);
	n = list_names(d, names);
	started = clock_now_ns();
	for (size_t i = 0; i < n; i++)
		if (fstatat(dirfd(d), names[i], &st, AT_SYMLINK_NOFOLLOW))
			return fail(names[i]);
	return told(words, started);
}

/* list NAME DIR: reads a folder, and nothing else */
static int list_all(char **words, int n_words)
{
	uint64_t started = clock_now_ns();
	autoclosedir DIR *d = opendir(words[2]);

	(void)n_words;
	if (!d)
		return fail(words[2]);
	errno = 0;
	while (readdir(d))
		;
	return errno ? fail(words[2]) : told(words, started);
}

/* create NAME DIR N: files of 100 bytes */
static int create_all(char **words, int n_words)
{
	static const char content[100];
	autoclosedir DIR *d = opendir(words[2]);
	unsigned long n = strtoul(words[3], NULL, 10);
	uint64_t started = clock_now_ns();

	(void)n_words;
	for (unsigned long i = 0; d && i < n; i++) {
		char name[32];
		autoclose int fd = -1;

		snprintf(name, sizeof(name), "file-%06lu", i);
		fd = openat(dirfd(d), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0 || write(fd, content, sizeof(content)) != sizeof(content))
			return fail(name);
	}
	return d ? told(words, started) : fail(words[2]);
}

/* run NAME COMMAND...: its output is dropped */
static int run_command(char **words, int n_words)
{
	uint64_t started = clock_now_ns();
	int status = 0;
	pid_t pid = fork();

	(void)n_words;
	if (!pid) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (null >= 0)
			dup2(null, 1);
		execvp(words[2], words + 2);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return fail(words[2]);
	if (status) {
		fprintf(stderr, "bench-helper: %s: exit code %d\n", words[2], WEXITSTATUS(status));
		return 1;
	}
	return told(words, started);
}

static const struct file_op {
	const char *name, *usage;
	int min, max; /* words, the operation's name among them */
	int (*run)(char **words, int n_words);
} ops[] = {
	{"read", "NAME FILE", 3, 3, read_all},
	{"write", "NAME FILE MIB", 4, 4, write_all},
	{"random-read", "NAME FILE DEPTH OPS", 5, 5, at_random},
	{"random-write", "NAME FILE DEPTH OPS", 5, 5, at_random},
	{"stat", "NAME DIR", 3, 3, stat_all},
	{"list", "NAME DIR", 3, 3, list_all},
	{"create", "NAME DIR N", 4, 4, create_all},
	{"run", "NAME COMMAND...", 3, 1000, run_command},
};

int file_op_run(char **words, int n)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (n >= ops[i].min && n <= ops[i].max && !strcmp(words[0], ops[i].name))
			return ops[i].run(words, n);
	return -1;
}

void file_op_usage(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		fprintf(stderr, "       bench-helper %s %s\n", ops[i].name, ops[i].usage);
}
