/* SPDX-License-Identifier: MIT */
/* Counters over HTTP: for Prometheus at /metrics, as JSON at /metrics.json.
 *
 * A thread of its own answers, so whoever asks slowly or never ends takes nothing from the peers of
 * the server. A client may ask with SCRAPE_HEADER_BYTES at most and is cut off when it is silent for
 * SCRAPE_SILENCE_S; when more than SCRAPE_MAX_CONNECTIONS are there, the one that came first goes. */
#ifndef SCRAPE_SCRAPE_SERVER_H
#define SCRAPE_SCRAPE_SERVER_H

#include <stdbool.h>

struct metrics;
struct scrape_server;

#define SCRAPE_MAX_CONNECTIONS 16
#define SCRAPE_SILENCE_S 10
#define SCRAPE_HEADER_BYTES 16384

/* Listens on ADDRESS, unix:PATH or tcp:ADDR:PORT; nobody is answered so far. On failure *RET_WHY,
 * which the caller frees, says in one line what to do: errors as for listener_new. */
int scrape_server_new(const char *address, struct scrape_server **ret, char **ret_why);

/* The address with the port that the kernel chose. */
const char *scrape_server_address(const struct scrape_server *s);

/* Can other machines ask? */
bool scrape_server_is_public(const struct scrape_server *s);

/* From now on whoever asks is answered with what MEASURE(CTX) says, on another thread. 0, -EAGAIN. */
int scrape_server_start(struct scrape_server *s, void (*measure)(void *ctx, struct metrics *ret),
			void *ctx);

/* Nobody is being answered any more; the socket's path is gone. S may be NULL. */
void scrape_server_free(struct scrape_server *s);

#endif
