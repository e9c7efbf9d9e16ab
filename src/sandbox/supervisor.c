/* SPDX-License-Identifier: MIT */
/* The process that stays outside. It believes the server until that is sealed, and answers one
 * question afterwards; then it can do no more than that, either. */
#include "outside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "sandbox-impl.h"

/* To remove sockets from folders of others, and to end a server that became another user. */
#define KEPT_CAPABILITIES (1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER | 1ull << CAP_KILL)

struct leftover {
	char *path;
	uint64_t dev, ino;
};

struct supervisor {
	struct sandbox *sandbox;
	struct leftover sockets[SANDBOX_MAX_SOCKETS];
	unsigned n_sockets;
	bool is_sealed, is_over;
	int status, n_signals, last_signal;
};

union fd_message {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

/* #syscalls supervisor: recvmsg close */
static ssize_t receive(int from, struct outside_call *ret, int *ret_fd)
{
	struct iovec iov = {ret, sizeof(*ret)};
	union fd_message control;
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   /* no room for a second descriptor, which nobody would close */
			   .msg_controllen = CMSG_LEN(sizeof(int))};
	ssize_t n;

	*ret_fd = -1;
	memset(ret, 0, sizeof(*ret));
	do
		n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n > 0 && m.msg_controllen >= CMSG_LEN(sizeof(int)) &&
	    control.head.cmsg_level == SOL_SOCKET && control.head.cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(&control.head), sizeof(int));
	return n < 0 ? -errno : n;
}

/* #syscalls supervisor: sendmsg */
static int reply(int to, int r, const struct stat *st)
{
	struct outside_reply rep = {.error = r};
	struct iovec iov = {&rep, sizeof(rep)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (!r && st) {
		rep.uid = st->st_uid;
		rep.gid = st->st_gid;
	}
	/* A server that asks and does not listen is not waited for. */
	return sendmsg(to, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int supervisor_meet(struct sandbox *s, pid_t child)
{
	struct outside_call call;
	int fd, status;
	ssize_t n = receive(s->outside_fd, &call, &fd);

	if (fd >= 0)
		close(fd);
	if (n <= 0 || call.kind != OUTSIDE_STARTED || call.pid <= 0) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		return -EPROTO;
	}
	/* The server becomes our child when the one between is gone. */
	if (call.pid != child && waitpid(child, &status, 0) < 0)
		return -errno;
	s->server = call.pid;
	return reply(s->outside_fd, 0, NULL);
}

static void remember(struct supervisor *v, struct outside_call *call)
{
	struct leftover *l = &v->sockets[v->n_sockets];

	call->path[sizeof(call->path) - 1] = '\0';
	if (v->n_sockets == SANDBOX_MAX_SOCKETS || !(l->path = strdup(call->path)))
		return;
	l->dev = call->dev;
	l->ino = call->ino;
	v->n_sockets++;
}

/* What cannot be given up stays: the server has said already which layers the machine has. */
static void confine(struct supervisor *v)
{
	const uint32_t wanted = v->sandbox->plan->layers;
	char why[WHY_SIZE];

	if (wanted & 1u << LAYER_CAPABILITIES)
		confine_capabilities(KEPT_CAPABILITIES, why);
	if (wanted & 1u << LAYER_NO_NEW_PRIVS)
		confine_no_new_privs(why);
	if (wanted & 1u << LAYER_UNDUMPABLE)
		confine_undumpable(why);
	if (wanted & 1u << LAYER_SECCOMP)
		filter_enter(1u << CALLS_supervisor, v->sandbox->server, why);
	v->is_sealed = true;
}

/* #syscalls supervisor: newfstatat */
static void tell_owner(const struct supervisor *v, int fd)
{
	struct stat st;
	int r = fstatat(fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -errno : 0;

	reply(v->sandbox->outside_fd, r, &st);
}

/* False at the end of the talk. */
static bool serve_call(struct supervisor *v)
{
	autoclose int fd = -1;
	struct outside_call call;
	ssize_t n = receive(v->sandbox->outside_fd, &call, &fd);

	if (n <= 0)
		return false;
	if (v->is_sealed) {
		if (call.kind == OUTSIDE_OWNER && fd >= 0)
			tell_owner(v, fd);
		else
			reply(v->sandbox->outside_fd, -EPERM, NULL);
		return true;
	}
	if (call.kind == OUTSIDE_REMOVE) {
		remember(v, &call);
	} else if (call.kind == OUTSIDE_SEALED) {
		confine(v);
		reply(v->sandbox->outside_fd, 0, NULL);
	}
	return true;
}

/* #syscalls supervisor: wait4 */
static void reap(struct supervisor *v)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != v->sandbox->server)
			continue;
		v->is_over = true;
		v->status = status;
	}
}

/* #syscalls supervisor: read kill */
static void take_signal(struct supervisor *v, int signal_fd)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if ((int)info.ssi_signo == SIGCHLD) {
		reap(v);
		return;
	}
	v->last_signal = (int)info.ssi_signo;
	kill(v->sandbox->server, ++v->n_signals > 1 ? SIGKILL : v->last_signal);
}

/* #syscalls supervisor: unlink unlinkat newfstatat */
static void remove_leftovers(struct supervisor *v)
{
	for (unsigned i = 0; i < v->n_sockets; i++) {
		const struct leftover *l = &v->sockets[i];
		struct stat st;

		if (!lstat(l->path, &st) && st.st_dev == l->dev && st.st_ino == l->ino)
			unlink(l->path);
		free(l->path);
	}
}

/* #syscalls supervisor: poll ppoll */
static int watch(struct supervisor *v, int signal_fd)
{
	struct pollfd p[] = {{signal_fd, POLLIN, 0}, {v->sandbox->outside_fd, POLLIN, 0}};

	reap(v);
	while (!v->is_over) {
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (p[1].revents && !serve_call(v))
			p[1].fd = -1;
		if (p[0].revents)
			take_signal(v, signal_fd);
	}
	return 0;
}

/* The server's descriptors are its own, and so is the end of its peers. */
static void close_others(struct sandbox *s)
{
	int fd = fcntl(s->outside_fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return;
	if (fd > 3 && dup3(fd, 3, O_CLOEXEC) == 3)
		fd = 3;
	s->outside_fd = fd;
	if (fd == 3)
		close_range(4, ~0u, 0);
}

int sandbox_supervise(struct sandbox *s, int *ret_status, int *ret_signal)
{
	struct supervisor v = {.sandbox = s};
	autoclose int signal_fd = -1;
	sigset_t set;
	int r;

	close_others(s);
	sigprocmask(SIG_BLOCK, NULL, &set);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (signal_fd < 0)
		return -errno;
	r = watch(&v, signal_fd);
	remove_leftovers(&v);
	if (r)
		return r;
	*ret_status = v.status;
	*ret_signal = v.n_signals > 1 ? v.last_signal : 0;
	return 0;
}
