/* SPDX-License-Identifier: MIT */
/* The parts of `warren serve`. */
#ifndef CMD_SERVE_H
#define CMD_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve-budget.h"
#include "serve-identity.h"

struct server_config;
struct backend;
struct metrics;
struct scrape_server;
struct server;

#define SERVE_MAX_ENDPOINTS 16
#define SERVE_MAX_FAULTS 16

/* A place where peers may come. */
struct endpoint {
	enum endpoint_kind { ENDPOINT_LISTEN, ENDPOINT_SOCKET_PATH, ENDPOINT_FD } kind;
	const char *text; /* as on the command line */
	int fd;		  /* ENDPOINT_FD */

	/* Once it is open: one of these, and its address. */
	struct listener *listener;
	struct vhost_user *vhost_user;
	char *address; /* "tcp:127.0.0.1:564", "vhost-user:/run/w.sock" */
};

struct serve_options {
	struct endpoint endpoints[SERVE_MAX_ENDPOINTS];
	size_t n_endpoints;
	const char *dir, *tag;
	uint32_t msize, iounit, workers; /* 0: not given */
	uint32_t guards;		 /* 1 << enum guard */
	const char *faults[SERVE_MAX_FAULTS], *transport_faults[SERVE_MAX_FAULTS];
	size_t n_faults, n_transport_faults;
	int cpu, ready_fd; /* -1: not given */
	struct serve_identity identity;
	struct serve_budget budget;
	bool allow_devices, no_splice, stats, quiet, verbose;
	const char *metrics; /* address; NULL: not given */
	const char *record;  /* NULL: not given */
	uint32_t record_mib; /* 0: no limit */
	bool record_data;
	enum sandbox_wish { SANDBOX_AUTO, SANDBOX_REQUIRE, SANDBOX_NONE } sandbox;
	uint32_t max_memory_mib, max_descriptors; /* 0: not given */
};

/* The server's confinement; NULL in it: there is none. */
struct sandbox;

/* Whatever is to be done where paths lead anywhere. True: this process has nothing more to do than
 * to exit with *RET_STATUS, for another one serves, or it failed and has said so. */
bool serve_split(const struct serve_options *o, struct sandbox **ret_s, int *ret_status);

/* The bytes that the server may take for itself. */
uint64_t serve_memory(const struct serve_options *o);

/* When everything is open, before there are other threads. 0, or an exit code. */
int serve_seal(const struct serve_options *o, struct sandbox *s);

/* Starts the recording that O asks for, if any, and sets CFG's observer. 0, or an exit code. */
struct serve_recording;
int serve_record_start(const struct serve_options *o, const struct sandbox *sb,
		       struct server_config *cfg, struct serve_recording **ret);

/* Starts its thread. REC may be NULL. 0 or -errno. */
int serve_record_go(struct serve_recording *rec);

/* When the server is gone. REC may be NULL. */
void serve_record_end(struct serve_recording *rec);

/* Puts the damage that O asks for, if any, behind CFG's observer, which comes first. 0, or an exit code. */
struct serve_damage;
int serve_damage_start(const struct serve_options *o, struct server_config *cfg,
		       struct serve_damage **ret);

/* When the server is gone. D may be NULL. */
void serve_damage_end(struct serve_damage *d);

/* What is measured of a running server. */
struct serve_meter {
	struct backend *local; /* not what is on top of it */
	struct server *server;
	uint64_t start; /* clock_now_ns */
};

/* Listens where O asks for, if it does; nobody is answered so far. 0, or an exit code. */
int serve_metrics_listen(const struct serve_options *o, struct scrape_server **ret);

/* Prints on standard output what to type to mount each endpoint, and to see the counters, which are
 * at the address METRICS, unless that is NULL. */
void serve_print_guide(const struct serve_options *o, const char *metrics);

/* From any thread. */
void serve_measure(const struct serve_meter *s, struct metrics *ret);

/* Says what SERVE_OPTIONS are, for --help. */
void serve_print_help(void);

/* Reads the command line. 0; else *RET_STATUS is the exit code. */
int serve_parse(int argc, char **argv, struct serve_options *ret_o, int *ret_status);

#endif
