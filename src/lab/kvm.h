/* SPDX-License-Identifier: MIT */
/* Can this QEMU really run a kernel with KVM? /dev/kvm may open and still not do it (nested hosts):
 * only a boot tells. */
#ifndef LAB_KVM_H
#define LAB_KVM_H

#include <stdbool.h>

/* QEMU: the words that start it; KERNEL: a file that it takes as -kernel. Boots the kernel without
 * a root file system until it gives up, for a few seconds at most. The answer is kept in the cache
 * until the host or QEMU changes. */
bool kvm_works(const char *const *qemu, const char *kernel);

#endif
