/* SPDX-License-Identifier: MIT */
/* Steps for tests of the detector: the files are brought into the cache, the host does something to them
 * meanwhile, a way of reading gets wrong what it read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "probe.h"
#include "sabotage.h"
#include "walk.h"

#define PAGE 4096U
#define CHUNK (128U << 10)
#define INTERVAL_NS 1000000

struct probe_fault {
	struct probe_fault *next;
	char *way;
	struct sabotage *damage;
};

struct preload {
	const struct probe *p;
	char buf[CHUNK];
};

/* The faults see it all: foreign bytes are those that came before. */
static int on_entry(void *ctx, const struct walk_entry *e)
{
	struct preload *l = ctx;
	ssize_t n = 1;

	while (e->fd >= 0 && S_ISREG(e->st.st_mode) && n > 0) {
		n = read(e->fd, l->buf, CHUNK);
		for (const struct probe_fault *f = l->p->faults; n > 0 && f; f = f->next)
			sabotage_act(f->damage, l->buf, (size_t)n);
	}
	return 0;
}

static int on_leave(void *ctx, int err)
{
	(void)ctx;
	(void)err;
	return 0;
}

int probe_preload(struct probe *p)
{
	static const struct walk_visitor visitor = {on_entry, on_leave};
	autoclose int fd = p->share ? open(p->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	autofree struct preload *l = malloc(sizeof(*l));

	if (!p->share)
		return -EINVAL;
	if (fd < 0 || !l)
		return fd < 0 ? -errno : -ENOMEM;
	l->p = p;
	walk_tree(fd, &visitor, l);
	return 0;
}

int probe_pause(struct probe *p, const char *name)
{
	const struct timespec interval = {.tv_nsec = INTERVAL_NS};
	volatile char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);

	if (page == MAP_FAILED)
		return -errno;
	snprintf((char *)page, PAGE, PROBE_PAUSE_MARK "%s\n", name);
	fprintf(p->report, "paused %s\n", name);
	probe_flush(p, true);
	/* There is no other way in: the host writes into our memory. */
	while (*page == *PROBE_PAUSE_MARK)
		nanosleep(&interval, NULL);
	munmap((char *)page, PAGE);
	return 0;
}

static void free_fault(struct probe_fault *f)
{
	sabotage_free(f->damage);
	free(f->way);
	free(f);
}

int probe_add_fault(struct probe *p, const char *way, const char *damage)
{
	struct probe_fault *f = calloc(1, sizeof(*f));
	autofree char *why = NULL;
	int r;

	if (!f)
		return -ENOMEM;
	f->way = strdup(way);
	r = f->way ? sabotage_new(damage, &f->damage, &why) : -ENOMEM;
	if (r) {
		free_fault(f);
		return r;
	}
	f->next = p->faults;
	p->faults = f;
	return 0;
}

void probe_drop_faults(struct probe *p)
{
	while (p->faults) {
		struct probe_fault *f = p->faults;

		p->faults = f->next;
		free_fault(f);
	}
}

void probe_damage(const struct probe *p, const char *way, void *buf, size_t n)
{
	for (const struct probe_fault *f = p->faults; f; f = f->next)
		if (!strcmp(f->way, way))
			sabotage_act(f->damage, buf, n);
}
