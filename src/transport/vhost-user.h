/* SPDX-License-Identifier: MIT */
/* The vhost-user transport: a virtio 9P device for QEMU, UML, crosvm. */
#ifndef TRANSPORT_VHOST_USER_H
#define TRANSPORT_VHOST_USER_H

struct handler;
struct loop;
struct vhost_user;

struct vhost_user_config {
	const char *socket_path; /* listen here, or */
	int fd;			 /* an inherited socket, connected or listening; else -1 */
	const char *tag;	 /* the mount tag, at most 32 bytes */
};

/* Serves a front end at a time on L's thread; when it goes away, the next may connect. On failure
 * *RET_WHY (the caller frees it) says in one line what to do. */
int vhost_user_new(struct loop *l, const struct vhost_user_config *cfg, const struct handler *h,
		   struct vhost_user **ret, char **ret_why);
void vhost_user_free(struct vhost_user *vu);

/* What `--print-capabilities` prints: JSON with a newline, a constant. */
const char *vhost_user_capabilities(void);

#endif
