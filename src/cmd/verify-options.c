/* SPDX-License-Identifier: MIT */
/* The command line of `warren verify`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "guards.h"
#include "macros.h"
#include "number.h"
#include "options.h"
#include "spawn.h"
#include "verify.h"
#include "way-names.h"

#define QUICK_WAYS "read,pread,mmap,direct,splice"
#define CORPUS_WAYS QUICK_WAYS ",plain,willneed,readahead,mmap-seq,mmap-rand"
#define CORPUS_MEMORY_MIB 128 /* small, so that it is soon in pieces */
#define FRAGMENT_DEFAULT 50
#define FRAGMENT_MAX 90
#define PROVE_RUNS 8 /* each kind once */
#define CORPUS_CACHES "none,readahead,mmap,loose"

static void print_guest_help(void)
{
	printf("usage: warren verify [OPTION]... DIR\n"
	       "       warren verify [OPTION]... --corpus [SPEC]\n"
	       "       warren verify [OPTION]... --prove\n"
	       "       warren verify [OPTION]... --scenarios[=LIST]\n\n"
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
	       "  --iounit N            what warren's server answers to open (0: its own choice)\n"
	       "  --guard LIST          the guards of warren's server, as for 'warren serve'\n"
	       "  --fault FAULT         let warren's server damage what it sends, to test the "
	       "verdict\n"
	       "  --memory MIB          memory of the guest, 64 to 65536 (512)\n"
	       "  --cpu N|any           where guest and server run (uml: both on one CPU)\n\n");
}

static void print_help(void)
{
	print_guest_help();
	printf("what it does:\n"
	       "  --corpus [SPEC]       in place of DIR files that are made for it, of sizes "
	       "around\n"
	       "                        all boundaries; SPEC as 'sizes=boundaries,seed=1'\n"
	       "  --prove               damage files, messages, memory and readers on purpose: is "
	       "each\n"
	       "                        damage found and named, and nothing else?\n"
	       "  --runs N              ... and so many runs without, 0 to 1000 (8)\n"
	       "  --scenarios[=LIST]    host and guest change files in turn: what does each see? "
	       "Names\n"
	       "                        of scenarios, with commas between (all)\n"
	       "  --ways LIST           read, pread, mmap, direct, splice (these); plain, "
	       "willneed,\n"
	       "                        readahead, mmap-seq, mmap-rand (with --corpus all); each "
	       "with\n"
	       "                        :BYTES for the size of a call\n"
	       "  --fragment[=PERCENT]  break so much of the guest's memory into pieces first, and "
	       "look\n"
	       "                        for writes into it (with --corpus 50, else 0)\n"
	       "  --exec COMMAND        run COMMAND by the guest's shell in the share first\n"
	       "  --writable-root       uml: let it change the host's files, not only the share\n"
	       "  --9p-debug NAMES      9pnet's messages: error, 9p, vfs, conv, mux, trans, slab, "
	       "fcall,\n"
	       "                        fid, pkt, fsc, vpkt, cache, mmap; to dmesg in the record\n"
	       "  --trace EVENTS        tracepoints: 9p, netfs, GROUP:EVENT; to trace in the "
	       "record\n"
	       "  --record FILE         record all messages of warren's server, for 'warren "
	       "trace'\n"
	       "  --no-blame            find damage only: do not look again, nor for the layer "
	       "that "
	       "did it\n"
	       "  --timeout SECONDS     end a guest that is silent for so long, 1 to 86400 (60)\n"
	       "  --save-manifest FILE  write down what DIR holds; no guest is started\n"
	       "  --manifest FILE       compare with what was written down\n\n"
	       "what it prints:\n"
	       "  --html FILE           write a page about it: what is wrong, where, and whose "
	       "fault "
	       "it is\n"
	       "  --json                one JSON object a line\n"
	       "  --stats               at the end, what the server did and what it cost\n"
	       "  --quiet               no progress\n"
	       "  --keep                record the run even if all is well\n"
	       "  --no-record           do not record it, whatever is found\n"
	       "  --help                print this text\n\n"
	       "exit code: 0 equal, 1 different, 2 wrong usage, 3 something is missing here,\n"
	       "4 the guest or the server failed\n");
}

