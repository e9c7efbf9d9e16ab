/* SPDX-License-Identifier: MIT */
#include "kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "guest-parts.h"
#include "kernel.h"
#include "slurp.h"
#include "spawn.h"

/* A kernel that runs at all says so within this time; one that spoke has longer to end. */
#define FIRST_WORD_NS (2 * NS_PER_SEC)
#define BOOT_NS (15 * NS_PER_SEC)
#define OUTPUT_MAX 65536
#define ANSWERS_LIMIT (64U << 10)
#define ANSWERS "kvm"

/* The kernel's last words without a root file system: it ran up to there. */
static const char last_words[] = "Kernel panic - not syncing: VFS";

static int make_words(const char *const *qemu, const char *kernel, char ***argv)
{
	static const char *const more[] = {"-nodefaults",
					   "-no-user-config",
					   "-display",
					   "none",
					   "-no-reboot",
					   "-machine",
					   "pc",
					   "-accel",
					   "kvm",
					   "-cpu",
					   "max",
					   "-m",
					   "256",
					   "-serial",
					   "stdio",
					   "-append",
					   "console=ttyS0 panic=-1",
					   "-kernel"};
	int r = 0;

	for (size_t i = 0; !r && qemu[i]; i++)
		r = strv_push(argv, qemu[i]);
	for (size_t i = 0; !r && i < ARRAY_SIZE(more); i++)
		r = strv_push(argv, more[i]);
	return r ? r : strv_push(argv, kernel);
}

/* Reads what the kernel prints until it is proven, ended, or late. */
static bool read_proof(int fd)
{
	char text[OUTPUT_MAX];
	uint64_t start = clock_now_ns();
	size_t n = 0;

	while (n + 1 < OUTPUT_MAX) {
		uint64_t spent = clock_now_ns() - start, limit = n ? BOOT_NS : FIRST_WORD_NS;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (spent >= limit)
			return false;
		/* A signal, or nothing yet: the limit is looked at again. */
		if (poll(&p, 1, (int)((limit - spent) / NS_PER_MS) + 1) <= 0)
			continue;
		got = read(fd, text + n, OUTPUT_MAX - n - 1);
		if (got <= 0)
			return false;
		n += (size_t)got;
		text[n] = '\0';
		if (strstr(text, last_words))
			return true;
	}
	return false;
}

static bool try_boot(const char *const *qemu, const char *kernel)
{
	cleanup(child_done) struct child c = CHILD_INIT;
	struct spawn s = SPAWN_INIT;
	char **argv = NULL;
	bool works = false;
	int fds[2];

	if (make_words(qemu, kernel, &argv) || pipe2(fds, O_CLOEXEC)) {
		strv_free(argv);
		return false;
	}
	s.argv = (const char *const *)argv;
	s.fds[1] = fds[1];
	s.fds[2] = SPAWN_NULL;
	int r = spawn_start(&s, &c);
	close(fds[1]);
	if (!r)
		works = read_proof(fds[0]);
	close(fds[0]);
	strv_free(argv);
	return works;
}

/* What the answer depends on: this boot of the host, and the program. One word. */
static int make_key(const char *const *qemu, char **ret_key)
{
	autofree char *boot = NULL, *key = NULL;
	size_t n = 0;
	FILE *f;

	if (slurp("/proc/sys/kernel/random/boot_id", 100, &boot, NULL))
		return -ENOENT;
	f = open_memstream(&key, &n);
	if (!f)
		return -ENOMEM;
	fprintf(f, "%.*s", (int)strcspn(boot, "\n"), boot);
	for (size_t i = 0; qemu[i]; i++) {
		struct stat st;

		if (!stat(qemu[i], &st))
			fprintf(f, "-%llx-%llx-%llx", (unsigned long long)st.st_dev,
				(unsigned long long)st.st_ino, (unsigned long long)st.st_mtime);
		else
			fprintf(f, "-%s", qemu[i]);
	}
	if (fclose(f))
		return -ENOMEM;
	*ret_key = steal_ptr(&key);
	return 0;
}

/* 1, 0, or -1 when nobody has tried. */
static int find_answer(const char *answers, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = answers; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (!strncmp(line, key, len) && line[len] == ' ')
			return line[len + 1] == 'y';
	return -1;
}

bool kvm_works(const char *const *qemu, const char *kernel)
{
	autofree char *dir = NULL, *path = NULL, *answers = NULL, *key = NULL, *line = NULL;
	int known, n;

	if (access("/dev/kvm", R_OK | W_OK))
		return false;
	if (lab_cache_dir(&dir) || make_key(qemu, &key))
		return try_boot(qemu, kernel);
	if (asprintf(&path, "%s/" ANSWERS, dir) < 0) {
		path = NULL;
		return false;
	}
	/* Older hosts' answers pile up slowly; then it starts anew. */
	if (slurp(path, ANSWERS_LIMIT, &answers, NULL) == -EFBIG)
		unlink(path);
	known = answers ? find_answer(answers, key) : -1;
	if (known >= 0)
		return known;
	known = try_boot(qemu, kernel);
	n = asprintf(&line, "%s %s\n", key, known ? "yes" : "no");
	if (n < 0) {
		line = NULL;
		return known;
	}
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)!write(fd, line, (size_t)n);
	return known;
}
