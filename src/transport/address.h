/* SPDX-License-Identifier: MIT */
/* Addresses of stream sockets as text (see listen.h), and the sockets that listen on them. */
#ifndef TRANSPORT_ADDRESS_H
#define TRANSPORT_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "macros.h"

enum address_kind { ADDRESS_UNIX, ADDRESS_TCP, ADDRESS_VSOCK, ADDRESS_FD };

struct address {
	enum address_kind kind;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* unix */
	char host[256];						/* tcp, without brackets */
	uint32_t cid;						/* vsock */
	uint32_t port;						/* tcp, vsock */
	int fd;
};

/* On failure (-EINVAL, -ENAMETOOLONG) *RET_WHY, which the caller frees, says what to write instead.
 */
int address_parse(const char *text, struct address *ret_a, char **ret_why);

/* "unix", "tcp", "vsock", "fd" */
const char *address_kind_name(enum address_kind kind);

/* A as a client would write it, with the port that the kernel chose for FD; NULL: out of memory. */
char *address_text(const struct address *a, int fd);

/* Tells the file of a Unix socket from others at the same path. */
struct unix_id {
	dev_t dev;
	ino_t ino;
};

/* A socket that listens on A, close-on-exec and not blocking; or the inherited one of ADDRESS_FD,
 * which may be connected instead. On failure *RET_WHY as for listener_new. */
struct bound {
	int fd;
	bool connected;
	struct unix_id id; /* ADDRESS_UNIX */
};
int address_listen(const struct address *a, struct bound *ret_b, char **ret_why);

/* Can other machines reach what listens on A with FD? */
bool address_is_public(const struct address *a, int fd);

/* A stream socket that is connected to A (unix or tcp), or -errno. */
int address_connect(const struct address *a);

/* A listening Unix socket of mode 0600 at PATH. A stale one that nobody listens on is
 * replaced. Errors as for listener_new. */
int unix_listen(const char *path, int *ret_fd, struct unix_id *ret_id, char **ret_why);

/* Removes PATH if it is still the file of ID. */
void unix_remove(const char *path, const struct unix_id *id);

/* An inherited stream socket, close-on-exec from now on (0 to 2: a copy is). */
int socket_inherit(int fd, int *ret_fd, bool *ret_listens, char **ret_why);

/* Sets *RET_WHY, and returns R. */
int why(char **ret_why, int r, const char *fmt, ...) printf_like(3, 4);

#endif