/* "read:4096": what follows the colon must be a size that the way can take. */
static bool is_way(const char *word)
{
	size_t len = strcspn(word, ":");
	uint64_t unit;

	if (option_find_word(way_names, word, len) < 0)
		return false;
	if (!word[len])
		return true;
	return number_parse(word + len + 1, 1, 8U << 20, &unit) &&
	       (memcmp(word, "direct", 6) != 0 || unit % 4096 == 0);
}

static bool is_cache(const char *word)
{
	return option_find_word(option_caches, word, strlen(word)) >= 0;
}

static int split(struct option_line *l, const char *name, const char *text,
		 bool (*is_word)(const char *), const char *hint, char **words)
{
	char *rest = strdup(text), *word;
	size_t n = 0;

	while ((word = strsep(&rest, ","))) {
		if (!is_word(word) || n == VERIFY_MAX_WORDS)
			return option_wrong(l, name, word, hint);
		words[n++] = word;
	}
	words[n] = NULL;
	return 0;
}

static int take_cache(struct option_line *l, void *o, const char *value)
{
	return split(l, "cache", value, is_cache,
		     "give none, readahead, mmap or loose, with commas between",
		     ((struct verify_options *)o)->caches);
}

static int take_ways(struct option_line *l, void *o, const char *value)
{
	return split(l, "ways", value, is_way,
		     "give read, pread, mmap, direct, splice, plain, willneed, readahead, mmap-seq "
		     "or mmap-rand, with commas between; :BYTES up to 8388608 (of direct in pages)",
		     ((struct verify_options *)o)->ways);
}

static int take_msizes(struct option_line *l, void *o, const char *value)
{
	unsigned *msizes = ((struct verify_options *)o)->msizes;
	autofree char *words = strdup(value);
	char *rest = words, *word;
	size_t n = 0;
	int r = words ? 0 : -ENOMEM;

	while (!r && (word = strsep(&rest, ","))) {
		if (n == VERIFY_MAX_WORDS)
			return option_wrong(l, "msize", word, "these are too many");
		r = option_number(l, "msize", word, 4096, 1U << 20, &msizes[n++]);
	}
	msizes[n] = 0;
	return r;
}

static int take_iounit(struct option_line *l, void *o, const char *value)
{
	struct verify_options *v = o;

	v->has_iounit = true;
	return option_number(l, "iounit", value, 0, 1U << 20, &v->iounit);
}

static int take_fragment(struct option_line *l, void *o, const char *value)
{
	struct verify_options *v = o;

	v->has_fragment = true;
	v->fragment = FRAGMENT_DEFAULT;
	return value ? option_number(l, "fragment", value, 0, FRAGMENT_MAX, &v->fragment) : 0;
}

static int take_cpu(struct option_line *l, void *o, const char *value)
{
	return option_cpu(l, value, &((struct verify_options *)o)->cpu);
}

/* In the order of the enums of guest.h and ready.h. */
static const char *const guests[] = {"uml", "qemu", NULL};
static const char *const servers[] = {"warren", "qemu", NULL};
static const char *const shares[] = {"", "vhost", "tcp", NULL};

static int take_fault(struct option_line *l, void *options, const char *value)
{
	struct verify_options *o = options;
	size_t n = strv_len(o->faults);

	if (n == VERIFY_MAX_WORDS)
		return option_wrong(l, "fault", value, "no more than 16 of them");
	o->faults[n] = value;
	return 0;
}

/* Who runs it again needs the options that shape what guest and server do: those are noted. Where things
 * are on this machine, and what is printed, is not among them. */
