/* SPDX-License-Identifier: MIT */
/* The command line of `warren serve`. */
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "guards.h"
#include "macros.h"
#include "number.h"
#include "serve.h"
#include "vhost-user.h"

#define MAX_TAG 32

enum option_key {
	OPT_SOCKET_PATH = 1,
	OPT_FD,
	OPT_LISTEN,
	OPT_TAG,
	OPT_MSIZE,
	OPT_IOUNIT,
	OPT_GUARD,
	OPT_FAULT,
	OPT_TRANSPORT_FAULT,
	OPT_IDENTITY,
	OPT_MAP_UID,
	OPT_MAP_GID,
	OPT_READONLY,
	OPT_BUDGET,
	OPT_WORKERS,
	OPT_ALLOW_DEVICES,
	OPT_NO_SPLICE,
	OPT_CPU,
	OPT_READY_FD,
	OPT_STATS,
	OPT_METRICS,
	OPT_RECORD,
	OPT_RECORD_DATA,
	OPT_RECORD_SIZE,
	OPT_SANDBOX,
	OPT_MAX_MEMORY,
	OPT_MAX_DESCRIPTORS,
	OPT_PRINT_CAPABILITIES,
	OPT_QUIET,
	OPT_VERBOSE,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"socket-path", required_argument, NULL, OPT_SOCKET_PATH},
	{"fd", required_argument, NULL, OPT_FD},
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"tag", required_argument, NULL, OPT_TAG},
	{"msize", required_argument, NULL, OPT_MSIZE},
	{"iounit", required_argument, NULL, OPT_IOUNIT},
	{"guard", required_argument, NULL, OPT_GUARD},
	{"fault", required_argument, NULL, OPT_FAULT},
	{"transport-fault", required_argument, NULL, OPT_TRANSPORT_FAULT},
	{"identity", required_argument, NULL, OPT_IDENTITY},
	{"map-uid", required_argument, NULL, OPT_MAP_UID},
	{"map-gid", required_argument, NULL, OPT_MAP_GID},
	{"readonly", no_argument, NULL, OPT_READONLY},
	{"budget", required_argument, NULL, OPT_BUDGET},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"allow-devices", no_argument, NULL, OPT_ALLOW_DEVICES},
	{"no-splice", no_argument, NULL, OPT_NO_SPLICE},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"ready-fd", required_argument, NULL, OPT_READY_FD},
	{"stats", no_argument, NULL, OPT_STATS},
	{"metrics", required_argument, NULL, OPT_METRICS},
	{"record", required_argument, NULL, OPT_RECORD},
	{"record-data", no_argument, NULL, OPT_RECORD_DATA},
	{"record-size", required_argument, NULL, OPT_RECORD_SIZE},
	{"sandbox", required_argument, NULL, OPT_SANDBOX},
	{"max-memory", required_argument, NULL, OPT_MAX_MEMORY},
	{"max-descriptors", required_argument, NULL, OPT_MAX_DESCRIPTORS},
	{"print-capabilities", no_argument, NULL, OPT_PRINT_CAPABILITIES},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"verbose", no_argument, NULL, OPT_VERBOSE},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

void serve_print_help(void)
{
	printf("usage: warren serve [OPTION]... DIR\n\n"
	       "Serves the folder DIR by 9P, in the foreground, until SIGTERM or Ctrl-C.\n\n"
	       "where (at least one; each may be given several times):\n"
	       "  --socket-path PATH    a vhost-user device for QEMU, UML or crosvm\n"
	       "  --fd N                the same on an inherited socket\n"
	       "  --listen ADDRESS      9P on unix:PATH, tcp:ADDRESS:PORT, vsock:CID:PORT or "
	       "fd:N\n\n"
	       "options:\n"
	       "  --tag TAG             the mount tag of the device, up to 32 bytes (warren)\n"
	       "  --msize N             the largest message, 4096 to 1048576 bytes\n"
	       "  --iounit N            what is answered to open as the best size of a read\n"
	       "  --guard LIST          against bugs of guests: all, none, NAME, no-NAME, see "
	       "below\n"
	       "  --fault FAULT         damage what passes, for tests of detectors; see the "
	       "manual\n"
	       "  --transport-fault DAMAGE\n"
	       "                        damage payloads when they are sent and recorded\n"
	       "  --identity MODEL      passthrough (default as root), squash[=UID:GID] (else), "
	       "mapped\n"
	       "  --map-uid A:B:N       users A.. of the guest are B.. of the host, N of them\n"
	       "  --map-gid A:B:N       the same for groups\n"
	       "  --readonly            change nothing\n"
	       "  --budget NAME=N,...   what a client may make the server hold, see below\n"
	       "  --workers N           threads for requests that block, 1 to 256 (4)\n"
	       "  --allow-devices       let clients make device nodes\n"
	       "  --no-splice           copy file data, whose pages large reads from sockets get "
	       "else\n"
	       "  --cpu N               run on this CPU only\n"
	       "  --ready-fd N          write 'ready ADDRESS' to descriptor N once peers may come\n"
	       "  --stats               at the end, print counters and costs as JSON\n"
	       "  --metrics ADDRESS     counters for Prometheus and 'warren top' by HTTP, on "
	       "unix:PATH\n"
	       "                        or tcp:ADDRESS:PORT\n"
	       "  --record FILE         record every message, for 'warren trace'\n"
	       "  --record-data         with all file data, not only its digests\n"
	       "  --record-size N       keep about the newest N MiB\n"
	       "  --sandbox WHAT        auto, or require: refuse to run without it; or none\n"
	       "  --max-memory MIB      memory that the server may take, 64 to 1048576 (4096)\n"
	       "  --max-descriptors N   descriptors that it may have, 64 to 1048576\n"
	       "  --print-capabilities  print what the vhost-user device can do, as JSON, and end\n"
	       "  --quiet               print warnings and errors only\n"
	       "  --verbose             log each peer that comes, and why it went\n"
	       "  --help                print this text\n"
	       "\nguards (on by default: *):\n");
	for (unsigned g = 0; g < N_GUARDS; g++)
		printf("  %c %-8s  %s\n", guard_table[g].by_default ? '*' : ' ',
		       guard_table[g].name, guard_table[g].summary);
	serve_print_budgets();
}

