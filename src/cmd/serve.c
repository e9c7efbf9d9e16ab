/* SPDX-License-Identifier: MIT */
/* warren serve: a folder, shared with whoever connects. */
#include "serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "backend.h"
#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "fault.h"
#include "identity.h"
#include "listen.h"
#include "local.h"
#include "logging.h"
#include "loop.h"
#include "macros.h"
#include "metrics.h"
#include "pin.h"
#include "sandbox.h"
#include "scrape-server.h"
#include "server.h"
#include "vhost-user.h"

#define LEAST_FOR_PEERS (16u << 20) /* more than one peer can hold */

/* All that a running server consists of. */
struct service {
	struct serve_options *o;
	struct loop *loop;
	struct backend *backend;
	struct server *server;
	struct serve_recording *recording;
	struct sandbox *sandbox; /* NULL: none */
	struct serve_damage *damage;
	struct serve_meter meter;
	struct scrape_server *scrape; /* NULL: not asked for */
	bool passthrough;
	int n_alive; /* endpoints to which peers may still come */
};

static struct loop *loop_to_stop;
static bool is_supervised;

static const int ending_signals[] = {SIGTERM, SIGINT, SIGHUP};

static void set_handler(void (*handler)(int sig))
{
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		signal(ending_signals[i], handler);
}

/* The first signal ends the loop, the second one the process. A supervisor sees to the second one:
 * one that went to all processes of a terminal comes here twice, for the supervisor passes it on. */
static void on_signal(int sig)
{
	(void)sig;
	if (!is_supervised)
		set_handler(SIG_DFL);
	loop_stop(loop_to_stop);
}

