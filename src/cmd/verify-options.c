/* SPDX-License-Identifier: MIT */
/* The command line of `warren verify`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "guards.h"
#include "macros.h"
#include "spawn.h"
#include "verify.h"

#define MAX_CPU 1023U /* of cpu_set_t */

#define QUICK_WAYS "read,pread,mmap,direct,splice"
#define CORPUS_WAYS QUICK_WAYS ",plain,willneed,readahead,mmap-seq,mmap-rand"
#define CORPUS_MEMORY_MIB 128 /* small, so that it is soon in pieces */
#define FRAGMENT_DEFAULT 50
#define FRAGMENT_MAX 90
#define CORPUS_CACHES "none,readahead,mmap,loose"

enum option_key {
	OPT_GUEST = 1,
	OPT_SERVER,
	OPT_SHARE,
	OPT_KERNEL,
	OPT_QEMU,
	OPT_CACHE,
	OPT_MSIZE,
	OPT_IOUNIT,
	OPT_GUARD,
	OPT_CORPUS,
	OPT_FRAGMENT,
	OPT_WAYS,
	OPT_EXEC,
	OPT_TIMEOUT,
	OPT_MEMORY,
	OPT_CPU,
	OPT_JSON,
	OPT_STATS,
	OPT_QUIET,
	OPT_KEEP,
	OPT_NO_RECORD,
	OPT_SAVE_MANIFEST,
	OPT_MANIFEST,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"guest", required_argument, NULL, OPT_GUEST},
	{"server", required_argument, NULL, OPT_SERVER},
	{"share", required_argument, NULL, OPT_SHARE},
	{"kernel", required_argument, NULL, OPT_KERNEL},
	{"qemu", required_argument, NULL, OPT_QEMU},
	{"cache", required_argument, NULL, OPT_CACHE},
	{"msize", required_argument, NULL, OPT_MSIZE},
	{"iounit", required_argument, NULL, OPT_IOUNIT},
	{"guard", required_argument, NULL, OPT_GUARD},
	{"corpus", optional_argument, NULL, OPT_CORPUS},
	{"fragment", optional_argument, NULL, OPT_FRAGMENT},
	{"ways", required_argument, NULL, OPT_WAYS},
	{"exec", required_argument, NULL, OPT_EXEC},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"json", no_argument, NULL, OPT_JSON},
	{"stats", no_argument, NULL, OPT_STATS},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"keep", no_argument, NULL, OPT_KEEP},
	{"no-record", no_argument, NULL, OPT_NO_RECORD},
	{"save-manifest", required_argument, NULL, OPT_SAVE_MANIFEST},
	{"manifest", required_argument, NULL, OPT_MANIFEST},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static const char *const cache_words[] = {"none", "readahead", "mmap", "loose", NULL};
static const char *const way_words[] = {"read",	    "pread",	 "mmap",     "direct",
					"splice",   "plain",	 "willneed", "readahead",
					"mmap-seq", "mmap-rand", NULL};

