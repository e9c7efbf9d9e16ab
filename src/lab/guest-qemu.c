/* SPDX-License-Identifier: MIT */
/* QEMU as a guest: a stock kernel with an initramfs of ours. The report comes through a virtio
 * serial port, so that the console stays the kernel's. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest-parts.h"
#include "initramfs.h"
#include "kernel.h"
#include "kvm.h"
#include "modules.h"
#include "programs.h"
#include "spawn.h"
#include "vmlinux.h"

#define QEMU "qemu-system-x86_64"
#define VHOST_DEVICE "vhost-user-test-device-pci"

static const char *const default_qemu[] = {QEMU, NULL};

static const char *const *qemu_words(const struct launch *l)
{
	return l->cfg->qemu ? l->cfg->qemu : default_qemu;
}

static int push(struct launch *l, const char *option, const char *value)
{
	int r = strv_push(&l->argv, option);

	return r ? r : strv_push(&l->argv, value);
}

static int pushf(struct launch *l, const char *option, const char *fmt, ...) printf_like(3, 4);

static int pushf(struct launch *l, const char *option, const char *fmt, ...)
{
	autofree char *value = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&value, fmt, args);
	va_end(args);
	if (n < 0) {
		value = NULL;
		return -ENOMEM;
	}
	return push(l, option, value);
}

static bool is_reachable(const char *const *qemu)
{
	return spawn_has_program(qemu[0]);
}

/* Asks QEMU for the device's help: it exits with 0 even if it has no such device, but then prints
 * nothing on standard output. */
static bool has_device(const char *const *qemu, const char *device)
{
	struct spawn s = SPAWN_INIT;
	char **argv = NULL;
	autofree char *out = NULL;
	int r = 0;

	for (size_t i = 0; !r && qemu[i]; i++)
		r = strv_push(&argv, qemu[i]);
	r = r ? r : strv_push(&argv, "-device");
	r = r ? r : strv_pushf(&argv, "%s,help", device);
	s.argv = (const char *const *)argv;
	s.fds[2] = SPAWN_NULL;
	r = r ? r : spawn_capture(&s, 1 << 20, &out, NULL);
	strv_free(argv);
	return !r && strstr(out, device);
}

static int check_socket(const struct guest_config *cfg, const char *const *qemu, char **ret_why)
{
	struct stat st;

	if (stat(cfg->socket_path, &st) || !S_ISSOCK(st.st_mode))
		return guest_why(ret_why, -ENOTSOCK,
				 "no vhost-user socket at %s: start the server first",
				 cfg->socket_path);
	if (!has_device(qemu, VHOST_DEVICE))
		return guest_why(
			ret_why, -ENOTSUP,
			"this QEMU has no " VHOST_DEVICE " (QEMU 10.2 and newer have it): "
			"share by TCP (--share tcp), or take a newer one ('warren lab qemu "
			"fetch trixie', then --qemu trixie)");
	return 0;
}

static int check(const struct launch *l, char **ret_why)
{
	const struct guest_config *cfg = l->cfg;
	const char *const *qemu = qemu_words(l);
	struct stat st;

	if (!is_reachable(qemu))
		return guest_why(ret_why, -ENOENT,
				 "there is no %s: apt-get install --no-install-recommends "
				 "qemu-system-x86",
				 qemu[0]);
	if (access(cfg->kernel->image, R_OK))
		return guest_why(ret_why, -errno, "cannot read the kernel %s: %s",
				 cfg->kernel->image, strerror(errno));
	if (cfg->share == SHARE_VHOST_USER)
		return check_socket(cfg, qemu, ret_why);
	if (cfg->share == SHARE_QEMU_9PFS && (stat(cfg->export_dir, &st) || !S_ISDIR(st.st_mode)))
		return guest_why(ret_why, -ENOTDIR, "%s is not a folder", cfg->export_dir);
	return 0;
}

int guest_modules(const struct guest_config *cfg, char ***ret_files, char **ret_why)
{
	static const char *const by_virtio[] = {"virtio_pci", "virtio_console", "9pnet_virtio",
						"9p", NULL};
	/* Older kernels have trans=tcp in 9pnet itself. */
	static const char *const by_tcp[] = {
		"virtio_pci", "virtio_console", "virtio_net", "?9pnet_fd", "9p", NULL};
	const struct kernel *k = cfg->kernel;
	autofree char *missing = NULL;
	int r;

	/* A kernel that has everything built in, by who made it. */
	if (!k->modules)
		return (*ret_files = calloc(1, sizeof(char *))) ? 0 : -ENOMEM;
	r = modules_resolve(k->modules, cfg->share == SHARE_TCP ? by_tcp : by_virtio, ret_files,
			    &missing);
	if (r == -ENOENT && !missing)
		return guest_why(ret_why, r, "kernel %s has no %s/modules.dep: fetch it again",
				 k->name, k->modules);
	if (r == -ENOENT)
		return guest_why(ret_why, -ENOTSUP,
				 "kernel %s has no module %s, without which there is no 9P: take "
				 "another, see 'warren lab kernel list'",
				 k->name, missing);
	return r ? guest_why(ret_why, r, "cannot use the modules in %s: %s", k->modules,
			     strerror(-r))
		 : 0;
}

