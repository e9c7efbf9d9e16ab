/* SPDX-License-Identifier: MIT */
/* Maps: shared between processes and with read and write, and what they may be made of. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

#define PAGE 4096

static void ask_protection(int access, int prot, int share)
{
	static const char *const accesses[] = {"RDONLY", "WRONLY", "RDWR"};
	autoclose int fd = -1;
	void *map;

	clean();
	put_file("x", "hello");
	fd = open("x", access | O_CLOEXEC);
	map = mmap(NULL, PAGE, prot, share, fd, 0);
	result(map == MAP_FAILED ? -1 : 0, "%s, %s%s%s, %s", accesses[access],
	       prot & PROT_READ ? "r" : "", prot & PROT_WRITE ? "w" : "",
	       prot & PROT_EXEC ? "x" : "", share == MAP_SHARED ? "shared" : "private");
	if (map != MAP_FAILED)
		munmap(map, PAGE);
}

static void make_pages(unsigned n)
{
	autoclose int fd = open("x", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char page[PAGE];

	for (unsigned i = 0; i < n; i++) {
		memset(page, 'a' + (int)i, PAGE);
		must(write(fd, page, PAGE) == PAGE, "write");
	}
}

/* A write to the map is seen by read, and the other way round. */
static void ask_coherence(void)
{
	autoclose int fd = -1;
	char *map, c = 0;

	clean();
	make_pages(3);
	fd = open("x", O_RDWR | O_CLOEXEC);
	map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	result(map == MAP_FAILED ? -1 : 0, "a shared map that is written to");
	if (map == MAP_FAILED)
		return;
	for (unsigned i = 0; i < 3; i++) {
		map[i * PAGE + 7] = 'M';
		must(pread(fd, &c, 1, (off_t)i * PAGE + 7) == 1, "read");
		number(c, "page %u: written by the map, read", i);
		must(pwrite(fd, "W", 1, (off_t)i * PAGE + 8) == 1, "write");
		number(map[i * PAGE + 8], "page %u: written, seen in the map", i);
	}
	result(msync(map, 3 * PAGE, MS_SYNC), "msync");
	munmap(map, 3 * PAGE);
	must(pread(fd, &c, 1, 7) == 1, "read");
	number(c, "after munmap");
}

static void ask_processes(void)
{
	autoclose int fd = -1;
	char *map;
	pid_t pid;

	clean();
	make_pages(2);
	fd = open("x", O_RDWR | O_CLOEXEC);
	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return;
	fflush(stdout);
	pid = fork();
	must(pid >= 0, "fork");
	if (!pid) {
		int mine = open("x", O_RDWR | O_CLOEXEC);
		char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mine, 0);

		p[PAGE + 1] = 'C';
		_exit(p == MAP_FAILED);
	}
	must(waitpid(pid, NULL, 0) == pid, "waitpid");
	number(map[PAGE + 1], "written by another process's map");
	munmap(map, 2 * PAGE);
}

/* The exit status of a process that touches BYTE of a map of PAGES pages: 0, or its signal. */
static int touch_of(unsigned pages, size_t byte)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must(pid >= 0, "fork");
	if (!pid) {
		int fd = open("x", O_RDONLY | O_CLOEXEC);
		volatile char *map = mmap(NULL, (size_t)pages * PAGE, PROT_READ, MAP_SHARED, fd, 0);

		(void)map[byte];
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void ask_end(size_t size)
{
	autoclose int fd = -1;
	char *map;
	unsigned strange = 0;

	clean();
	make_pages(4);
	must(!truncate("x", (off_t)size), "truncate");
	fd = open("x", O_RDONLY | O_CLOEXEC);
	map = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	must(map != MAP_FAILED, "mmap");
	for (size_t i = size; i % PAGE; i++)
		strange += map[i] != 0;
	munmap(map, 4 * PAGE);
	number(strange, "a file of %zu: bytes behind its end", size);
	for (unsigned page = 0; page < 4; page++)
		number(touch_of(4, (size_t)page * PAGE), "a file of %zu: signal for page %u", size,
		       page);
}

static void ask_private(void)
{
	autoclose int fd = -1;
	char *map, c = 0;

	clean();
	make_pages(1);
	fd = open("x", O_RDWR | O_CLOEXEC);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	must(map != MAP_FAILED, "mmap");
	map[3] = 'P';
	must(pread(fd, &c, 1, 3) == 1, "read");
	number(c, "a private map: the file");
	number(map[3], "a private map: the map");
	munmap(map, PAGE);
}

void area_mmap(void)
{
	static const size_t sizes[] = {0, 1, 100, 4095, 4096, 4097, 8192, 12943};

	for (int access = O_RDONLY; access <= O_RDWR; access++)
		for (int prot = 1; prot < 8; prot++) {
			ask_protection(access, prot, MAP_PRIVATE);
			ask_protection(access, prot, MAP_SHARED);
		}
	ask_coherence();
	ask_processes();
	ask_private();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		ask_end(sizes[i]);
}
