/* SPDX-License-Identifier: MIT */
#include "ready.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel-names.h"
#include "kernel-spec.h"
#include "kernel.h"
#include "macros.h"
#include "spawn.h"
#include "vmlinux.h"

#define MSIZE_VIRTIO 512000U /* Linux: 128 pages less three */
/* Linux allocates a message in one piece, and not from memory of the share's as by virtio: 1 MiB, the most
 * that it takes, is soon not to be had any more, and a guest in QEMU reads no faster with it. */
#define MSIZE_TCP 131072U

static int missing(char **ret_why, const char *fmt, ...) printf_like(2, 3);

static int missing(char **ret_why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (vasprintf(ret_why, fmt, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return EXIT_ENVIRONMENT;
}

/* The probe is beside us in the build folder, and in libexec where we are installed. */
int ready_programs(struct ready *r, char **ret_why)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *env = getenv("WARREN_PROBE"), *own = getenv("WARREN_PROGRAM"), *dir;

	if (n < 0)
		return missing(ret_why, "cannot read /proc/self/exe: %s", strerror(errno));
	self[n] = '\0';
	/* Where a loader was started in our place, the link names that. */
	r->warren = strdup(own ? own : self);
	dir = dirname(self);
	if (asprintf(&r->probe, "%s/../probe/warren-probe", dir) < 0)
		r->probe = NULL;
	if (env || (r->probe && access(r->probe, X_OK) < 0)) {
		free(r->probe);
		r->probe = strdup(env ? env : WARREN_LIBEXECDIR "/warren-probe");
	}
	if (!r->warren || !r->probe || access(r->probe, X_OK) < 0)
		return missing(ret_why,
			       "the probe is not at %s: build or install warren as a whole, or set "
			       "WARREN_PROBE",
			       r->probe ? r->probe : "its place");
	return EXIT_OK;
}

/* Of what fetches and builds. */
static int environment(int err, char *why, char **ret_why)
{
	if (err == -EINTR) {
		free(why);
		*ret_why = strdup("interrupted");
		return 128 + SIGINT;
	}
	*ret_why = why ? why : strdup(strerror(-err));
	return EXIT_ENVIRONMENT;
}

/* A program for the host is User Mode Linux; one that says how QEMU enters it is a vmlinux. */
static bool is_uml_program(const char *path)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool is_uml;
	void *p;

	if (fd < 0 || fstat(fd, &st) || st.st_size < SELFMAG)
		return false;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return false;
	is_uml = !memcmp(p, ELFMAG, SELFMAG) && !vmlinux_has_pvh(p, (size_t)st.st_size);
	munmap(p, (size_t)st.st_size);
	return is_uml;
}

int ready_guest_of(const char *kernel, enum guest_kind *ret_guest, char **ret_why)
{
	struct kernel_spec spec;
	struct kernel *k = NULL;
	char *why = NULL;
	int r;

	if (strchr(kernel, '/')) {
		*ret_guest = is_uml_program(kernel) ? GUEST_UML : GUEST_QEMU;
		return EXIT_OK;
	}
	r = kernel_spec_by_name(kernel, &spec, &why);
	if (!r) {
		*ret_guest = kernel_source_is_uml(spec.source) ? GUEST_UML : GUEST_QEMU;
		return EXIT_OK;
	}
	if (!why && !kernel_find(kernel, &k)) {
		*ret_guest = k->is_uml ? GUEST_UML : GUEST_QEMU;
		kernel_free(k);
		return EXIT_OK;
	}
	if (!why)
		missing(&why, "there is no kernel '%s': see 'warren lab kernel list'", kernel);
	*ret_why = why;
	return EXIT_ENVIRONMENT;
}

/* A program that somebody has built: what is not known about it stays empty. */
static int take_image(const char *path, bool uml, struct kernel **ret_k, char **ret_why)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return missing(ret_why, "%s", strerror(ENOMEM));
	*ret_k = k;
	k->image = realpath(path, NULL);
	if (!k->image)
		return missing(ret_why, "there is no kernel at %s: %s", path, strerror(errno));
	k->name = strdup(path);
	k->release = strdup("");
	k->version = strdup("");
	k->build_id = strdup("");
	k->edits = strdup("");
	k->dir = strdup(k->image);
	if (!k->name || !k->release || !k->version || !k->build_id || !k->edits || !k->dir)
		return missing(ret_why, "%s", strerror(ENOMEM));
	*strrchr(k->dir, '/') = '\0';
	k->is_uml = is_uml_program(path);
	k->is_outside = true;
	return k->is_uml == uml ? EXIT_OK
				: missing(ret_why, "%s is %s program of User Mode Linux", path,
					  uml ? "no" : "a");
}