static void print_help(void)
{
	printf("usage: warren verify [OPTION]... DIR\n"
	       "       warren verify [OPTION]... --corpus [SPEC]\n\n"
	       "Shares DIR with a guest, reads all of it there, and says whether every byte is the "
	       "host's.\n\n"
	       "the guest and its share:\n"
	       "  --guest uml|qemu      what runs the kernel (uml)\n"
	       "  --kernel NAME|PATH    which kernel, see 'warren lab kernel list'\n"
	       "  --qemu NAME|PATH      which QEMU: a Debian release's, or a program's path\n"
	       "  --server warren|qemu  warren's server, or the one in QEMU (warren)\n"
	       "  --share vhost|tcp     how the guest reaches warren's server (vhost, where it "
	       "can)\n"
	       "  --cache LIST          cache modes: none, readahead, mmap, loose; a mount each "
	       "(mmap)\n"
	       "  --msize LIST          bytes of the largest message, 4096 to 1048576; a mount "
	       "each\n"
	       "                        (512000)\n"
	       "  --iounit N            what warren's server answers to open; 0: nothing (0)\n"
	       "  --guard LIST          the guards of warren's server, as for 'warren serve'\n"
	       "  --memory MIB          memory of the guest, 64 to 65536 (512)\n"
	       "  --cpu N|any           where guest and server run (uml: both on one CPU)\n\n"
	       "what it does:\n"
	       "  --corpus [SPEC]       in place of DIR files that are made for it, of sizes "
	       "around\n"
	       "                        all boundaries; SPEC as 'sizes=boundaries,seed=1'\n"
	       "  --ways LIST           read, pread, mmap, direct, splice (these); plain, "
	       "willneed,\n"
	       "                        readahead, mmap-seq, mmap-rand (with --corpus all); each "
	       "with\n"
	       "                        :BYTES for the size of a call\n"
	       "  --fragment[=PERCENT]  break so much of the guest's memory into pieces first, and "
	       "look\n"
	       "                        for writes into it (with --corpus 50, else 0)\n"
	       "  --exec COMMAND        run COMMAND by the guest's shell in the share first\n"
	       "  --timeout SECONDS     end a guest that is silent for so long, 1 to 86400 (60)\n"
	       "  --save-manifest FILE  write down what DIR holds; no guest is started\n"
	       "  --manifest FILE       compare with what was written down\n\n"
	       "what it prints:\n"
	       "  --json                one JSON object a line\n"
	       "  --stats               at the end, what the server did and what it cost\n"
	       "  --quiet               no progress\n"
	       "  --keep                record the run even if all is well\n"
	       "  --no-record           do not record it, whatever is found\n"
	       "  --help                print this text\n\n"
	       "exit code: 0 equal, 1 different, 2 wrong usage, 3 something is missing here,\n"
	       "4 the guest or the server failed\n");
}

static int usage(int *ret_status, const char *what, const char *value, const char *hint)
{
	*ret_status = cmd_usage_error("verify", "%s '%s': %s", what, value, hint);
	return -EINVAL;
}

static int get_number(const char *what, const char *text, uint32_t min, uint32_t max,
		      uint32_t *ret_n, int *ret_status)
{
	char hint[64], *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && n >= min && n <= max) {
		*ret_n = (uint32_t)n;
		return 0;
	}
	snprintf(hint, sizeof(hint), "give a number from %u to %u", min, max);
	return usage(ret_status, what, text, hint);
}

/* The index of TEXT in NAMES (NULL-terminated), of which N bytes count; -1. */
static int find_word(const char *const *names, const char *text, size_t n)
{
	for (int i = 0; names[i]; i++)
		if (strlen(names[i]) == n && !memcmp(names[i], text, n))
			return i;
	return -1;
}

static int choose(const char *what, const char *text, const char *const *names, const char *hint,
		  int *ret_i, int *ret_status)
{
	int i = find_word(names, text, strlen(text));

	if (i < 0)
		return usage(ret_status, what, text, hint);
	*ret_i = i;
	return 0;
}

/* "read:4096": what follows the colon must be a size that the way can take. */
static bool is_way(const char *word)
{
	size_t len = strcspn(word, ":");
	unsigned long unit;
	char *end;

	if (find_word(way_words, word, len) < 0)
		return false;
	if (!word[len])
		return true;
	unit = strtoul(word + len + 1, &end, 10);
	return word[len + 1] >= '0' && word[len + 1] <= '9' && !*end && unit > 0 &&
	       unit <= 8U << 20 && (memcmp(word, "direct", 6) != 0 || unit % 4096 == 0);
}

static bool is_cache(const char *word)
{
	return find_word(cache_words, word, strlen(word)) >= 0;
}

static int split(const char *what, const char *text, bool (*is_word)(const char *),
		 const char *hint, char **words, int *ret_status)
{
	char *rest = strdup(text), *word;
	size_t n = 0;

	while ((word = strsep(&rest, ","))) {
		if (!is_word(word) || n == VERIFY_MAX_WORDS)
			return usage(ret_status, what, word, hint);
		words[n++] = word;
	}
	words[n] = NULL;
	return 0;
}

static int get_msizes(const char *text, unsigned *msizes, int *ret_status)
{
	autofree char *words = strdup(text);
	char *rest = words, *word;
	size_t n = 0;
	int r = words ? 0 : -ENOMEM;

	while (!r && (word = strsep(&rest, ","))) {
		if (n == VERIFY_MAX_WORDS)
			return usage(ret_status, "--msize", word, "these are too many");
		r = get_number("--msize", word, 4096, 1U << 20, &msizes[n++], ret_status);
	}
	msizes[n] = 0;
	return r;
}

