/* SPDX-License-Identifier: MIT */
/* The first process of a guest under test: a probe that can also misbehave. Besides the statements
 * of lab/guest.h it knows: say WORDS, mount SOURCE OPTIONS, cat FILE (below the mount, into the
 * report), panic, hang, flood (the console). */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOUNT_POINT "/mnt"

static int report = -1;

static void tell(const char *text, size_t n)
{
	if (report >= 0 && write(report, text, n) != (ssize_t)n)
		perror("report");
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		perror(path);
	close(fd);
}

static void set_address(int fd, struct ifreq *r, unsigned long request, in_addr_t address)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = address};

	memcpy(&r->ifr_addr, &in, sizeof(in));
	if (ioctl(fd, request, r))
		perror("network");
}

static void network(char *words)
{
	struct ifreq r = {.ifr_name = ""};
	char *name = strtok(words, " "), *address = strtok(NULL, "/"), *len = strtok(NULL, "/");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!name || !address || !len)
		return;
	strncpy(r.ifr_name, name, IFNAMSIZ - 1);
	set_address(fd, &r, SIOCSIFADDR, inet_addr(address));
	set_address(fd, &r, SIOCSIFNETMASK, htonl(~0U << (32 - atoi(len))));
	r.ifr_flags = IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &r))
		perror(name);
	close(fd);
}

/* The device node of the virtio port called NAME. */
static int open_port(const char *name)
{
	DIR *ports = opendir("/sys/class/virtio-ports");
	int fd = -1;

	for (struct dirent *e; fd < 0 && ports && (e = readdir(ports));) {
		char path[600], is[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
		f = fopen(path, "re");
		if (f && fgets(is, sizeof(is), f) && !strncmp(is, name, strlen(name))) {
			snprintf(path, sizeof(path), "/dev/%s", e->d_name);
			fd = open(path, O_WRONLY | O_CLOEXEC);
		}
		if (f)
			fclose(f);
	}
	if (ports)
		closedir(ports);
	return fd;
}

static void mount_share(char *words)
{
	char *options = strchr(words, ' ');

	if (!options)
		return;
	*options++ = '\0';
	mkdir(MOUNT_POINT, 0755);
	if (mount(words, MOUNT_POINT, "9p", MS_RDONLY, options))
		perror(options);
}

static void cat(const char *name)
{
	char path[4096], buf[65536];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), MOUNT_POINT "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		tell(buf, (size_t)n);
	if (n < 0)
		perror(path);
	close(fd);
}

static void execute(char *line)
{
	char *rest = line + strcspn(line, " ");

	if (*rest)
		*rest++ = '\0';
	if (!strcmp(line, "module"))
		load(rest);
	else if (!strcmp(line, "network"))
		network(rest);
	else if (!strcmp(line, "report"))
		report = *rest == '/' ? open(rest, O_WRONLY | O_APPEND | O_CLOEXEC)
				      : open_port(rest);
	else if (!strcmp(line, "mount"))
		mount_share(rest);
	else if (!strcmp(line, "cat"))
		cat(rest);
	else if (!strcmp(line, "panic"))
		exit(7);
	else if (!strcmp(line, "hang"))
		for (;;)
			pause();
	else if (!strcmp(line, "flood"))
		for (;;)
			(void)!write(2, "The console is full of this line.\n", 34);
	else if (!strcmp(line, "say")) {
		tell(rest, strlen(rest));
		tell("\n", 1);
	}
}

/* UML adds words of its own behind ours. */
static const char *find_job(int argc, char **argv)
{
	while (--argc > 0)
		if (argv[argc][0] == '/')
			return argv[argc];
	return "/job";
}

int main(int argc, char **argv)
{
	char line[4096];
	FILE *job;

	mount("none", "/proc", "proc", 0, NULL);
	mount("none", "/sys", "sysfs", 0, NULL);
	mount("none", "/dev", "devtmpfs", 0, NULL);
	job = fopen(find_job(argc, argv), "re");
	if (!job)
		perror("job");
	while (job && fgets(line, sizeof(line), job)) {
		line[strcspn(line, "\n")] = '\0';
		execute(line);
	}
	tell("end 0\n", 6);
	umount2(MOUNT_POINT, MNT_DETACH);
	reboot(RB_POWER_OFF);
	return 1;
}