static int find_kernel(const struct wish *w, struct ready *r, char **ret_why)
{
	bool uml = w->guest == GUEST_UML;
	char *why = NULL;
	int err;

	if (w->kernel && strchr(w->kernel, '/'))
		return take_image(w->kernel, uml, &r->kernel, ret_why);
	err = kernel_get(w->kernel, uml, &r->kernel, &why);
	if (err)
		return environment(err, why, ret_why);
	if (r->kernel->is_uml != uml)
		return missing(ret_why,
			       "the kernel %s is %s UML: choose another (see 'warren "
			       "lab kernel list')",
			       r->kernel->name, uml ? "not for" : "for");
	return EXIT_OK;
}

static int find_qemu(const struct wish *w, struct ready *r, char **ret_why)
{
	char *why = NULL;
	int err;

	if (w->qemu && !strchr(w->qemu, '/')) {
		err = lab_qemu_get(w->qemu, &r->qemu, &why);
		return err ? environment(err, why, ret_why) : EXIT_OK;
	}
	if (!spawn_has_program(w->qemu ? w->qemu : "qemu-system-x86_64"))
		return missing(ret_why, "there is no QEMU at %s: %s",
			       w->qemu ? w->qemu : "qemu-system-x86_64",
			       w->qemu ? "give another path"
				       : "install the package qemu-system-x86");
	if (w->qemu && strv_push(&r->qemu, w->qemu) < 0)
		return missing(ret_why, "%s", strerror(ENOMEM));
	return EXIT_OK;
}

/* Has this QEMU a vhost-user device for 9P that users may add (10.2 and newer)? */
static bool qemu_has_vhost(char *const *qemu)
{
	struct spawn s = SPAWN_INIT;
	char **argv = NULL;
	autofree char *out = NULL;
	size_t n;
	int r = 0;

	for (char *const *w = qemu; w && *w && !r; w++)
		r = strv_push(&argv, *w);
	if (!qemu)
		r = strv_push(&argv, "qemu-system-x86_64");
	r = r ? r : strv_push(&argv, "-device");
	r = r ? r : strv_push(&argv, "help");
	s.argv = (const char *const *)argv;
	s.fds[2] = SPAWN_NULL;
	if (!r)
		r = spawn_capture(&s, 1 << 20, &out, &n);
	strv_free(argv);
	return !r && out && strstr(out, "\"vhost-user-test-device-pci\"");
}

static int choose_share(const struct wish *w, struct ready *r, char **ret_why)
{
	if (w->guest == GUEST_UML)
		r->share = SHARE_VHOST_USER;
	else if (w->qemu_server)
		r->share = SHARE_QEMU_9PFS;
	else if (w->share == SHARE_BY_TCP)
		r->share = SHARE_TCP;
	else
		r->share = qemu_has_vhost(r->qemu) ? SHARE_VHOST_USER : SHARE_TCP;
	if (w->share == SHARE_BY_VHOST && r->share != SHARE_VHOST_USER)
		return missing(ret_why, "this QEMU has no vhost-user device for 9P, it takes 10.2: "
					"try --qemu trixie, or --share tcp");
	return EXIT_OK;
}

int ready_make(const struct wish *w, struct ready *r, char **ret_why)
{
	int status = ready_programs(r, ret_why);

	if (!status)
		status = find_kernel(w, r, ret_why);
	if (!status && w->guest == GUEST_QEMU)
		status = find_qemu(w, r, ret_why);
	return status ? status : choose_share(w, r, ret_why);
}

unsigned ready_msize(enum share_kind share)
{
	return share == SHARE_TCP ? MSIZE_TCP : MSIZE_VIRTIO;
}

void ready_done(struct ready *r)
{
	free(r->warren);
	free(r->probe);
	if (r->kernel)
		kernel_free(r->kernel);
	strv_free(r->qemu);
	*r = (struct ready){0};
}
