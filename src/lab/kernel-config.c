/* SPDX-License-Identifier: MIT */
#include "kernel-config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* What a 9P client over virtio needs, and what its tests look at. */
#define OPTIONS_PROCESS                                                                            \
	"64BIT=y", "EXPERT=y", "MULTIUSER=y", "PRINTK=y", "BUG=y", "DEBUG_BUGVERBOSE=y",           \
		"CC_OPTIMIZE_FOR_SIZE=y", "HIGH_RES_TIMERS=y", "POSIX_TIMERS=y", "FUTEX=y",        \
		"EPOLL=y", "SIGNALFD=y", "TIMERFD=y", "EVENTFD=y", "SHMEM=y", "ADVISE_SYSCALLS=y", \
		"FILE_LOCKING=y", "BINFMT_ELF=y", "BINFMT_SCRIPT=y", "TTY=y"
#define OPTIONS_FILES                                                                           \
	"PROC_FS=y", "PROC_SYSCTL=y?", "PROC_PAGE_MONITOR=y", "SYSFS=y", "SYSCTL=y", "TMPFS=y", \
		"TMPFS_XATTR=y", "TMPFS_POSIX_ACL=y", "DEVTMPFS=y"
#define OPTIONS_NET "NET=y", "UNIX=y", "VIRTIO_MENU=y"
#define OPTIONS_9P                                                                              \
	"NETWORK_FILESYSTEMS=y", "NET_9P=y", "NET_9P_VIRTIO=y", "9P_FS=y", "9P_FS_POSIX_ACL=y", \
		"9P_FS_SECURITY=y"

/* UML boots from hostfs. */
#define OPTIONS_UML                                                                    \
	OPTIONS_PROCESS, "STDERR_CONSOLE=y", "NULL_CHAN=y", OPTIONS_FILES, "HOSTFS=y", \
		OPTIONS_NET, "VIRTIO_UML=y", OPTIONS_9P

/* What QEMU's machine has, shares over TCP included. No ACPI, which would be a fifth of the
 * kernel: the machine ends by a reset. */
#define OPTIONS_X86                                                                            \
	OPTIONS_PROCESS, OPTIONS_FILES, OPTIONS_NET, OPTIONS_9P, "NET_9P_FD=y", "PCI=y",       \
		"PCI_MSI=y", "VIRTIO_PCI=y", "VIRTIO_CONSOLE=y", "NETDEVICES=y", "NET_CORE=y", \
		"VIRTIO_NET=y", "SERIAL_8250=y", "SERIAL_8250_CONSOLE=y", "BLK_DEV_INITRD=y",  \
		"HYPERVISOR_GUEST=y", "PVH=y", "X86_MPPARSE=y", "UNWINDER_FRAME_POINTER=y",    \
		"ACPI=n", "SMP=n", "RANDOMIZE_BASE=n", "MODULES=n", "BLOCK=n", "SLUB_TINY=n"

/* As Debian has it: what a buggy kernel fails to fill reads as zeros, not as old memory. */
#define OPTIONS_DEBIAN "INIT_ON_ALLOC_DEFAULT_ON=y"

/* On by default, and of no use here. */
#define OPTIONS_OFF                                                                           \
	"NETDEVICES=n", "WIRELESS=n", "NET_9P_FD=n", "ETHTOOL_NETLINK=n", "PTP_1588_CLOCK=n", \
		"UNIX98_PTYS=n", "LEGACY_PTYS=n", "HW_RANDOM=n", "AIO=n", "IO_URING=n",       \
		"MCONSOLE=n", "SLUB_TINY=n", "MODULES=n", "BLOCK=n"

/* 130 files more to compile. Until 6.5 or so the 9P client wanted it whatever the transport. */
#define OPTIONS_NO_INET "INET=n"
#define OPTIONS_INET "INET=y", "IPV6=n"

static const char *const plain_options[] = {OPTIONS_UML, OPTIONS_DEBIAN, OPTIONS_NO_INET,
					    OPTIONS_OFF, "KALLSYMS=n",	 NULL};

static const char *const inet_options[] = {OPTIONS_UML,	 OPTIONS_DEBIAN, OPTIONS_OFF,
					   OPTIONS_INET, "KALLSYMS=n",	 NULL};

/* virtiofs, for comparisons. */
static const char *const fuse_options[] = {
	OPTIONS_UML,  OPTIONS_DEBIAN, OPTIONS_NO_INET, OPTIONS_OFF,
	"KALLSYMS=n", "FUSE_FS=y",    "VIRTIO_FS=y",   NULL};

/* For gdb, and the kernel's own instruments. */
#define OPTIONS_DEBUG                                                                              \
	"KALLSYMS=y", "DEBUG_INFO_DWARF5=y", "FRAME_POINTER=y", "GDB_SCRIPTS=y", "NET_9P_DEBUG=y", \
		"FTRACE=y", "ENABLE_DEFAULT_TRACERS=y"

