/* SPDX-License-Identifier: MIT */
/* warren verify: share a folder with a guest and prove that it reads what the host holds. */
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel.h"
#include "logging.h"
#include "manifest.h"
#include "monitor.h"
#include "spawn.h"
#include "walk.h"

#define MSIZE_VIRTIO 512000U /* Linux: 128 pages less three */
#define MSIZE_TCP (1U << 20)

struct verify {
	struct verify_options o;
	struct run_plan plan;
	struct printer printer;
	char *dir, *warren, *probe;
	int dir_fd;
	struct kernel *kernel;
	char **qemu;
	struct manifest *loaded;
};

/* While kernels are fetched: what waits returns -EINTR and removes what it has made. */
static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static void catch_signals(void)
{
	const struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static int failf(struct verify *v, int status, const char *fmt, ...) printf_like(3, 4);

static int failf(struct verify *v, int status, const char *fmt, ...)
{
	va_list args;
	char *why;

	va_start(args, fmt);
	if (vasprintf(&why, fmt, args) < 0)
		why = NULL;
	va_end(args);
	return print_failure(&v->printer, status, why, NULL);
}

static int open_dir(struct verify *v)
{
	struct stat st;

	if (stat(v->o.dir, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return cmd_usage_error("verify", "there is no folder %s", v->o.dir);
	v->dir_fd = open(v->o.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->dir_fd < 0 && errno == ENOTDIR)
		return cmd_usage_error("verify", "%s is not a folder", v->o.dir);
	v->dir = v->dir_fd < 0 ? NULL : realpath(v->o.dir, NULL);
	if (!v->dir)
		return failf(v, EXIT_ENVIRONMENT, "cannot read %s: %s%s", v->o.dir, strerror(errno),
			     errno == EACCES ? "; run as a user who may" : "");
	return EXIT_OK;
}

static int open_failure(struct verify *v, const char *what, const char *path)
{
	return failf(v, EXIT_ENVIRONMENT, "cannot %s %s: %s", what, path, strerror(errno));
}

static int save_manifest(struct verify *v)
{
	autofclose FILE *f = fopen(v->o.save_manifest, "we");
	struct manifest *m;
	int r;

	if (!f)
		return open_failure(v, "write", v->o.save_manifest);
	r = manifest_start(v->dir_fd, &m);
	if (r)
		return failf(v, EXIT_ENVIRONMENT, "cannot read %s: %s", v->dir, strerror(-r));
	while ((r = manifest_wait_for(m, 200)) == -ETIMEDOUT) {
		uint64_t files, bytes;

		manifest_progress(m, &files, &bytes);
		printer_listener.progress(&v->printer, "host", files, bytes);
		if (caught)
			manifest_cancel(m);
	}
	if (!r)
		r = manifest_save(m, f);
	manifest_free(m);
	if (r) {
		unlink(v->o.save_manifest);
		return caught ? failf(v, 128 + caught, "interrupted")
			      : failf(v, EXIT_ENVIRONMENT, "cannot write %s: %s",
				      v->o.save_manifest, strerror(-r));
	}
	return EXIT_OK;
}

static int load_manifest(struct verify *v)
{
	autofclose FILE *f = fopen(v->o.manifest, "re");
	unsigned line = 0;
	int r;

	if (!f)
		return open_failure(v, "read", v->o.manifest);
	r = manifest_load(f, v->dir_fd, &v->loaded, &line);
	if (r)
		return cmd_usage_error("verify", "%s is no manifest of --save-manifest (line %u)",
				       v->o.manifest, line);
	return EXIT_OK;
}

/* The probe is beside us in the build folder, and in libexec where we are installed. */
static int find_programs(struct verify *v)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *env = getenv("WARREN_PROBE"), *dir;

	if (n < 0)
		return open_failure(v, "read", "/proc/self/exe");
	self[n] = '\0';
	v->warren = strdup(self);
	dir = dirname(self);
	if (asprintf(&v->probe, "%s/../verify/warren-probe", dir) < 0)
		v->probe = NULL;
	if (env || (v->probe && access(v->probe, X_OK) < 0)) {
		free(v->probe);
		v->probe = strdup(env ? env : WARREN_LIBEXECDIR "/warren-probe");
	}
	if (!v->warren || !v->probe || access(v->probe, X_OK) < 0)
		return failf(v, EXIT_ENVIRONMENT,
			     "the probe is not at %s: build or install warren as a whole, or set "
			     "WARREN_PROBE",
			     v->probe ? v->probe : "its place");
	return EXIT_OK;
}

static int environment(struct verify *v, int r, char *why)
{
	if (caught || r == -EINTR) {
		free(why);
		return failf(v, 128 + (caught ? caught : SIGINT), "interrupted");
	}
	return print_failure(&v->printer, EXIT_ENVIRONMENT, why ? why : strdup(strerror(-r)), NULL);
}

static int find_kernel(struct verify *v)
{
	bool uml = v->o.guest == GUEST_UML;
	char *why = NULL;
	int r = kernel_get(v->o.kernel, uml, &v->kernel, &why);

	if (r)
		return environment(v, r, why);
	if (v->kernel->is_uml != uml)
		return failf(v, EXIT_ENVIRONMENT,
			     "the kernel %s is %s UML: choose another (see 'warren "
			     "lab kernel list')",
			     v->kernel->name, uml ? "not for" : "for");
	return EXIT_OK;
}

static int find_qemu(struct verify *v)
{
	char *why = NULL;
	int r;

	if (v->o.qemu && !strchr(v->o.qemu, '/')) {
		r = lab_qemu_get(v->o.qemu, &v->qemu, &why);
		return r ? environment(v, r, why) : EXIT_OK;
	}
	if (!spawn_has_program(v->o.qemu ? v->o.qemu : "qemu-system-x86_64"))
		return failf(v, EXIT_ENVIRONMENT, "there is no QEMU at %s: %s",
			     v->o.qemu ? v->o.qemu : "qemu-system-x86_64",
			     v->o.qemu ? "give another path"
				       : "install the package qemu-system-x86");
	if (v->o.qemu && strv_push(&v->qemu, v->o.qemu) < 0)
		return failf(v, EXIT_ENVIRONMENT, "%s", strerror(ENOMEM));
	return EXIT_OK;
}

/* Has this QEMU a vhost-user device for 9P that users may add (10.2 and newer)? */
static bool qemu_has_vhost(const struct verify *v)
{
	struct spawn s = SPAWN_INIT;
	char **argv = NULL;
	autofree char *out = NULL;
	size_t n;
	int r = 0;

	for (char **w = v->qemu; w && *w && !r; w++)
		r = strv_push(&argv, *w);
	if (!v->qemu)
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

static int choose_share(struct verify *v)
{
	if (v->o.guest == GUEST_UML) {
		v->plan.share = SHARE_VHOST_USER;
		return EXIT_OK;
	}
	if (v->o.qemu_server)
		v->plan.share = SHARE_QEMU_9PFS;
	else if (v->o.share == SHARE_BY_TCP)
		v->plan.share = SHARE_TCP;
	else
		v->plan.share = qemu_has_vhost(v) ? SHARE_VHOST_USER : SHARE_TCP;
	if (v->o.share == SHARE_BY_VHOST && v->plan.share != SHARE_VHOST_USER)
		return failf(v, EXIT_ENVIRONMENT,
			     "this QEMU has no vhost-user device for 9P, it takes 10.2: try --qemu "
			     "trixie, or --share tcp");
	return EXIT_OK;
}

static int make_ready(struct verify *v)
{
	int status = find_programs(v);

	if (!status)
		status = find_kernel(v);
	if (!status && v->o.guest == GUEST_QEMU)
		status = find_qemu(v);
	if (!status)
		status = choose_share(v);
	if (!status && v->o.manifest)
		status = load_manifest(v);
	return status;
}

static int run(struct verify *v)
{
	struct run_result result;
	unsigned msize = v->plan.share == SHARE_TCP ? MSIZE_TCP : MSIZE_VIRTIO;
	int status;

	v->plan = (struct run_plan){
		.dir = v->dir,
		.dir_fd = v->dir_fd,
		.guest = v->o.guest,
		.share = v->plan.share,
		.kernel = v->kernel,
		.qemu = (const char *const *)v->qemu,
		.caches = (const char *const *)v->o.caches,
		.ways = (const char *const *)v->o.ways,
		.msize = v->o.msize ? v->o.msize : msize,
		.exec = v->o.exec,
		.warren = v->warren,
		.probe = v->probe,
		.memory_mib = v->o.memory_mib,
		.silence_limit_s = v->o.timeout_s,
		.manifest = v->loaded,
		.keep = v->o.keep,
		.cpu = v->o.cpu,
	};
	monitor_block_signals();
	if (caught)
		return failf(v, 128 + caught, "interrupted");
	run_verify(&v->plan, &printer_listener, &v->printer, &result);
	status = print_end(&v->printer, &result);
	run_result_done(&result);
	return status;
}

static void done(struct verify *v)
{
	if (v->kernel)
		kernel_free(v->kernel);
	strv_free(v->qemu);
	manifest_free(v->loaded);
	if (v->dir_fd >= 0)
		close(v->dir_fd);
	free(v->dir);
	free(v->warren);
	free(v->probe);
	free(v->o.caches[0]);
	free(v->o.ways[0]);
}

int cmd_verify(int argc, char **argv)
{
	struct verify v = {.dir_fd = -1};
	int status;

	if (verify_parse(argc, argv, &v.o, &status) < 0)
		return status;
	printer_init(&v.printer, &v.o, &v.plan);
	walk_raise_fd_limit();
	catch_signals();
	status = open_dir(&v);
	if (!status && v.o.save_manifest)
		status = save_manifest(&v);
	else if (!status && !(status = make_ready(&v)))
		status = run(&v);
	done(&v);
	return status;
}
