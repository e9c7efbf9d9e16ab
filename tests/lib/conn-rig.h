/* SPDX-License-Identifier: MIT */
/* One connection in a loop of its own thread, a handler that answers as the message's type says, and
 * the client at the other end. Everything here asserts by cmocka. */
#ifndef TESTS_CONN_RIG_H
#define TESTS_CONN_RIG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct frame;
struct loop;

enum order {
	READ = 116,  /* as DATA when the gate is opened; it looks like Tread */
	ECHO = 200,  /* the message is its reply */
	ECHO_LATER,  /* the same, from a worker */
	HOLD,	     /* the same, when the gate is opened */
	DATA,	     /* body count[4]: header and as many bytes of payload */
	DATA_LATER,  /* the same, from a worker */
	LESS_DATA,   /* payload is asked for, all but one byte of it unused */
	LONG_HEAD,   /* body count[4]: the same as DATA, without payload */
	DROP,	     /* no reply */
	SHUTDOWN,    /* ECHO, and the end of the connection */
	PEEK,	     /* ECHO, and `n_peeked` is what the client could have received before */
	SMALL_MSIZE, /* ECHO, and msize is 64 from then on */
};

#define HEADER 7

/* What the test of the moment has, and how far it is; the counts change under `lock`, each change is
 * told to `changed`. */
struct conn_rig {
	struct loop *loop;
	int client; /* -1 once the test closed it */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned n_opened, n_closed, n_released, n_received, n_held;
	ssize_t n_peeked;
};
extern struct conn_rig rig;

/* For cmocka_unit_test_setup_teardown. */
int conn_rig_setup(void **state);
int conn_rig_teardown(void **state);
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, conn_rig_setup, conn_rig_teardown)

#define RIG_WAIT_UNTIL(condition)                                   \
	do {                                                        \
		pthread_mutex_lock(&rig.lock);                      \
		while (!(condition))                                \
			pthread_cond_wait(&rig.changed, &rig.lock); \
		pthread_mutex_unlock(&rig.lock);                    \
	} while (0)

/* Whether workers answer what they hold. */
void rig_set_gate(bool open);

/* The one frame that is held; the caller answers it, on any thread. */
struct frame *rig_take_held(void);
void rig_answer(struct frame *f);

void rig_put_u32(uint8_t *p, uint32_t v);

/* Writes a message of SIZE bytes, its body of a pattern that TAG tells; returns SIZE. */
size_t rig_make(uint8_t *m, enum order order, uint16_t tag, uint32_t size);

void rig_send(const void *p, size_t n);

/* rig_make and rig_send; the second with the body count[4]. */
void rig_order(enum order what, uint16_t tag, uint32_t size);
void rig_order_data(enum order what, uint16_t tag, uint32_t count);

/* The next reply; its body is checked. */
struct rig_reply {
	uint32_t size;
	uint16_t tag;
	enum order order;
};
struct rig_reply rig_get(void);

void rig_expect(enum order what, uint16_t tag, uint32_t size);

/* The server ends the connection. */
void rig_expect_end(void);

#endif
