/* SPDX-License-Identifier: MIT */
/* run.json:
 *
 *	record		1
 *	warren		its version
 *	time		UTC
 *	host		{release, machine, cpus}: of the host's kernel; its name is nobody's business
 *	kernel		{name, release, version, build_id, dir, image, sha256, package,
 *			 package_version, edits, patches, config, options: {CONFIG_...: value}, is_uml}
 *	guest		{kind, memory_mib, kvm, boot_seconds, words: [command line]}
 *	facts		{name: value}: what the guest said of itself, see probe-facts.c
 *	qemu		{version, words}; null for UML
 *	share		"vhost-user", "tcp", "qemu"
 *	server		{name, version, counters}
 *	settings	["--cache=mmap" ...]: options of `warren verify` that shape the run
 *	caches, ways	lists; msizes; iounit (0: the server's default); guard, as
 *			in --guard
 *	shared		the folder that was; corpus: its spec, when it was a generated one
 *	mounts		a list of objects as `verify --json` has them, each with "list": its findings,
 *			those with size, and expected and observed in hex
 *	verdict		{status, why, console}
 *	variations	[{what, runs, damaged, failed}], of `lab matrix`
 *	bisect		{good, bad, commit}, of `lab bisect`
 */
#include "record-json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "kernel-manifest.h"
#include "kernel.h"
#include "macros.h"
#include "record.h"
#include "run.h"
#include "slurp.h"
#include "spawn.h"
#include "verdict-json.h"

#define CONFIG_LIMIT (4U << 20)
#define GUEST_LIMIT (1U << 20)

/* What changes how 9P reads, or what a damaged page looks like. */
static const char *const notable[] = {
	"CONFIG_9P_FS",
	"CONFIG_9P_FSCACHE",
	"CONFIG_NET_9P",
	"CONFIG_NET_9P_VIRTIO",
	"CONFIG_NET_9P_FD",
	"CONFIG_NET_9P_DEBUG",
	"CONFIG_NETFS_SUPPORT",
	"CONFIG_FSCACHE",
	"CONFIG_PREEMPT",
	"CONFIG_PREEMPT_VOLUNTARY",
	"CONFIG_PREEMPT_NONE",
	"CONFIG_PREEMPT_DYNAMIC",
	"CONFIG_SMP",
	"CONFIG_HIGHMEM",
	"CONFIG_TRANSPARENT_HUGEPAGE",
	"CONFIG_INIT_ON_ALLOC_DEFAULT_ON",
	"CONFIG_INIT_ON_FREE_DEFAULT_ON",
	"CONFIG_PAGE_POISONING",
	"CONFIG_SLUB_DEBUG",
	"CONFIG_DEBUG_VM",
	"CONFIG_DEBUG_PAGEALLOC",
	"CONFIG_KASAN",
	"CONFIG_KCSAN",
	"CONFIG_PROVE_LOCKING",
};

static json_t *words_of(const char *const *words)
{
	json_t *list = json_array();

	for (; words && *words; words++)
		json_array_append_new(list, json_text(*words));
	return list;
}

static json_t *numbers_of(const unsigned *n)
{
	json_t *list = json_array();

	for (; n && *n; n++)
		json_array_append_new(list, json_integer((json_int_t)*n));
	return list;
}

static json_t *host_of(void)
{
	struct utsname u;

	if (uname(&u))
		return json_null();
	return json_pack("{s:o, s:o, s:I}", "release", json_text(u.release), "machine",
			 json_text(u.machine), "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN));
}

/* The value of KEY in the text of a kernel's configuration; NULL when it is not set. */
static json_t *find_option(const char *config, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = config; (at = strstr(at, key)); at += n)
		if (at[n] == '=' && (at == config || at[-1] == '\n'))
			return json_bytes(at + n + 1, strcspn(at + n + 1, "\n"));
	return NULL;
}

static json_t *options_of(const char *path)
{
	autofree char *config = NULL;
	json_t *o = json_object();

	if (slurp(path, CONFIG_LIMIT, &config, NULL))
		return o;
	for (size_t i = 0; i < ARRAY_SIZE(notable); i++) {
		json_t *value = find_option(config, notable[i]);

		json_object_set_new(o, notable[i], value ? value : json_string("n"));
	}
	return o;
}

static json_t *kernel_of(const struct kernel *k)
{
	cleanup(kernel_manifest_done) struct kernel_manifest m = KERNEL_MANIFEST_INIT;
	autofree char *config = NULL;
	json_t *o = json_object();

	json_object_set_new(o, "name", json_text(k->name));
	json_object_set_new(o, "release", json_text(k->release));
	json_object_set_new(o, "version", json_text(k->version));
	json_object_set_new(o, "build_id", json_text(k->build_id));
	json_object_set_new(o, "dir", json_text(k->dir));
	json_object_set_new(o, "image", json_text(k->image));
	json_object_set_new(o, "is_uml", json_boolean(k->is_uml));
	if (!kernel_manifest_read(k->dir, &m)) {
		json_object_set_new(o, "sha256", json_text(m.sha256));
		json_object_set_new(o, "package", json_text(m.package));
		json_object_set_new(o, "package_version", json_text(m.package_version));
		json_object_set_new(o, "edits", json_text(m.edits));
		json_object_set_new(o, "patches", json_text(m.patches));
	}
	if (asprintf(&config, "%s/config", k->dir) < 0)
		config = NULL;
	if (config && !access(config, R_OK)) {
		json_object_set_new(o, "config", json_text(config));
		json_object_set_new(o, "options", options_of(config));
	}
	return o;
}

