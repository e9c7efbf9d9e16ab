/* SPDX-License-Identifier: MIT */
/* What a server of file data can't be faster than: bare loops of system calls, without a protocol. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct limit {
	const char *path; /* of a file larger than size */
	uint32_t size;	  /* bytes a call */
	double seconds;
	unsigned depth; /* so many requests have memory of their own; random reads leave together */
	bool random;	/* places: multiples of size */
	bool from_memory;	    /* nothing is read, the same bytes are sent again and again */
	int server_cpu, client_cpu; /* -1: any; of preadv only the first counts */
};

struct limit_result {
	uint64_t calls, bytes;
	double seconds;
	double server_cpu_us, cpu_us; /* of a call; of both sides */
};

/* A process that reads and sends into a Unix socket, and one that receives: each read by itself,
 * random ones DEPTH at a time, with the head of a reply before each. 0 or -errno. */
int limit_send(const struct limit *l, struct limit_result *ret_r);

/* Reads into pages in no order, as the front end of `warren bench` has them. 0 or -errno. */
int limit_preadv(const struct limit *l, struct limit_result *ret_r);

#endif