static int get_cpu(const char *text, int *ret_cpu, int *ret_status)
{
	uint32_t n = 0;
	int r;

	if (!strcmp(text, "any")) {
		*ret_cpu = RUN_CPU_ANY;
		return 0;
	}
	r = get_number("--cpu", text, 0, MAX_CPU, &n, ret_status);
	if (!r)
		*ret_cpu = (int)n;
	return r;
}

static int set_option(struct verify_options *o, enum option_key key, const char *value,
		      int *ret_status)
{
	static const char *const guests[] = {"uml", "qemu", NULL};
	static const char *const servers[] = {"warren", "qemu", NULL};
	static const char *const shares[] = {"vhost", "tcp", NULL};
	int r = 0, i = 0;

	switch (key) {
	case OPT_GUEST:
		r = choose("--guest", value, guests, "give uml or qemu", &i, ret_status);
		o->wish.guest = i ? GUEST_QEMU : GUEST_UML;
		return r;
	case OPT_SERVER:
		r = choose("--server", value, servers, "give warren or qemu", &i, ret_status);
		o->wish.qemu_server = i;
		return r;
	case OPT_SHARE:
		r = choose("--share", value, shares, "give vhost or tcp", &i, ret_status);
		o->wish.share = i ? SHARE_BY_TCP : SHARE_BY_VHOST;
		return r;
	case OPT_KERNEL:
		o->wish.kernel = value;
		return 0;
	case OPT_QEMU:
		o->wish.qemu = value;
		return 0;
	case OPT_CACHE:
		return split("--cache", value, is_cache,
			     "give none, readahead, mmap or loose, with commas between", o->caches,
			     ret_status);
	case OPT_WAYS:
		return split("--ways", value, is_way,
			     "give read, pread, mmap, direct, splice, plain, willneed, readahead, "
			     "mmap-seq or mmap-rand, with commas between; :BYTES up to 8388608 (of "
			     "direct in pages)",
			     o->ways, ret_status);
	case OPT_MSIZE:
		return get_msizes(value, o->msizes, ret_status);
	case OPT_IOUNIT:
		o->has_iounit = true;
		return get_number("--iounit", value, 0, 1U << 20, &o->iounit, ret_status);
	case OPT_GUARD:
		o->guard = value;
		return 0;
	case OPT_FRAGMENT:
		o->has_fragment = true;
		o->fragment = FRAGMENT_DEFAULT;
		return value ? get_number("--fragment", value, 0, FRAGMENT_MAX, &o->fragment,
					  ret_status)
			     : 0;
	case OPT_CORPUS:
		o->corpus = value ? value : "";
		return 0;
	case OPT_TIMEOUT:
		return get_number("--timeout", value, 1, 86400, &o->timeout_s, ret_status);
	case OPT_MEMORY:
		return get_number("--memory", value, 64, 65536, &o->memory_mib, ret_status);
	case OPT_CPU:
		return get_cpu(value, &o->cpu, ret_status);
	case OPT_EXEC:
		o->exec = value;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_STATS:
		o->stats = true;
		return 0;
	case OPT_QUIET:
		o->quiet = true;
		return 0;
	case OPT_KEEP:
		o->keep = true;
		return 0;
	case OPT_NO_RECORD:
		o->no_record = true;
		return 0;
	case OPT_SAVE_MANIFEST:
		o->save_manifest = value;
		return 0;
	case OPT_MANIFEST:
		o->manifest = value;
		return 0;
	case OPT_HELP:
		break;
	}
	print_help();
	*ret_status = EXIT_OK;
	return -ECANCELED;
}

