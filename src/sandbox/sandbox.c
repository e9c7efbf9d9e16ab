/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "sandbox-impl.h"

/* What the C library does unasked.
 *
 * memory:	#syscalls: brk mmap munmap mremap mprotect madvise
 * threads:	#syscalls: clone clone3 futex set_robust_list rseq exit prlimit64
 * abort:	#syscalls: gettid getpid tgkill rt_sigprocmask rt_sigaction rt_sigreturn
 * stdio:	#syscalls: write fstat newfstatat ioctl lseek
 * the end:	#syscalls: exit_group close restart_syscall
 * numbers:	#syscalls: getrandom clock_gettime
 *
 * and in the supervisor, which ends with a message or two:
 *
 *		#syscalls supervisor: brk mmap munmap write fstat exit_group restart_syscall
 *		#syscalls supervisor: rt_sigaction rt_sigprocmask rt_sigreturn gettid getpid tgkill
 */

/* Of a build with sanitizers these are left out: such a program reads /proc, needs most of the
 * address space, and traces itself at its end. */
#define SANITIZED_LAYERS (1u << LAYER_CAPABILITIES | 1u << LAYER_NO_NEW_PRIVS)

static const char *const layer_names[] = {
#define NAME(name, text) text,
	SANDBOX_LAYERS(NAME)
#undef NAME
};

int explain(char *why, int r, const char *fmt, ...)
{
	va_list args;
	size_t n;

	va_start(args, fmt);
	vsnprintf(why, WHY_SIZE, fmt, args);
	va_end(args);
	n = strlen(why);
	snprintf(why + n, WHY_SIZE - n, ": %s", strerror(-r));
	return r;
}

void sandbox_note(struct sandbox *s, enum sandbox_layer layer, int r, const char *why)
{
	struct layer_state *l = &s->layers[layer];

	if (!is_wanted(s, layer) || l->state == LAYER_UNNEEDED)
		return;
	l->state = r ? LAYER_OFF : LAYER_HOLDS;
	snprintf(l->why, sizeof(l->why), "%s", r && !*why ? strerror(-r) : why);
}

bool sandbox_holds(const struct sandbox *s, enum sandbox_layer layer)
{
	return s->layers[layer].state == LAYER_HOLDS;
}

bool sandbox_is_supervised(const struct sandbox *s)
{
	return s->outside_fd >= 0;
}

bool sandbox_is_cut(void)
{
	return IS_SANITIZED;
}

static struct sandbox *alloc(const struct sandbox_plan *plan)
{
	struct sandbox *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->plan = plan;
	s->tree = (struct tree)TREE_INIT;
	s->outside_fd = -1;
	for (unsigned l = 0; l < N_LAYERS && IS_SANITIZED; l++)
		if (!(SANITIZED_LAYERS & 1u << l))
			sandbox_note(s, l, -EOPNOTSUPP, "a build with sanitizers");
	return s;
}

/* Signals wait until somebody takes them: process 1 of a pid namespace would lose those for which
 * it has no handler yet. */
static void block_signals(int how, bool also_children)
{
	static const int ending[] = {SIGTERM, SIGINT, SIGHUP};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		sigaddset(&set, ending[i]);
	if (also_children)
		sigaddset(&set, SIGCHLD);
	sigprocmask(how, &set, NULL);
}

/* Dies with the supervisor, also if that has died just now. */
static void follow_supervisor(const struct sandbox *s)
{
	struct pollfd p = {s->outside_fd, POLLIN, 0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&p, 1, 0) > 0 && p.revents & POLLHUP)
		_exit(EXIT_FAILURE);
}

static void make_tree(struct sandbox *s)
{
	char why[WHY_SIZE] = "";
	int r;

	if (!sandbox_holds(s, LAYER_MOUNT))
		return;
	r = tree_make(s->plan, &s->tree, why);
	sandbox_note(s, LAYER_MOUNT, r, why);
}

/* In the child: becomes the server, or starts it as process 1 of a namespace and ends. */
static int become_server(struct sandbox *s)
{
	pid_t self = getpid();
	int r;

	namespaces_enter(s);
	if (sandbox_holds(s, LAYER_PID)) {
		pid_t pid = fork();

		if (pid) {
			r = pid < 0 ? -errno : outside_started(s, pid);
			_exit(r ? EXIT_FAILURE : EXIT_SUCCESS);
		}
	} else {
		r = outside_started(s, self);
		if (r)
			return r;
	}
	r = outside_wait_started(s);
	if (r)
		return r;
	follow_supervisor(s);
	make_tree(s);
	return 0;
}

