/* SPDX-License-Identifier: MIT */
/* Landlock (Linux: Documentation/userspace-api/landlock.rst), by its system calls: the C library
 * has none for them, and headers are older than kernels. */
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "sandbox-impl.h"
#include "syscall-numbers.h"

/* Rights by the ABI that brought them. */
#define EXECUTE (1ull << 0)
#define WRITE_FILE (1ull << 1)
#define READ_FILE (1ull << 2)
#define READ_DIR (1ull << 3)
#define REMOVE_DIR (1ull << 4)
#define REMOVE_FILE (1ull << 5)
#define MAKE_CHAR (1ull << 6)
#define MAKE_DIR (1ull << 7)
#define MAKE_REG (1ull << 8)
#define MAKE_SOCK (1ull << 9)
#define MAKE_FIFO (1ull << 10)
#define MAKE_BLOCK (1ull << 11)
#define MAKE_SYM (1ull << 12)
#define REFER (1ull << 13)		  /* ABI 2 */
#define TRUNCATE (1ull << 14)		  /* ABI 3 */
#define IOCTL_DEV (1ull << 15)		  /* ABI 5 */
#define TCP_ALL (1ull << 0 | 1ull << 1)	  /* ABI 4: to bind, to connect */
#define SCOPE_ALL (1ull << 0 | 1ull << 1) /* ABI 6: abstract Unix sockets, signals */

#define ABI1_RIGHTS (REFER - 1)
#define READING (READ_FILE | READ_DIR)
#define DEVICES (MAKE_CHAR | MAKE_BLOCK)

struct ruleset {
	uint64_t handled_fs, handled_net, scoped;
};

struct beneath {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

#define RULE_PATH_BENEATH 1
#define CREATE_RULESET_VERSION 1u

static int ask_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	return abi < 0 ? -errno : (int)abi;
}

/* Older kernels refuse fields that they do not know, so the size follows the ABI. */
static size_t fill(int abi, struct ruleset *r)
{
	*r = (struct ruleset){.handled_fs = ABI1_RIGHTS | REFER};
	if (abi >= 3)
		r->handled_fs |= TRUNCATE;
	if (abi >= 5)
		r->handled_fs |= IOCTL_DEV;
	if (abi >= 4)
		r->handled_net = TCP_ALL;
	if (abi >= 6)
		r->scoped = SCOPE_ALL;
	return abi >= 6 ? sizeof(*r) : abi >= 4 ? sizeof(uint64_t) * 2 : sizeof(uint64_t);
}

static int allow_beneath(int ruleset, int fd, uint64_t rights)
{
	const struct beneath b = {.allowed = rights, .parent_fd = fd};

	return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &b, 0) ? -errno : 0;
}

static uint64_t export_rights(const struct sandbox_plan *p, uint64_t handled)
{
	if (p->readonly)
		return READING;
	return handled & ~(EXECUTE | IOCTL_DEV | (p->allow_devices ? 0 : DEVICES));
}

int landlock_enter(const struct sandbox_plan *p, int export_fd, int record_fd, char *why)
{
	int abi = ask_abi(), r;
	autoclose int ruleset = -1;
	struct ruleset attr;
	size_t size;

	if (abi < 0)
		return explain(why, abi, "this kernel has none, or has it switched off (lsm=)");
	if (abi < 2)
		return explain(why, -EOPNOTSUPP,
			       "this kernel's forbids all renames: it takes 5.19");
	size = fill(abi, &attr);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return explain(why, -errno, "no ruleset");
	r = allow_beneath(ruleset, export_fd, export_rights(p, attr.handled_fs));
	if (!r && record_fd >= 0)
		r = allow_beneath(ruleset, record_fd,
				  attr.handled_fs &
					  (WRITE_FILE | MAKE_REG | REMOVE_FILE | TRUNCATE));
	if (!r && syscall(SYS_landlock_restrict_self, ruleset, 0))
		r = -errno;
	return r ? explain(why, r, "the rules are refused") : 0;
}