static int make_job(const struct guest_config *cfg, char **ret_job)
{
	const char *network = cfg->share == SHARE_TCP ? "network eth0 " GUEST_OWN_ADDRESS "/24\n"
						      : "";
	autofree char *parts = guest_job_parts(cfg, "warren.", "/dev/hvc0");

	return !parts || asprintf(ret_job, "report warren.report\n%s%s%s", network, parts,
				  cfg->job ? cfg->job : "") < 0
		       ? -ENOMEM
		       : 0;
}

static int find_programs(const struct guest_config *cfg, char ***ret_files, char **ret_why)
{
	int r;

	if (!cfg->programs)
		return 0;
	r = programs_collect(cfg->programs, cfg->export_dir, ret_files, ret_why);
	return r && !*ret_why
		       ? guest_why(ret_why, r, "cannot find the guest's programs: %s", strerror(-r))
		       : r;
}

int guest_write_initramfs(const struct guest_config *cfg, const char *dir, char **ret_why)
{
	autofree char *path = NULL, *job = NULL, *what = NULL;
	cleanup(cleanup_strv) char **programs = NULL;
	char **files = NULL;
	int r = find_programs(cfg, &programs, ret_why);

	r = r ? r : guest_modules(cfg, &files, ret_why);
	if (r)
		return r;
	if (asprintf(&path, "%s/initramfs", dir) < 0)
		path = NULL;
	r = path ? make_job(cfg, &job) : -ENOMEM;
	if (!r)
		r = initramfs_write(&(struct initramfs){.probe = cfg->probe,
							.modules = (const char *const *)files,
							.modules_dir = cfg->kernel->modules,
							.job = job,
							.files = (const char *const *)programs},
				    path, &what);
	strv_free(files);
	return r ? guest_why(ret_why, r, "cannot make the guest's initramfs: %s: %s",
			     what ? what : path, strerror(-r))
		 : 0;
}

/* QEMU splits values at commas. */
static int double_commas(const char *s, char **ret_text)
{
	char *text = malloc(2 * strlen(s) + 1), *at = text;

	if (!text)
		return -ENOMEM;
	for (; *s; s++) {
		*at++ = *s;
		if (*s == ',')
			*at++ = ',';
	}
	*at = '\0';
	*ret_text = text;
	return 0;
}

static int push_9pfs(struct launch *l)
{
	autofree char *dir = NULL;
	int r = double_commas(l->cfg->export_dir, &dir);

	/* As root QEMU can be true to owners; otherwise it ignores what it may not set. */
	r = r ? r
	      : pushf(l, "-fsdev", "local,id=share,path=%s,security_model=%s,multidevs=remap", dir,
		      geteuid() ? "none" : "passthrough");
	return r ? r
		 : pushf(l, "-device", "virtio-9p-pci,fsdev=share,mount_tag=%s", guest_tag(l->cfg));
}

static int push_vhost_user(struct launch *l)
{
	int r = guest_link(l->dir, "9p", l->cfg->socket_path);

	r = r ? r
	      : pushf(l, "-object", "memory-backend-memfd,id=mem,size=%uM,share=on",
		      guest_memory_mib(l->cfg));
	r = r ? r : push(l, "-numa", "node,memdev=mem");
	r = r ? r : pushf(l, "-chardev", "socket,id=share,path=%s/9p", l->dir);
	/* With 64 slots, the default, a backend without indirect descriptors hangs the guest. */
	return r ? r
		 : push(l, "-device",
			VHOST_DEVICE ",chardev=share,virtio-id=9,num_vqs=1,vq_size=128,"
				     "config_size=36");
}

static int push_tcp(struct launch *l)
{
	int r = push(l, "-netdev", "user,id=net,ipv6=off");

	return r ? r : push(l, "-device", "virtio-net-pci,netdev=net,romfile=");
}