static int get_guards(const char *text, uint32_t *mask)
{
	const char *bad;
	size_t len;

	if (!guards_parse(text, mask, &bad, &len))
		return 0;
	return cmd_usage_error("serve", "--guard: there is no guard '%.*s'", (int)len, bad);
}

static int get_sandbox(const char *text, enum sandbox_wish *ret)
{
	static const char *const words[] = {"auto", "require", "none"};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(text, words[i])) {
			*ret = (enum sandbox_wish)i;
			return 0;
		}
	}
	return cmd_usage_error("serve", "--sandbox %s: give auto, require or none", text);
}

/* A decimal number from MIN to MAX. */
static int get_number(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t n;

	if (!number_parse(text, min, max, &n))
		return cmd_usage_error("serve", "--%s %s: give a number from %u to %u", name, text,
				       min, max);
	*ret = (uint32_t)n;
	return 0;
}

static int get_fd(const char *name, const char *text, int *ret)
{
	uint32_t n = 0;
	int r = get_number(name, text, 0, INT_MAX, &n);

	if (!r)
		*ret = (int)n;
	return r;
}

static int add_endpoint(struct serve_options *o, enum endpoint_kind kind, const char *text)
{
	struct endpoint *e = &o->endpoints[o->n_endpoints];

	if (o->n_endpoints == SERVE_MAX_ENDPOINTS)
		return cmd_usage_error("serve", "more than %d addresses", SERVE_MAX_ENDPOINTS);
	*e = (struct endpoint){.kind = kind, .text = text, .fd = -1};
	o->n_endpoints++;
	return kind == ENDPOINT_FD ? get_fd("fd", text, &e->fd) : 0;
}

static int add_fault(const char **faults, size_t *n, const char *value)
{
	if (*n == SERVE_MAX_FAULTS)
		return cmd_usage_error("serve", "more than %d faults", SERVE_MAX_FAULTS);
	faults[(*n)++] = value;
	return 0;
}

static int set_tag(struct serve_options *o, const char *tag)
{
	if (!*tag || strlen(tag) > MAX_TAG)
		return cmd_usage_error("serve", "--tag: give 1 to %d bytes", MAX_TAG);
	o->tag = tag;
	return 0;
}

/* Where a number goes, a switch, a text. */
static const struct number_option {
	enum option_key key;
	const char *name;
	uint32_t min, max;
	size_t at;
} numbers[] = {
#define NUMBER(key, name, min, max, field)                                 \
	{                                                                  \
		key, name, min, max, offsetof(struct serve_options, field) \
	}
	NUMBER(OPT_MSIZE, "msize", 4096, 1U << 20, msize),
	NUMBER(OPT_IOUNIT, "iounit", 1, 1U << 20, iounit),
	NUMBER(OPT_WORKERS, "workers", 1, 256, workers),
	NUMBER(OPT_RECORD_SIZE, "record-size", 1, 1U << 24, record_mib),
	NUMBER(OPT_MAX_MEMORY, "max-memory", 64, 1U << 20, max_memory_mib),
	NUMBER(OPT_MAX_DESCRIPTORS, "max-descriptors", 64, 1U << 20, max_descriptors),
#undef NUMBER
};

