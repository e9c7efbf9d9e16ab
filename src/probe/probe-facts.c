/* SPDX-License-Identifier: MIT */
/* What the guest says of itself: nothing here is taken from the host's idea of it. */
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "probe.h"
#include "slurp.h"
#include "text.h"

#define FILE_LIMIT (1U << 16)
#define READ_ALL_OF_THE_LOG 3

void probe_fact(struct probe *p, const char *name, const char *value)
{
	size_t n = value ? strcspn(value, "\n") : 0;

	if (!n)
		return;
	fprintf(p->report, "fact %s ", name);
	text_put(p->report, value, n);
	fputc('\n', p->report);
}

/* Each returns a text that the caller frees, or NULL; only its first line counts. */
static char *read_file(const char *path)
{
	char *text = NULL;

	return slurp(path, FILE_LIMIT, &text, NULL) ? NULL : text;
}

static char *read_uname(const char *arg)
{
	struct utsname u;
	char *text;

	(void)arg;
	if (uname(&u) ||
	    asprintf(&text, "%s %s %s %s", u.sysname, u.release, u.version, u.machine) < 0)
		return NULL;
	return text;
}

static uint64_t padded(uint32_t n)
{
	return ((uint64_t)n + 3) & ~UINT64_C(3);
}

static char *hex_of(const char *p, size_t n)
{
	char *hex = malloc(2 * n + 1);

	for (size_t i = 0; hex && i < n; i++)
		sprintf(hex + 2 * i, "%02x", (unsigned char)p[i]);
	return hex;
}

/* The kernel shows its ELF notes, the build-id among them. */
static char *read_build_id(const char *path)
{
	autofree char *notes = NULL;
	Elf64_Nhdr h;
	size_t n;

	if (slurp(path, FILE_LIMIT, &notes, &n))
		return NULL;
	for (uint64_t at = 0; at + sizeof(h) <= n;) {
		uint64_t name = at + sizeof(h);

		memcpy(&h, notes + at, sizeof(h));
		at = name + padded(h.n_namesz) + padded(h.n_descsz);
		if (at <= n && h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4))
			return hex_of(notes + name + 4, h.n_descsz);
	}
	return NULL;
}

/* The rest of the line of the kernel's log that has WORD. */
static char *find_in_log(const char *word)
{
	autofree char *log = malloc(FILE_LIMIT + 1);
	int n = log ? klogctl(READ_ALL_OF_THE_LOG, log, FILE_LIMIT) : -1;
	char *at, *copy;

	if (n < 0)
		return NULL;
	log[n] = '\0';
	at = strstr(log, word);
	copy = at ? strdup(at + strlen(word)) : NULL;
	return copy;
}

static char *read_page_size(const char *arg)
{
	char *text;

	(void)arg;
	return asprintf(&text, "%ld", sysconf(_SC_PAGESIZE)) < 0 ? NULL : text;
}

/* Name in the report, how it is found, from what. A row is all that a new one takes. */
static const struct {
	const char *name;
	char *(*read)(const char *arg);
	const char *arg;
} facts[] = {
	{"uname", read_uname, NULL},
	{"version", read_file, "/proc/version"},
	{"build-id", read_build_id, "/sys/kernel/notes"},
	{"cmdline", read_file, "/proc/cmdline"},
	{"taint", read_file, "/proc/sys/kernel/tainted"},
	{"mem-auto-init", find_in_log, "mem auto-init: "},
	{"memory", read_file, "/proc/meminfo"},
	{"cpus", read_file, "/sys/devices/system/cpu/online"},
	{"page-size", read_page_size, NULL},
	{"thp", read_file, "/sys/kernel/mm/transparent_hugepage/enabled"},
	{"9p-srcversion", read_file, "/sys/module/9p/srcversion"},
	{"9pnet-srcversion", read_file, "/sys/module/9pnet/srcversion"},
	{"netfs-srcversion", read_file, "/sys/module/netfs/srcversion"},
};

void probe_facts(struct probe *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		autofree char *value = facts[i].read(facts[i].arg);

		probe_fact(p, facts[i].name, value);
	}
}