#define FIELD(f) .at = offsetof(struct verify_options, f)
static const struct option_row rows[] = {
	{"guest", OPTION_WORD, FIELD(guest), .words = guests, .hint = "give uml or qemu",
	 .is_noted = true},
	{"server", OPTION_WORD, FIELD(server), .words = servers, .hint = "give warren or qemu",
	 .is_noted = true},
	{"share", OPTION_WORD, FIELD(share), .words = shares, .hint = "give vhost or tcp",
	 .is_noted = true},
	{"kernel", OPTION_TEXT, FIELD(wish.kernel)},
	{"qemu", OPTION_TEXT, FIELD(wish.qemu)},
	{"cache", OPTION_TAKE, .take = take_cache, .is_noted = true},
	{"ways", OPTION_TAKE, .take = take_ways, .is_noted = true},
	{"msize", OPTION_TAKE, .take = take_msizes, .is_noted = true},
	{"iounit", OPTION_TAKE, .take = take_iounit, .is_noted = true},
	{"guard", OPTION_TEXT, FIELD(guard), .is_noted = true},
	{"fault", OPTION_TAKE, .take = take_fault, .is_noted = true},
	{"corpus", OPTION_OPEN, FIELD(corpus)},
	{"prove", OPTION_FLAG, FIELD(prove)},
	{"runs", OPTION_NUMBER, FIELD(runs), .min = 0, .max = 1000},
	{"scenarios", OPTION_MAYBE, .take = verify_take_scenarios},
	{"fragment", OPTION_MAYBE, .take = take_fragment, .is_noted = true},
	{"timeout", OPTION_NUMBER, FIELD(timeout_s), .min = 1, .max = 86400, .is_noted = true},
	{"memory", OPTION_NUMBER, FIELD(memory_mib), .min = 64, .max = 65536, .is_noted = true},
	{"cpu", OPTION_TAKE, .take = take_cpu},
	{"exec", OPTION_TEXT, FIELD(exec), .is_noted = true},
	{"writable-root", OPTION_FLAG, FIELD(writable_root), .is_noted = true},
	{"9p-debug", OPTION_TEXT, FIELD(instruments.debug)},
	{"trace", OPTION_TEXT, FIELD(instruments.trace)},
	{"html", OPTION_TEXT, FIELD(html)},
	{"json", OPTION_FLAG, FIELD(json)},
	{"stats", OPTION_FLAG, FIELD(stats)},
	{"quiet", OPTION_FLAG, FIELD(quiet)},
	{"keep", OPTION_FLAG, FIELD(keep)},
	{"record", OPTION_TEXT, FIELD(recording)},
	{"no-record", OPTION_FLAG, FIELD(no_record)},
	{"no-blame", OPTION_FLAG, FIELD(no_blame)},
	{"save-manifest", OPTION_TEXT, FIELD(save_manifest)},
	{"manifest", OPTION_TEXT, FIELD(manifest)},
	{"help", OPTION_FLAG, FIELD(help)},
};
#undef FIELD

/* --prove shares, mounts and reads as it has to, and prints no verdicts that could be kept. */
static const char *find_conflict_with_proof(const struct verify_options *o)
{
	if (o->corpus || o->exec || o->manifest || o->save_manifest || *o->faults || o->recording ||
	    o->wish.qemu_server)
		return "--prove has files and faults of its own, and needs warren's server";
	if (o->caches[0] || o->ways[0] || o->msizes[0] || o->has_iounit || o->has_fragment ||
	    o->guard || o->writable_root)
		return "--prove has mounts of its own: it goes with no --cache, --ways, --msize, "
		       "--iounit, --fragment, --guard and --writable-root";
	if (o->html || o->keep || o->stats || o->no_blame || o->instruments.debug ||
	    o->instruments.trace)
		return "--prove makes no record: it goes with no --html, --keep, --stats, "
		       "--no-blame, --9p-debug and --trace";
	return NULL;
}

