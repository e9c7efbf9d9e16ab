/* SPDX-License-Identifier: MIT */
/* What makes a bare kernel usable for the test: kernel file systems, modules, the network, the
 * way for the report. In UML the root is the host's, through hostfs: nothing is written to it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "macros.h"
#include "probe.h"

#define DEVICE_WAIT_NS (10 * NS_PER_SEC)
#define MODULE_COMPRESSED 4 /* MODULE_INIT_COMPRESSED_FILE */

static int mount_at(const char *type, const char *dir)
{
	mkdir(dir, 0755);
	return mount(type, dir, type, MS_NOSUID, NULL) < 0 && errno != EBUSY ? -errno : 0;
}

int setup_file_systems(void)
{
	int r = mount_at("proc", "/proc");
	int r_sys = mount_at("sysfs", "/sys");
	int r_dev = mount_at("devtmpfs", "/dev");

	return r ? r : r_sys ? r_sys : r_dev;
}

/* Over a folder of the root that nobody needs here, so that nothing is created in it. */
int setup_scratch(const char **ret_dir)
{
	static const char *const dirs[] = {"/mnt", "/media", "/srv", "/opt", "/run"};
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		r = mount("tmpfs", dirs[i], "tmpfs", MS_NOSUID, "mode=0755") < 0 ? -errno : 0;
		if (!r) {
			*ret_dir = dirs[i];
			return 0;
		}
	}
	/* An initramfs, which is ours. */
	if (r == -ENOENT && mkdir(dirs[0], 0755) == 0)
		return setup_scratch(ret_dir);
	return r;
}

bool setup_has_9p(void)
{
	autofclose FILE *f = fopen("/proc/filesystems", "re");
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "\t9p\n"))
			return true;
	return false;
}

int setup_module(const char *path)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = strlen(path);
	bool is_plain = len > 3 && !strcmp(path + len - 3, ".ko");

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", is_plain ? 0 : MODULE_COMPRESSED) == 0)
		return 0;
	return errno == EEXIST ? 0 : -errno;
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 5 * (long)NS_PER_MS}, NULL);
}

/* Drivers show their devices a moment after the module is in. */
static int ioctl_when_there(int fd, unsigned long request, struct ifreq *r)
{
	uint64_t until = clock_now_ns() + DEVICE_WAIT_NS;

	while (ioctl(fd, request, r) < 0) {
		if (errno != ENODEV || clock_now_ns() > until)
			return -errno;
		nap();
	}
	return 0;
}

static int set_up(int fd, const char *iface)
{
	struct ifreq r = {0};
	int err;

	strncpy(r.ifr_name, iface, sizeof(r.ifr_name) - 1);
	err = ioctl_when_there(fd, SIOCGIFFLAGS, &r);
	if (err < 0)
		return err;
	r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
	return ioctl(fd, SIOCSIFFLAGS, &r) < 0 ? -errno : 0;
}

static int set_address(int fd, const char *iface, unsigned long request, struct in_addr a)
{
	struct ifreq r = {0};
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = a};

	strncpy(r.ifr_name, iface, sizeof(r.ifr_name) - 1);
	memcpy(&r.ifr_addr, &sin, sizeof(sin));
	return ioctl_when_there(fd, request, &r);
}

int setup_network(const char *iface, const char *address)
{
	char ip[INET_ADDRSTRLEN] = "";
	const char *slash = strchr(address, '/');
	struct in_addr a, mask;
	long bits = slash ? strtol(slash + 1, NULL, 10) : 32;
	autoclose int fd = -1;
	int r;

	strncat(ip, address, MIN(strcspn(address, "/"), sizeof(ip) - 1));
	if (inet_pton(AF_INET, ip, &a) != 1 || bits < 1 || bits > 32)
		return -EINVAL;
	mask.s_addr = htonl(UINT32_MAX << (32 - bits));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = set_address(fd, iface, SIOCSIFADDR, a);
	if (!r)
		r = set_address(fd, iface, SIOCSIFNETMASK, mask);
	return r ? r : set_up(fd, iface);
}

static bool port_has_name(const char *port, const char *name)
{
	char path[300], found[128] = "";
	autofclose FILE *f = NULL;

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", port);
	f = fopen(path, "re");
	if (!f || !fgets(found, sizeof(found), f))
		return false;
	found[strcspn(found, "\n")] = '\0';
	return !strcmp(found, name);
}

static int open_port(const char *name)
{
	autoclosedir DIR *d = opendir("/sys/class/virtio-ports");
	struct dirent *e;
	char path[300];
	int fd;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || !port_has_name(e->d_name, name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	return -ENOENT;
}

static int open_port_when_there(const char *name)
{
	uint64_t until = clock_now_ns() + DEVICE_WAIT_NS;
	int fd;

	while ((fd = open_port(name)) == -ENOENT && clock_now_ns() < until)
		nap();
	return fd;
}

static int open_path(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	struct termios t;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

int setup_output(const char *path)
{
	return path[0] == '/' ? open_path(path) : open_port_when_there(path);
}

int setup_report(const char *path, FILE **ret_f)
{
	int fd = setup_output(path);
	FILE *f;

	if (fd < 0)
		return fd;
	f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	setvbuf(f, NULL, _IOFBF, 1 << 16);
	*ret_f = f;
	return 0;
}
