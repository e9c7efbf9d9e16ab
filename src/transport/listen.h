/* SPDX-License-Identifier: MIT */
/* Where the server can be reached. ADDRESS is one of
 *	unix:PATH  tcp:ADDR:PORT (IPv6 in [brackets], port 0: any)  vsock:CID:PORT  fd:N
 * fd:N is a connected or a listening socket that was inherited.
 */
#ifndef TRANSPORT_LISTEN_H
#define TRANSPORT_LISTEN_H

#include <stddef.h>

struct handler;
struct listener;
struct loop;

/* Listens on ADDRESS, and serves the peers that connect with H, all on L's thread. On failure
 * *RET_WHY (the caller frees it) says in one line what to do: -EADDRINUSE, -EACCES, -EINVAL ...
 * A stale Unix socket that nobody listens on is replaced, a live one is -EADDRINUSE, any other
 * file at that path -EEXIST. */
int listener_new(struct loop *l, const char *address, const struct handler *h,
		 struct listener **ret, char **ret_why);

/* The address as a client would give it, with the port that the kernel chose. */
const char *listener_address(const struct listener *ls);

/* Closes the socket (and removes its path) and all connections; the loop must not run any more. */
void listener_free(struct listener *ls);

#endif
