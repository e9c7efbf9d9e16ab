/* SPDX-License-Identifier: MIT */
/* Asks a server for its counters, as scrape-server.h answers. */
#ifndef SCRAPE_SCRAPE_CLIENT_H
#define SCRAPE_SCRAPE_CLIENT_H

struct address;
struct metrics;

/* The JSON of the server at A; the caller frees it. Waits at most TIMEOUT_MS for it. On failure
 * *RET_WHY, which the caller frees, says why in a line: -ENOENT, -ECONNREFUSED, -ETIMEDOUT, -EPROTO
 * when whoever answers is no warren, -EINTR on a signal. */
int scrape_fetch(const struct address *a, int timeout_ms, char **ret_json, char **ret_why);

/* Reads such JSON, which may be anybody's: what is missing in it is zero. -EPROTO: it is none. */
int scrape_parse(const char *json, struct metrics *ret);

#endif
