/* SPDX-License-Identifier: MIT */
/* From a decoded message to its handler. Internal to server. */
#ifndef SERVER_DISPATCH_H
#define SERVER_DISPATCH_H

struct request;

/* Runs the handler of r->msg, as handlers.h says. */
int dispatch(struct request *r);

#endif
