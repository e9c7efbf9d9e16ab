/* SPDX-License-Identifier: MIT */
/* What carries a client's requests to a server, and the replies back: one ops struct, a file for
 * each way. One thread uses a link. */
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct address;
struct link;
struct msg;

struct link_ops {
	const char *name;

	/* Takes M, its data included; nothing of M is used after the return. -EAGAIN: no room
	 * before replies have been received. -EMSGSIZE, other -errno. */
	int (*put)(struct link *l, const struct msg *m);

	/* Sends what was put, as far as that is possible without waiting. 0 or -errno. */
	int (*flush)(struct link *l);

	/* The next reply that is here: 1; its views live until the next call. 0 when there is none;
	 * -ECONNRESET at the end, -EBADMSG and others for what is no reply. */
	int (*take)(struct link *l, struct msg *ret_m);

	/* The descriptor to poll and the events to poll for. */
	int (*poll_fd)(struct link *l, short *ret_events);

	/* After Tversion: no message is larger from now on. */
	void (*set_msize)(struct link *l, uint32_t msize);

	/* Who serves, where the kernel can tell; 0 if not. */
	pid_t (*peer)(struct link *l);

	void (*free)(struct link *l);
};

struct link {
	const struct link_ops *ops;
};

/* A link over the connected stream socket FD, which it takes over: also when it fails, -ENOMEM. */
int link_socket(int fd, struct link **ret_l);

/* Connects to A (unix or tcp). On failure *RET_WHY, which the caller frees, says it in a line. */
int link_connect(const struct address *a, struct link **ret_l, char **ret_why);

/* The same for a vhost-user device at the Unix socket PATH: a front end with DEPTH (at most 4096)
 * requests in flight, which maps memory, writes descriptors and kicks. Messages of up to 512000
 * bytes. A device has one front end at a time: another waits, and this returns after 20 s. */
int link_vhost_user(const char *path, unsigned depth, struct link **ret_l, char **ret_why);

#endif
