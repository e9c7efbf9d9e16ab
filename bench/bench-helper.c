/* SPDX-License-Identifier: MIT */
/* What bench/share and tools/bench time, on the host and in a guest.
 *
 *	bench-helper OPERATION NAME ...	a row of file-ops.c; prints OPERATION NAME SECONDS
 *	bench-helper drop		empties the caches of this kernel, in a guest
 *	bench-helper off		ends a guest
 *	bench-helper send|send-memory|preadv FILE SIZE SECONDS random|sequential SERVER-CPU CLIENT-CPU DEPTH
 *				a limit, see limits.h, as a JSON object; a CPU of -1 is any
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "cleanup.h"
#include "file-ops.h"
#include "limits.h"
#include "slurp.h"

static int fail(const char *what)
{
	fprintf(stderr, "bench-helper: %s: %s\n", what, strerror(errno));
	return 1;
}

static int drop_caches(void)
{
	autoclose int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	sync();
	return fd < 0 || write(fd, "3", 1) != 1 ? fail("drop_caches") : 0;
}

/* Never the host. */
static bool is_guest(void)
{
	autofree char *cpu = NULL;

	return !slurp("/proc/cpuinfo", 1 << 20, &cpu, NULL) && strstr(cpu, "User Mode Linux");
}

static int power_off(void)
{
	if (!is_guest()) {
		fprintf(stderr, "bench-helper: off: this is no User Mode Linux\n");
		return 2;
	}
	sync();
	return reboot(RB_POWER_OFF) ? fail("off") : 0;
}

static int measure_limit(char **words)
{
	const struct limit l = {
		.path = words[1],
		.size = (uint32_t)strtoul(words[2], NULL, 10),
		.seconds = strtod(words[3], NULL),
		.random = !strcmp(words[4], "random"),
		.from_memory = !strcmp(words[0], "send-memory"),
		.server_cpu = atoi(words[5]),
		.client_cpu = atoi(words[6]),
		.depth = (unsigned)strtoul(words[7], NULL, 10),
	};
	struct limit_result r;
	int err = !l.size ? -EINVAL
			  : (strcmp(words[0], "preadv") ? limit_send : limit_preadv)(&l, &r);

	if (err) {
		errno = -err;
		return fail(words[0]);
	}
	printf("{\"per_second\": %.1f, \"bytes_per_second\": %.1f, \"server_cpu_us\": %.3f, "
	       "\"cpu_us\": %.3f}\n",
	       (double)r.calls / r.seconds, (double)r.bytes / r.seconds, r.server_cpu_us, r.cpu_us);
	return 0;
}

int main(int argc, char **argv)
{
	int r = argc > 1 ? file_op_run(argv + 1, argc - 1) : -1;

	if (r >= 0)
		return r;
	if (argc == 2 && !strcmp(argv[1], "drop"))
		return drop_caches();
	if (argc == 2 && !strcmp(argv[1], "off"))
		return power_off();
	if (argc == 9 && (!strncmp(argv[1], "send", 4) || !strcmp(argv[1], "preadv")))
		return measure_limit(argv + 1);
	fprintf(stderr,
		"usage: bench-helper drop | off | send|send-memory|preadv FILE SIZE SECONDS "
		"random|sequential SERVER-CPU CLIENT-CPU DEPTH\n");
	file_op_usage();
	return 2;
}
