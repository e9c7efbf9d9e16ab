/* SPDX-License-Identifier: MIT */
/* warren lab story: the search for the bug that lost the last 655 bytes of a file, done again by
 * warren's own commands, each of which a reader can repeat.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "corpus-folder.h"
#include "kernel.h"
#include "lab.h"
#include "logging.h"
#include "macros.h"
#include "options.h"
#include "progress.h"
#include "spawn.h"

#define VERB "lab story"
#define FIXED "6.12-uml-debug"
#define BROKEN "6.12-uml-debug-without-folioq-offset"
#define CORPUS "--corpus=sizes=12943"
#define MAX_OUTPUT (1 << 20)
#define MAX_WORDS 20
#define LAST_WISH_MS 10000 /* to leave in order, before SIGKILL */

/* Words that stand for what is known only then. */
#define DIR_WORD "@DIR"
#define READS_WORD "@READS"

/* One step: what it shows, the command, and what that must come to. */
struct step {
	const char *title, *text;
	const char *words[MAX_WORDS]; /* of warren */
	int exit_code;
	const char *says; /* somewhere in its output */
};

static const struct step steps[] = {
	{"A file is read wrong",
	 "12943 bytes are shared, the guest's kernel lacks one fix. The size is right, the last "
	 "655\n"
	 "bytes are zeros; and memory of another program has been overwritten with them.",
	 {"verify", "--quiet", "--no-record", "--kernel", BROKEN, "--cache", "mmap", "--msize",
	  "512000", CORPUS},
	 EXIT_DIFFERENT,
	 "default.json: bytes 0x3000-0x328e are ZERO"},
	{"It is the page cache",
	 "Same kernel, same server, same file, but not through the page cache: right. So the "
	 "server\n"
	 "sends what it should, and the transport carries it.",
	 {"verify", "--quiet", "--no-record", "--kernel", BROKEN, "--cache", "none", "--msize",
	  "512000", CORPUS},
	 EXIT_OK,
	 "OK:"},
	{"The debugger stops where it happens",
	 "cat reads the file in two steps. The first, zero-copy, leaves the iterator at the end of "
	 "a\n"
	 "folio instead of at the begin of the next; the second, which is copied because it is "
	 "small,\n"
	 "starts there: its bytes go to the page behind the folio, whosever that is.",
	 {"lab", "watch", "--kernel", BROKEN, "--share-dir", DIR_WORD, "--iounit", "12288",
	  "--save", READS_WORD, "--", "cat", "default.json"},
	 EXIT_DIFFERENT,
	 "BROKEN: 1 of 2 reads copied 655 bytes behind their folio"},
	{"The model explains it",
	 "The recorded reads, replayed by the model of folio_queue and iov_iter with that fix left "
	 "out.",
	 {"model", "replay", READS_WORD},
	 EXIT_DIFFERENT,
	 "LOST: 655 of 12943 bytes, 0x3000-0x328e"},
	{"With the fix it is gone",
	 "The same source, built with the fix.",
	 {"verify", "--quiet", "--no-record", "--kernel", FIXED, "--cache", "mmap", "--msize",
	  "512000", CORPUS},
	 EXIT_OK,
	 "OK:"},
	{"With the fix the copy begins in its folio",
	 "The iterator stands at the end of the folio as before; the copy goes on to the next one.",
	 {"lab", "watch", "--kernel", FIXED, "--share-dir", DIR_WORD, "--iounit", "12288", "--",
	  "cat", "default.json"},
	 EXIT_OK,
	 "OK: 2 reads, 12943 bytes"},
	{"A server can keep it away",
	 "The kernel without the fix again. Here the server's guard chooses how much is read at a "
	 "time\n"
	 "(12287 bytes, not 12288), so that no read ends at a page.",
	 {"verify", "--quiet", "--no-record", "--kernel", BROKEN, "--cache", "mmap", "--msize",
	  "12312", "--iounit", "0", CORPUS},
	 EXIT_OK,
	 "OK:"},
};

/* What a step came to. */
struct outcome {
	char *command, *output;
	int exit_code;
	double seconds;
	bool is_right;
};

struct story {
	bool json, help;
	struct corpus_folder folder;
	char *warren, *reads;
	struct outcome outcomes[ARRAY_SIZE(steps)];
	size_t n_done;
	struct progress progress;
};

