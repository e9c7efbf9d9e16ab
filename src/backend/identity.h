/* SPDX-License-Identifier: MIT */
/* Acting as another user for the length of one call, on this thread only: new files get that
 * owner, and the kernel takes set-user-ID bits away as it does for that user.
 *
 * Permission to create is not asked a second time: the client's kernel has decided, and only it
 * knows the user's supplementary groups. So CAP_DAC_OVERRIDE stays in effect.
 */
#ifndef BACKEND_IDENTITY_H
#define BACKEND_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#define IDENTITY_INIT        \
	{                    \
		false, false \
	}
#define IDENTITY_SAME 0xffffffffu

struct identity {
	bool has_uid, has_gid; /* changed, to be put back */
};

/* May this process act as others? Then supplementary groups are dropped where it does. */
bool identity_is_possible(void);

/* IDENTITY_SAME leaves UID or GID as it is. -EPERM when this user cannot be had. */
int identity_enter(uint32_t uid, uint32_t gid, struct identity *ret_id);
/* For writing to what is open already: no capability comes back. */
void identity_enter_writer(uint32_t uid, struct identity *ret_id);
void identity_leave(struct identity *id);

#define autoidentity cleanup(identity_leave)

#endif
