/* SPDX-License-Identifier: MIT */
/* The program inside a compressed kernel image. QEMU can start it directly (the PVH protocol),
 * which spares an emulated CPU several seconds of unpacking. It is the same kernel, only not
 * relocated at random. */
#ifndef LAB_VMLINUX_H
#define LAB_VMLINUX_H

#include <stdbool.h>
#include <stddef.h>

struct kernel;

/* The file to give to QEMU for K, which the caller frees: "program" beside the image, unpacked at
 * the first call, or the image itself where unpacking is not possible or gains nothing, or the
 * folder is not ours (is_outside): there may be images of several kernels, and newer ones later. */
int vmlinux_get(const struct kernel *k, char **ret_path);

/* The build-id (hex, the caller frees it) of the kernel in the file IMAGE, an ELF program or a
 * bzImage. -ENOENT when it has none, -ENOTSUP when it is packed in a way that we do not know. */
int vmlinux_build_id(const char *image, char **ret_hex);

/* The compressed program within the N bytes of a bzImage (Linux Documentation/arch/x86/boot.rst).
 * NULL if there is none. */
const void *vmlinux_find_payload(const void *image, size_t n, size_t *ret_n);

/* Unpacks a payload, .xz or Zstandard (-ENOTSUP: neither). The caller frees *RET_ELF. */
int vmlinux_unpack(const void *payload, size_t n, void **ret_elf, size_t *ret_n);

/* Does the ELF program say where a PVH start enters it? */
bool vmlinux_has_pvh(const void *elf, size_t n);

#endif
