/* SPDX-License-Identifier: MIT */
#include "pin.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>

int pin_to_cpu(int64_t cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	/* one beyond the set leaves it empty, which the kernel refuses */
	CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}
