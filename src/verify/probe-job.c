/* SPDX-License-Identifier: MIT */
/* The statements of a job:
 *
 *	module PATH		see lab/guest.h
 *	network IFACE ADDR/LEN
 *	report PATH
 *	mount SOURCE OPTIONS	mounts the 9P share; on failure all up to the next `unmount` is
 *				left out
 *	local DIR		takes DIR for the share instead, to test the probe without a guest
 *	exec ARGV...		runs a program of the guest with the share as its working directory
 *	sync			writes back what the guest's kernel holds
 *	facts			what the guest says of itself (probe-facts.c)
 *	drop-caches		all clean pages, names and inodes
 *	fragment PERCENT	breaks that share of the free memory into pieces (probe-memory.c);
 *				each walk then ends with a look at the pages between
 *	walk STEP...		reads the tree (probe-tree.c)
 *	unmount
 *
 * The words of `done` and `failed` lines are these names.
 */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "probe.h"
#include "report.h"
#include "text.h"

#define EXEC_OUTPUT_LIMIT 65536
#define FRAGMENT_MAX 90

struct verb {
	const char *name;
	size_t min_args, max_args;
	bool is_setup;
	int (*run)(struct probe *p, const struct statement *s);
};

int statement_parse(const char *line, struct statement *ret_s)
{
	size_t cap = strlen(line) + 1, used = 0, n;
	struct statement s = {.bytes = malloc(cap)};
	int r = s.bytes ? 0 : -ENOMEM;

	while (!r) {
		line += strspn(line, " \t");
		if (!*line || *line == '#')
			break;
		if (s.n == PROBE_MAX_WORDS)
			r = -E2BIG;
		else
			r = text_get(&line, s.bytes + used, cap - used - 1, &n);
		if (!r && *line && !strchr(" \t", *line))
			r = -EINVAL;
		if (r)
			break;
		s.words[s.n++] = s.bytes + used;
		s.bytes[used + n] = '\0';
		used += n + 1;
	}
	if (r) {
		free(s.bytes);
		return r;
	}
	*ret_s = s;
	return 0;
}

static int run_module(struct probe *p, const struct statement *s)
{
	(void)p;
	return setup_module(s->words[1]);
}

static int run_network(struct probe *p, const struct statement *s)
{
	(void)p;
	return setup_network(s->words[1], s->words[2]);
}

static int run_report(struct probe *p, const struct statement *s)
{
	int r = setup_report(s->words[1], &p->report);

	if (!r)
		probe_greet(p);
	return r;
}

static void put_mounted(struct probe *p)
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	struct mntent *m;

	while (f && (m = getmntent(f)))
		if (!strcmp(m->mnt_dir, p->share)) {
			autofree char *line = NULL;

			fputs("mounted ", p->report);
			text_put(p->report, m->mnt_opts, strlen(m->mnt_opts));
			fputc('\n', p->report);
			if (asprintf(&line, "%s %s %s %s %d %d", m->mnt_fsname, m->mnt_dir,
				     m->mnt_type, m->mnt_opts, m->mnt_freq, m->mnt_passno) < 0)
				line = NULL;
			probe_fact(p, "mount", line);
		}
	if (f)
		endmntent(f);
}

static int run_mount(struct probe *p, const struct statement *s)
{
	static char share[64];
	int r = p->scratch ? 0 : setup_scratch(&p->scratch);

	if (r < 0)
		return r;
	snprintf(share, sizeof(share), "%s/share", p->scratch);
	mkdir(share, 0755);
	if (mount(s->words[1], share, "9p", MS_NOSUID | MS_NODEV, s->words[2]) < 0)
		return -errno;
	p->share = share;
	p->is_mounted = true;
	put_mounted(p);
	return 0;
}

static int run_unmount(struct probe *p, const struct statement *s)
{
	(void)s;
	if (!p->is_mounted)
		return 0;
	if (umount2(p->share, 0) < 0)
		return -errno;
	p->is_mounted = false;
	return 0;
}

static int run_local(struct probe *p, const struct statement *s)
{
	p->share = strdup(s->words[1]);
	return p->share ? 0 : -ENOMEM;
}

static int run_sync(struct probe *p, const struct statement *s)
{
	(void)p;
	(void)s;
	sync();
	return 0;
}

static int run_facts(struct probe *p, const struct statement *s)
{
	(void)s;
	probe_facts(p);
	return 0;
}

