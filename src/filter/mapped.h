/* SPDX-License-Identifier: MIT */
/* Owner, mode, device number and type of the guest's files, kept in attributes of the host's, in
 * the format of QEMU's security_model=mapped-xattr (its docs/devel/virtfs, hw/9pfs/9p-local.c):
 *
 *	user.virtfs.uid, .gid, .mode	32 bits, little-endian; the mode with its type
 *	user.virtfs.rdev		64 bits, little-endian, a dev_t
 *	user.virtfs.system.posix_acl_access, .posix_acl_default
 *
 * Symbolic links are files with the target as content; fifos, sockets and devices are empty files.
 * What has none of these appears as it is on the host. They are out of the guest's reach: it sees
 * no attribute user.virtfs.*.
 */
#ifndef FILTER_MAPPED_H
#define FILTER_MAPPED_H

struct backend;

/* On LOWER, which acts as itself whoever asks, and which the filter takes over if it succeeds. */
int mapped_new(struct backend *lower, struct backend **ret);

#endif
