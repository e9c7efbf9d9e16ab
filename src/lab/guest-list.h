/* SPDX-License-Identifier: MIT */
/* The guests that run now, found by their state folders: what another warren started can be
 * debugged and looked at. The file "manifest" in such a folder is text, "NAME VALUE" lines:
 *
 *	guest uml|qemu
 *	kernel NAME		as --kernel takes it
 *	release RELEASE		uname -r
 *	share vhost-user|tcp|qemu
 *	owner PID		the warren that started it
 *	pid PID			of UML's first process, or QEMU
 *	started SECONDS		since 1970
 *	memory DIR		UML: the folder of its memory file
 *	gdb PATH		QEMU: the Unix socket of its gdbstub
 *	word WORD		its command line, a word a line
 */
#ifndef LAB_GUEST_LIST_H
#define LAB_GUEST_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct guest_info {
	char *dir; /* its state folder, absolute */
	bool is_uml;
	char *kernel, *release, *share;
	char *gdb; /* NULL: it has none */
	pid_t pid, owner;
	int64_t started;
};

/* All running guests of this user, oldest first. Free with guest_list_free. */
int guest_list(struct guest_info **ret_list, size_t *ret_n);
void guest_list_free(struct guest_info *list, size_t n);

/* Reads the manifest of the state folder DIR. 0, -ENOENT: there is none, -EINVAL. */
int guest_info_read(const char *dir, struct guest_info *ret_i);
void guest_info_done(struct guest_info *i);

#endif
