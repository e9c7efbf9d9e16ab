/* SPDX-License-Identifier: MIT */
/* On which CPU a thread runs. */
#ifndef BASE_PIN_H
#define BASE_PIN_H

#include <stdint.h>

/* The calling thread, and those that it makes from now on, run on CPU alone; a negative one: nothing
 * changes. 0 or -errno, errno too; -EINVAL: there is no such CPU, or we may not have it. */
int pin_to_cpu(int64_t cpu);

#endif
