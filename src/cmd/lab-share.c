/* SPDX-License-Identifier: MIT */
#include "lab-share.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel-names.h"
#include "kernel-spec.h"
#include "kernel.h"
#include "lab.h"
#include "programs.h"

const char *const share_words[] = {"warren", "qemu", NULL};

int share_take_cache(struct option_line *l, void *o, const char *value)
{
	return option_cache(l, value, &((struct share_options *)o)->cache);
}

static int find_dir(const char *verb, const char *name, char **ret_dir)
{
	autofree char *dir = realpath(name, NULL);
	struct stat st;

	if (!dir || stat(dir, &st))
		return cmd_usage_error(verb, "there is no folder %s", name);
	if (!S_ISDIR(st.st_mode))
		return cmd_usage_error(verb, "%s is not a folder", name);
	*ret_dir = steal_ptr(&dir);
	return EXIT_OK;
}

/* A name that is none is left to kernel_get, which says so. */
static enum guest_kind guest_of(const char *kernel)
{
	struct kernel_spec spec;
	autofree char *why = NULL;

	if (kernel_spec_by_name(kernel, &spec, &why))
		return strstr(kernel, "uml") ? GUEST_UML : GUEST_QEMU;
	return kernel_source_is_uml(spec.source) ? GUEST_UML : GUEST_QEMU;
}

int share_make(const char *verb, const struct share_options *o, struct ready *r,
	       struct stage_plan *ret_s)
{
	const char *kernel = o->kernel ? o->kernel : SHARE_KERNEL_DEFAULT;
	struct wish w = {.guest = guest_of(kernel),
			 .kernel = kernel,
			 .qemu = o->qemu,
			 .qemu_server = o->share == 1};
	char *why = NULL, *dir = NULL;
	int status;

	if (w.guest == GUEST_UML && (w.qemu_server || w.qemu))
		return cmd_usage_error(verb, "--%s needs a kernel for QEMU; %s is User Mode Linux",
				       w.qemu ? "qemu" : "share qemu", kernel);
	status = find_dir(verb, o->dir ? o->dir : ".", &dir);
	if (!status && (status = ready_make(&w, r, &why)))
		lab_fail(-ENOMEM, why);
	*ret_s = (struct stage_plan){
		.dir = dir,
		.guest = w.guest,
		.share = r->share,
		.kernel = r->kernel,
		.qemu = (const char *const *)r->qemu,
		.warren = r->warren,
		.probe = r->probe,
		.programs = programs_usual, /* for QEMU; UML has all of the host's */
		.memory_mib = o->memory_mib,
		.silence_limit_s = o->timeout_s,
		.server.iounit = o->iounit,
		.cpu = STAGE_CPU_CHOOSE,
	};
	return status;
}

void share_done(struct ready *r, struct stage_plan *s)
{
	free((char *)s->dir);
	ready_done(r);
}