/* The "word" lines of the guest's manifest are its command line. */
static json_t *guest_words(const char *folder)
{
	autofree char *path = NULL, *text = NULL;
	json_t *list = json_array();
	char *save;

	if (asprintf(&path, "%s/guest", folder) < 0)
		path = NULL;
	if (!path || slurp(path, GUEST_LIMIT, &text, NULL))
		return list;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, "word ", 5))
			json_array_append_new(list, json_text(line + 5));
	return list;
}

static json_t *guest_of(const struct record_end *e, const char *folder)
{
	return json_pack("{s:s, s:i, s:b, s:f, s:o}", "kind",
			 e->plan->guest == GUEST_UML ? "uml" : "qemu", "memory_mib",
			 e->plan->memory_mib ? (int)e->plan->memory_mib : 512, "kvm",
			 (int)e->result->has_kvm, "boot_seconds", e->result->boot_seconds, "words",
			 guest_words(folder));
}

/* "QEMU emulator version 7.2.22 (Debian ...)" */
static json_t *qemu_version(const char *const *words)
{
	static const char *const usual[] = {"qemu-system-x86_64", NULL};
	cleanup(cleanup_strv) char **argv = NULL;
	struct spawn s = SPAWN_INIT;
	autofree char *out = NULL;
	int r = 0;

	for (words = words ? words : usual; *words && !r; words++)
		r = strv_push(&argv, *words);
	r = r ? r : strv_push(&argv, "--version");
	s.argv = (const char *const *)argv;
	s.fds[2] = SPAWN_NULL;
	r = r ? r : spawn_capture(&s, 1 << 16, &out, NULL);
	return r || !out ? json_null() : json_bytes(out, strcspn(out, "\n"));
}

static json_t *qemu_of(const struct run_plan *p)
{
	if (p->guest == GUEST_UML)
		return json_null();
	return json_pack("{s:o, s:o}", "version", qemu_version(p->qemu), "words",
			 words_of(p->qemu));
}

static json_t *server_of(const struct record_end *e)
{
	json_t *counters = e->result->server ? json_loads(e->result->server, 0, NULL) : NULL;
	bool is_qemu = e->plan->share == SHARE_QEMU_9PFS;

	return json_pack("{s:s, s:s?, s:o}", "name", is_qemu ? "QEMU's 9pfs" : "warren serve",
			 "version", is_qemu ? NULL : WARREN_VERSION, "counters",
			 json_is_object(counters) ? counters
						  : (json_decref(counters), json_null()));
}

static json_t *now(void)
{
	time_t t = time(NULL);
	struct tm tm;
	char text[32];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static const char *share_name(enum share_kind share)
{
	return share == SHARE_VHOST_USER ? "vhost-user" : share == SHARE_TCP ? "tcp" : "qemu";
}

static json_t *verdict_of_run(const struct record_end *e)
{
	return json_pack("{s:i, s:o, s:o}", "status", e->status, "why", json_text(e->result->why),
			 "console", json_text(e->result->console));
}

json_t *record_json(const struct record_end *e, const char *folder)
{
	json_t *o = json_object();

	json_object_set_new(o, "record", json_integer(RECORD_VERSION));
	json_object_set_new(o, "warren", json_string(WARREN_VERSION));
	json_object_set_new(o, "time", now());
	json_object_set_new(o, "host", host_of());
	json_object_set_new(o, "kernel", kernel_of(e->plan->kernel));
	json_object_set_new(o, "guest", guest_of(e, folder));
	json_object_set_new(o, "qemu", qemu_of(e->plan));
	json_object_set_new(o, "share", json_string(share_name(e->plan->share)));
	json_object_set_new(o, "server", server_of(e));
	json_object_set_new(o, "settings", words_of((const char *const *)e->settings));
	json_object_set_new(o, "caches", words_of(e->plan->caches));
	json_object_set_new(o, "ways", words_of(e->plan->ways));
	json_object_set_new(o, "msizes", numbers_of(e->plan->msizes));
	json_object_set_new(o, "iounit",
			    json_integer(e->plan->share == SHARE_QEMU_9PFS
						 ? 0
						 : (json_int_t)e->plan->server.iounit));
	json_object_set_new(o, "guard", json_text(e->plan->server.guard));
	json_object_set_new(o, "shared", json_text(e->plan->dir));
	if (e->corpus)
		json_object_set_new(o, "corpus", json_text(e->corpus));
	json_object_set_new(o, "verdict", verdict_of_run(e));
	json_object_set_new(o, "variations", json_array());
	return o;
}
