/* SPDX-License-Identifier: MIT */
/* Starting and ending guests of either kind; guest-read.c has what they say meanwhile. */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "guest-parts.h"
#include "keeper.h"
#include "kernel.h"
#include "spawn.h"
#include "text.h"

#define SILENCE_LIMIT_S 60

int guest_why(char **ret_why, int err, const char *fmt, ...)
{
	char *text;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	*ret_why = text;
	return err;
}

const char *guest_tag(const struct guest_config *cfg)
{
	return cfg->mount_tag ? cfg->mount_tag : GUEST_TAG;
}

unsigned guest_memory_mib(const struct guest_config *cfg)
{
	return cfg->memory_mib ? cfg->memory_mib : GUEST_MEMORY_MIB;
}

int guest_write_file(const char *dir, const char *name, const void *data, size_t n)
{
	autofree char *path = NULL;
	autoclose int fd = -1;
	const char *at = data;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	while (n) {
		ssize_t done = write(fd, at, n);

		if (done < 0)
			return -errno;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

int guest_link(const char *dir, const char *name, const char *path)
{
	autofree char *link = NULL, *target = NULL, *cwd = NULL;

	if (asprintf(&link, "%s/%s", dir, name) < 0) {
		link = NULL;
		return -ENOMEM;
	}
	if (*path != '/' && !(cwd = getcwd(NULL, 0)))
		return -errno;
	if (asprintf(&target, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", path) < 0) {
		target = NULL;
		return -ENOMEM;
	}
	return symlink(target, link) ? -errno : 0;
}

static int set_words(const char *source, char *options, char **ret_source, char **ret_options)
{
	char *copy = options ? strdup(source) : NULL;

	if (!copy) {
		free(options);
		return -ENOMEM;
	}
	*ret_source = copy;
	*ret_options = options;
	return 0;
}

int guest_mount_words(const struct guest_config *cfg, char **ret_source, char **ret_options)
{
	char *options;

	switch (cfg->share) {
	case SHARE_VHOST_USER:
	case SHARE_QEMU_9PFS:
		options = strdup("trans=virtio,version=9p2000.L");
		return set_words(guest_tag(cfg), options, ret_source, ret_options);
	case SHARE_TCP:
		if (asprintf(&options, "trans=tcp,port=%u,version=9p2000.L", cfg->port) < 0)
			return -ENOMEM;
		return set_words(GUEST_HOST_ADDRESS, options, ret_source, ret_options);
	}
	return -EINVAL;
}

char *guest_job_parts(const struct guest_config *cfg, const char *place, const char *terminal)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	if (cfg->terminal)
		fprintf(f, "terminal %s\n", terminal);
	if (cfg->dmesg)
		fprintf(f, "dmesg %sdmesg\n", place);
	if (cfg->trace) {
		fprintf(f, "trace %strace", place);
		for (size_t i = 0; cfg->trace[i]; i++) {
			fputc(' ', f);
			text_put(f, cfg->trace[i], strlen(cfg->trace[i]));
		}
		fputc('\n', f);
	}
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* Kernel command lines and QEMU's options take it without quoting, and a socket's name fits. */
static bool is_plain(const char *base)
{
	return base && *base == '/' && strlen(base) < 60 && !base[strcspn(base, " \t\n,:=\"'\\")];
}

static int make_state_folder(struct state_folder *ret_f, char **ret_why)
{
	const char *candidates[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
		if (!is_plain(candidates[i]))
			continue;
		r = state_folder_make(candidates[i], ret_f);
		if (!r)
			return 0;
	}
	return guest_why(ret_why, r, "cannot make a state folder in /tmp: %s", strerror(-r));
}

/* Where guests of other starts, with another environment perhaps, may have left something. */
static void sweep_all(void)
{
	const char *bases[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp", "/dev/shm"};

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
		if (bases[i])
			state_folder_sweep(bases[i]);
}

static int open_in(const struct guest *g, const char *name, int flags)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", g->state.path, name);
	return open(path, flags | O_CREAT | O_CLOEXEC, 0600);
}

/* Without inotify (its limits are small on some systems) guest_read looks every so often. */
static void watch_file(struct guest *g, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", g->state.path, name);
	if (g->inotify >= 0 && inotify_add_watch(g->inotify, path, IN_MODIFY) < 0)
		close(steal_fd(&g->inotify));
}

static int open_files(struct guest *g, bool has_share_log, char **ret_why)
{
	g->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	/* Written to free what was read. */
	g->report = open_in(g, "report", O_RDWR);
	g->console = open_in(g, "console", O_RDONLY);
	if (g->interrupt < 0 || g->report < 0 || g->console < 0)
		return guest_why(ret_why, -errno, "cannot open files in %s: %s", g->state.path,
				 strerror(errno));
	if (has_share_log)
		g->share_log = open_in(g, GUEST_SHARE_LOG, O_WRONLY);
	watch_file(g, "report");
	watch_file(g, "console");
	return 0;
}

static const char *share_name(enum share_kind share)
{
	static const char *const names[] = {
		[SHARE_VHOST_USER] = "vhost-user", [SHARE_TCP] = "tcp", [SHARE_QEMU_9PFS] = "qemu"};

	return names[share];
}

static void print_manifest(FILE *f, const struct launch *l, pid_t pid)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(f, "guest %s\nkernel %s\nrelease %s\nshare %s\nowner %d\npid %d\nstarted %lld\n",
		l->cfg->kind == GUEST_UML ? "uml" : "qemu", l->cfg->kernel->name,
		l->cfg->kernel->release, share_name(l->cfg->share), (int)getpid(), (int)pid,
		(long long)now.tv_sec);
	if (l->memory.path)
		fprintf(f, "memory %s\n", l->memory.path);
	if (l->gdb)
		fprintf(f, "gdb %s\n", l->gdb);
	for (char **word = l->argv; *word; word++)
		fprintf(f, "word %s\n", *word);
}

/* What guest-list.h says, whole or not at all: others read it. */
static int write_manifest(const struct launch *l, pid_t pid)
{
	autofree char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	char from[256], to[256];
	int r;

	if (!f)
		return -ENOMEM;
	print_manifest(f, l, pid);
	if (fclose(f))
		return -ENOMEM;
	snprintf(from, sizeof(from), "%s/manifest.new", l->dir);
	snprintf(to, sizeof(to), "%s/manifest", l->dir);
	r = guest_write_file(l->dir, "manifest.new", text, n);
	return r ? r : rename(from, to) ? -errno : 0;
}

/* A socket is enough: the tty is in the guest. */
static int make_terminal(struct guest *g, int *ret_theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	g->terminal = fds[0];
	*ret_theirs = fds[1];
	return 0;
}

static int start_keeper(struct guest *g, const struct launch *l, char **ret_why)
{
	autoclose int log = open_in(g, "console", O_WRONLY | O_APPEND), input = -1;
	struct keeper_plan plan = {
		.argv = (const char *const *)l->argv,
		.env = l->env ? (const char *const *)l->env : (const char *const *)environ,
		.log = log,
		.cpu = l->cfg->cpu,
		.own_pids = l->own_pids,
		.read_only = l->read_only,
		.no_randomize = l->no_randomize,
		.stopped = l->stopped,
		.folders = {g->state.path, g->memory.path, l->cfg->folder},
		.locks = {g->state.lock, g->memory.lock, -1},
	};
	int r = log < 0 ? -errno : 0;

	if (!r && l->cfg->terminal)
		r = make_terminal(g, &input);
	plan.input = input;
	g->started_ns = g->last_sign_ns = clock_now_ns();
	if (!r)
		r = keeper_start(&plan, &g->keeper);
	if (!r) {
		g->program = keeper_program(&g->keeper);
		r = write_manifest(l, g->program);
	}
	return r ? guest_why(ret_why, r, "cannot start %s: %s", l->argv[0], strerror(-r)) : 0;
}

static int launch(struct guest *g, const struct guest_config *cfg, char **ret_why)
{
	struct launch l = {.cfg = cfg, .memory = STATE_FOLDER_INIT};
	int r;

	sweep_all();
	r = make_state_folder(&g->state, ret_why);
	if (r)
		return r;
	l.dir = g->state.path;
	r = cfg->kind == GUEST_UML ? uml_prepare(&l, ret_why) : qemu_prepare(&l, ret_why);
	g->memory = l.memory;
	g->has_kvm = l.has_kvm;
	g->is_qemu = cfg->kind == GUEST_QEMU;
	g->is_read_only = l.read_only;
	if (!r)
		r = open_files(g, cfg->share_log && cfg->share == SHARE_QEMU_9PFS, ret_why);
	if (!r)
		r = start_keeper(g, &l, ret_why);
	strv_free(l.argv);
	strv_free(l.env);
	free(l.gdb);
	return r;
}

int guest_start(const struct guest_config *cfg, struct guest **ret_g, char **ret_why)
{
	struct guest *g = malloc(sizeof(*g));
	int r;

	*ret_why = NULL;
	if (!g)
		return -ENOMEM;
	*g = (struct guest){.state = STATE_FOLDER_INIT,
			    .memory = STATE_FOLDER_INIT,
			    .keeper = CHILD_INIT,
			    .report = -1,
			    .console = -1,
			    .share_log = -1,
			    .inotify = -1,
			    .terminal = -1,
			    .interrupt = -1};
	g->silence_ns = NS_PER_SEC *
			(cfg->silence_limit_s ? cfg->silence_limit_s : SILENCE_LIMIT_S);
	r = launch(g, cfg, ret_why);
	if (r) {
		guest_free(g);
		return r;
	}
	*ret_g = g;
	return 0;
}

const char *guest_state_dir(const struct guest *g)
{
	return g->state.path;
}

int guest_terminal(const struct guest *g)
{
	return g->terminal;
}

double guest_boot_seconds(const struct guest *g)
{
	return g->boot_seconds;
}

bool guest_is_confined(const struct guest *g)
{
	return g->is_qemu || (g->is_read_only && keeper_has_own_mounts(&g->keeper));
}

bool guest_has_share_log(const struct guest *g)
{
	return g->share_log >= 0 && !g->is_share_log_lost;
}

bool guest_has_kvm(const struct guest *g)
{
	return g->has_kvm;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void guest_free(struct guest *g)
{
	if (!g)
		return;
	keeper_end(&g->keeper);
	close_fd(g->report);
	close_fd(g->console);
	close_fd(g->share_log);
	close_fd(g->inotify);
	close_fd(g->terminal);
	close_fd(g->interrupt);
	state_folder_done(&g->memory);
	state_folder_done(&g->state);
	free(g);
}
