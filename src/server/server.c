/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core.h"
#include "protocol.h"
#include "session.h"

static void fill_defaults(struct server_config *cfg)
{
	if (!cfg->workers)
		cfg->workers = 4;
	if (!cfg->max_msize)
		cfg->max_msize = UINT32_MAX;
	for (unsigned b = 0; b < N_BUDGETS; b++) {
		struct budget_limits *l = &cfg->budgets[b];

		l->one = l->one ? l->one : budget_table[b].one;
		l->all = l->all ? l->all : budget_table[b].all;
	}
}

int server_new(const struct server_config *cfg, struct server **ret_s)
{
	struct server *s;
	int err;

	if (!cfg->backend || (cfg->max_msize && cfg->max_msize < P9_MIN_MSIZE))
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->handler = (struct handler){.ops = &session_ops, .self = s};
	s->cfg = *cfg;
	fill_defaults(&s->cfg);
	for (unsigned b = 0; b < N_BUDGETS; b++) {
		s->pools[b].max = s->cfg.budgets[b].all;
		s->pools[b].share = budget_table[b].share;
	}
	list_init(&s->sessions);
	pthread_mutex_init(&s->sessions_lock, NULL);
	meters_init(&s->meters);
	workers_init(&s->workers, session_serve);
	err = cfg->start_later ? 0 : server_start(s);
	if (err) {
		server_free(s);
		return err;
	}
	*ret_s = s;
	return 0;
}

int server_start(struct server *s)
{
	return workers_start(&s->workers, s->cfg.workers);
}

const struct handler *server_handler(struct server *s)
{
	return &s->handler;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	/* a session's last turn may still hold it */
	workers_done(&s->workers);
	assert(atomic_load(&s->n_sessions) == 0);
	meters_done(&s->meters);
	pthread_mutex_destroy(&s->sessions_lock);
	free(s);
}
