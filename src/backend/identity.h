/* SPDX-License-Identifier: MIT */
/* Acting as another user on the host: the file-system uid and gid of the calling thread. A thread
 * stays who it is until it becomes somebody else, so a run of requests of one user costs no system
 * calls. It has no supplementary groups but those that it joins. What the kernel takes from a thread that is not user 0 any
 * more, it gives back to user 0: CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,
 * CAP_FSETID, CAP_LINUX_IMMUTABLE, CAP_MAC_OVERRIDE, CAP_MKNOD.
 */
#ifndef BACKEND_IDENTITY_H
#define BACKEND_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

/* A group that nobody is in. */
#define IDENTITY_NO_GROUP 0xfffffffeu

/* The process's. */
#define IDENTITY_OWN_GROUP 0xffffffffu

/* May this process act as others? */
bool identity_is_possible(void);

/* -EPERM when this user or this group cannot be had: then the thread is the process's user. */
int identity_become(uint32_t uid, uint32_t gid);

/* The process's user and group again, without the other groups. */
void identity_become_ourselves(void);

#define IDENTITY_MAX_JOINED 3

/* Until the thread becomes somebody again, also the same, it is in these N groups too. False if it
 * has joined some already or cannot. */
bool identity_join(const uint32_t *gids, unsigned n);

#endif
