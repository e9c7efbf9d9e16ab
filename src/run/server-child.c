/* SPDX-License-Identifier: MIT */
#include "server-child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"

#define READY_TIMEOUT_MS 30000
#define LEAVE_TIMEOUT_MS 2000
#define LINE_MAX_BYTES 4096

static int push_settings(char ***argv, const struct server_settings *s)
{
	int r = 0;

	if (s->iounit)
		r = strv_pushf(argv, "--iounit=%u", s->iounit);
	if (!r && s->guard)
		r = strv_pushf(argv, "--guard=%s", s->guard);
	if (!r && s->identity)
		r = strv_pushf(argv, "--identity=%s", s->identity);
	for (const char *const *fault = s->faults; !r && fault && *fault; fault++)
		r = strv_pushf(argv, "--fault=%s", *fault);
	for (const char *const *fault = s->transport_faults; !r && fault && *fault; fault++)
		r = strv_pushf(argv, "--transport-fault=%s", *fault);
	if (!r && s->recording)
		r = strv_pushf(argv, "--record=%s", s->recording);
	if (!r && s->recording && s->recording_mib)
		r = strv_pushf(argv, "--record-size=%u", s->recording_mib);
	return r;
}

static int make_words(const struct server_child_config *cfg, char ***ret_argv)
{
	char **argv = NULL;
	int r = strv_push(&argv, cfg->warren);

	r = r ? r : strv_push(&argv, "serve");
	/* Its last line; the verdict has it. */
	r = r ? r : strv_push(&argv, "--stats");
	r = r ? r : strv_push(&argv, "--quiet");
	if (cfg->cpu)
		r = r ? r : strv_pushf(&argv, "--cpu=%u", cfg->cpu - 1);
	r = r ? r : push_settings(&argv, &cfg->settings);
	if (cfg->socket_path)
		r = r ? r : strv_pushf(&argv, "--socket-path=%s", cfg->socket_path);
	else
		r = r ? r : strv_push(&argv, "--listen=tcp:127.0.0.1:0");
	r = r ? r : strv_push(&argv, cfg->dir); /* absolute: no option */
	if (r)
		strv_free(argv);
	else
		*ret_argv = argv;
	return r;
}

/* "ready ADDRESS\n"; an address of TCP ends with the port. */
static int wait_until_ready(int fd, uint16_t *ret_port)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char line[512];
	size_t n = 0;

	while (n < sizeof(line) - 1 && !memchr(line, '\n', n)) {
		ssize_t got;

		if (poll(&p, 1, READY_TIMEOUT_MS) == 0)
			return -ETIMEDOUT;
		got = read(fd, line + n, sizeof(line) - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EPIPE;
		n += (size_t)got;
	}
	line[n] = '\0';
	if (strncmp(line, "ready ", 6) != 0)
		return -EPROTO;
	if (strrchr(line, ':'))
		*ret_port = (uint16_t)strtoul(strrchr(line, ':') + 1, NULL, 10);
	return 0;
}

static int spawn_server(char **argv, int ready_fd, int log_fd, struct child *ret_c)
{
	struct spawn s = SPAWN_INIT;

	s.argv = (const char *const *)argv;
	s.fds[1] = s.fds[2] = log_fd;
	s.keep = &ready_fd;
	s.n_keep = 1;
	return spawn_start(&s, ret_c);
}

/* Starts ARGV, with " --ready-fd=N" added, and waits until peers may come. */
static int start_and_wait(char ***argv, int log_fd, struct child *ret_c, uint16_t *ret_port)
{
	autoclose int ready = -1;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	ready = fds[0];
	r = strv_pushf(argv, "--ready-fd=%d", fds[1]);
	if (!r)
		r = spawn_server(*argv, fds[1], log_fd, ret_c);
	close(fds[1]);
	return r ? r : wait_until_ready(ready, ret_port);
}

/* Between the guest and the server: what it records is of no interest. */
static int start_proxy(const struct server_child_config *cfg, struct server_child *s, int log_fd)
{
	const char *const *fault = cfg->settings.proxy_faults;
	char **argv = NULL;
	int r;

	if (!fault || cfg->socket_path)
		return 0;
	r = strv_push(&argv, cfg->warren);
	r = r ? r : strv_push(&argv, "trace");
	r = r ? r : strv_push(&argv, "record");
	r = r ? r : strv_push(&argv, "--quiet");
	r = r ? r : strv_push(&argv, "--listen=tcp:127.0.0.1:0");
	r = r ? r : strv_pushf(&argv, "--connect=tcp:127.0.0.1:%u", s->port);
	r = r ? r : strv_pushf(&argv, "--record=%s.proxy", s->log);
	for (; !r && *fault; fault++)
		r = strv_pushf(&argv, "--fault=%s", *fault);
	r = r ? r : start_and_wait(&argv, log_fd, &s->proxy, &s->port);
	strv_free(argv);
	return r;
}

static int start_all(const struct server_child_config *cfg, struct server_child *s)
{
	autoclose int log_fd = open(cfg->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char **argv = NULL;
	int r;

	if (!s->log || log_fd < 0)
		return s->log ? -errno : -ENOMEM;
	r = make_words(cfg, &argv);
	r = r ? r : start_and_wait(&argv, log_fd, &s->child, &s->port);
	strv_free(argv);
	return r ? r : start_proxy(cfg, s, log_fd);
}

int server_child_start(const struct server_child_config *cfg, struct server_child *ret_s,
		       char **ret_why)
{
	struct server_child s = {.child = CHILD_INIT, .proxy = CHILD_INIT, .log = strdup(cfg->log)};
	int r = start_all(cfg, &s);

	if (r) {
		autofree char *line = s.log ? server_child_last_line(&s) : NULL;

		if (asprintf(ret_why, "the server did not start: %s",
			     r == -EPIPE && line && *line ? line : strerror(-r)) < 0)
			*ret_why = NULL;
		server_child_done(&s);
		return r;
	}
	*ret_s = s;
	return 0;
}

char *server_child_last_line(const struct server_child *s)
{
	char buf[LINE_MAX_BYTES + 1];
	autoclose int fd = open(s->log, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n = fd < 0 ? 0 : pread(fd, buf, LINE_MAX_BYTES, MAX(size - LINE_MAX_BYTES, 0));
	char *line;

	n = n < 0 ? 0 : n;
	while (n && strchr("\n ", buf[n - 1]))
		n--;
	buf[n] = '\0';
	line = strrchr(buf, '\n');
	return strdup(line ? line + 1 : buf);
}

void server_child_stop(struct server_child *s)
{
	int status;

	if (s->child.pid && !child_kill(&s->child, SIGTERM))
		child_wait(&s->child, LEAVE_TIMEOUT_MS, &status);
}

void server_child_done(struct server_child *s)
{
	server_child_stop(s);
	child_done(&s->child);
	child_done(&s->proxy);
	free(s->log);
	s->log = NULL;
}
