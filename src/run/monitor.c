/* SPDX-License-Identifier: MIT */
#include "monitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "guest.h"
#include "manifest.h"

static bool has_reason(const struct monitor *m)
{
	return m->signal || m->is_server_gone;
}

static void interrupt_locked(struct monitor *m)
{
	if (m->guest)
		guest_interrupt(m->guest);
	if (m->manifest)
		manifest_cancel(m->manifest);
}

static void *run_thread(void *ctx)
{
	struct monitor *m = ctx;
	struct pollfd p[] = {{.fd = m->signals, .events = POLLIN},
			     {.fd = m->stop, .events = POLLIN},
			     {.fd = m->server, .events = POLLIN}};

	while (!p[1].revents && !has_reason(m)) {
		struct signalfd_siginfo info;

		if (poll(p, 3, -1) < 0)
			continue;
		if (p[0].revents && read(m->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
			m->signal = (int)info.ssi_signo;
		if (p[2].revents)
			m->is_server_gone = true;
		pthread_mutex_lock(&m->lock);
		if (has_reason(m))
			interrupt_locked(m);
		pthread_mutex_unlock(&m->lock);
	}
	return NULL;
}

static sigset_t taken_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	return set;
}

void monitor_block_signals(void)
{
	sigset_t set = taken_signals();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int monitor_start(struct monitor *m, int server_pidfd)
{
	sigset_t set = taken_signals();
	int r;

	*m = (struct monitor){
		.signals = signalfd(-1, &set, SFD_CLOEXEC),
		.stop = eventfd(0, EFD_CLOEXEC),
		.server = server_pidfd,
	};
	pthread_mutex_init(&m->lock, NULL);
	r = m->signals < 0 || m->stop < 0 ? -errno
					  : -pthread_create(&m->thread, NULL, run_thread, m);
	if (r) {
		close(m->signals);
		close(m->stop);
	}
	return r;
}

void monitor_set(struct monitor *m, struct guest *g, struct manifest *manifest)
{
	pthread_mutex_lock(&m->lock);
	m->guest = g;
	m->manifest = manifest;
	if (has_reason(m))
		interrupt_locked(m);
	pthread_mutex_unlock(&m->lock);
}

void monitor_stop(struct monitor *m)
{
	uint64_t one = 1;

	(void)!write(m->stop, &one, sizeof(one));
	pthread_join(m->thread, NULL);
	close(m->signals);
	close(m->stop);
	pthread_mutex_destroy(&m->lock);
}