static int split(struct sandbox *s)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	/* The server is a grandchild. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	block_signals(SIG_BLOCK, true);
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		block_signals(SIG_UNBLOCK, true);
		close(pair[0]);
		close(pair[1]);
		return r;
	}
	s->outside_fd = pair[pid ? 0 : 1];
	close(pair[pid ? 1 : 0]);
	if (pid)
		return supervisor_meet(s, pid) ? -ECHILD : 1;
	block_signals(SIG_UNBLOCK, true);
	block_signals(SIG_BLOCK, false);
	if (become_server(s))
		_exit(EXIT_FAILURE);
	return 0;
}

int sandbox_split(const struct sandbox_plan *plan, struct sandbox **ret_s)
{
	struct sandbox *s = alloc(plan);
	int r;

	if (!s)
		return -ENOMEM;
	r = IS_SANITIZED ? 0 : split(s);
	if (r < 0) {
		sandbox_free(s);
		return r;
	}
	*ret_s = s;
	return r;
}

int sandbox_export_fd(const struct sandbox *s)
{
	return s->tree.export_fd;
}

int sandbox_record_fd(const struct sandbox *s)
{
	return s->tree.record_fd;
}

int sandbox_proc_fd(const struct sandbox *s)
{
	return s->tree.proc_fd;
}

bool sandbox_hides_owners(const struct sandbox *s)
{
	return sandbox_holds(s, LAYER_USER);
}

/* Is it still to be entered? The mount namespace waits with its tree. */
static bool is_open(const struct sandbox *s, enum sandbox_layer layer)
{
	if (layer == LAYER_MOUNT)
		return sandbox_holds(s, layer);
	return is_wanted(s, layer) && !*s->layers[layer].why;
}

static int enter_net(struct sandbox *s, char *why)
{
	(void)s;
	return namespace_net(why);
}

static int enter_tree(struct sandbox *s, char *why)
{
	int r = tree_enter(&s->tree, why);

	/* Names of descriptors go by it, where /proc has no path. */
	if (fchdir(s->tree.proc_fd) && !r)
		r = explain(why, -errno, "/proc is gone");
	return r;
}

static int enter_limits(struct sandbox *s, char *why)
{
	return confine_limits(s->plan, why);
}

static int enter_capabilities(struct sandbox *s, char *why)
{
	/* In a user namespace of our own they are for nothing but making the others. */
	return confine_capabilities(sandbox_holds(s, LAYER_USER) ? 0 : s->plan->capabilities, why);
}

static int enter_no_new_privs(struct sandbox *s, char *why)
{
	(void)s;
	return confine_no_new_privs(why);
}

static int enter_landlock(struct sandbox *s, char *why)
{
	autoclose int own = -1, own_record = -1;
	const struct sandbox_plan *p = s->plan;
	int export_fd = s->tree.export_fd, record_fd = s->tree.record_fd;

	if (export_fd < 0)
		export_fd = own = open(p->export_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (record_fd < 0 && p->record_dir)
		record_fd = own_record = open(p->record_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (export_fd < 0 || (p->record_dir && record_fd < 0))
		return explain(why, -errno, "a folder is gone");
	return landlock_enter(p, export_fd, record_fd, why);
}

static int enter_undumpable(struct sandbox *s, char *why)
{
	(void)s;
	return confine_undumpable(why);
}

static int enter_filter(struct sandbox *s, char *why)
{
	uint32_t sets = s->plan->calls | 1u << CALLS_server;

	if (sandbox_hides_owners(s))
		sets |= 1u << CALLS_owners;
	return filter_enter(sets, 0, why);
}

/* In this order each can still do what it has to: mounts before capabilities, Landlock after mounts
 * and after no_new_privs, the filter last. */
static const struct {
	enum sandbox_layer layer;
	int (*enter)(struct sandbox *s, char *why);
} steps[] = {
	{LAYER_NET, enter_net},
	{LAYER_MOUNT, enter_tree},
	{LAYER_LIMITS, enter_limits},
	{LAYER_CAPABILITIES, enter_capabilities},
	{LAYER_NO_NEW_PRIVS, enter_no_new_privs},
	{LAYER_LANDLOCK, enter_landlock},
	{LAYER_UNDUMPABLE, enter_undumpable},
	{LAYER_SECCOMP, enter_filter},
};

int sandbox_seal(struct sandbox *s)
{
	int r = outside_sealed(s);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		char why[WHY_SIZE] = "";

		if (!is_open(s, steps[i].layer))
			continue;
		r = steps[i].enter(s, why);
		sandbox_note(s, steps[i].layer, r, why);
	}
	return 0;
}

/* The texts of the layers for which there is one, with SEPARATOR between. */
static char *join(const struct sandbox *s, bool holds)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	const char *separator = "";

	if (!f)
		return NULL;
	for (unsigned l = 0; l < N_LAYERS; l++) {
		const struct layer_state *state = &s->layers[l];

		if (state->state == LAYER_UNNEEDED || !is_wanted(s, l) ||
		    (state->state == LAYER_HOLDS) != holds)
			continue;
		fprintf(f, "%s%s", separator, layer_names[l]);
		if (!holds)
			fprintf(f, " (%s)", state->why);
		separator = ", ";
	}
	fclose(f);
	return out;
}

char *sandbox_describe(const struct sandbox *s)
{
	return join(s, true);
}

char *sandbox_missing(const struct sandbox *s)
{
	return join(s, false);
}

void sandbox_free(struct sandbox *s)
{
	if (!s)
		return;
	tree_done(&s->tree);
	if (s->outside_fd >= 0)
		close(s->outside_fd);
	free(s);
}
