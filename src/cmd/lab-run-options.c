/* SPDX-License-Identifier: MIT */
#include "lab-run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "guards.h"
#include "macros.h"
#include "options.h"
#include "serve-identity.h"

static int take_cpu(struct option_line *l, void *o, const char *value)
{
	return option_cpu(l, value, &((struct run_options *)o)->cpu);
}

static int take_cache(struct option_line *l, void *o, const char *value)
{
	return option_cache(l, value, &((struct run_options *)o)->cache);
}

static const char *const guests[] = {"uml", "qemu", NULL};
static const char *const shares[] = {"warren", "qemu", "tcp", NULL};

#define FIELD(f) .at = offsetof(struct run_options, f)
static const struct option_row rows[] = {
	{"kernel", OPTION_TEXT, FIELD(wish.kernel)},
	{"guest", OPTION_WORD, FIELD(guest), .words = guests, .hint = "give uml or qemu"},
	{"share", OPTION_WORD, FIELD(share), .words = shares, .hint = "give warren, qemu or tcp"},
	{"share-dir", OPTION_TEXT, FIELD(dir)},
	{"cache", OPTION_TAKE, .take = take_cache},
	{"msize", OPTION_NUMBER, FIELD(msize), .min = 4096, .max = 1U << 20},
	{"iounit", OPTION_NUMBER, FIELD(iounit), .min = 0, .max = 1U << 20},
	{"guard", OPTION_TEXT, FIELD(guard)},
	{"identity", OPTION_TEXT, FIELD(identity)},
	{"record", OPTION_TEXT, FIELD(recording)},
	{"qemu", OPTION_TEXT, FIELD(wish.qemu)},
	{"memory", OPTION_NUMBER, FIELD(memory_mib), .min = 64, .max = 65536},
	{"cpu", OPTION_TAKE, .take = take_cpu},
	{"writable-root", OPTION_FLAG, FIELD(writable_root)},
	{"timeout", OPTION_NUMBER, FIELD(timeout_s), .min = 1, .max = 86400},
	{"with", OPTION_TEXT, FIELD(with)},
	{"9p-debug", OPTION_TEXT, FIELD(instruments.debug)},
	{"trace", OPTION_TEXT, FIELD(instruments.trace)},
	{"keep", OPTION_FLAG, FIELD(keep)},
	{"quiet", OPTION_FLAG, FIELD(quiet)},
	{"help", OPTION_FLAG, FIELD(help)},
};
#undef FIELD

void lab_run_help(void)
{
	printf("usage: warren lab run [OPTION]... [--] [COMMAND [ARG]...]\n\n"
	       "Boots a guest, mounts a folder there by 9P and runs COMMAND in it. Its input, "
	       "output,\n"
	       "errors and exit code are those of warren. Without COMMAND: a shell at your "
	       "terminal.\n\n"
	       "the guest and its share:\n"
	       "  --kernel NAME            which kernel, see 'warren lab kernel list'\n"
	       "  --guest uml|qemu         what runs it (by the kernel's name; else uml)\n"
	       "  --share warren|qemu|tcp  who serves: warren, by vhost-user or TCP, or QEMU "
	       "(warren)\n"
	       "  --share-dir DIR          what is shared (the current folder)\n"
	       "  --cache MODE             none, readahead, mmap or loose (mmap)\n"
	       "  --msize N                bytes of the largest message, 4096 to 1048576 (512000)\n"
	       "  --iounit N               what warren's server answers to open (0)\n"
	       "  --guard LIST             the guards of warren's server, as for 'warren serve'\n"
	       "  --identity MODEL         passthrough, squash or mapped, as for 'warren serve'\n"
	       "  --record FILE            record all messages of warren's server, for 'warren "
	       "trace'\n"
	       "  --qemu NAME|PATH         which QEMU: a Debian release's, or a program's path\n"
	       "  --memory MIB             memory of the guest, 64 to 65536 (512)\n"
	       "  --cpu N|any              where guest and server run (uml: both on one CPU)\n"
	       "  --with PROGRAMS          qemu: more programs of this host than the usual ones "
	       "and\n"
	       "                           COMMAND's, with commas between\n"
	       "  --writable-root          uml: let COMMAND change the host's files, not only the "
	       "share\n"
	       "  --timeout SECONDS        end COMMAND after so long (never)\n\n"
	       "what the kernel says:\n"
	       "  --9p-debug NAMES         9pnet's messages: error, 9p, vfs, conv, mux, trans, "
	       "slab,\n"
	       "                           fcall, fid, pkt, fsc, vpkt, cache, mmap; to the file "
	       "dmesg\n"
	       "  --trace EVENTS           tracepoints: 9p, netfs, GROUP:EVENT; to the file trace\n"
	       "  --keep                   keep the folder with these files and the logs\n"
	       "  --quiet                  say nothing but errors\n"
	       "  --help                   print this text\n\n"
	       "exit code: COMMAND's, 128 + N after signal N, 127 when there is no such program; "
	       "else\n"
	       "2 wrong usage, 3 something is missing here, 4 the guest or the server failed, or "
	       "the\n"
	       "guest's kernel reported a bug. The last line on standard error says which it "
	       "was.\n");
}