static void catch_signals(struct loop *l, const struct sandbox *sb)
{
	sigset_t set;

	loop_to_stop = l;
	is_supervised = sb && sandbox_is_supervised(sb);
	set_handler(on_signal);
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaddset(&set, ending_signals[i]);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* The mode of a new file is the client's; each open file of a client is a descriptor. */
static void prepare_process(const struct serve_options *o)
{
	struct rlimit limit;

	umask(0);
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		if (o->max_descriptors)
			limit.rlim_max = MIN(limit.rlim_max, o->max_descriptors);
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int pin(int cpu)
{
	int r = pin_to_cpu(cpu);

	if (!r)
		return 0;
	log_error("--cpu %d: %s: give one that 'nproc' and 'taskset -p $$' allow", cpu,
		  strerror(-r));
	return EXIT_ENVIRONMENT;
}

static int ask_owner(void *sandbox, int fd, uint32_t *ret_uid, uint32_t *ret_gid)
{
	return sandbox_ask_owner(sandbox, fd, ret_uid, ret_gid);
}

static bool has_group(void *gids, uint32_t gid)
{
	return id_map_has_host(gids, gid);
}

static int open_folder(struct service *s)
{
	struct local_config cfg = {
		.dir = s->o->dir,
		.allow_devices = s->o->allow_devices,
		.passthrough = s->o->identity.model == IDENTITY_PASSTHROUGH,
		.has_group = has_group,
		.group_arg = &s->o->identity.ids.gids,
	};
	int r;

	s->passthrough = cfg.passthrough;
	if (s->sandbox) {
		cfg.dir_fd = MAX(sandbox_export_fd(s->sandbox), 0);
		cfg.proc_fd = MAX(sandbox_proc_fd(s->sandbox), 0);
		cfg.ask_owner = sandbox_hides_owners(s->sandbox) ? ask_owner : NULL;
		cfg.ask_arg = s->sandbox;
	}
	r = local_new(&cfg, &s->backend);
	s->meter.local = s->backend;
	if (!r)
		return 0;
	log_error("the folder '%s' cannot be served: %s", s->o->dir, strerror(-r));
	return EXIT_ENVIRONMENT;
}

/* On top of each other, the first one lowest. */
static int add_faults(struct service *s)
{
	for (size_t i = 0; i < s->o->n_faults; i++) {
		autofree char *reason = NULL;

		if (fault_new(s->backend, s->o->faults[i], &s->backend, &reason))
			return cmd_usage_error("serve", "--fault %s: %s", s->o->faults[i],
					       reason ? reason : strerror(ENOMEM));
	}
	if (s->o->n_faults)
		log_warn("--fault: clients will get damaged files");
	return 0;
}

static void guard_acted(void *ctx, enum guard g, const char *what)
{
	(void)ctx;
	log_warn("guard %s: %s (--guard no-%s switches it off)", guard_table[g].name, what,
		 guard_table[g].name);
}

static int start_server(struct service *s)
{
	struct server_config cfg = {
		.backend = s->backend,
		.workers = s->o->workers,
		.max_msize = s->o->msize,
		.iounit = s->o->iounit,
		.guards = s->o->guards,
		.guard_acted = guard_acted,
		.start_later = true,
		.latencies = s->o->metrics != NULL,
	};
	int r;

	serve_default_budget(&s->o->budget);
	memcpy(cfg.budgets, s->o->budget.limits, sizeof(cfg.budgets));
	r = serve_record_start(s->o, s->sandbox, &cfg, &s->recording);

	if (!r)
		r = serve_damage_start(s->o, &cfg, &s->damage);
	if (r)
		return r;
	r = loop_new(&s->loop);
	if (!r)
		r = server_new(&cfg, &s->server);
	if (r) {
		log_error("cannot start: %s", strerror(-r));
		return EXIT_ENVIRONMENT;
	}
	s->meter.server = s->server;
	s->meter.start = clock_now_ns();
	return 0;
}

/* On the loop's thread or a worker: the only peer of an endpoint is gone. */
static void endpoint_ended(void *arg)
{
	struct service *s = arg;

	if (__atomic_sub_fetch(&s->n_alive, 1, __ATOMIC_ACQ_REL) == 0)
		loop_stop(s->loop);
}

/* A quarter of the memory is for what peers let it hold, whichever address they came to. */
static size_t memory_of_peers(const struct serve_options *o)
{
	return MAX(serve_memory(o) / 4 / o->n_endpoints, LEAST_FOR_PEERS);
}

/* Who waits is not told, for a place may become free. */
static void endpoint_full(void *arg, const struct listener *ls, int reason)
{
	(void)arg;
	if (reason == EUSERS)
		log_warn("%s: as many peers are connected as may be, others wait until some leave "
			 "(for more: --budget peers=N, up to half of --max-descriptors)",
			 listener_address(ls));
	else
		log_warn("%s: peers have to wait: %s", listener_address(ls), strerror(reason));
}

static int open_listener(struct service *s, struct endpoint *e, char **ret_why)
{
	const struct handler *h = server_handler(s->server);
	int r = listener_new(s->loop, e->text, h, &e->listener, ret_why);

	if (r)
		return r;
	listener_on_end(e->listener, endpoint_ended, s);
	listener_limit_memory(e->listener, memory_of_peers(s->o));
	listener_on_full(e->listener, endpoint_full, s);
	if (!s->o->no_splice)
		listener_use_pipes(e->listener, serve_pipes(s->o->n_endpoints));
	if (s->o->budget.max_peers)
		listener_limit_peers(e->listener, s->o->budget.max_peers);
	if (listener_is_public(e->listener))
		log_warn("%s is open to other machines, and 9P asks for no password: who reaches "
			 "it has all of '%s'",
			 e->text, s->o->dir);
	e->address = strdup(listener_address(e->listener));
	return e->address ? 0 : -ENOMEM;
}

static int open_vhost_user(struct service *s, struct endpoint *e, char **ret_why)
{
	struct vhost_user_config cfg = {
		.socket_path = e->kind == ENDPOINT_SOCKET_PATH ? e->text : NULL,
		.fd = e->fd,
		.tag = s->o->tag,
	};
	int r = vhost_user_new(s->loop, &cfg, server_handler(s->server), &e->vhost_user, ret_why);

	if (r)
		return r;
	vhost_user_on_end(e->vhost_user, endpoint_ended, s);
	r = e->kind == ENDPOINT_FD ? asprintf(&e->address, "vhost-user:fd:%d", e->fd)
				   : asprintf(&e->address, "vhost-user:%s", e->text);
	if (r < 0)
		e->address = NULL;
	return r < 0 ? -ENOMEM : 0;
}

static int open_endpoint(struct service *s, struct endpoint *e)
{
	autofree char *reason = NULL;
	int r = e->kind == ENDPOINT_LISTEN ? open_listener(s, e, &reason)
					   : open_vhost_user(s, e, &reason);

	switch (-r) {
	case 0:
		s->n_alive++;
		return 0;
	case EINVAL:
	case ENAMETOOLONG:
	case ENOENT:
	case EBADF:
	case ENOTSOCK:
	case EPROTOTYPE:
		return cmd_usage_error("serve", "%s", reason ? reason : strerror(-r));
	default:
		log_error("%s", reason ? reason : strerror(-r));
		return EXIT_ENVIRONMENT;
	}
}

static int open_endpoints(struct service *s)
{
	int r = 0;

	for (size_t i = 0; i < s->o->n_endpoints && !r; i++)
		r = open_endpoint(s, &s->o->endpoints[i]);
	return r;
}

static int say_ready(const struct serve_options *o)
{
	if (o->ready_fd < 0)
		return 0;
	if (dprintf(o->ready_fd, "ready %s\n", o->endpoints[0].address) < 0) {
		log_error("--ready-fd %d: %s: pass an open descriptor", o->ready_fd,
			  strerror(errno));
		return EXIT_ENVIRONMENT;
	}
	/* 0 to 2 stay, for they must not become something else. */
	if (o->ready_fd > 2)
		close(o->ready_fd);
	return 0;
}

static void measure(void *ctx, struct metrics *ret)
{
	serve_measure(ctx, ret);
}

static int start_threads(struct service *s)
{
	int r = server_start(s->server);

	if (!r)
		r = serve_record_go(s->recording);
	if (!r && s->scrape)
		r = scrape_server_start(s->scrape, measure, &s->meter);
	if (!r)
		return 0;
	log_error("cannot start threads: %s", strerror(-r));
	return EXIT_ENVIRONMENT;
}

static int run(struct service *s)
{
	int r = open_folder(s);

	if (!r)
		r = serve_stack_identity(&s->o->identity, &s->backend);
	if (!r)
		r = add_faults(s);
	if (!r)
		r = start_server(s);
	if (r)
		return r;
	catch_signals(s->loop, s->sandbox);
	r = open_endpoints(s);
	if (!r)
		r = serve_metrics_listen(s->o, &s->scrape);
	if (!r)
		r = serve_seal(s->o, s->sandbox);
	if (!r)
		r = start_threads(s);
	if (r)
		return r;
	if (!s->o->quiet)
		serve_print_guide(s->o, s->scrape ? scrape_server_address(s->scrape) : NULL);
	r = say_ready(s->o);
	if (r)
		return r;
	r = loop_run(s->loop);
	if (r)
		log_error("waiting for peers: %s", strerror(-r));
	return r ? EXIT_ENVIRONMENT : EXIT_OK;
}

static void print_stats(struct service *s)
{
	struct metrics m;

	serve_measure(&s->meter, &m);
	metrics_put_json(stderr, &m);
}

static void end(struct service *s)
{
	/* this thread may still be the user of its last request */
	if (s->passthrough)
		identity_become_ourselves();
	for (size_t i = 0; i < s->o->n_endpoints; i++) {
		listener_free(s->o->endpoints[i].listener);
		if (s->o->endpoints[i].vhost_user)
			vhost_user_free(s->o->endpoints[i].vhost_user);
		free(s->o->endpoints[i].address);
	}
	scrape_server_free(s->scrape);
	if (s->server && s->o->stats)
		print_stats(s);
	server_free(s->server);
	serve_damage_end(s->damage);
	serve_record_end(s->recording);
	backend_free(s->backend);
	/* The handler of signals may still run: the loop goes last. */
	set_handler(is_supervised ? SIG_IGN : SIG_DFL);
	loop_free(s->loop);
	sandbox_free(s->sandbox);
}

int cmd_serve(int argc, char **argv)
{
	struct serve_options o;
	struct service s = {.o = &o};
	int status;

	if (serve_parse(argc, argv, &o, &status))
		return status;
	log_set_level(o.verbose ? LOG_LEVEL_DEBUG : o.quiet ? LOG_LEVEL_WARN : LOG_LEVEL_INFO);
	prepare_process(&o);
	status = pin(o.cpu);
	if (status)
		return status;
	if (serve_split(&o, &s.sandbox, &status))
		return status;
	status = run(&s);
	end(&s);
	return status;
}
