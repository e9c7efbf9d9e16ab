/* SPDX-License-Identifier: MIT */
/* How the inodes of the local backend come back to a descriptor that was reclaimed. */
#ifndef BACKEND_LOCAL_REOPEN_H
#define BACKEND_LOCAL_REOPEN_H

#include <stdbool.h>

struct inode;
struct local;
struct local_node;
struct pin;
struct saved_handle;
struct statx;

/* Pins I if it holds a descriptor. */
bool try_pin(struct local *l, struct inode *i, struct pin *ret_pin);

/* As inode_get, without a look at the budget. */
int inode_adopt(struct local *l, int fd, const struct statx *st, struct pin *ret_pin);

/* Would the inode that PIN holds be found again? By *RET_HANDLE (to be kept with it), or by place.
 */
bool can_find_again(struct local *l, const struct pin *pin, struct saved_handle **ret_handle);

/* Opens the inode of N again. CALL_WOULD_BLOCK if CACHED and that needs a disk. */
int reopen_node(struct local_node *n, bool cached, struct pin *ret_pin);

/* Do file handles work for the mount of ROOT_FD? Then a descriptor to open them by, else -1. */
int open_handle_mount(int root_fd);

#endif