#define FIELD(f) .at = offsetof(struct story, f)
static const struct option_row rows[] = {
	{.name = "json", .kind = OPTION_FLAG, FIELD(json)},
	{.name = "help", .kind = OPTION_FLAG, FIELD(help)},
};
#undef FIELD

static int print_help(void)
{
	printf("usage: warren lab story [OPTION]...\n\n"
	       "Tells how a file lost its last 655 bytes, by finding it again: in a guest whose "
	       "kernel "
	       "lacks\nthe fix the damage is seen, located, stopped at in the debugger, explained "
	       "by "
	       "the model;\nthen it is gone with the fix. Each step is a command that you can "
	       "repeat.\n\n"
	       "  --json  one JSON object a step\n"
	       "  --help  print this text\n\n"
	       "exit code: 0 every step came out as told, 1 one did not, 2 wrong usage,\n"
	       "3 something is missing here (gdb, what a kernel is built with), 4 a guest "
	       "failed\n");
	return EXIT_OK;
}

static const char *word_of(const struct story *s, const char *word)
{
	if (!strcmp(word, DIR_WORD))
		return s->folder.dir;
	return strcmp(word, READS_WORD) ? word : s->reads;
}

/* As somebody would type it. */
static char *command_of(const struct story *s, const struct step *step)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	fputs("warren", f);
	for (size_t i = 0; step->words[i]; i++)
		fprintf(f, " %s", word_of(s, step->words[i]));
	return fclose(f) ? NULL : text;
}

/* Waits for the child; a signal to us lets it leave in order first. -EINTR then. */
static int wait_for(struct child *c, int *ret_status)
{
	/* Without a limit it would go on after a signal. */
	int r = child_wait(c, INT_MAX, ret_status);

	if (r != -EINTR)
		return r;
	child_kill(c, SIGTERM);
	child_wait(c, LAST_WISH_MS, ret_status);
	child_done(c);
	return -EINTR;
}

static char *text_in(int fd)
{
	off_t n = lseek(fd, 0, SEEK_END);
	char *text = n < 0 || n > MAX_OUTPUT ? NULL : calloc(1, (size_t)n + 1);

	if (text && pread(fd, text, (size_t)n, 0) != n) {
		free(text);
		return NULL;
	}
	return text;
}

static int run_command(const struct story *s, const struct step *step, struct outcome *o)
{
	const char *argv[MAX_WORDS + 2] = {s->warren};
	autoclose int out = memfd_create("output", MFD_CLOEXEC);
	struct spawn spawn = SPAWN_INIT;
	struct child child = CHILD_INIT;
	int r;

	if (out < 0)
		return -errno;
	for (size_t i = 0; step->words[i]; i++)
		argv[i + 1] = word_of(s, step->words[i]);
	spawn.argv = argv;
	spawn.fds[1] = spawn.fds[2] = out;
	r = spawn_start(&spawn, &child);
	if (!r)
		r = wait_for(&child, &o->exit_code);
	if (r)
		return r;
	o->output = text_in(out);
	return o->output ? 0 : -ENOMEM;
}

static int run_step(struct story *s, size_t i)
{
	struct outcome *o = &s->outcomes[i];
	uint64_t start = clock_now_ns();
	int r;

	progress_step(&s->progress, "%zu of %zu: %s", i + 1, ARRAY_SIZE(steps), steps[i].title);
	o->command = command_of(s, &steps[i]);
	r = o->command ? run_command(s, &steps[i], o) : -ENOMEM;
	if (r)
		return r;
	o->seconds = (double)(clock_now_ns() - start) / (double)NS_PER_SEC;
	o->is_right = o->exit_code == steps[i].exit_code && strstr(o->output, steps[i].says);
	s->n_done++;
	return 0;
}

/* Every step, also after one that came out otherwise. */
static int run_steps(struct story *s)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && !r; i++)
		r = run_step(s, i);
	progress_done(&s->progress);
	return r;
}

/* A step that could not be done is no answer to the question that it asks. */
static int exit_code(const struct story *s)
{
	for (size_t i = 0; i < s->n_done; i++) {
		const struct outcome *o = &s->outcomes[i];

		if (!o->is_right)
			return o->exit_code > EXIT_USAGE ? MIN(o->exit_code, (int)EXIT_GUEST)
							 : EXIT_DIFFERENT;
	}
	return EXIT_OK;
}