static int push_share(struct launch *l)
{
	switch (l->cfg->share) {
	case SHARE_QEMU_9PFS:
		return push_9pfs(l);
	case SHARE_VHOST_USER:
		return push_vhost_user(l);
	case SHARE_TCP:
		return push_tcp(l);
	}
	return -EINVAL;
}

static int push_machine(struct launch *l, const char *kernel)
{
	int r = strv_push(&l->argv, "-nodefaults");

	r = r ? r : strv_push(&l->argv, "-no-user-config");
	r = r ? r : strv_push(&l->argv, "-no-reboot");
	r = r ? r : push(l, "-display", "none");
	r = r ? r : push(l, "-machine", "pc");
	r = r ? r : push(l, "-accel", l->has_kvm ? "kvm" : "tcg");
	r = r ? r : push(l, "-cpu", "max");
	r = r ? r : pushf(l, "-m", "%u", guest_memory_mib(l->cfg));
	r = r ? r : push(l, "-kernel", kernel);
	return r ? r : pushf(l, "-initrd", "%s/initramfs", l->dir);
}

/* Speed only: nothing here changes how the guest reads. */
static int push_kernel_words(struct launch *l)
{
	const char *more = l->cfg->kernel_args;

	return pushf(l, "-append",
		     "console=ttyS0 panic=-1 mitigations=off tsc=reliable %s%s%s -- /job",
		     l->cfg->debug ? "nokaslr " : "", l->cfg->dmesg ? GUEST_LOG_WORDS " " : "",
		     more ? more : "");
}

/* A socket in the state folder, never a port: others on this host have no business there, and two
 * guests do not meet. */
static int push_debugger(struct launch *l)
{
	int r;

	if (!l->cfg->debug)
		return 0;
	if (asprintf(&l->gdb, "%s/gdb", l->dir) < 0) {
		l->gdb = NULL;
		return -ENOMEM;
	}
	r = pushf(l, "-chardev", "socket,id=gdb,path=%s,server=on,wait=off", l->gdb);
	r = r ? r : push(l, "-gdb", "chardev:gdb");
	return !r && l->cfg->stopped ? strv_push(&l->argv, "-S") : r;
}

/* A port that the guest writes to and a file of the state folder gets. */
static int push_port(struct launch *l, const char *name)
{
	int r = pushf(l, "-chardev", "file,id=%s,path=%s/%s,append=on", name, l->dir, name);

	return r ? r : pushf(l, "-device", "virtserialport,chardev=%s,name=warren.%s", name, name);
}

static int push_terminal(struct launch *l)
{
	int r = push(l, "-chardev", "socket,id=terminal,fd=0");

	return r ? r : push(l, "-device", "virtconsole,chardev=terminal");
}

static int push_channels(struct launch *l)
{
	int r = pushf(l, "-chardev", "file,id=console,path=%s/console,append=on", l->dir);

	r = r ? r : push(l, "-serial", "chardev:console");
	r = r ? r : push(l, "-device", "virtio-serial-pci");
	r = r ? r : push_port(l, "report");
	if (!r && l->cfg->terminal)
		r = push_terminal(l);
	if (!r && l->cfg->dmesg)
		r = push_port(l, "dmesg");
	return !r && l->cfg->trace ? push_port(l, "trace") : r;
}

static int push_share_log(struct launch *l)
{
	int r;

	if (!l->cfg->share_log || l->cfg->share != SHARE_QEMU_9PFS)
		return 0;
	r = push(l, "-trace", "v9fs*");
	r = r ? r : pushf(l, "-D", "%s/" GUEST_SHARE_LOG, l->dir);
	return r ? r : push(l, "-msg", "timestamp=on");
}

static int make_words(struct launch *l, const char *kernel)
{
	const char *const *qemu = qemu_words(l);
	int r = 0;

	for (size_t i = 0; !r && qemu[i]; i++)
		r = strv_push(&l->argv, qemu[i]);
	r = r ? r : push_machine(l, kernel);
	r = r ? r : push_kernel_words(l);
	r = r ? r : push_channels(l);
	r = r ? r : push_share_log(l);
	r = r ? r : push_debugger(l);
	return r ? r : push_share(l);
}

int qemu_prepare(struct launch *l, char **ret_why)
{
	autofree char *kernel = NULL;
	int r = check(l, ret_why);

	r = r ? r : guest_write_initramfs(l->cfg, l->dir, ret_why);
	if (r)
		return r;
	r = vmlinux_get(l->cfg->kernel, &kernel);
	if (!r) {
		l->has_kvm = kvm_works(qemu_words(l), kernel);
		r = make_words(l, kernel);
	}
	return r ? guest_why(ret_why, r, "cannot prepare %s: %s", l->dir, strerror(-r)) : 0;
}
