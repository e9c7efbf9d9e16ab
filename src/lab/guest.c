/* SPDX-License-Identifier: MIT */
/* Theory of operation
 *
 * A guest is a keeper (keeper.h) with UML or QEMU below it, and a state folder. All that the guest
 * tells us goes to two files in that folder, "report" and "console": they hold every byte that was
 * written before a crash, and nobody has to keep up with them. guest_read follows the report file;
 * inotify says when either has grown, the keeper's pidfd that nothing more will come.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "guest-parts.h"
#include "keeper.h"
#include "kernel.h"
#include "spawn.h"

#define SILENCE_LIMIT_S 60
#define CONSOLE_LIMIT (4L << 20)
#define CONSOLE_TAIL 4096
#define PUNCH_STEP (1L << 20)

struct guest {
	struct state_folder state, memory;
	struct child keeper;
	int report, console; /* the two files, for reading */
	int inotify;	     /* one of them has grown */
	int interrupt;	     /* eventfd, readable for ever after guest_interrupt */
	off_t report_at;     /* read so far */
	off_t punched;	     /* freed so far: the report does not pile up on the disk */
	off_t console_size;
	uint64_t started_ns, last_sign_ns, silence_ns;
	double boot_seconds;
	bool is_gone; /* known before the last look at the report */
	bool has_kvm;
	int ended; /* why we ended it: what guest_read returns from then on; 0 if we did not */
	char tail[CONSOLE_TAIL + 1];
};

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

