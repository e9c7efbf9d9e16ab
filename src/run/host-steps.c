/* SPDX-License-Identifier: MIT */
#include "host-steps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "report.h"
#include "seen.h"
#include "step.h"

#define CHUNK 65536U

/* A plain file, or -errno. */
static int open_file(int dir_fd, const char *name, int flags)
{
	autoclose int fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? steal_fd(&fd) : -EINVAL;
}

struct job {
	int dir_fd;
	const char *name, *to;
	time_t aged;
	const struct step *step;
	struct seen *seen;
};

static int put_bytes(const struct job *j)
{
	const struct step *s = j->step;
	bool appends = s->effect == STEP_ADDS;
	autofree char *bytes = malloc(s->count + 1);
	autoclose int fd = open_file(j->dir_fd, j->name,
				     O_WRONLY | O_CREAT | (appends ? O_APPEND : 0));
	size_t sum = 0;

	if (fd < 0 || !bytes)
		return fd < 0 ? fd : -ENOMEM;
	memset(bytes, s->byte, s->count);
	while (sum < s->count) {
		ssize_t n = appends ? write(fd, bytes + sum, s->count - sum)
				    : pwrite(fd, bytes + sum, s->count - sum,
					     (off_t)(s->offset + sum));

		if (n <= 0)
			return n ? -errno : -EIO;
		sum += (size_t)n;
	}
	return 0;
}

static int cut(const struct job *j)
{
	autoclose int fd = open_file(j->dir_fd, j->name, O_WRONLY);

	return fd < 0 ? fd : ftruncate(fd, (off_t)j->step->n[0]) < 0 ? -errno : 0;
}

static int rename_over(const struct job *j)
{
	return renameat(j->dir_fd, j->name, j->dir_fd, j->to) < 0 ? -errno : 0;
}

static int unlink_name(const struct job *j)
{
	return unlinkat(j->dir_fd, j->name, 0) < 0 ? -errno : 0;
}

static int set_age(const struct job *j)
{
	const struct timespec times[] = {{.tv_sec = j->aged}, {.tv_sec = j->aged}};

	return utimensat(j->dir_fd, j->name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int look(const struct job *j)
{
	autofree char *buf = malloc(CHUNK);
	autoclose int fd = open_file(j->dir_fd, j->name, O_RDONLY);
	ssize_t n;
	int r = 0;

	if (fd < 0 || !buf)
		return fd < 0 ? fd : -ENOMEM;
	j->seen->kind = SEEN_DATA;
	while (!r && (n = read(fd, buf, CHUNK)) != 0) {
		if (n < 0)
			return -errno;
		r = j->seen->data.n > STEP_BYTES_MAX ? -EFBIG
						     : content_add(&j->seen->data, buf, (size_t)n);
	}
	return r;
}

static int (*const steps[N_STEPS])(const struct job *j) = {
	[STEP_HOST_WRITE] = put_bytes,	  [STEP_HOST_APPEND] = put_bytes,
	[STEP_HOST_TRUNCATE] = cut,	  [STEP_HOST_RENAME] = rename_over,
	[STEP_HOST_UNLINK] = unlink_name, [STEP_HOST_AGE] = set_age,
	[STEP_HOST_ADOPT] = look,	  [STEP_HOST_LOOK] = look,
};

int host_step(int dir_fd, const char *prefix, time_t aged, const struct step *s,
	      struct seen *ret_seen)
{
	char name[NAME_MAX + 1], to[NAME_MAX + 1];
	int r;

	*ret_seen = (struct seen){.kind = SEEN_OK};
	snprintf(name, sizeof(name), "%s%s", prefix, s->file);
	snprintf(to, sizeof(to), "%s%s", prefix, s->to);
	r = steps[s->verb](&(struct job){dir_fd, name, to, aged, s, ret_seen});
	if (!r || r == -ENOMEM)
		return r;
	seen_done(ret_seen);
	ret_seen->kind = SEEN_ERROR;
	snprintf(ret_seen->error, sizeof(ret_seen->error), "%s", report_errno(-r));
	return 0;
}
