/* SPDX-License-Identifier: MIT */
/* The system calls that are allowed, as a program of the kernel's packet filter (Linux:
 * Documentation/userspace-api/seccomp_filter.rst). Which ones is not written here: the rows come
 * from the comments "#syscalls" at the functions that make them. Any other call ends the process,
 * but for those that are newer than this program: a C library that tries them is to fall back. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sandbox-impl.h"
#include "syscall-numbers.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#define FIRST_FOREIGN 0x40000000u /* the 32-bit calls with 64-bit registers */
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#define FIRST_FOREIGN UINT32_MAX
#endif

#define NEWEST_KNOWN SYS_removexattrat
#define SET_VMA 0x53564d41u /* PR_SET_VMA: the C library names its memory */

struct allowed_call {
	uint32_t number, sets;
	const char *name;
};

static const struct allowed_call rows[] = {
#include "syscall-rows.h"
};

/* A call of which an argument must be right as well; one that is in several rows, by each of them. */
struct condition {
	uint32_t number, argument;
	enum {
		ONE_OF,	 /* it is one of the values */
		HAS_ALL, /* it has these bits: values[0] */
		HAS_NONE,
		IS_OURSELVES,
		IS_PEER,
		NEVER, /* and the answer is errno values[0] */
	} what;
	uint32_t values[9], n_values;
	bool is_long; /* the kernel takes all 64 bits: the high half must be 0 */
};

static const struct condition conditions[] = {
	/* Threads, no processes. The newer clone3 has its flags in memory, out of a filter's reach. */
	{SYS_clone, 0, HAS_ALL, {CLONE_THREAD}, 1, true},
	{SYS_clone3, 0, NEVER, {ENOSYS}, 1, false},
	/* No memory becomes code. */
	{SYS_mmap, 2, HAS_NONE, {PROT_EXEC}, 1, true},
	{SYS_mprotect, 2, HAS_NONE, {PROT_EXEC}, 1, true},
	/* No limit is changed, nor seen of another process. */
	{SYS_prlimit64, 0, ONE_OF, {0}, 1, false},
	{SYS_prlimit64, 2, ONE_OF, {0}, 1, true},
	{SYS_prctl,
	 0,
	 ONE_OF,
	 {PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_NAME, SET_VMA},
	 4,
	 false},
	/* Not those that send signals. */
	{SYS_fcntl,
	 1,
	 ONE_OF,
	 {F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_OFD_GETLK, F_OFD_SETLK,
	  F_OFD_SETLKW, F_SETPIPE_SZ},
	 9,
	 false},
	/* Is it a terminal? asks stdio. How much is in a pipe? */
	{SYS_ioctl, 1, ONE_OF, {TCGETS, FIONREAD}, 2, false},
	{SYS_pipe2, 1, ONE_OF, {O_CLOEXEC}, 1, false},
	{SYS_splice, 5, ONE_OF, {SPLICE_F_NONBLOCK}, 1, false},
	{SYS_tgkill, 0, IS_OURSELVES, {0}, 0, false},
	{SYS_kill, 0, IS_PEER, {0}, 0, false},
};

#define MAX_CODE 512

struct program {
	struct sock_filter code[MAX_CODE];
	unsigned short n;
	pid_t peer;
};

static void emit(struct program *p, struct sock_filter f)
{
	if (p->n < MAX_CODE)
		p->code[p->n++] = f;
}

static void load(struct program *p, size_t offset)
{
	emit(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct program *p, uint32_t action)
{
	emit(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Unless the test is true, the next N instructions are left out. */
static void jump_unless(struct program *p, uint16_t test, uint32_t value, uint8_t n)
{
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | test, value, 0, n));
}

static void load_argument(struct program *p, uint32_t i, bool high)
{
	/* Both machines that we know put the low half first. */
	size_t at = offsetof(struct seccomp_data, args) + i * sizeof(uint64_t);

	load(p, high ? at + sizeof(uint32_t) : at);
}

/* Ends the process unless what was loaded is one of the values. */
static void require_one_of(struct program *p, const uint32_t *values, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | BPF_JEQ, values[i],
						     (uint8_t)(n - i), 0));
	answer(p, SECCOMP_RET_KILL_PROCESS);
}

static void judge_argument(struct program *p, const struct condition *c)
{
	uint32_t mask = c->values[0], pid = (uint32_t)(c->what == IS_PEER ? p->peer : getpid());
	const uint32_t none = 0;

	load_argument(p, c->argument, false);
	switch (c->what) {
	case ONE_OF:
		require_one_of(p, c->values, c->n_values);
		break;
	case HAS_NONE:
	case HAS_ALL:
		emit(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
		require_one_of(p, c->what == HAS_ALL ? &mask : &none, 1);
		break;
	case IS_OURSELVES:
	case IS_PEER:
		require_one_of(p, &pid, 1);
		break;
	case NEVER:
		answer(p, SECCOMP_RET_ERRNO | c->values[0]);
		break;
	}
	if (c->is_long) {
		load_argument(p, c->argument, true);
		require_one_of(p, &none, 1);
	}
}

static void judge_call(struct program *p, const struct allowed_call *call)
{
	unsigned short from = p->n;

	jump_unless(p, BPF_JEQ, call->number, 0);
	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++)
		if (conditions[i].number == call->number)
			judge_argument(p, &conditions[i]);
	answer(p, SECCOMP_RET_ALLOW);
	if (p->n < MAX_CODE)
		p->code[from].jf = (uint8_t)(p->n - from - 1);
}

#ifdef OUR_ARCH
static void build(struct program *p, uint32_t sets)
{
	load(p, offsetof(struct seccomp_data, arch));
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0));
	answer(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].sets & sets)
			judge_call(p, &rows[i]);
	jump_unless(p, BPF_JGE, FIRST_FOREIGN, 1);
	answer(p, SECCOMP_RET_KILL_PROCESS);
	jump_unless(p, BPF_JGT, NEWEST_KNOWN, 1);
	answer(p, SECCOMP_RET_ERRNO | ENOSYS);
	answer(p, SECCOMP_RET_KILL_PROCESS);
}

int filter_enter(uint32_t sets, pid_t peer, char *why)
{
	struct program p = {.n = 0, .peer = peer};
	struct sock_fprog f = {.filter = p.code};

	build(&p, sets);
	if (p.n == MAX_CODE)
		return explain(why, -E2BIG, "the list of system calls is too long");
	f.len = p.n;
	/* All threads: in a child of fork there is one, but the sanitizers' are not ours. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &f))
		return explain(why, -errno, "this kernel takes no filter");
	return 0;
}
#else
int filter_enter(uint32_t sets, pid_t peer, char *why)
{
	(void)sets;
	(void)peer;
	return explain(why, -EOPNOTSUPP, "not written for this kind of machine");
}
#endif

unsigned filter_count(uint32_t sets)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		n += rows[i].sets & sets ? 1 : 0;
	return n;
}