/* The kernel's name says what runs it, and so does who serves. */
static enum guest_kind choose_guest(const struct run_options *o)
{
	if (o->guest >= 0)
		return (enum guest_kind)o->guest;
	if (o->share == LAB_RUN_BY_QEMU || o->share == LAB_RUN_BY_TCP || o->wish.qemu)
		return GUEST_QEMU;
	return !o->wish.kernel || strstr(o->wish.kernel, "uml") ? GUEST_UML : GUEST_QEMU;
}

static const char *find_conflict(const struct run_options *o)
{
	const char *word;
	uint32_t guards = 0;
	size_t len;

	if (o->wish.guest == GUEST_UML &&
	    (o->share == LAB_RUN_BY_QEMU || o->share == LAB_RUN_BY_TCP))
		return "--share qemu and --share tcp need --guest qemu";
	if (o->wish.guest == GUEST_UML && o->wish.qemu)
		return "--qemu needs --guest qemu";
	if (o->iounit && o->share == LAB_RUN_BY_QEMU)
		return "--iounit is for --share warren and --share tcp";
	if (o->guard && guards_parse(o->guard, &guards, &word, &len))
		return "--guard: 'warren serve --help' lists the guards";
	if (o->guard && o->share == LAB_RUN_BY_QEMU)
		return "--guard is for --share warren and --share tcp";
	if (o->identity && o->share == LAB_RUN_BY_QEMU)
		return "--identity is for --share warren and --share tcp";
	if (o->recording && o->share == LAB_RUN_BY_QEMU)
		return "--record is for --share warren and --share tcp";
	if (!o->argv && (!isatty(0) || !isatty(1)))
		return "which COMMAND? (a shell needs a terminal)";
	return NULL;
}

/* As the server will, but before a guest is made for it. */
static int check_identity(const char *text)
{
	struct serve_identity id = {0};
	int status = text ? serve_parse_identity(text, &id) : EXIT_OK;

	return status ? status : serve_check_identity(&id);
}

int lab_run_parse(int argc, char **argv, struct run_options *o)
{
	struct option_line l = {
		.verb = LAB_RUN_VERB, .rows = rows, .n = ARRAY_SIZE(rows), .stops_at_word = true};
	const char *conflict;
	int rest, status;

	if (options_parse(&l, argc, argv, o, &rest))
		return l.status ? l.status : EXIT_ENVIRONMENT;
	if (o->help)
		return EXIT_OK;
	o->argv = rest < argc ? argv + rest : NULL;
	o->wish.guest = choose_guest(o);
	o->wish.qemu_server = o->share == LAB_RUN_BY_QEMU;
	o->wish.share = o->share == LAB_RUN_BY_TCP ? SHARE_BY_TCP : SHARE_BY_DEFAULT;
	conflict = find_conflict(o);
	if (conflict)
		return cmd_usage_error(LAB_RUN_VERB, "%s", conflict);
	status = check_identity(o->identity);
	return status ? status : instrument_parse(LAB_RUN_VERB, &o->instruments);
}
