/* SPDX-License-Identifier: MIT */
/* Where the server can be reached. ADDRESS is one of
 *	unix:PATH  tcp:ADDR:PORT (IPv6 in [brackets], port 0: any)  vsock:CID:PORT  fd:N
 * fd:N is a connected or a listening socket that was inherited; the CID may be "any".
 */
#ifndef TRANSPORT_LISTEN_H
#define TRANSPORT_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

struct handler;
struct listener;
struct loop;

/* Listens on ADDRESS, and serves the peers that connect with H, all on L's thread. On failure
 * *RET_WHY (the caller frees it) says in one line what to do: -EADDRINUSE, -EACCES, -EINVAL ...
 * A quarter of RLIMIT_NOFILE may connect at once, 4096 at most; others wait for their turn.
 * A stale Unix socket that nobody listens on is replaced, a live one is -EADDRINUSE, any other
 * file at that path -EEXIST. */
int listener_new(struct loop *l, const char *address, const struct handler *h,
		 struct listener **ret, char **ret_why);

/* The address as a client would give it, with the port that the kernel chose. */
const char *listener_address(const struct listener *ls);

/* Can other machines connect? Then whoever may be one of their users can: 9P asks no password. */
bool listener_is_public(const struct listener *ls);

/* ENDED(ARG) is called when no peer can come any more: the one of a connected fd:N is gone. From
 * any thread, so it should do no more than loop_stop. */
void listener_on_end(struct listener *ls, void (*ended)(void *arg), void *arg);

/* At most MAX peers at once, as far as half of the descriptors goes. Before the loop runs. */
void listener_limit_peers(struct listener *ls, unsigned max);

/* Peers that stop in the middle of messages or take no replies may hold MAX bytes together, beyond
 * which who moved longest ago is hung up on. Before the loop runs. */
void listener_limit_memory(struct listener *ls, size_t max);

/* File data may go from the page cache to the socket without a copy, through MAX pipes, which are two
 * descriptors each; unless told, none. Before the loop runs. */
void listener_use_pipes(struct listener *ls, unsigned max);

/* FULL is called once, on the loop's thread, when for the first time a peer has to wait: REASON is
 * EUSERS (there are as many as there may be) or what accept said. Before the loop runs. */
typedef void (*listener_full_fn)(void *arg, const struct listener *ls, int reason);
void listener_on_full(struct listener *ls, listener_full_fn full, void *arg);

/* Closes the socket (and removes its path) and all connections, and waits until the handler has
 * released them; the loop must not run any more. */
void listener_free(struct listener *ls);

#endif
