/* SPDX-License-Identifier: MIT */
/* The vhost-user transport: a virtio 9P device for QEMU, UML, crosvm. */
#ifndef TRANSPORT_VHOST_USER_H
#define TRANSPORT_VHOST_USER_H

struct handler;
struct loop;
struct vhost_user;

struct vhost_user_config {
	const char *socket_path; /* listen here, or (when NULL) */
	int fd;			 /* an inherited socket, connected or listening */
	const char *tag;	 /* the mount tag, 1 to 32 bytes */
};

/* Serves a front end at a time on L's thread; when it goes away, the next may connect. On failure
 * *RET_WHY (the caller frees it) says in one line what to do; errors as for listener_new, -EINVAL
 * for a bad tag. The process gets a handler for SIGBUS, and ignores SIGPIPE from now on. */
int vhost_user_new(struct loop *l, const struct vhost_user_config *cfg, const struct handler *h,
		   struct vhost_user **ret, char **ret_why);

/* ENDED(ARG) is called on the loop's thread when no front end can come any more: the one of a
 * connected descriptor is gone. */
void vhost_user_on_end(struct vhost_user *vu, void (*ended)(void *arg), void *arg);

/* Ends the connection, removes the socket's path, and waits until the handler has released all
 * channels; the loop must not run any more, and not be freed yet. */
void vhost_user_free(struct vhost_user *vu);

/* What `--print-capabilities` prints: JSON with a newline, a constant. */
const char *vhost_user_capabilities(void);

#endif
