/* SPDX-License-Identifier: MIT */
/* make, and patch. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apt.h"
#include "cleanup.h"
#include "kernel-build.h"
#include "kernel-config.h"
#include "kernel-names.h"
#include "path.h"
#include "progress.h"
#include "slurp.h"
#include "spawn.h"
#include "tool.h"

/* The build must not depend on who calls it: a surrounding make, an environment for cross builds.
 */
static const char *const build_env[] = {
	"MAKEFLAGS=",
	"MAKELEVEL=",
	"GNUMAKEFLAGS=",
	"KCPPFLAGS=",
	"CROSS_COMPILE=",
	"LLVM=",
	"KBUILD_OUTPUT=",
	"KBUILD_VERBOSE=",
	"KBUILD_EXTMOD=",
	"KBUILD_BUILD_USER=warren",
	"KBUILD_BUILD_HOST=warren",
	"KBUILD_BUILD_VERSION=1",
	"KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
};

static int make_env(struct build *b)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(build_env) && !r; i++)
		r = strv_push(&b->env, build_env[i]);
	if (r)
		return r;
	/* Nobody reads the warnings of a kernel that is not ours. */
	if (!b->config->is_debug)
		return strv_push(&b->env, "KCFLAGS=-w");
	return strv_pushf(&b->env, "KCFLAGS=-w -fdebug-prefix-map=%s=" KERNEL_DEBUG_PATH,
			  b->tree.src);
}

static int check_configuration(struct build *b, char **ret_why)
{
	const char *const *more = kernel_spec_options(b->job->spec);
	autofree char *path = path_join(b->tree.src, ".config"), *text = NULL;
	const char *missing;
	int r = path ? slurp(path, 1 << 20, &text, NULL) : -ENOMEM;

	if (r)
		return r;
	missing = kernel_config_missing(b->config, more, text);
	return missing ? lab_why(-EINVAL, ret_why, "%s %s cannot be configured with %s",
				 b->source->name, b->source->version, missing)
		       : 0;
}

int build_configure(struct build *b, char **ret_why)
{
	autofree char *wanted = path_join(b->tree.src, "warren.config"), *all = NULL;
	autofree char *text = kernel_config_text(b->config, kernel_spec_options(b->job->spec));
	int r;

	if (!wanted || !text || asprintf(&all, "KCONFIG_ALLCONFIG=%s", wanted) < 0) {
		all = NULL;
		return -ENOMEM;
	}
	r = b->env ? 0 : make_env(b);
	if (!r)
		r = path_write(wanted, text, strlen(text));
	if (!r)
		r = tool_run(
			&(struct tool){.argv = (const char *const[]){"make",
								     b->config->arch->make_arch,
								     all, "allnoconfig", NULL},
				       .dir = b->tree.src,
				       .env = (const char *const *)b->env},
			b->job->work, ret_why);
	return r ? r : check_configuration(b, ret_why);
}

static void show_compiling(void *arg, const char *line)
{
	struct build *b = arg;

	if (line && strncmp(line, "  CC ", 5) != 0 && strncmp(line, "  AS ", 5) != 0)
		return;
	b->n_compiled += line != NULL;
	progress_update(b->job->progress, "compiling %u/%u", b->n_compiled,
			MAX(b->config->n_objects, b->n_compiled));
}

static unsigned count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

int build_compile(struct build *b, char **ret_why)
{
	char jobs[16];
	int r = b->env ? 0 : make_env(b);

	snprintf(jobs, sizeof(jobs), "-j%u", count_cpus());
	b->n_compiled = 0;
	return r ? r
		 : tool_run(
			   &(struct tool){
				   .argv = (const char *const[]){"make", b->config->arch->make_arch,
								 jobs, b->config->arch->goal,
								 b->config->is_debug ? "scripts_gdb"
										     : NULL,
								 NULL},
				   .dir = b->tree.src,
				   .env = (const char *const *)b->env,
				   .line = show_compiling,
				   .arg = b},
			   b->job->work, ret_why);
}

/* What patch said: which file it is at, and the first thing that is wrong. */
struct patch_talk {
	char file[128], wrong[128];
};

static void follow_patch(void *arg, const char *line)
{
	struct patch_talk *t = arg;
	bool is_wrong = line && (strstr(line, "FAILED") || strstr(line, "can't find") ||
				 strstr(line, "****") || strstr(line, "previously applied"));

	if (line && !strncmp(line, "checking file ", 14))
		snprintf(t->file, sizeof(t->file), "%s: ", line + 14);
	if (is_wrong && !*t->wrong)
		snprintf(t->wrong, sizeof(t->wrong), "%s%s", t->file, line);
}

static int run_patch(struct build *b, const char *option, char **ret_why)
{
	struct patch_talk talk = {0};
	autofree char *why = NULL;
	const struct tool t = {.argv = (const char *const[]){"patch", "-p1", "--batch",
							     "--no-backup-if-mismatch", "-i",
							     b->job->patch, option, NULL},
			       .dir = b->tree.src,
			       .line = follow_patch,
			       .arg = &talk};
	int r = tool_run(&t, b->job->work, &why);

	if (r != -EIO)
		return r ? lab_why(r, ret_why, "%s", why ? why : strerror(-r)) : 0;
	return lab_why(-EINVAL, ret_why, "%s does not apply to %s %s: %s", b->job->patch,
		       b->source->name, b->source->version,
		       *talk.wrong ? talk.wrong
		       : why	   ? why
				   : "patch failed");
}

int build_check_changes(struct build *b, char **ret_why)
{
	int r = build_change(b, ret_why), r1;

	r1 = build_change_back(b);
	return r ? r : r1;
}

int build_change(struct build *b, char **ret_why)
{
	const struct kernel_spec *s = b->job->spec;
	int r = 0;

	for (size_t i = 0; i < s->n_edits && !r; i++)
		r = kernel_edit_apply(s->edits[i], b->tree.src, &b->undo, ret_why);
	if (r || !*s->patch)
		return r;
	/* All of it or nothing. */
	r = run_patch(b, "--dry-run", ret_why);
	if (!r)
		r = run_patch(b, "--forward", ret_why);
	b->is_patched = !r;
	return r;
}

int build_change_back(struct build *b)
{
	int r = b->is_patched ? run_patch(b, "--reverse", NULL) : 0;
	int r1 = kernel_undo_run(&b->undo);

	b->is_patched = false;
	return r ? r : r1;
}