struct field_option {
	enum option_key key;
	size_t at;
};

static const struct field_option switches[] = {
	{OPT_READONLY, offsetof(struct serve_options, identity.readonly)},
	{OPT_ALLOW_DEVICES, offsetof(struct serve_options, allow_devices)},
	{OPT_NO_SPLICE, offsetof(struct serve_options, no_splice)},
	{OPT_STATS, offsetof(struct serve_options, stats)},
	{OPT_RECORD_DATA, offsetof(struct serve_options, record_data)},
	{OPT_QUIET, offsetof(struct serve_options, quiet)},
	{OPT_VERBOSE, offsetof(struct serve_options, verbose)},
};

static const struct field_option texts[] = {
	{OPT_METRICS, offsetof(struct serve_options, metrics)},
	{OPT_RECORD, offsetof(struct serve_options, record)},
};

/* True: KEY is in one of the tables, and *RET is how it went. */
static bool set_field(struct serve_options *o, enum option_key key, const char *value, int *ret)
{
	char *base = (char *)o;

	*ret = 0;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i].key == key) {
			*ret = get_number(numbers[i].name, value, numbers[i].min, numbers[i].max,
					  (void *)(base + numbers[i].at));
			return true;
		}
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		if (switches[i].key == key) {
			*(bool *)(void *)(base + switches[i].at) = true;
			return true;
		}
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].key == key) {
			memcpy(base + texts[i].at, &value, sizeof(value));
			return true;
		}
	return false;
}

static int set_option(struct serve_options *o, int key, const char *value)
{
	int r;

	if (set_field(o, (enum option_key)key, value, &r))
		return r;
	switch (key) {
	case OPT_SOCKET_PATH:
		return add_endpoint(o, ENDPOINT_SOCKET_PATH, value);
	case OPT_FD:
		return add_endpoint(o, ENDPOINT_FD, value);
	case OPT_LISTEN:
		return add_endpoint(o, ENDPOINT_LISTEN, value);
	case OPT_TAG:
		return set_tag(o, value);
	case OPT_GUARD:
		return get_guards(value, &o->guards);
	case OPT_FAULT:
		return add_fault(o->faults, &o->n_faults, value);
	case OPT_TRANSPORT_FAULT:
		return add_fault(o->transport_faults, &o->n_transport_faults, value);
	case OPT_IDENTITY:
		return serve_parse_identity(value, &o->identity);
	case OPT_MAP_UID:
		return serve_parse_range("map-uid", value, &o->identity.ids.uids);
	case OPT_MAP_GID:
		return serve_parse_range("map-gid", value, &o->identity.ids.gids);
	case OPT_BUDGET:
		return serve_parse_budget(value, &o->budget);
	case OPT_CPU:
		return get_fd("cpu", value, &o->cpu);
	case OPT_READY_FD:
		return get_fd("ready-fd", value, &o->ready_fd);
	case OPT_SANDBOX:
		return get_sandbox(value, &o->sandbox);
	default:
		return 0;
	}
}

static int check(const struct serve_options *o, int n_left)
{
	if (n_left < 1)
		return cmd_usage_error("serve", "which folder?");
	if (n_left > 1)
		return cmd_usage_error("serve", "one folder only, not %d", n_left);
	if (!o->n_endpoints)
		return cmd_usage_error("serve",
				       "where? give --listen ADDRESS or --socket-path PATH");
	if (!o->record && (o->record_data || o->record_mib))
		return cmd_usage_error("serve", "record to where? give --record FILE");
	return 0;
}

int serve_parse(int argc, char **argv, struct serve_options *ret_o, int *ret_status)
{
	struct serve_options o = {
		.tag = "warren", .cpu = -1, .ready_fd = -1, .guards = guards_default()};
	int key;

	*ret_status = EXIT_OK;
	opterr = 0;
	while ((key = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (key == OPT_HELP) {
			serve_print_help();
			return -1;
		}
		if (key == OPT_PRINT_CAPABILITIES) {
			fputs(vhost_user_capabilities(), stdout);
			return -1;
		}
		if (key == '?')
			*ret_status = cmd_usage_error("serve", "unknown option '%s'",
						      argv[optind - 1]);
		else if (key == ':')
			*ret_status = cmd_usage_error("serve", "'%s' needs a value",
						      argv[optind - 1]);
		else
			*ret_status = set_option(&o, key, optarg);
		if (*ret_status)
			return -1;
	}
	*ret_status = check(&o, argc - optind);
	if (!*ret_status)
		*ret_status = serve_check_identity(&o.identity);
	if (*ret_status)
		return -1;
	o.dir = argv[optind];
	*ret_o = o;
	return 0;
}
