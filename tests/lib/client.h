/* SPDX-License-Identifier: MIT */
/* A 9P client for tests, over a connected stream socket: sends what it is told to, malformed
 * messages too, and blocks for replies. Knows no fids. */
#ifndef TESTS_CLIENT_H
#define TESTS_CLIENT_H

#include "macros.h"
#include "msg.h"

struct client;

/* Takes FD over. NULL (and FD is closed) when memory is out. */
struct client *client_new(int fd);

/* NULL and errno. */
struct client *client_connect_unix(const char *path);

void client_free(struct client *c);
int client_fd(const struct client *c);

/* How long a receive waits before it returns -ETIMEDOUT; 120 seconds unless told. */
void client_set_timeout(struct client *c, int ms);

int client_send(struct client *c, const struct msg *m);
int client_send_bytes(struct client *c, const void *bytes, size_t n);

/* The next message, whoever it answers; its views live until the next receive. 0, -ECONNRESET at
 * the end of the stream, -ETIMEDOUT, what msg_decode says of bytes that are no reply. */
int client_recv(struct client *c, struct msg *ret_m);

/* The next message undecoded: the whole of it, header included. */
int client_recv_bytes(struct client *c, const uint8_t **ret_p, size_t *ret_n);

/* Sends M and receives its reply. 0 when that is the R-message of M; -ecode when it is Rlerror
 * (*RET_REPLY holds it); -EPROTO when it is another message or has another tag; else what
 * client_send and client_recv say, with RET_REPLY->type 0. */
int client_call(struct client *c, const struct msg *m, struct msg *ret_reply);

/* client_call with the text form: client_callf(c, &r, "Twalk fid=0 newfid=%u wname=[etc]", 1).
 * Text that is no message is -EBADMSG. */
int client_callf(struct client *c, struct msg *ret_reply, const char *text, ...) printf_like(3, 4);

/* The same without waiting for the reply. */
int client_sendf(struct client *c, const char *text, ...) printf_like(2, 3);

/* Tversion with MSIZE, and Tattach of FID to the root as user UID. */
int client_start(struct client *c, uint32_t msize, uint32_t fid, uint32_t uid);

#endif