static void print_lines(const char *text)
{
	for (const char *end; *text; text = end + !!*end) {
		end = strchrnul(text, '\n');
		printf("   | %.*s\n", (int)(end - text), text);
	}
}

static void print_sentence(const struct story *s)
{
	double seconds = 0;
	size_t n_right = 0;

	for (size_t i = 0; i < s->n_done; i++) {
		n_right += s->outcomes[i].is_right;
		seconds += s->outcomes[i].seconds;
	}
	if (n_right == ARRAY_SIZE(steps))
		printf("OK: the last 655 of 12943 bytes were lost in the copy of a small reply "
		       "into the page cache; %zu steps, all as told, in %.1f s\n",
		       n_right, seconds);
	else
		printf("OTHERWISE: %zu of %zu steps did not come out as told\n",
		       ARRAY_SIZE(steps) - n_right, ARRAY_SIZE(steps));
}

static void print_text(const struct story *s)
{
	print_sentence(s);
	for (size_t i = 0; i < s->n_done; i++) {
		const struct outcome *o = &s->outcomes[i];

		printf("\n%zu. %s\n\n", i + 1, steps[i].title);
		print_lines(steps[i].text);
		printf("\n   $ %s\n", o->command);
		print_lines(o->output);
		printf("   exit %d, %s; %.1f s\n", o->exit_code,
		       o->is_right ? "as told" : "OTHERWISE THAN TOLD", o->seconds);
	}
}

static void print_json(const struct story *s)
{
	for (size_t i = 0; i < s->n_done; i++) {
		const struct outcome *o = &s->outcomes[i];
		json_t *j = json_pack("{s:i, s:s, s:s, s:i, s:i, s:b, s:f, s:s}", "step",
				      (int)i + 1, "title", steps[i].title, "command", o->command,
				      "exit", o->exit_code, "expected_exit", steps[i].exit_code,
				      "right", o->is_right, "seconds", o->seconds, "output",
				      o->output);

		if (j)
			json_dumpf(j, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(j);
	}
}

/* Kernels are built here and not within a step, whose time would say nothing then. */
static int get_kernels(void)
{
	static const char *const names[] = {BROKEN, FIXED};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct kernel *k = NULL;
		char *why = NULL;
		int r = kernel_get(names[i], true, &k, &why);

		if (r)
			return lab_fail(r, why);
		kernel_free(k);
	}
	return EXIT_OK;
}

static int prepare(struct story *s)
{
	struct corpus_spec spec;
	const char *bad;
	char *why = NULL;
	int r = corpus_parse("sizes=12943", &spec, &bad);

	if (!r)
		r = corpus_folder_make(&spec, &s->folder, &why);
	if (r)
		return lab_fail(r, why);
	s->warren = realpath("/proc/self/exe", NULL);
	if (!s->warren || asprintf(&s->reads, "%s/reads", s->folder.state.path) < 0) {
		s->reads = NULL;
		return lab_fail(-ENOMEM, NULL);
	}
	return EXIT_OK;
}

static void story_done(struct story *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		free(s->outcomes[i].command);
		free(s->outcomes[i].output);
	}
	free(s->warren);
	free(s->reads);
	corpus_folder_done(&s->folder);
}

static int tell(struct story *s)
{
	int code = get_kernels(), r;

	if (!code)
		code = prepare(s);
	if (code)
		return code;
	progress_init(&s->progress, "story");
	r = run_steps(s);
	if (r == -EINTR) {
		log_error("interrupted after %zu of %zu steps", s->n_done, ARRAY_SIZE(steps));
		return 128 + (lab_signal() ? lab_signal() : SIGINT);
	}
	if (r)
		return lab_fail(r, NULL);
	if (s->json)
		print_json(s);
	else
		print_text(s);
	return exit_code(s);
}

int lab_story(int argc, char **argv)
{
	struct story s = {.folder = CORPUS_FOLDER_INIT};
	struct option_line l = {.verb = VERB, .rows = rows, .n = ARRAY_SIZE(rows)};
	int rest, code;

	if (options_parse(&l, argc + 1, argv - 1, &s, &rest))
		return l.status ? l.status : EXIT_ENVIRONMENT;
	if (s.help)
		return print_help();
	if (rest < argc + 1)
		return cmd_usage_error(VERB, "'%s'? The story takes no words", argv[rest - 1]);
	code = tell(&s);
	story_done(&s);
	return code;
}
