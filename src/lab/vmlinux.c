/* SPDX-License-Identifier: MIT */
#include "vmlinux.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "elf-note.h"
#include "guest-parts.h"
#include "kernel.h"
#include "slurp.h"
#include "unxz.h"
#include "unzstd.h"

#define IMAGE_LIMIT (256U << 20)
#define VMLINUX_LIMIT (1024U << 20)

/* Fields of the boot header. */
#define SETUP_SECTS 0x1f1
#define MAGIC 0x202
#define VERSION 0x206
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define HEADER_END 0x250

#define XEN_NOTE_PHYS32_ENTRY 18

static const uint8_t xz_magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};
static const uint8_t zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};

static uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

const void *vmlinux_find_payload(const void *image, size_t n, size_t *ret_n)
{
	const uint8_t *p = image;
	size_t start, offset, length;

	if (n < HEADER_END || memcmp(p + MAGIC, "HdrS", 4) != 0 || p[VERSION + 1] < 2 ||
	    (p[VERSION + 1] == 2 && p[VERSION] < 8))
		return NULL;
	start = ((p[SETUP_SECTS] ? p[SETUP_SECTS] : 4U) + 1U) * (size_t)512;
	offset = get_le32(p + PAYLOAD_OFFSET);
	length = get_le32(p + PAYLOAD_LENGTH);
	if (start > n || offset > n - start || length > n - start - offset)
		return NULL;
	*ret_n = length;
	return p + start + offset;
}

/* Behind the packed data the kernel's build puts the unpacked size. */
int vmlinux_unpack(const void *payload, size_t n, void **ret_elf, size_t *ret_n)
{
	if (n >= sizeof(xz_magic) && !memcmp(payload, xz_magic, sizeof(xz_magic)))
		return unxz(payload, n, VMLINUX_LIMIT, ret_elf, ret_n);
	if (n >= sizeof(zstd_magic) && !memcmp(payload, zstd_magic, sizeof(zstd_magic)))
		return unzstd(payload, n, VMLINUX_LIMIT, ret_elf, ret_n);
	return -ENOTSUP;
}

/* One note after another: sizes, type, name and description, each padded to 4. */
static bool has_pvh_note(const uint8_t *p, size_t n)
{
	while (n >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		size_t size;

		memcpy(&h, p, sizeof(h));
		size = sizeof(h) + (((size_t)h.n_namesz + 3) & ~3UL) +
		       (((size_t)h.n_descsz + 3) & ~3UL);
		if (size > n)
			return false;
		if (h.n_type == XEN_NOTE_PHYS32_ENTRY && h.n_namesz == 4 &&
		    !memcmp(p + sizeof(h), "Xen", 4))
			return true;
		p += size;
		n -= size;
	}
	return false;
}

bool vmlinux_has_pvh(const void *elf, size_t n)
{
	const uint8_t *p = elf;
	Elf64_Ehdr e;
	Elf64_Phdr h;

	if (n < sizeof(e))
		return false;
	memcpy(&e, p, sizeof(e));
	if (memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 || e.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	for (size_t i = 0; i < e.e_phnum; i++) {
		if (e.e_phoff > n || n - e.e_phoff < (i + 1) * sizeof(h))
			return false;
		memcpy(&h, p + e.e_phoff + i * sizeof(h), sizeof(h));
		if (h.p_type == PT_NOTE && h.p_offset <= n && h.p_filesz <= n - h.p_offset &&
		    has_pvh_note(p + h.p_offset, h.p_filesz))
			return true;
	}
	return false;
}

/* Under its name only when it is complete: several guests may start at once. */
static int store(const struct kernel *k, const void *elf, size_t n, const char *path)
{
	autofree char *name = NULL, *temporary = NULL;
	int r;

	if (asprintf(&name, "program.%d", (int)getpid()) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	if (asprintf(&temporary, "%s/%s", k->dir, name) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	r = guest_write_file(k->dir, name, elf, n);
	if (!r && rename(temporary, path))
		r = -errno;
	if (r)
		unlink(temporary);
	return r;
}

static int read_program(const char *file, void **ret_elf, size_t *ret_n)
{
	autofree char *image = NULL;
	const void *payload;
	size_t n, payload_n;
	int r = slurp(file, IMAGE_LIMIT, &image, &n);

	if (r)
		return r;
	payload = vmlinux_find_payload(image, n, &payload_n);
	return payload ? vmlinux_unpack(payload, payload_n, ret_elf, ret_n) : -ENOTSUP;
}

static int unpack(const struct kernel *k, const char *path)
{
	autofree void *elf = NULL;
	size_t n;
	int r = read_program(k->image, &elf, &n);

	if (!r && !vmlinux_has_pvh(elf, n))
		r = -ENOTSUP;
	return r ? r : store(k, elf, n, path);
}

int vmlinux_build_id(const char *image, char **ret_hex)
{
	autofree void *elf = NULL;
	size_t n;
	int r = elf_file_build_id(image, ret_hex);

	if (r != -EINVAL)
		return r;
	r = read_program(image, &elf, &n);
	return r ? r : elf_build_id(elf, n, ret_hex);
}

int vmlinux_get(const struct kernel *k, char **ret_path)
{
	autofree char *path = NULL;

	if (asprintf(&path, "%s/program", k->dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (k->is_outside || (access(path, R_OK) && unpack(k, path))) {
		free(steal_ptr(&path));
		path = strdup(k->image);
	}
	if (!path)
		return -ENOMEM;
	*ret_path = steal_ptr(&path);
	return 0;
}