static int run_drop_caches(struct probe *p, const struct statement *s)
{
	autoclose int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	(void)p;
	(void)s;
	return fd < 0 || write(fd, "3", 1) < 0 ? -errno : 0;
}

static int run_fragment(struct probe *p, const struct statement *s)
{
	char *end;
	unsigned long percent = strtoul(s->words[1], &end, 10);

	if (*end || end == s->words[1] || !percent || percent > FRAGMENT_MAX)
		return -EINVAL;
	return memory_fragment(p, (unsigned)percent);
}

static int run_walk(struct probe *p, const struct statement *s)
{
	return probe_walk(p, s->n - 1, s->words + 1);
}

/* The child's output goes to FD, its temporary files to the scratch folder. */
static void exec_child(const struct probe *p, const struct statement *s, int fd)
{
	dup2(fd, 1);
	dup2(fd, 2);
	if (p->scratch) {
		setenv("HOME", p->scratch, 1);
		setenv("TMPDIR", p->scratch, 1);
	}
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
	if (p->share && chdir(p->share) < 0)
		dprintf(2, "%s: %s\n", p->share, strerror(errno));
	else {
		execvp(s->words[1], s->words + 1);
		dprintf(2, "%s: %s\n", s->words[1], strerror(errno));
	}
	_exit(127);
}

static void copy_output(struct probe *p, int fd)
{
	size_t total = 0;
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0 || total > EXEC_OUTPUT_LIMIT)
			continue;
		total += (size_t)n;
		fputs("out ", p->report);
		text_put(p->report, buf, (size_t)n);
		fputc('\n', p->report);
		probe_flush(p, false);
	}
}

static int run_exec(struct probe *p, const struct statement *s)
{
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	probe_flush(p, true);
	pid = fork();
	if (pid == 0)
		exec_child(p, s, fds[1]);
	close(fds[1]);
	if (pid > 0)
		copy_output(p, fds[0]);
	close(fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	fprintf(p->report, "exit %d\n", status);
	return status ? -ECANCELED : 0;
}

static const struct verb verbs[] = {
	{"module", 1, 1, true, run_module},
	{"network", 2, 2, true, run_network},
	{"report", 1, 1, true, run_report},
	{"mount", 2, 2, false, run_mount},
	{"unmount", 0, 0, false, run_unmount},
	{"local", 1, 1, false, run_local},
	{"sync", 0, 0, false, run_sync},
	{"facts", 0, 0, false, run_facts},
	{"drop-caches", 0, 0, false, run_drop_caches},
	{"fragment", 1, 1, false, run_fragment},
	{"walk", 1, PROBE_MAX_WORDS - 1, false, run_walk},
	{"exec", 1, PROBE_MAX_WORDS - 1, false, run_exec},
};

static const struct verb *find_verb(const struct statement *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(s->words[0], verbs[i].name))
			return &verbs[i];
	return NULL;
}

bool statement_is_setup(const struct statement *s)
{
	const struct verb *v = find_verb(s);

	return v && v->is_setup;
}

static int dispatch(struct probe *p, const struct statement *s, const struct verb *v)
{
	if (!v)
		return -ENOSYS;
	if (s->n - 1 < v->min_args || s->n - 1 > v->max_args)
		return -EINVAL;
	return v->run(p, s);
}

/* Why it failed, where the errno alone would mislead. */
static const char *explain(const struct statement *s, int err)
{
	if (!strcmp(s->words[0], "mount") && !setup_has_9p())
		return "no 9p in this kernel";
	return strerror(err);
}

static void put_statement(struct probe *p, const struct statement *s)
{
	for (size_t i = 0; i < s->n; i++) {
		fputc(' ', p->report);
		text_put(p->report, s->words[i], strlen(s->words[i]));
	}
}

void statement_run(struct probe *p, const struct statement *s)
{
	const struct verb *v = find_verb(s);
	int r;

	if (p->is_skipping && strcmp(s->words[0], "unmount") != 0)
		return;
	p->is_skipping = false;
	r = dispatch(p, s, v);
	if (r < 0) {
		const char *why = explain(s, -r);

		fprintf(p->report, "failed %s %s ", s->words[0], report_errno(-r));
		text_put(p->report, why, strlen(why));
		p->is_failed = true;
		p->is_skipping = !v || !v->is_setup;
	} else {
		fputs("done", p->report);
		put_statement(p, s);
	}
	fputc('\n', p->report);
	probe_flush(p, true);
}
