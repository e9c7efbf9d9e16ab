/* SPDX-License-Identifier: MIT */
#include "cmocka-all.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipes.h"

/* No two pipes that exist have the same. */
static ino_t id_of(const struct pipe *pipe)
{
	struct stat st;

	assert_int_equal(fstat(pipe->out, &st), 0);
	return st.st_ino;
}

static void fill(const struct pipe *pipe)
{
	assert_int_equal(write(pipe->in, "abc", 3), 3);
	assert_int_equal(pipe_holds(pipe), 3);
}

static void an_empty_pipe_is_used_again(void **state)
{
	struct pipes p;
	struct pipe *pipe;
	ino_t id;

	(void)state;
	pipes_init(&p, 2);
	pipe = pipes_get(&p, 100000);
	assert_non_null(pipe);
	id = id_of(pipe);
	pipes_put(&p, pipe);
	pipe = pipes_get(&p, 1);
	assert_int_equal(id_of(pipe), id);
	pipes_put(&p, pipe);
	pipes_done(&p);
}

static void what_is_left_in_a_pipe_goes_to_nobody(void **state)
{
	struct pipes p;
	struct pipe *pipe;
	int out;

	(void)state;
	pipes_init(&p, 1);
	pipe = pipes_get(&p, 1);
	assert_non_null(pipe);
	fill(pipe);
	out = dup(pipe->out);
	pipes_put(&p, pipe);
	/* nobody can write to it any more */
	assert_int_equal(read(out, &(char[8]){0}, 8), 3);
	assert_int_equal(read(out, &(char){0}, 1), 0);
	close(out);
	pipe = pipes_get(&p, 1);
	assert_non_null(pipe);
	assert_int_equal(pipe_holds(pipe), 0);
	pipes_put(&p, pipe);
	pipes_done(&p);
}

static void there_are_no_more_than_allowed(void **state)
{
	struct pipes p;
	struct pipe *pipe[2];

	(void)state;
	pipes_init(&p, 2);
	pipe[0] = pipes_get(&p, 1);
	pipe[1] = pipes_get(&p, 1);
	assert_non_null(pipe[0]);
	assert_non_null(pipe[1]);
	assert_null(pipes_get(&p, 1));
	pipes_put(&p, pipe[0]);
	pipe[0] = pipes_get(&p, 1);
	assert_non_null(pipe[0]);
	assert_null(pipes_get(&p, 1));
	fill(pipe[0]);
	pipes_put(&p, pipe[0]);
	pipe[0] = pipes_get(&p, 1);
	assert_non_null(pipe[0]);
	pipes_put(&p, pipe[0]);
	pipes_put(&p, pipe[1]);
	pipes_done(&p);
}

static void a_pipe_has_room_for_what_was_asked(void **state)
{
	static const size_t sizes[] = {1, 65536, 300000, 1 << 20, 70000};
	struct pipes p;

	(void)state;
	pipes_init(&p, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct pipe *pipe = pipes_get(&p, sizes[i]);

		assert_non_null(pipe);
		assert_true(fcntl(pipe->in, F_GETPIPE_SZ) >= (int)sizes[i]);
		pipes_put(&p, pipe);
	}
	/* no system gives as much */
	assert_null(pipes_get(&p, (size_t)1 << 31));
	pipes_done(&p);
}

static void a_system_without_descriptors_gives_none(void **state)
{
	struct rlimit old, none;
	struct pipes p;
	struct pipe *pipe;

	(void)state;
	pipes_init(&p, 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){3, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_null(pipes_get(&p, 1));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	pipe = pipes_get(&p, 1);
	assert_non_null(pipe);
	pipes_put(&p, pipe);
	pipes_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_pipe_is_used_again),
		cmocka_unit_test(what_is_left_in_a_pipe_goes_to_nobody),
		cmocka_unit_test(there_are_no_more_than_allowed),
		cmocka_unit_test(a_pipe_has_room_for_what_was_asked),
		cmocka_unit_test(a_system_without_descriptors_gives_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