/* What does not go together. */
static int check(struct verify_options *o, int *ret_status)
{
	const char *bad = NULL, *word;
	uint32_t guards = 0;
	size_t len;

	if (o->wish.qemu_server && o->wish.guest == GUEST_UML)
		bad = "--server qemu needs --guest qemu";
	else if (o->wish.qemu && o->wish.guest == GUEST_UML)
		bad = "--qemu needs --guest qemu";
	else if (o->wish.share == SHARE_BY_TCP && o->wish.guest == GUEST_UML)
		bad = "--share tcp needs --guest qemu";
	else if (o->wish.share != SHARE_BY_DEFAULT && o->wish.qemu_server)
		bad = "--share is for --server warren";
	else if (o->exec && (o->manifest || o->save_manifest))
		bad = "--exec changes DIR: it goes with no manifest";
	else if (o->corpus && (o->exec || o->manifest || o->save_manifest))
		bad = "--corpus goes with no --exec and no manifest";
	else if (o->iounit && o->wish.qemu_server)
		bad = "--iounit is for --server warren";
	else if (o->guard && o->wish.qemu_server)
		bad = "--guard is for --server warren";
	else if (o->guard && guards_parse(o->guard, &guards, &word, &len))
		bad = "--guard: 'warren serve --help' lists the guards";
	else if (o->keep && o->no_record)
		bad = "--keep and --no-record exclude each other";
	else if (o->manifest && o->save_manifest)
		bad = "--manifest and --save-manifest exclude each other";
	if (!bad)
		return 0;
	*ret_status = cmd_usage_error("verify", "%s", bad);
	return -EINVAL;
}

static int set_defaults(struct verify_options *o, int *ret_status)
{
	o->all_caches = o->corpus && !o->caches[0];
	if (!o->caches[0])
		set_option(o, OPT_CACHE, o->corpus ? CORPUS_CACHES : "mmap", ret_status);
	if (o->corpus && !o->has_fragment)
		o->fragment = FRAGMENT_DEFAULT;
	if (o->corpus && !o->memory_mib && o->wish.guest == GUEST_UML)
		o->memory_mib = CORPUS_MEMORY_MIB;
	if (!o->ways[0])
		set_option(o, OPT_WAYS, o->corpus ? CORPUS_WAYS : QUICK_WAYS, ret_status);
	return check(o, ret_status);
}

/* DIR, or with --corpus perhaps SPEC. */
static int take_rest(struct verify_options *o, int n, char **words, int *ret_status)
{
	const char *bad = n > 1	      ? "give one folder"
			  : o->corpus ? n && *o->corpus ? "give one SPEC" : NULL
			  : n	      ? NULL
				      : "which folder?";

	if (!bad && o->corpus && n && !strchr(words[0], '='))
		bad = "--corpus takes the place of a folder";
	if (bad) {
		*ret_status = cmd_usage_error("verify", "%s", bad);
		return -EINVAL;
	}
	if (n && o->corpus)
		o->corpus = words[0];
	else if (n)
		o->dir = words[0];
	return 0;
}

/* Who runs it again needs the options that shape what guest and server do. Where things are on this
 * machine, and what is printed, is not among them. */
static int note_setting(struct verify_options *o, enum option_key key, const char *name,
			const char *value)
{
	static const enum option_key others[] = {
		OPT_KERNEL, OPT_QEMU,	   OPT_JSON,	      OPT_STATS, OPT_QUIET,    OPT_KEEP,
		OPT_CPU,    OPT_NO_RECORD, OPT_SAVE_MANIFEST, OPT_HELP,	 OPT_MANIFEST, OPT_CORPUS};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (key == others[i])
			return 0;
	return strv_pushf(&o->settings, "--%s%s%s", name, value ? "=" : "", value ? value : "");
}

int verify_parse(int argc, char **argv, struct verify_options *ret_o, int *ret_status)
{
	struct verify_options o = {.wish.guest = GUEST_UML, .cpu = RUN_CPU_CHOOSE};
	int key, r, index = 0;

	opterr = 0;
	optind = 1;
	while ((key = getopt_long(argc, argv, ":", long_options, &index)) != -1) {
		if (key == '?' || key == ':') {
			*ret_status = cmd_usage_error("verify", "%s '%s'",
						      key == ':' ? "a value is missing for"
								 : "there is no option",
						      argv[optind - 1]);
			return -EINVAL;
		}
		r = set_option(&o, (enum option_key)key, optarg, ret_status);
		if (!r)
			r = note_setting(&o, (enum option_key)key, long_options[index].name,
					 optarg);
		if (r)
			return r;
	}
	r = take_rest(&o, argc - optind, argv + optind, ret_status);
	if (!r)
		r = set_defaults(&o, ret_status);
	if (!r)
		*ret_o = o;
	return r;
}
