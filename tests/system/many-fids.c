/* SPDX-License-Identifier: MIT */
/* What very many live fids cost a server: many-fids FOLDER COUNT...
 *
 * Fills FOLDER with files, 1000 in a folder, and walks to each; when so many fids live as a COUNT
 * says (ascending), prints a line of JSON: bytes and descriptors of the process, and the time that
 * the thread of the server takes for a walk to another file (with its Rwalk; without the clunk).
 * Client and server are one process, without a socket between them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "cleanup.h"
#include "fake-channel.h"
#include "local.h"
#include "server.h"

#define PER_FOLDER 1000u
#define N_PROBES 1000u /* walks that are timed: files of a folder that is not walked otherwise */
#define N_ROUNDS 5     /* the best of these counts: others use the machine, too */
#define FIRST_FID 16u
#define PROBE_DIR 2u
#define PROBE_FID 3u

static struct fake_channel *fc;

static void die(const char *what)
{
	fprintf(stderr, "many-fids: %s: %s\n", what, strerror(errno));
	exit(3);
}

static void call(const struct msg *m)
{
	const struct msg *reply;

	fake_channel_send(fc, m);
	reply = fake_channel_recv(fc);
	if (reply->type == m->type + 1)
		return;
	errno = reply->type == Rlerror ? (int)reply->Rlerror.ecode : EPROTO;
	die(msg_name(m->type));
}

static void walk(uint32_t fid, uint32_t newfid, const char *name)
{
	struct msg m = {.type = Twalk, .tag = 1};

	m.Twalk.fid = fid;
	m.Twalk.newfid = newfid;
	m.Twalk.wname.n = 1;
	m.Twalk.wname.at[0] = str_of(name, strlen(name));
	call(&m);
}

static void clunk(uint32_t fid)
{
	struct msg m = {.type = Tclunk, .tag = 1};

	m.Tclunk.fid = fid;
	call(&m);
}

static void connect_server(const struct handler *h)
{
	struct msg m = {.type = Tversion, .tag = P9_NOTAG};

	fc = fake_channel_new(h, &(struct fake_config){.room = 0});
	m.Tversion.msize = 65536;
	m.Tversion.version = str_of(P9_VERSION, strlen(P9_VERSION));
	call(&m);
	m = (struct msg){.type = Tattach, .tag = 1};
	m.Tattach.afid = P9_NOFID;
	m.Tattach.n_uname = P9_NONUNAME;
	call(&m);
}

/* A folder of N files; one that is there already stays. */
static void fill_folder(int top, const char *name, unsigned n)
{
	autoclose int dir = -1;
	char file[16];

	if (mkdirat(top, name, 0755) && errno != EEXIST)
		die(name);
	dir = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "f%u", i);
		if (mknodat(dir, file, S_IFREG | 0644, 0) && errno != EEXIST)
			die(file);
	}
}

/* Fids up to the number of N live. */
static void grow(int top, uint32_t from, uint32_t n)
{
	char name[16];

	for (uint32_t i = from; i < n; i++) {
		if (i % PER_FOLDER == 0) {
			snprintf(name, sizeof(name), "d%u", i / PER_FOLDER);
			fill_folder(top, name, PER_FOLDER);
			walk(0, 1, name);
		}
		snprintf(name, sizeof(name), "f%u", i % PER_FOLDER);
		walk(1, FIRST_FID + i, name);
		if (i % PER_FOLDER == PER_FOLDER - 1)
			clunk(1);
	}
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_walks(void)
{
	double best = 1e18;

	for (int round = 0; round < N_ROUNDS; round++) {
		double total = 0;

		for (unsigned i = 0; i < N_PROBES; i++) {
			char name[16];
			double start;

			snprintf(name, sizeof(name), "f%u", i);
			start = now_ns();
			walk(PROBE_DIR, PROBE_FID, name);
			total += now_ns() - start;
			clunk(PROBE_FID);
		}
		best = total < best ? total : best;
	}
	return best / N_PROBES;
}

static unsigned count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static long resident_kib(void)
{
	long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void run(const char *folder, char **counts)
{
	int top = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long before = resident_kib();
	uint32_t live = 0;

	if (top < 0)
		die(folder);
	fill_folder(top, "probe", N_PROBES);
	walk(0, PROBE_DIR, "probe");
	for (; *counts; counts++) {
		uint32_t n = (uint32_t)strtoul(*counts, NULL, 10);

		grow(top, live, n);
		live = n;
		printf("{\"fids\":%u,\"descriptors\":%u,\"bytes_per_fid\":%ld,"
		       "\"ns_per_walk\":%.0f}\n",
		       n, count_descriptors(), (resident_kib() - before) * 1024 / (long)n,
		       time_walks());
		fflush(stdout);
	}
	close(top);
}

int main(int argc, char **argv)
{
	struct local_config local = {0};
	struct server_config cfg = {.workers = 1, .budgets[BUDGET_FIDS].one = 2u << 20};
	struct server *server = NULL;
	int r;

	if (argc < 3) {
		fprintf(stderr, "usage: many-fids FOLDER COUNT...\n");
		return 2;
	}
	local.dir = argv[1];
	r = local_new(&local, &cfg.backend);
	if (!r)
		r = server_new(&cfg, &server);
	errno = -r;
	if (r)
		die(argv[1]);
	connect_server(server_handler(server));
	run(argv[1], argv + 2);
	fake_channel_free(fc);
	server_free(server);
	backend_free(cfg.backend);
	return 0;
}