/* What does not go together. */
static int check(struct verify_options *o, int *ret_status)
{
	const char *bad = o->prove ? find_conflict_with_proof(o) : NULL, *word;
	uint32_t guards = 0;
	size_t len;

	if (bad)
		; /* --prove says what it is about */
	else if (o->wish.qemu_server && o->wish.guest == GUEST_UML)
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
	else if (o->n_scenarios && (o->exec || o->manifest || o->save_manifest || o->has_fragment ||
				    o->ways[0] || o->recording || o->msizes[0] || o->html))
		bad = "--scenarios goes with no --ways, --msize, --fragment, --exec, --record, "
		      "--html and no manifest";
	else if (o->iounit && o->wish.qemu_server)
		bad = "--iounit is for --server warren";
	else if (o->guard && o->wish.qemu_server)
		bad = "--guard is for --server warren";
	else if (o->guard && guards_parse(o->guard, &guards, &word, &len))
		bad = "--guard: 'warren serve --help' lists the guards";
	else if (*o->faults && o->wish.qemu_server)
		bad = "--fault is for --server warren";
	else if (o->recording && o->wish.qemu_server)
		bad = "--record is for --server warren";
	else if (o->no_record && (o->instruments.debug || o->instruments.trace))
		bad = "--9p-debug and --trace go to the record: not with --no-record";
	else if (o->html && o->save_manifest)
		bad = "--save-manifest starts no guest: there is nothing for --html to show";
	else if (o->keep && o->no_record)
		bad = "--keep and --no-record exclude each other";
	else if (o->manifest && o->save_manifest)
		bad = "--manifest and --save-manifest exclude each other";
	if (!bad)
		return 0;
	*ret_status = cmd_usage_error("verify", "%s", bad);
	return -EINVAL;
}

static int set_defaults(struct option_line *l, struct verify_options *o, int *ret_status)
{
	bool is_special = o->corpus || o->n_scenarios;
	int r = check(o, ret_status);

	if (r)
		return r;
	o->all_caches = is_special && !o->caches[0];
	if (!o->caches[0])
		take_cache(l, o, is_special ? CORPUS_CACHES : "mmap");
	if (o->corpus && !o->has_fragment)
		o->fragment = FRAGMENT_DEFAULT;
	if ((o->corpus || o->prove) && !o->memory_mib && o->wish.guest == GUEST_UML)
		o->memory_mib = CORPUS_MEMORY_MIB;
	if (!o->ways[0])
		take_ways(l, o, o->corpus ? CORPUS_WAYS : QUICK_WAYS);
	return 0;
}

/* DIR, or with --corpus perhaps SPEC, or with --scenarios nothing. */
static int take_rest(struct verify_options *o, int n, char **words, int *ret_status)
{
	const char *bad = o->n_scenarios && (n || o->corpus || o->prove)
				  ? "--scenarios takes the place of a folder"
			  : o->n_scenarios ? NULL
			  : n > 1	   ? "give one folder"
			  : o->prove	   ? n ? "--prove takes no folder" : NULL
			  : o->corpus	   ? n && *o->corpus ? "give one SPEC" : NULL
			  : n		   ? NULL
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

static int parse(struct option_line *l, int argc, char **argv, struct verify_options *o,
		 int *ret_status)
{
	int rest, r = options_parse(l, argc, argv, o, &rest);

	*ret_status = l->status;
	if (!r && o->help) {
		print_help();
		*ret_status = EXIT_OK;
		return -ECANCELED;
	}
	if (r)
		return r;
	o->wish.guest = (enum guest_kind)o->guest;
	o->wish.qemu_server = o->server;
	o->wish.share = (enum share_wish)o->share;
	r = take_rest(o, argc - rest, argv + rest, ret_status);
	if (!r)
		r = set_defaults(l, o, ret_status);
	if (!r && (*ret_status = instrument_parse("verify", &o->instruments)))
		r = -EINVAL;
	return r;
}

int verify_parse(int argc, char **argv, struct verify_options *ret_o, int *ret_status)
{
	struct verify_options o = {
		.wish.guest = GUEST_UML, .cpu = RUN_CPU_CHOOSE, .runs = PROVE_RUNS};
	struct option_line l = {
		.verb = "verify", .rows = rows, .n = ARRAY_SIZE(rows), .noted = &o.settings};
	int r = parse(&l, argc, argv, &o, ret_status);

	if (!r) {
		*ret_o = o;
		return 0;
	}
	free(o.caches[0]);
	free(o.ways[0]);
	strv_free(o.settings);
	return r;
}