static const char *const debug_options[] = {OPTIONS_UML, OPTIONS_DEBIAN, OPTIONS_NO_INET,
					    OPTIONS_OFF, OPTIONS_DEBUG,	 NULL};

/* In 6.1 tracepoints need SRCU and do not say so; what selects it is inotify. */
static const char *const inet_debug_options[] = {OPTIONS_UML, OPTIONS_DEBIAN, OPTIONS_INET,
						 OPTIONS_OFF, OPTIONS_DEBUG,  "INOTIFY_USER=y",
						 NULL};

static const char *const x86_options[] = {OPTIONS_X86, OPTIONS_DEBIAN, OPTIONS_INET, OPTIONS_DEBUG,
					  NULL};

const char *const kernel_kasan_options[] = {"KASAN=y", "KASAN_GENERIC=y", "KASAN_OUTLINE=y",
					    "SLUB_DEBUG=y", NULL};

/* What the build reads: a sixth of the source. The rest is not unpacked; Kconfig and make want to
 * see all of their own files, wherever they are. */
#define PARTS_ALL                                                                                 \
	"--wildcards-match-slash", "*/Kconfig*", "*/Makefile*", "*/Kbuild*",                      \
		"--no-wildcards-match-slash", "*/arch/x86", "*/block", "*/certs", "*/crypto",     \
		"*/drivers/base", "*/drivers/char", "*/drivers/net/*.[ch]", "*/drivers/pci",      \
		"*/drivers/tty", "*/drivers/virtio", "*/fs", "*/include", "*/init", "*/io_uring", \
		"*/ipc", "*/kernel", "*/lib", "*/mm", "*/net", "*/scripts", "*/security",         \
		"*/tools/include", "*/usr"

#define PROGRAMS                                                                                  \
	"gcc", "gcc", "make", "make", "flex", "flex", "bison", "bison", "bc", "bc", "xz",         \
		"xz-utils", "tar", "tar", "strip", "binutils", "sha256sum", "coreutils", "patch", \
		"patch"

static const char *const programs[] = {PROGRAMS, NULL};
static const char *const uml_parts[] = {PARTS_ALL, "*/arch/um", NULL};

static const struct kernel_arch uml = {
	.make_arch = "ARCH=um",
	.goal = "linux",
	.image = "linux",
	.program = "linux",
	.programs = programs,
	.parts = uml_parts,
	.is_uml = true,
};

static const char *const x86_parts[] = {
	PARTS_ALL,	    "*/drivers/clocksource", "*/drivers/rtc",
	"*/tools/arch/x86", "*/tools/build",	     "*/tools/lib",
	"*/tools/objtool",  "*/tools/scripts",	     NULL};

/* QEMU starts the program itself (PVH). */
static const struct kernel_arch x86 = {
	.make_arch = "ARCH=x86_64",
	.goal = "vmlinux",
	.image = "vmlinux",
	.program = "vmlinux",
	.programs = programs,
	.parts = x86_parts,
	.header = "gelf.h",
	.header_package = "libelf-dev",
};

const struct kernel_config uml_plain = {&uml, "1", plain_options, 540, 700, false};
const struct kernel_config uml_fuse = {&uml, "1", fuse_options, 555, 700, false};
const struct kernel_config uml_inet = {&uml, "1", inet_options, 570, 700, false};
const struct kernel_config uml_debug = {&uml, "2", debug_options, 565, 1400, true};
const struct kernel_config uml_inet_debug = {&uml, "2", inet_debug_options, 595, 1400, true};
const struct kernel_config x86_debug = {&x86, "1", x86_options, 840, 1800, true};

static bool is_on(const char *option)
{
	return strchr(option, '=')[1] == 'y';
}

/* Not every release has it. */
static bool is_optional(const char *option)
{
	return option[strlen(option) - 1] == '?';
}

static int name_length(const char *option)
{
	return (int)strcspn(option, "=");
}

static void print_options(FILE *f, const char *const *options)
{
	for (const char *const *o = options; *o; o++)
		fprintf(f, is_on(*o) ? "CONFIG_%.*s=y\n" : "# CONFIG_%.*s is not set\n",
			name_length(*o), *o);
}

char *kernel_config_text(const struct kernel_config *c, const char *const *more)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	print_options(f, c->options);
	if (more)
		print_options(f, more);
	fclose(f);
	return text;
}

static bool is_as_asked(const char *option, const char *text)
{
	autofree char *line = NULL;
	const char *at;
	bool found;

	if (is_optional(option))
		return true;
	if (asprintf(&line, "CONFIG_%.*s=y\n", name_length(option), option) < 0)
		return false;
	at = strstr(text, line);
	found = at && (at == text || at[-1] == '\n');
	return found == is_on(option);
}

const char *kernel_config_missing(const struct kernel_config *c, const char *const *more,
				  const char *text)
{
	for (const char *const *o = c->options; *o; o++)
		if (!is_as_asked(*o, text))
			return *o;
	for (const char *const *o = more; o && *o; o++)
		if (!is_as_asked(*o, text))
			return *o;
	return NULL;
}
