/* SPDX-License-Identifier: MIT */
/* Numbers of system calls that are newer than the headers of the oldest system that we build on.
 * From 424 on they are the same on all machines. */
#ifndef SANDBOX_SYSCALL_NUMBERS_H
#define SANDBOX_SYSCALL_NUMBERS_H

#include <sys/syscall.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#define SYS_getxattrat 464
#define SYS_listxattrat 465
#define SYS_removexattrat 466
#endif

#endif
