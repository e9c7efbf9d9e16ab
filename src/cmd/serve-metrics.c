/* SPDX-License-Identifier: MIT */
/* What `warren serve` counts, and who is told: --stats, --metrics. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "local.h"
#include "logging.h"
#include "metrics.h"
#include "scrape-server.h"
#include "serve.h"
#include "server.h"

static uint64_t microseconds(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

/* #syscalls: getrusage */
static void measure_process(const struct serve_meter *s, struct metrics *m)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	m->value[METRIC_PEAK_RSS] = (uint64_t)u.ru_maxrss;
	m->value[METRIC_CPU_USER] = microseconds(u.ru_utime);
	m->value[METRIC_CPU_SYSTEM] = microseconds(u.ru_stime);
	m->value[METRIC_UPTIME] = (clock_now_ns() - s->start) / 1000;
}

static void measure_descriptors(const struct serve_meter *s, struct metrics *m)
{
	struct local_usage u;

	local_get_usage(s->local, &u);
	m->value[METRIC_NODE_FDS] = m->budget[METRIC_BUDGET_NODE_FDS].used = u.node_fds;
	m->value[METRIC_OPEN_FILES] = m->budget[METRIC_BUDGET_OPEN_FILES].used = u.open_files;
	m->budget[METRIC_BUDGET_NODE_FDS].limit = u.max_node_fds;
	m->budget[METRIC_BUDGET_OPEN_FILES].limit = u.max_open_files;
}

void serve_measure(const struct serve_meter *s, struct metrics *ret)
{
	server_get_metrics(s->server, ret);
	measure_process(s, ret);
	measure_descriptors(s, ret);
}

int serve_metrics_listen(const struct serve_options *o, struct scrape_server **ret)
{
	autofree char *reason = NULL;
	int r = o->metrics ? scrape_server_new(o->metrics, ret, &reason) : 0;

	if (r == -EINVAL || r == -ENAMETOOLONG || r == -ENOENT)
		return cmd_usage_error("serve", "--metrics %s", reason ? reason : strerror(-r));
	if (r) {
		log_error("--metrics %s", reason ? reason : strerror(-r));
		return EXIT_ENVIRONMENT;
	}
	if (*ret && scrape_server_is_public(*ret))
		log_warn("--metrics %s is open to other machines: who reaches it sees what this "
			 "server does, though no name of a file",
			 o->metrics);
	return 0;
}
