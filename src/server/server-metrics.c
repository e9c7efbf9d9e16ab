/* SPDX-License-Identifier: MIT */
/* What the server has counted, and what its sessions hold now. */
#include "core.h"
#include "macros.h"
#include "metrics.h"
#include "session.h"

/* Of budgets that each session has, the most that one uses. */
static void raise_used(struct metrics *m, enum metric_budget b, uint64_t used)
{
	m->budget[b].used = MAX(m->budget[b].used, used);
}

static void add_session(struct session *s, struct metrics *m)
{
	uint64_t fids, in_flight;

	pthread_mutex_lock(&s->fids.lock);
	fids = s->fids.n;
	pthread_mutex_unlock(&s->fids.lock);
	m->value[METRIC_FIDS] += fids;
	raise_used(m, METRIC_BUDGET_FIDS, fids);
	raise_used(m, METRIC_BUDGET_XATTR_BYTES, atomic_load(&s->xattr_bytes.used));

	pthread_mutex_lock(&s->lock);
	in_flight = atomic_load(&s->n_in_flight);
	m->value[METRIC_IN_FLIGHT] += in_flight;
	m->value[METRIC_QUEUED] += s->n_queued;
	m->value[METRIC_RUNNING] += s->n_running;
	raise_used(m, METRIC_BUDGET_REQUESTS, in_flight);
	raise_used(m, METRIC_BUDGET_REQUEST_BYTES, s->bytes_in_flight);
	pthread_mutex_unlock(&s->lock);
}

static void set_limits(const struct server_config *cfg, struct metrics *m)
{
	m->budget[METRIC_BUDGET_FIDS].limit = cfg->budgets[BUDGET_FIDS].one;
	m->budget[METRIC_BUDGET_REQUESTS].limit = cfg->budgets[BUDGET_REQUESTS].one;
	m->budget[METRIC_BUDGET_REQUEST_BYTES].limit = cfg->budgets[BUDGET_REQUEST_BYTES].one;
	m->budget[METRIC_BUDGET_XATTR_BYTES].limit = cfg->budgets[BUDGET_XATTR_BYTES].one;
}

_Static_assert(N_GUARDS <= METRIC_MAX_GUARDS, "all guards are told of");

static void add_guards(struct server *s, struct metrics *m)
{
	m->n_guards = N_GUARDS;
	for (unsigned g = 0; g < N_GUARDS; g++) {
		snprintf(m->guard[g].name, METRIC_GUARD_NAME, "%s", guard_table[g].name);
		m->guard[g].acted = atomic_load(&s->guard_counts[g]);
	}
}

void server_get_metrics(struct server *s, struct metrics *ret)
{
	*ret = (struct metrics){.value[METRIC_WORKERS] = s->cfg.workers};
	meters_read(&s->meters, ret);
	pthread_mutex_lock(&s->sessions_lock);
	list_for_each (l, &s->sessions) {
		add_session(list_entry(l, struct session, of_server), ret);
		ret->value[METRIC_CONNECTIONS]++;
	}
	pthread_mutex_unlock(&s->sessions_lock);
	ret->value[METRIC_SESSIONS] = atomic_load(&s->last_session);
	set_limits(&s->cfg, ret);
	add_guards(s, ret);
}
