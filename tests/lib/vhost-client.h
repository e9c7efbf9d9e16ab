/* SPDX-License-Identifier: MIT */
/* A 9P client for tests, as the front end of a vhost-user device: one request at a time. A device
 * that breaks, or forgets to tell of a reply, does not make it wait for ever. */
#ifndef TESTS_VHOST_CLIENT_H
#define TESTS_VHOST_CLIENT_H

struct msg;
struct vhost_client;

/* Speaks over the connected socket FD, which it takes over, and starts the device. NULL: the device
 * does not start. */
struct vhost_client *vhost_client_new(int fd);
void vhost_client_free(struct vhost_client *c);

/* Sends the message that TEXT says. 0 and the reply, Rlerror too, whose views live until the next
 * call; -ECONNRESET: the device is gone or broken; -ETIMEDOUT after 120 s; what msg_decode says of
 * bytes that are no reply. */
int vhost_client_call(struct vhost_client *c, const char *text, struct msg *ret_reply);

#endif