static int open_files(struct guest *g, char **ret_why)
{
	g->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	/* Written to free what was read. */
	g->report = open_in(g, "report", O_RDWR);
	g->console = open_in(g, "console", O_RDONLY);
	if (g->interrupt < 0 || g->report < 0 || g->console < 0)
		return guest_why(ret_why, -errno, "cannot open files in %s: %s", g->state.path,
				 strerror(errno));
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

/* For a person who looks into the folder, and for gdb sessions. */
static int write_manifest(const struct launch *l)
{
	autofree char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct timespec now;

	if (!f)
		return -ENOMEM;
	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(f, "guest %s\nkernel %s\nrelease %s\nshare %s\nowner %d\nstarted %lld\n",
		l->cfg->kind == GUEST_UML ? "uml" : "qemu", l->cfg->kernel->name,
		l->cfg->kernel->release, share_name(l->cfg->share), (int)getpid(),
		(long long)now.tv_sec);
	if (l->memory.path)
		fprintf(f, "memory %s\n", l->memory.path);
	for (char **word = l->argv; *word; word++)
		fprintf(f, "word %s\n", *word);
	if (fclose(f))
		return -ENOMEM;
	return guest_write_file(l->dir, "manifest", text, n);
}

static int start_keeper(struct guest *g, const struct launch *l, char **ret_why)
{
	autoclose int log = open_in(g, "console", O_WRONLY | O_APPEND);
	struct keeper_plan plan = {
		.argv = (const char *const *)l->argv,
		.env = l->env ? (const char *const *)l->env : (const char *const *)environ,
		.log = log,
		.cpu = l->cfg->cpu,
		.own_pids = l->own_pids,
		.no_randomize = l->no_randomize,
		.folders = {g->state.path, g->memory.path, l->cfg->folder},
		.locks = {g->state.lock, g->memory.lock, -1},
	};
	int r = log < 0 ? -errno : write_manifest(l);

	g->started_ns = g->last_sign_ns = clock_now_ns();
	if (!r)
		r = keeper_start(&plan, &g->keeper);
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
	if (!r)
		r = open_files(g, ret_why);
	if (!r)
		r = start_keeper(g, &l, ret_why);
	strv_free(l.argv);
	strv_free(l.env);
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
			    .inotify = -1,
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

/* What was read is not needed again: a report as long as the share must not fill the disk. */
static void free_what_was_read(struct guest *g)
{
	off_t upto = g->report_at - g->report_at % PUNCH_STEP;

	if (upto <= g->punched)
		return;
	if (!fallocate(g->report, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, g->punched,
		       upto - g->punched))
		g->punched = upto;
}

static ssize_t take_report(struct guest *g, void *buf, size_t n)
{
	ssize_t got = pread(g->report, buf, n, g->report_at);

	if (got < 0)
		return -errno;
	if (!got)
		return 0;
	g->last_sign_ns = clock_now_ns();
	if (!g->report_at)
		g->boot_seconds = (double)(g->last_sign_ns - g->started_ns) / NS_PER_SEC;
	g->report_at += got;
	free_what_was_read(g);
	return got;
}

static void look_at_console(struct guest *g)
{
	struct stat st;

	if (fstat(g->console, &st) || st.st_size == g->console_size)
		return;
	g->console_size = st.st_size;
	g->last_sign_ns = clock_now_ns();
}

static void drain_inotify(struct guest *g)
{
	char buf[4096];

	while (g->inotify >= 0 && read(g->inotify, buf, sizeof(buf)) > 0)
		;
}

static void end_guest(struct guest *g, int why)
{
	keeper_end(&g->keeper);
	g->is_gone = true;
	g->ended = why;
}

/* Blocks until something may have changed. */
static int wait_for_change(struct guest *g)
{
	struct pollfd p[] = {{.fd = g->interrupt, .events = POLLIN},
			     {.fd = g->keeper.pidfd, .events = POLLIN},
			     {.fd = g->inotify, .events = POLLIN}};
	uint64_t now = clock_now_ns(), deadline = g->last_sign_ns + g->silence_ns;
	int left = now < deadline ? (int)((deadline - now) / NS_PER_MS) + 1 : 0;

	if (poll(p, 3, g->inotify < 0 ? MIN(left, 20) : left) < 0 && errno != EINTR)
		return -errno;
	if (p[0].revents)
		return -EINTR;
	g->is_gone = p[1].revents != 0;
	drain_inotify(g);
	look_at_console(g);
	if (g->console_size > CONSOLE_LIMIT)
		end_guest(g, -EFBIG);
	else if (clock_now_ns() >= g->last_sign_ns + g->silence_ns)
		end_guest(g, -ETIMEDOUT);
	return 0;
}

ssize_t guest_read(struct guest *g, void *buf, size_t n)
{
	for (;;) {
		ssize_t r = take_report(g, buf, n);

		if (r)
			return r;
		if (g->is_gone)
			return g->ended;
		r = wait_for_change(g);
		if (r)
			return r;
	}
}

void guest_interrupt(struct guest *g)
{
	int saved = errno;
	uint64_t one = 1;

	(void)!write(g->interrupt, &one, sizeof(one));
	errno = saved;
}

const char *guest_console_tail(struct guest *g)
{
	struct stat st;
	off_t from = !fstat(g->console, &st) && st.st_size > CONSOLE_TAIL
			     ? st.st_size - CONSOLE_TAIL
			     : 0;
	ssize_t n = pread(g->console, g->tail, CONSOLE_TAIL, from);
	size_t kept = 0;

	/* A guest must not send escape sequences to the terminal. */
	for (ssize_t i = 0; i < n; i++)
		if (g->tail[i] == '\n' || g->tail[i] == '\t' ||
		    ((unsigned char)g->tail[i] >= ' ' && (unsigned char)g->tail[i] < 127))
			g->tail[kept++] = g->tail[i];
	g->tail[kept] = '\0';
	/* The first line is cut somewhere. */
	char *newline = from ? strchr(g->tail, '\n') : NULL;
	return newline ? newline + 1 : g->tail;
}

const char *guest_state_dir(const struct guest *g)
{
	return g->state.path;
}

double guest_boot_seconds(const struct guest *g)
{
	return g->boot_seconds;
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
	close_fd(g->inotify);
	close_fd(g->interrupt);
	state_folder_done(&g->memory);
	state_folder_done(&g->state);
	free(g);
}
