/* SPDX-License-Identifier: MIT */
#include "steps.h"

#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "hooks.h"
#include "macros.h"

#define MAX_CHOICES 256
#define MAX_ORDERS 1000

enum state { FREE, STOPPED, BLOCKED, ENDED };

/* A thread that is led. The lock is for all of this; the test's own calls are exempt of hooks. */
static struct actor {
	enum state state;
	bool go;
} actors[STEPS_MAX_ACTORS];
static unsigned n_actors;
static bool leading;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static _Thread_local struct actor *me;
static _Thread_local unsigned depth;
static _Thread_local unsigned round_of_me;
static unsigned this_round;

/* At each choice: which of how many was taken. */
static struct {
	unsigned taken, of;
} choices[MAX_CHOICES];
static unsigned n_choices, at_choice, max_switches, n_orders;

static void stop(enum state s)
{
	bool exempt = hooks_exempt;

	hooks_exempt = true;
	pthread_mutex_lock(&lock);
	if (leading) {
		if (!me || round_of_me != this_round) {
			assert(n_actors < STEPS_MAX_ACTORS);
			me = &actors[n_actors++];
			round_of_me = this_round;
		}
		me->state = s;
		pthread_cond_broadcast(&changed);
		while (!me->go && leading)
			pthread_cond_wait(&changed, &lock);
		me->go = false;
		me->state = FREE;
	}
	pthread_mutex_unlock(&lock);
	hooks_exempt = exempt;
}

static int before(const char *name, int err)
{
	static const char *const names[] = {
		"openat64",	     "syscall",		  "statx",   "renameat",
		"renameat2",	     "unlinkat",	  "linkat",  "mkdirat",
		"name_to_handle_at", "open_by_handle_at", "fstat64", "readlinkat",
	};

	(void)err;
	for (size_t i = 0; depth && i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i], name))
			stop(STOPPED);
	}
	return 0;
}

static int take_mutex(pthread_mutex_t *m)
{
	bool is_led = depth > 0;

	hooks_exempt = true;
	if (!is_led)
		pthread_mutex_lock(m);
	while (is_led && pthread_mutex_trylock(m))
		stop(BLOCKED);
	hooks_exempt = false;
	return 0;
}

void steps_enter(void)
{
	if (!hooks_exempt && !depth++)
		stop(STOPPED);
}

void steps_leave(void)
{
	if (!hooks_exempt)
		depth--;
}

void steps_start(void)
{
	pthread_mutex_lock(&lock);
	memset(actors, 0, sizeof(actors));
	n_actors = 0;
	this_round++;
	at_choice = 0;
	leading = true;
	pthread_mutex_unlock(&lock);
}

static unsigned count_stopped_locked(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_actors; i++)
		n += actors[i].state == STOPPED || actors[i].state == BLOCKED;
	return n;
}

/* The choice that is next in the order; 0 where the order is not laid down yet. */
static unsigned choose(unsigned of)
{
	assert(at_choice < MAX_CHOICES);
	if (at_choice == n_choices)
		choices[n_choices++].taken = 0;
	/* The same choices lead to the same ones, but for what the backend remembers for a time. */
	choices[at_choice].of = of;
	choices[at_choice].taken = MIN(choices[at_choice].taken, of - 1);
	return choices[at_choice++].taken;
}

/* The actor to go on: the last one first, then the others, if there may be a switch. */
static struct actor *choose_actor(struct actor *last, const bool *is_stuck, unsigned *switches)
{
	struct actor *can[STEPS_MAX_ACTORS];
	unsigned n = 0, k;
	bool goes_on = last && last->state == STOPPED;

	if (goes_on)
		can[n++] = last;
	for (unsigned i = 0; i < n_actors && (!goes_on || *switches < max_switches); i++) {
		bool ready = actors[i].state == STOPPED ||
			     (actors[i].state == BLOCKED && !is_stuck[i]);

		if (ready && !(goes_on && &actors[i] == last))
			can[n++] = &actors[i];
	}
	if (!n)
		return NULL;
	k = choose(n);
	*switches += goes_on && k > 0;
	return can[k];
}

/* Waits on `changed` for a moment, for the requests' ends are nobody's signal; aborts long after
 * START. */
static void wait_moment(const struct timespec *start)
{
	struct timespec soon;

	clock_gettime(CLOCK_REALTIME, &soon);
	assert(soon.tv_sec < start->tv_sec + 60);
	soon.tv_nsec += 200000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&changed, &lock, &soon);
}

/* Until all that were sent have stopped or ended; how many have ended. */
static unsigned settle_locked(unsigned sent, unsigned (*ended)(void *arg), void *arg)
{
	struct timespec start;
	unsigned n;

	clock_gettime(CLOCK_REALTIME, &start);
	while (count_stopped_locked() + (n = ended(arg)) < sent)
		wait_moment(&start);
	return n;
}

void steps_wait(unsigned sent, unsigned (*ended)(void *arg), void *arg)
{
	pthread_mutex_lock(&lock);
	(void)settle_locked(sent, ended, arg);
	pthread_mutex_unlock(&lock);
}

bool steps_run(unsigned sent, unsigned (*ended)(void *arg), void *arg)
{
	bool is_stuck[STEPS_MAX_ACTORS] = {false};
	struct actor *a = NULL;
	unsigned switches = 0;
	bool all;

	pthread_mutex_lock(&lock);
	while (!(all = settle_locked(sent, ended, arg) == sent)) {
		if (a && a->state == BLOCKED)
			is_stuck[a - actors] = true;
		else
			memset(is_stuck, 0, sizeof(is_stuck));
		a = choose_actor(a, is_stuck, &switches);
		if (!a)
			break;
		a->state = FREE;
		a->go = true;
		pthread_cond_broadcast(&changed);
	}
	leading = false;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return all;
}

void steps_init(void)
{
	hooks_exempt = true;
	hooks_before = before;
	hooks_lock = take_mutex;
}

void steps_reset(unsigned switches)
{
	n_choices = 0;
	n_orders = 1;
	max_switches = switches;
}

bool steps_next(void)
{
	/* the last choice that has an alternative; what came behind it is not known */
	n_choices = at_choice;
	while (n_choices && choices[n_choices - 1].taken + 1 == choices[n_choices - 1].of)
		n_choices--;
	if (!n_choices)
		return false;
	choices[n_choices - 1].taken++;
	return n_orders++ < MAX_ORDERS;
}
