/* SPDX-License-Identifier: MIT */
/* From a decoded message to its handler. Internal to server. */
#ifndef SERVER_DISPATCH_H
#define SERVER_DISPATCH_H

struct request;

/* Runs the handler of r->msg, as handlers.h says. -EPROTO before Tversion. */
int dispatch(struct request *r);

#endif
