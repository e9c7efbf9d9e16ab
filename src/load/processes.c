/* SPDX-License-Identifier: MIT */
#include "processes.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "cleanup.h"

/* Adds the children of one thread. */
static unsigned add_children(pid_t pid, const char *tid, pid_t *pids, unsigned n)
{
	autofclose FILE *f = NULL;
	char path[64];
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children", (int)pid, tid);
	f = fopen(path, "re");
	while (f && n < PROCESSES_MAX && fscanf(f, "%d", &child) == 1)
		pids[n++] = child;
	return n;
}

unsigned processes_list(pid_t pid, pid_t pids[static PROCESSES_MAX])
{
	unsigned n = 1;

	pids[0] = pid;
	for (unsigned i = 0; i < n; i++) {
		autoclosedir DIR *d = NULL;
		const struct dirent *e;
		char path[32];

		snprintf(path, sizeof(path), "/proc/%d/task", (int)pids[i]);
		d = opendir(path);
		if (!d && !i)
			return 0;
		while (d && (e = readdir(d)))
			if (e->d_name[0] != '.')
				n = add_children(pids[i], e->d_name, pids, n);
	}
	return n;
}

static uint64_t cpu_ns(pid_t pid)
{
	clockid_t clock;

	return clock_getcpuclockid(pid, &clock) ? 0 : clock_read_ns(clock);
}

uint64_t processes_cpu_ns(pid_t pid)
{
	pid_t pids[PROCESSES_MAX];
	unsigned n = processes_list(pid, pids);
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += cpu_ns(pids[i]);
	return sum;
}
