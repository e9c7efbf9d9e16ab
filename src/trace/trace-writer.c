/* SPDX-License-Identifier: MIT */
#include "trace-writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "macros.h"
#include "trace-file.h"

/* Bytes that may wait for the disk. */
#define MAX_WAITING (64u << 20)
/* After that a block goes to the disk as it is. */
#define MAX_AGE_NS (100 * NS_PER_MS)

struct trace_writer {
	struct trace_file *file; /* the thread's */
	void (*failed)(void *arg, const char *what);
	void *arg;
	bool keep_data;
	uint64_t max_waiting;
	pthread_t thread;
	bool has_thread;

	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;
	struct trace_block *open; /* NULL: none yet */
	struct trace_block *full, **last_full, *spare;
	size_t waiting;	 /* bytes in FULL */
	uint64_t opened; /* clock_now_ns at OPEN's first record */
	uint64_t next_number, lost_since;
	bool is_idle; /* the thread waits without a limit */
	bool is_stopping, has_failed;
	struct trace_writer_stats stats;
};

static void free_blocks(struct trace_block *b)
{
	while (b) {
		struct trace_block *next = b->next;

		free(b->bytes);
		free(b);
		b = next;
	}
}

static struct trace_block *take_spare_locked(struct trace_writer *w)
{
	struct trace_block *b = w->spare;

	if (b)
		w->spare = b->next;
	else
		b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->next = NULL;
	b->head = (struct trace_block_head){.number = w->next_number++};
	b->n_texts = 0;
	b->len = TRACE_BLOCK_HEAD_SIZE;
	return b;
}

/* OPEN goes to the thread. */
static void seal_locked(struct trace_writer *w)
{
	struct trace_block *b = steal_ptr(&w->open);

	if (!b)
		return;
	*w->last_full = b;
	w->last_full = &b->next;
	w->waiting += b->len;
}

static bool open_block_locked(struct trace_writer *w)
{
	if (w->open)
		return true;
	w->open = take_spare_locked(w);
	w->opened = clock_now_ns();
	return w->open;
}

/* Names of files are in a recording anyhow: a listing is kept as it is, so that it tells which it lacks. */
static bool has_data(const struct trace_writer *w, const struct trace_record *r)
{
	return w->keep_data || (r->kind == TRACE_REPLY && r->head_len > 4 &&
				((const uint8_t *)r->head)[4] == Rreaddir);
}

static void append_locked(struct trace_writer *w, const struct trace_record *r,
			  const uint8_t *digests)
{
	if (!open_block_locked(w) || trace_encode(w->open, r, has_data(w, r), digests)) {
		w->lost_since++;
		return;
	}
	w->stats.records++;
	if (w->open->len >= TRACE_BLOCK_SIZE)
		seal_locked(w);
	if (w->full || w->is_idle) {
		w->is_idle = false;
		pthread_cond_signal(&w->wake);
	}
}

/* Before the next record that is kept. */
static void tell_lost_locked(struct trace_writer *w, uint64_t time)
{
	const struct trace_record r = {
		.kind = TRACE_LOST, .time = time, .peer.p = "", .lost = w->lost_since};

	w->stats.lost += w->lost_since;
	w->lost_since = 0;
	append_locked(w, &r, NULL);
}

void trace_write(struct trace_writer *w, const struct trace_record *r)
{
	uint8_t on_stack[8 * 300];
	size_t n = 8u * (size_t)trace_n_digests(r->grid, r->payload_len);
	autofree uint8_t *big = n > sizeof(on_stack) ? malloc(n) : NULL;
	uint8_t *digests = big ? big : on_stack;
	bool fits = n <= sizeof(on_stack) || big;

	if (!has_data(w, r) && fits && r->payload_len)
		trace_digest_parts(r->iov, r->n_iov, r->grid, r->payload_len, digests);
	pthread_mutex_lock(&w->lock);
	if (w->has_failed || w->waiting >= w->max_waiting || !fits) {
		w->lost_since++;
	} else {
		if (w->lost_since)
			tell_lost_locked(w, r->time);
		append_locked(w, r, digests);
	}
	pthread_mutex_unlock(&w->lock);
}

