/* SPDX-License-Identifier: MIT */
/* The layers that a file's bytes pass on their way from the host to a reader in the guest. The first
 * one behind which they are wrong is to blame. */
#ifndef VERIFY_LAYER_H
#define VERIFY_LAYER_H

/* Symbol, name in messages and JSON, and what it is; in the order of the way. */
#define LAYERS(X)                                                                          \
	X(HOST_FILE, "host-file", "the host's file itself")                                \
	X(SERVER, "server", "the server: what it sent, or made of what it was sent")       \
	X(TRANSPORT, "transport", "ring, socket or proxy, up to the guest's 9P client")    \
	X(PAGE_CACHE, "page-cache", "guest kernel: the copy into its cache, or the cache") \
	X(READER, "reader", "the call that read, or the program")                          \
	X(UNKNOWN, "unknown", "the evidence does not tell")

#define X(symbol, name, meaning) LAYER_##symbol,
enum layer { LAYERS(X) };
#undef X

const char *layer_name(enum layer l);
const char *layer_meaning(enum layer l);

#endif
