/* SPDX-License-Identifier: MIT */
#include "limits.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "macros.h"
#include "pin.h"

#define PAGE 4096u
/* As in link-vhost.c: pages of data, pages of a slot, and what has no divisor in common. */
#define DATA_PAGES 125u
#define SLOT_PAGES 128u
#define STRIDE 37u
#define READ_HEAD 11u /* bytes of an Rread before its data */

/* Where the next read begins. */
struct places {
	uint64_t n, next, random;
	bool is_random;
};

static int places_init(struct places *p, int fd, const struct limit *l)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	*p = (struct places){.n = (uint64_t)st.st_size / l->size,
			     .random = 88172645463325252,
			     .is_random = l->random};
	return p->n ? 0 : -EINVAL;
}

static off_t places_next(struct places *p, uint32_t size)
{
	assert(p->n);
	if (!p->is_random)
		return (off_t)(p->next++ % p->n * size);
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return (off_t)(p->random % p->n * size);
}

static double cpu_us(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* What leaves with one send: TOGETHER reads, each of UNIT bytes. */
struct parcel {
	char *bytes;
	size_t unit, together;
};

static int parcel_init(struct parcel *p, const struct limit *l)
{
	p->together = l->random ? MAX(l->depth, 1u) : 1;
	p->unit = l->size + (l->random ? READ_HEAD : 0);
	p->bytes = calloc(p->together, p->unit);
	return p->bytes ? 0 : -ENOMEM;
}

static bool fill(const struct limit *l, const struct parcel *p, int file, struct places *places)
{
	for (size_t i = 0; i < p->together; i++) {
		char *data = p->bytes + i * p->unit + (p->unit - l->size);

		if (pread(file, data, l->size, places_next(places, l->size)) != (ssize_t)l->size)
			return false;
	}
	return true;
}

/* The child; ends when its peer has closed the socket. */
static int send_all(const struct limit *l, int file, int sock)
{
	struct places places = {0};
	struct parcel p = {0};
	int r = parcel_init(&p, l);

	r = r ? r : places_init(&places, file, l);
	r = r ? r : pin_to_cpu(l->server_cpu);
	while (!r && (l->from_memory || fill(l, &p, file, &places)))
		for (size_t at = 0; at < p.together * p.unit;) {
			ssize_t n = send(sock, p.bytes + at, p.together * p.unit - at,
					 MSG_NOSIGNAL);

			if (n < 0)
				return errno == EPIPE || errno == ECONNRESET ? 0 : 1;
			at += (size_t)n;
		}
	return 1;
}

static int receive(const struct limit *l, int sock, struct limit_result *r)
{
	uint64_t began = clock_now_ns(), end = began + (uint64_t)(l->seconds * (double)NS_PER_SEC);
	struct parcel p = {0};
	ssize_t n = parcel_init(&p, l) ? 0 : 1;

	while (n > 0 && clock_now_ns() < end) {
		n = recv(sock, p.bytes, p.together * p.unit, 0);
		r->bytes += n > 0 ? (uint64_t)n : 0;
	}
	free(p.bytes);
	r->seconds = (double)(clock_now_ns() - began) / (double)NS_PER_SEC;
	r->calls = r->bytes / p.unit;
	return n > 0 ? 0 : -EIO;
}

int limit_send(const struct limit *l, struct limit_result *ret_r)
{
	autoclose int file = open(l->path, O_RDONLY | O_CLOEXEC);
	struct limit_result result = {0};
	double before = cpu_us(RUSAGE_CHILDREN), own = cpu_us(RUSAGE_SELF), calls;
	int socks[2], status, r;
	pid_t pid;

	if (file < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(socks[0]);
		_exit(send_all(l, file, socks[1]));
	}
	close(socks[1]);
	r = pin_to_cpu(l->client_cpu);
	r = r ? r : receive(l, socks[0], &result);
	close(socks[0]);
	if (waitpid(pid, &status, 0) != pid || status)
		r = r ? r : -EIO;
	calls = (double)MAX(result.calls, 1u);
	result.server_cpu_us = (cpu_us(RUSAGE_CHILDREN) - before) / calls;
	result.cpu_us = result.server_cpu_us + (cpu_us(RUSAGE_SELF) - own) / calls;
	*ret_r = result;
	return r;
}

/* A request's pages, in no order. Returns how many. */
static int fill_iov(const struct limit *l, uint8_t *slot, struct iovec *iov)
{
	int n = 0;

	for (uint32_t at = 0; at < l->size; at += PAGE)
		iov[n++] = (struct iovec){slot + (size_t)(at / PAGE * STRIDE % DATA_PAGES) * PAGE,
					  MIN(l->size - at, PAGE)};
	return n;
}

int limit_preadv(const struct limit *l, struct limit_result *ret_r)
{
	autoclose int file = open(l->path, O_RDONLY | O_CLOEXEC);
	size_t slot = (size_t)SLOT_PAGES * PAGE;
	struct limit_result result = {0};
	struct iovec iov[DATA_PAGES];
	struct places places = {0};
	uint64_t began, end;
	double before;
	uint8_t *memory;
	int r = file < 0				   ? -errno
		: l->size > DATA_PAGES * PAGE || !l->depth ? -EINVAL
							   : places_init(&places, file, l);

	r = r ? r : pin_to_cpu(l->server_cpu);
	if (r)
		return r;
	/* Shared and there before, as a guest's is. */
	memory = mmap(NULL, slot * l->depth, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	before = cpu_us(RUSAGE_SELF);
	began = clock_now_ns();
	end = began + (uint64_t)(l->seconds * (double)NS_PER_SEC);
	while (!r && clock_now_ns() < end) {
		int n = fill_iov(l, memory + slot * (result.calls++ % l->depth), iov);

		if (preadv(file, iov, n, places_next(&places, l->size)) != (ssize_t)l->size)
			r = -EIO;
	}
	result.seconds = (double)(clock_now_ns() - began) / (double)NS_PER_SEC;
	result.bytes = result.calls * l->size;
	result.server_cpu_us = (cpu_us(RUSAGE_SELF) - before) / (double)MAX(result.calls, 1u);
	result.cpu_us = result.server_cpu_us;
	munmap(memory, slot * l->depth);
	*ret_r = result;
	return r;
}