static struct timespec after(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_SEC),
				 .tv_nsec = (long)(ns % NS_PER_SEC)};
}

/* What is to be written now; NULL at the end. Waits for it. */
static struct trace_block *take_full_locked(struct trace_writer *w)
{
	struct trace_block *all;

	while (!w->full && !w->is_stopping) {
		struct timespec until = after(w->opened + MAX_AGE_NS);

		w->is_idle = !w->open;
		if (w->is_idle)
			pthread_cond_wait(&w->wake, &w->lock);
		else if (clock_now_ns() >= w->opened + MAX_AGE_NS)
			seal_locked(w);
		else
			pthread_cond_timedwait(&w->wake, &w->lock, &until);
	}
	if (w->is_stopping)
		seal_locked(w);
	all = steal_ptr(&w->full);
	w->last_full = &w->full;
	return all;
}

static void give_back_locked(struct trace_writer *w, struct trace_block *b)
{
	w->waiting -= b->len;
	b->next = w->spare;
	w->spare = b;
}

/* False after a failure, which is told once. */
static void write_block(struct trace_writer *w, struct trace_block *b)
{
	int err;

	if (w->has_failed) /* only this thread sets it */
		return;
	err = trace_file_append(w->file, b);
	if (!err)
		return;
	if (w->failed)
		w->failed(w->arg, strerror(-err));
	pthread_mutex_lock(&w->lock);
	w->has_failed = true;
	pthread_mutex_unlock(&w->lock);
}

static void *run(void *arg)
{
	struct trace_writer *w = arg;
	struct trace_block *all;

	pthread_mutex_lock(&w->lock);
	while ((all = take_full_locked(w))) {
		while (all) {
			struct trace_block *b = all;

			all = b->next;
			pthread_mutex_unlock(&w->lock);
			write_block(w, b);
			pthread_mutex_lock(&w->lock);
			give_back_locked(w, b);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Signals are the other threads' affair. */
int trace_writer_start(struct trace_writer *w)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->has_thread = !err;
	return -err;
}

int trace_writer_new(const struct trace_writer_config *cfg, struct trace_writer **ret_w,
		     char **ret_why)
{
	autofree struct trace_writer *w = calloc(1, sizeof(*w));
	pthread_condattr_t clock;
	int err;

	if (!w)
		return -ENOMEM;
	err = trace_file_new(cfg, &w->file, ret_why);
	if (err)
		return err;
	w->keep_data = cfg->keep_data;
	w->max_waiting = cfg->max_waiting ? cfg->max_waiting : MAX_WAITING;
	w->failed = cfg->failed;
	w->arg = cfg->arg;
	w->last_full = &w->full;
	w->next_number = 1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &clock);
	pthread_condattr_destroy(&clock);
	err = cfg->start_later ? 0 : trace_writer_start(w);
	if (err) {
		trace_file_close(w->file);
		return err;
	}
	*ret_w = steal_ptr(&w);
	return 0;
}

void trace_writer_get_stats(struct trace_writer *w, struct trace_writer_stats *ret)
{
	pthread_mutex_lock(&w->lock);
	*ret = w->stats;
	ret->lost += w->lost_since;
	pthread_mutex_unlock(&w->lock);
	ret->bytes = trace_file_bytes(w->file);
}

int trace_writer_free(struct trace_writer *w)
{
	int err;

	if (!w)
		return 0;
	pthread_mutex_lock(&w->lock);
	if (w->lost_since && !w->has_failed)
		tell_lost_locked(w, clock_now_ns());
	w->is_stopping = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	err = trace_file_close(w->file);
	free_blocks(w->open);
	free_blocks(w->full);
	free_blocks(w->spare);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
	free(w);
	return err;
}
