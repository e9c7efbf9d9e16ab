/* SPDX-License-Identifier: MIT */
#include "workers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* The next turn; NULL when it is time to end. */
static struct list *take_turn(struct workers *w)
{
	struct list *turn = NULL;

	pthread_mutex_lock(&w->lock);
	while (list_is_empty(&w->turns) && !w->stopping)
		pthread_cond_wait(&w->wake, &w->lock);
	if (!list_is_empty(&w->turns)) {
		turn = w->turns.next;
		list_del(turn);
	}
	pthread_mutex_unlock(&w->lock);
	return turn;
}

static void *run(void *arg)
{
	struct workers *w = arg;
	struct list *turn;

	while ((turn = take_turn(w)))
		w->serve(turn);
	return NULL;
}

void workers_init(struct workers *w, void (*serve)(struct list *turn))
{
	*w = (struct workers){.serve = serve};
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	list_init(&w->turns);
}

int workers_start(struct workers *w, unsigned n)
{
	sigset_t all, saved;

	w->threads = calloc(n, sizeof(*w->threads));
	if (!w->threads)
		return -ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	while (w->n < n && !pthread_create(&w->threads[w->n], NULL, run, w))
		w->n++;
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return w->n == n ? 0 : -EAGAIN;
}

void workers_done(struct workers *w)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->n; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w->threads);
}

void workers_add(struct workers *w, struct list *turn)
{
	pthread_mutex_lock(&w->lock);
	list_add_tail(&w->turns, turn);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}
