/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "guest-parts.h"

int qemu_prepare(struct launch *l, char **ret_why)
{
	(void)l;
	return guest_why(ret_why, -ENOTSUP, "QEMU guests are not ready yet");
}
