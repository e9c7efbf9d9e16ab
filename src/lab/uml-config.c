/* SPDX-License-Identifier: MIT */
#include "uml-config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cleanup.h"

/* To be raised when the way of building changes, so that cached kernels are built anew. */
#define RECIPE "1"

/* What a 9P client over virtio needs, what its tests look at, and hostfs to boot from. */
#define OPTIONS_CORE                                                                               \
	"64BIT=y", "EXPERT=y", "MULTIUSER=y", "PRINTK=y", "BUG=y", "DEBUG_BUGVERBOSE=y",           \
		"CC_OPTIMIZE_FOR_SIZE=y", "HIGH_RES_TIMERS=y", "POSIX_TIMERS=y", "FUTEX=y",        \
		"EPOLL=y", "SIGNALFD=y", "TIMERFD=y", "EVENTFD=y", "SHMEM=y", "ADVISE_SYSCALLS=y", \
		"FILE_LOCKING=y", "BINFMT_ELF=y", "BINFMT_SCRIPT=y", "TTY=y", "STDERR_CONSOLE=y",  \
		"NULL_CHAN=y", "PROC_FS=y", "PROC_SYSCTL=y", "PROC_PAGE_MONITOR=y", "SYSFS=y",     \
		"SYSCTL=y", "TMPFS=y", "TMPFS_XATTR=y", "TMPFS_POSIX_ACL=y", "DEVTMPFS=y",         \
		"HOSTFS=y", "NET=y", "UNIX=y", "VIRTIO_MENU=y", "VIRTIO_UML=y",                    \
		"NETWORK_FILESYSTEMS=y", "NET_9P=y", "NET_9P_VIRTIO=y", "9P_FS=y",                 \
		"9P_FS_POSIX_ACL=y", "9P_FS_SECURITY=y"

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

static const char *const plain_options[] = {OPTIONS_CORE, OPTIONS_DEBIAN, OPTIONS_NO_INET,
					    OPTIONS_OFF,  "KALLSYMS=n",	  NULL};

static const char *const inet_options[] = {OPTIONS_CORE, OPTIONS_DEBIAN, OPTIONS_OFF,
					   OPTIONS_INET, "KALLSYMS=n",	 NULL};

static const char *const debug_options[] = {OPTIONS_CORE,
					    OPTIONS_DEBIAN,
					    OPTIONS_NO_INET,
					    OPTIONS_OFF,
					    "KALLSYMS=y",
					    "DEBUG_INFO_DWARF5=y",
					    "FRAME_POINTER=y",
					    "NET_9P_DEBUG=y",
					    "FTRACE=y",
					    "ENABLE_DEFAULT_TRACERS=y",
					    NULL};

static const char *const no_patches[] = {NULL};

const struct uml_variant uml_plain = {plain_options, no_patches, 540, 700};
const struct uml_variant uml_inet = {inet_options, no_patches, 570, 700};
const struct uml_variant uml_debug = {debug_options, no_patches, 565, 1400};

static bool is_on(const char *option)
{
	return option[strlen(option) - 1] == 'y';
}

static int name_length(const char *option)
{
	return (int)strcspn(option, "=");
}

char *uml_config_text(const struct uml_variant *v)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (const char *const *o = v->options; *o; o++)
		fprintf(f, is_on(*o) ? "CONFIG_%.*s=y\n" : "# CONFIG_%.*s is not set\n",
			name_length(*o), *o);
	fclose(f);
	return text;
}

int uml_config_hash(const struct uml_variant *v, char hash[UML_HASH_SIZE])
{
	autofree char *text = uml_config_text(v);
	XXH3_state_t *state = XXH3_createState();

	if (!text || !state) {
		XXH3_freeState(state);
		return -ENOMEM;
	}
	XXH3_64bits_reset(state);
	XXH3_64bits_update(state, RECIPE, sizeof(RECIPE));
	XXH3_64bits_update(state, text, strlen(text) + 1);
	for (const char *const *p = v->patches; *p; p++)
		XXH3_64bits_update(state, *p, strlen(*p) + 1);
	snprintf(hash, UML_HASH_SIZE, "%016llx", (unsigned long long)XXH3_64bits_digest(state));
	XXH3_freeState(state);
	return 0;
}

const char *uml_config_missing(const struct uml_variant *v, const char *text)
{
	for (const char *const *o = v->options; *o; o++) {
		autofree char *line = NULL;
		const char *at;
		bool found;

		if (asprintf(&line, "CONFIG_%.*s=y\n", name_length(*o), *o) < 0)
			return *o;
		at = strstr(text, line);
		found = at && (at == text || at[-1] == '\n');
		if (found != is_on(*o))
			return *o;
	}
	return NULL;
}
