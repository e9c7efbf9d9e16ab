/* SPDX-License-Identifier: MIT */
/* The conversation with a guest that keeps to no rules: what it says is a line of its report, its terminal
 * our other end of a socket. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmocka-all.h"
#include "guest-parts.h"
#include "lockstep.h"

static const char *const caches[] = {"readahead", NULL};
static const size_t which[] = {0, 1};

struct rig {
	struct scenarios_plan plan;
	struct scenarios_result result;
	struct lockstep k;
	struct guest guest;
	struct place places[2];
	char dir[32];
	int far; /* the guest's end */
	unsigned cells;
};

static void on_cell(void *ctx, const struct cell *c)
{
	struct rig *r = ctx;

	(void)c;
	r->cells++;
}

static const struct scenarios_listener listener = {.cell = on_cell};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	strcpy(r->dir, "/tmp/test-lockstep-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	r->far = fds[1];
	r->guest.terminal = fds[0];
	r->plan = (struct scenarios_plan){
		.caches = caches, .which = which, .n_which = 2, .msize = 8192, .limit_s = 1};
	r->places[1].scenario = 1;
	r->k = (struct lockstep){
		.plan = &r->plan,
		.l = &listener,
		.ctx = r,
		.result = &r->result,
		.places = r->places,
		.n = 2,
		.phase = PHASE_OVER,
		.stage = {.guest = &r->guest, .source = (char *)"s", .options = (char *)"o"},
		.dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;
	char command[64];

	lockstep_skip(&r->k, "it is over"); /* and its world is gone */
	free(r->k.stage.why);
	scenarios_result_done(&r->result);
	close(r->k.dir_fd);
	close(r->guest.terminal);
	close(r->far);
	snprintf(command, sizeof(command), "rm -r %s", r->dir);
	assert_int_equal(system(command), 0);
	free(r);
	return 0;
}

/* The guest says LINE; what it is told for that begins with STATEMENT. */
static void says(struct rig *r, const char *line, const char *statement)
{
	char got[2048];
	ssize_t n;

	assert_int_equal(lockstep_take(&r->k, line), 0);
	n = recv(r->far, got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	got[n] = '\0';
	if (strncmp(got, statement, strlen(statement)) != 0)
		fail_msg("'%s' is not '%s'", got, statement);
}

static void up_to_the_first_step(struct rig *r)
{
	assert_int_equal(lockstep_take(&r->k, "warren-probe 1 6.12.0 x86_64"), 0);
	says(r, "listening", "mount s \"o,cache=readahead,msize=8192\"\n");
	says(r, "done mount", "hand 1\n");
	says(r, "done hand", "step 1 ");
}

static void a_process_that_does_not_go_is_worth_a_boot(void **state)
{
	struct rig *r = *state;

	up_to_the_first_step(r);
	says(r, "saw 1 died", "hand 1\n");
	assert_int_equal(r->cells, 1);
	assert_int_equal(lockstep_take(&r->k, "failed hand EBUSY busy"), -ECANCELED);
	assert_true(r->k.wants_boot);
	lockstep_end(&r->k);
	assert_int_equal(r->result.end, RUN_DONE);
}

/* Else there would be no end of boots. */
static void but_not_in_a_boot_that_has_done_nothing(void **state)
{
	struct rig *r = *state;

	assert_int_equal(lockstep_take(&r->k, "warren-probe 1 6.12.0 x86_64"), 0);
	says(r, "listening", "mount ");
	says(r, "done mount", "hand 1\n");
	assert_int_equal(lockstep_take(&r->k, "failed hand EBUSY \"\\x1b[2J\""), -ECANCELED);
	assert_false(r->k.wants_boot);
	lockstep_end(&r->k);
	assert_int_equal(r->result.end, RUN_FAILED);
	assert_string_equal(r->result.why, "the guest's hand failed: EBUSY (\\x1b[2J)");
}

static void a_signal_ends_more_than_the_boot(void **state)
{
	struct rig *r = *state;

	up_to_the_first_step(r);
	assert_int_equal(lockstep_take(&r->k, "saw 1 stuck stays"), -ECANCELED);
	assert_true(r->k.wants_boot);
	r->k.stage.has_monitor = true;
	r->k.stage.monitor.signal = SIGINT;
	lockstep_end(&r->k);
	assert_int_equal(r->result.end, RUN_INTERRUPTED);
	assert_int_equal(r->result.signal, SIGINT);
}

static void it_listens_once(void **state)
{
	struct rig *r = *state;

	up_to_the_first_step(r);
	assert_int_equal(lockstep_take(&r->k, "listening"), -EINVAL);
	assert_int_equal(r->k.phase, PHASE_STEP);
}

static void who_does_not_read_is_not_waited_for(void **state)
{
	struct rig *r = *state;
	char bytes[4096] = {0};

	while (send(r->guest.terminal, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(lockstep_take(&r->k, "warren-probe 1 6.12.0 x86_64"), 0);
	assert_int_equal(lockstep_take(&r->k, "listening"), -ECANCELED);
	assert_int_equal(r->k.stage.end, RUN_FAILED);
	assert_non_null(strstr(r->k.stage.why, "does not listen"));
}

/* It was another one when the cell was chosen. */
static void a_kernel_that_greets_as_an_older_one_has_no_rules(void **state)
{
	struct rig *r = *state;

	assert_int_equal(lockstep_take(&r->k, "warren-probe 1 6.12.0 x86_64"), 0);
	says(r, "listening", "mount ");
	says(r, "done mount", "hand 1\n");
	assert_int_equal(lockstep_take(&r->k, "warren-probe 1 6.0 x86_64"), 0);
	assert_int_equal(lockstep_take(&r->k, "done hand"), -EINVAL);
	assert_null(r->k.world);
}

static void a_kernel_is_named_in_printable_letters(void **state)
{
	struct rig *r = *state;

	assert_int_equal(lockstep_take(&r->k, "warren-probe 1 \"6.12\\x1b[2J\" x86_64"), 0);
	assert_string_equal(r->result.release, "6.12\\x1b[2J");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_process_that_does_not_go_is_worth_a_boot),
		TEST(but_not_in_a_boot_that_has_done_nothing),
		TEST(a_signal_ends_more_than_the_boot),
		TEST(it_listens_once),
		TEST(who_does_not_read_is_not_waited_for),
		TEST(a_kernel_that_greets_as_an_older_one_has_no_rules),
		TEST(a_kernel_is_named_in_printable_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
