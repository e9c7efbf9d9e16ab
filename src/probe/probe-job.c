/* SPDX-License-Identifier: MIT */
/* The statements of a job:
 *
 *	module PATH		see lab/guest.h
 *	network IFACE ADDR/LEN
 *	report PATH
 *	mount SOURCE OPTIONS	mounts the 9P share; on failure all up to the next `unmount` is
 *				left out
 *	local DIR		takes DIR for the share instead, to test the probe without a guest
 *	terminal PATH		a tty whose other end the host has
 *	window ROWS COLUMNS	its size
 *	dmesg PATH		copies the kernel's messages there from now on, a place as for
 *				`report`
 *	trace PATH EVENT...	the same with tracepoints: GROUP, GROUP:EVENT or EVENT
 *	env NAME VALUE		for what is run from now on
 *	exec ARGV...		runs a program of the guest with the share as its working directory
 *	run ARGV...		the same, with output, errors and input apart
 *	shell ARGV...		the same, at the terminal
 *	sync			writes back what the guest's kernel holds
 *	facts			what the guest says of itself (probe-facts.c)
 *	drop-caches		all clean pages, names and inodes
 *	fragment PERCENT	breaks that share of the free memory into pieces (probe-memory.c);
 *				each walk then ends with a look at the pages between
 *	preload			reads all files, so that they are in the cache
 *	pause NAME		waits for the host (probe-pause.c)
 *	fault WAY DAMAGE	for tests: what this way reads is damaged from now on (sabotage.h)
 *	walk STEP...		reads the tree (probe-tree.c)
 *	look SOURCE OPTIONS	asks the host which files were wrong and reads these again, at last over
 *				this other mount (probe-look.c)
 *	sequence NAME STEP...	reads one file by these steps (probe-sequence.c)
 *	listen			runs what comes by the terminal, a statement a line, until `over`
 *	hand SECONDS		a fresh process for `step`s, each of which may take so long; 0: the
 *				one that is there ends
 *	step ID VERB ARG...	does that in it (hand-steps.c)
 *	unmount
 *
 * The words of `done` and `failed` lines are these names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "probe.h"
#include "report.h"
#include "text.h"

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
	/* A word has at least a byte and a blank behind it. */
	struct statement s = {.bytes = malloc(cap), .words = calloc(cap / 2 + 2, sizeof(char *))};
	int r = s.bytes && s.words ? 0 : -ENOMEM;

	while (!r) {
		line += strspn(line, " \t");
		if (!*line || *line == '#')
			break;
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
		statement_done(&s);
		return r;
	}
	*ret_s = s;
	return 0;
}

void statement_done(struct statement *s)
{
	free(s->words);
	free(s->bytes);
	*s = (struct statement){0};
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

static int run_mount(struct probe *p, const struct statement *s)
{
	return setup_mount(p, s->words[1], s->words[2]);
}

static int run_unmount(struct probe *p, const struct statement *s)
{
	(void)s;
	return setup_unmount(p);
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

static int run_preload(struct probe *p, const struct statement *s)
{
	(void)s;
	return probe_preload(p);
}

static int run_pause(struct probe *p, const struct statement *s)
{
	return probe_pause(p, s->words[1]);
}

static int run_fault(struct probe *p, const struct statement *s)
{
	return probe_add_fault(p, s->words[1], s->words[2]);
}

static int run_walk(struct probe *p, const struct statement *s)
{
	return probe_walk(p, s->n - 1, s->words + 1);
}

static int run_look(struct probe *p, const struct statement *s)
{
	return probe_look(p, s->words + 1);
}

static int run_sequence(struct probe *p, const struct statement *s)
{
	return probe_sequence(p, s->words[1], s->n - 2, s->words + 2);
}

static int run_terminal(struct probe *p, const struct statement *s)
{
	p->terminal = strdup(s->words[1]);
	return p->terminal ? 0 : -ENOMEM;
}

static int run_window(struct probe *p, const struct statement *s)
{
	p->rows = (unsigned)strtoul(s->words[1], NULL, 10);
	p->columns = (unsigned)strtoul(s->words[2], NULL, 10);
	return 0;
}

static int run_dmesg(struct probe *p, const struct statement *s)
{
	return probe_start_dmesg(p, s->words[1]);
}

static int run_trace(struct probe *p, const struct statement *s)
{
	return probe_start_trace(p, s->words[1], s->n - 2, s->words + 2, &p->why);
}

static int run_env(struct probe *p, const struct statement *s)
{
	(void)p;
	return setenv(s->words[1], s->words[2], 1) < 0 ? -errno : 0;
}

static int run_exec(struct probe *p, const struct statement *s)
{
	int status = 0, r = probe_run(p, s->words + 1, PROBE_EXEC, &status);

	return r ? r : status ? -ECANCELED : 0;
}

static int run_run(struct probe *p, const struct statement *s)
{
	int status;

	return probe_run(p, s->words + 1, PROBE_RUN, &status);
}

static int run_shell(struct probe *p, const struct statement *s)
{
	int status;

	return p->terminal ? probe_run(p, s->words + 1, PROBE_SHELL, &status) : -ENOTTY;
}

static int run_listen(struct probe *p, const struct statement *s)
{
	(void)s;
	return probe_listen(p);
}

static int run_hand(struct probe *p, const struct statement *s)
{
	return probe_hand(p, (unsigned)strtoul(s->words[1], NULL, 10));
}

static int run_step(struct probe *p, const struct statement *s)
{
	return probe_step(p, s->n - 1, s->words + 1);
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
	{"preload", 0, 0, false, run_preload},
	{"pause", 1, 1, false, run_pause},
	{"fault", 2, 2, false, run_fault},
	{"walk", 1, SIZE_MAX, false, run_walk},
	{"look", 2, 2, false, run_look},
	{"exec", 1, SIZE_MAX, false, run_exec},
	{"terminal", 1, 1, true, run_terminal},
	{"window", 2, 2, true, run_window},
	{"dmesg", 1, 1, true, run_dmesg},
	{"trace", 2, SIZE_MAX, true, run_trace},
	{"env", 2, 2, false, run_env},
	{"run", 1, SIZE_MAX, false, run_run},
	{"shell", 1, SIZE_MAX, false, run_shell},
	{"sequence", 2, SIZE_MAX, false, run_sequence},
	{"listen", 0, 0, false, run_listen},
	{"hand", 1, 1, false, run_hand},
	{"step", 2, SIZE_MAX, false, run_step},
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
static const char *explain(const struct probe *p, const struct statement *s, int err)
{
	if (p->why)
		return p->why;
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
	p->why = NULL;
	r = dispatch(p, s, v);
	if (r < 0) {
		const char *why = explain(p, s, -r);

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
