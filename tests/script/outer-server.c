/* SPDX-License-Identifier: MIT */
#include "outer-server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

#define TIMEOUT_MS 60000
#define MAX_FDS 8

bool outer_can(const struct server_config *cfg)
{
	for (unsigned b = 0; b < N_BUDGETS; b++)
		if (cfg->budgets[b].one || cfg->budgets[b].all)
			return false;
	return true;
}

static int add_words(char ***argv, const char *command)
{
	autofree char *words = strdup(command);
	char *rest = NULL;
	int r = words ? 0 : -ENOMEM;

	for (char *w = r ? NULL : strtok_r(words, " ", &rest); w && !r;
	     w = strtok_r(NULL, " ", &rest))
		r = strv_push(argv, w);
	return r;
}

static int make_words(const char *command, const struct server_config *cfg, const char *folder,
		      const int *fds, unsigned n, int ready, char ***argv)
{
	int r = add_words(argv, command);

	r = r ? r : strv_push(argv, "serve");
	r = r ? r : strv_push(argv, "--quiet");
	r = r ? r : strv_pushf(argv, "--ready-fd=%d", ready);
	for (unsigned i = 0; i < n; i++)
		r = r ? r : strv_pushf(argv, "--listen=fd:%d", fds[i]);
	if (cfg->workers)
		r = r ? r : strv_pushf(argv, "--workers=%u", cfg->workers);
	if (cfg->max_msize)
		r = r ? r : strv_pushf(argv, "--msize=%u", cfg->max_msize);
	if (cfg->iounit)
		r = r ? r : strv_pushf(argv, "--iounit=%u", cfg->iounit);
	r = r ? r : strv_push(argv, "--guard=none");
	return r ? r : strv_push(argv, folder);
}

int outer_start(const char *command, const struct server_config *cfg, const char *folder,
		const int *fds, unsigned n, struct outer_server *ret)
{
	struct spawn s = SPAWN_INIT;
	int keep[MAX_FDS + 1], ready[2], r;
	char **argv = NULL, byte;

	if (pipe2(ready, O_CLOEXEC))
		return -errno;
	r = make_words(command, cfg, folder, fds, n, ready[1], &argv);
	memcpy(keep, fds, n * sizeof(*fds));
	keep[n] = ready[1];
	s.argv = (const char *const *)argv;
	s.keep = keep;
	s.n_keep = n + 1;
	if (!r)
		r = spawn_start(&s, &ret->child);
	strv_free(argv);
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
	close(ready[1]);
	if (!r && read(ready[0], &byte, 1) != 1)
		r = -ECHILD;
	close(ready[0]);
	return r;
}

int outer_end(struct outer_server *s)
{
	int status;

	if (child_wait(&s->child, TIMEOUT_MS, &status))
		status = -1;
	child_done(&s->child);
	return status;
}
