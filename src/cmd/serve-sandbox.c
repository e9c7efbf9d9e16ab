/* SPDX-License-Identifier: MIT */
/* warren serve in its sandbox: what the options make of it, and what is said of it. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "identity-model.h"
#include "logging.h"
#include "macros.h"
#include "sandbox.h"
#include "serve.h"

#define DEFAULT_MEMORY_MIB 4096u
/* Each worker has a stack. */
#define STACK_MIB 8u
#define DEFAULT_WORKERS 4u

static int check_folder(const char *dir)
{
	autoclose int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	/* A descriptor needs no permission for the folder itself. */
	if (fd >= 0 && !eaccess(dir, R_OK | X_OK))
		return 0;
	switch (errno) {
	case ENOENT:
		return cmd_usage_error("serve", "there is no folder '%s'", dir);
	case ENOTDIR:
		return cmd_usage_error("serve", "'%s' is no folder", dir);
	case EACCES:
	case EPERM:
		log_error("no permission to open the folder '%s': run as its owner, or chmod it",
			  dir);
		return EXIT_ENVIRONMENT;
	default:
		log_error("the folder '%s' cannot be served: %s", dir, strerror(errno));
		return EXIT_ENVIRONMENT;
	}
}

static uint64_t capabilities(const struct serve_options *o)
{
	uint64_t set = identity_table[o->identity.model].capabilities;

	return o->allow_devices ? set : set & ~CAP_BIT(CAP_MKNOD);
}

static uint32_t calls(const struct serve_options *o)
{
	uint32_t sets = 0;

	if (o->identity.model == IDENTITY_PASSTHROUGH)
		sets |= 1u << CALLS_identity;
	if (o->record && o->record_mib)
		sets |= 1u << CALLS_rotation;
	if (o->n_faults)
		sets |= 1u << CALLS_faults;
	if (o->metrics)
		sets |= 1u << CALLS_metrics;
	return sets;
}

/* Only a recording that begins new files needs its folder; any other one is a descriptor. */
static const char *record_folder(const struct serve_options *o, char buf[PATH_MAX])
{
	if (!o->record || !o->record_mib || strlen(o->record) >= PATH_MAX)
		return NULL;
	return dirname(strcpy(buf, o->record));
}

uint64_t serve_memory(const struct serve_options *o)
{
	uint64_t mib = o->max_memory_mib;

	if (!mib)
		mib = DEFAULT_MEMORY_MIB +
		      (uint64_t)STACK_MIB * (o->workers ? o->workers : DEFAULT_WORKERS);
	return mib << 20;
}

static void make_plan(const struct serve_options *o, struct sandbox_plan *p)
{
	static char record[PATH_MAX];
	*p = (struct sandbox_plan){
		.layers = SANDBOX_ALL_LAYERS,
		.export_dir = o->dir,
		.record_dir = record_folder(o, record),
		.readonly = o->identity.readonly,
		.allow_devices = o->allow_devices,
		.capabilities = capabilities(o),
		.calls = calls(o),
		.max_memory = serve_memory(o),
		.max_descriptors = o->max_descriptors,
	};
}

/* The server ended in a way that it does not choose itself. */
static int explain_death(int sig)
{
	if (sig == SIGSYS)
		log_error("the server made a system call that its sandbox forbids, and was ended: "
			  "please report it, with the number that the kernel's log (dmesg) names; "
			  "until then --sandbox=none serves");
	else
		log_error("the server was ended by signal %d (%s)", sig, strsignal(sig));
	return 128 + sig;
}

static int supervise(struct sandbox *s)
{
	int status, sig, r = sandbox_supervise(s, &status, &sig);

	if (r) {
		log_error("the server is out of sight: %s", strerror(-r));
		return EXIT_ENVIRONMENT;
	}
	if (sig)
		return 128 + sig;
	return WIFEXITED(status) ? WEXITSTATUS(status) : explain_death(WTERMSIG(status));
}

bool serve_split(const struct serve_options *o, struct sandbox **ret_s, int *ret_status)
{
	static struct sandbox_plan plan;
	struct sandbox *s;
	int r;

	*ret_status = check_folder(o->dir);
	if (*ret_status)
		return true;
	if (o->sandbox == SANDBOX_NONE)
		return false;
	make_plan(o, &plan);
	r = sandbox_split(&plan, &s);
	if (r < 0) {
		log_error("no process can be made for the sandbox: %s", strerror(-r));
		*ret_status = EXIT_ENVIRONMENT;
		return true;
	}
	if (r > 0) {
		*ret_status = supervise(s);
		sandbox_free(s);
		return true;
	}
	*ret_s = s;
	return false;
}

static const char *path_of(const char *address)
{
	return address && !strncmp(address, "unix:", 5) ? address + 5 : NULL;
}

static const char *socket_path(const struct endpoint *e)
{
	if (e->kind == ENDPOINT_SOCKET_PATH)
		return e->text;
	return e->kind == ENDPOINT_LISTEN ? path_of(e->text) : NULL;
}

/* From inside they cannot be removed. */
static int give_away_sockets(const struct serve_options *o, struct sandbox *s)
{
	const char *path = path_of(o->metrics);
	int r = path ? sandbox_remove_at_end(s, path) : 0;

	for (size_t i = 0; i < o->n_endpoints && !r; i++) {
		path = socket_path(&o->endpoints[i]);
		r = path ? sandbox_remove_at_end(s, path) : 0;
	}
	return r;
}

static int report(const struct serve_options *o, const struct sandbox *s)
{
	autofree char *holds = sandbox_describe(s), *missing = sandbox_missing(s);

	if (!holds || !missing)
		return -ENOMEM;
	if (!*missing) {
		log_info("sandbox: %s", holds);
		return 0;
	}
	if (o->sandbox == SANDBOX_REQUIRE) {
		log_error("--sandbox=require: not to be had: %s; allow it on this machine, or run "
			  "with --sandbox=auto",
			  missing);
		return -EPERM;
	}
	/* Who builds with sanitizers knows. */
	log_print(sandbox_is_cut() ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "sandbox: %s; not: %s", holds,
		  missing);
	return 0;
}

int serve_seal(const struct serve_options *o, struct sandbox *s)
{
	int r = s ? give_away_sockets(o, s) : 0;

	if (!s)
		return 0;
	if (!r)
		r = sandbox_seal(s);
	if (r) {
		log_error("the sandbox cannot be entered: %s", strerror(-r));
		return EXIT_ENVIRONMENT;
	}
	return report(o, s) ? EXIT_ENVIRONMENT : 0;
}
