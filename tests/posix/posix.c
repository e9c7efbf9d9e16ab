/* SPDX-License-Identifier: MIT */
/* posix-suite DIR [AREA...]: asks DIR, an empty folder, and prints the answers. Exit 0 when all was asked. */
#include "posix.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

static const struct area {
	const char *name;
	void (*run)(void);
} areas[] = {
	{"operations", area_operations},
	{"rename", area_rename},
	{"open", area_open},
	{"permissions", area_permissions},
	{"sticky", area_sticky},
	{"set-id", area_set_id},
	{"times", area_times},
	{"content", area_content},
	{"append", area_append},
	{"holes", area_holes},
	{"directories", area_directories},
	{"names", area_names},
	{"links", area_links},
	{"unlinked", area_unlinked},
	{"locks", area_locks},
	{"flock", area_flock},
	{"waiting-locks", area_waiting_locks},
	{"mmap", area_mmap},
	{"xattrs", area_xattrs},
};

static const struct area *area;

static void answer(const char *what, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static void answer(const char *what, const char *fmt, va_list args)
{
	printf("%s: ", area->name);
	vprintf(fmt, args);
	printf(" = %s\n", what);
}

const char *outcome(long r)
{
	return r >= 0 ? "ok" : strerrorname_np(errno);
}

void result(long r, const char *fmt, ...)
{
	const char *what = outcome(r);
	va_list args;

	va_start(args, fmt);
	answer(what, fmt, args);
	va_end(args);
}

void number(long long n, const char *fmt, ...)
{
	char what[32];
	va_list args;

	snprintf(what, sizeof(what), "%lld", n);
	va_start(args, fmt);
	answer(what, fmt, args);
	va_end(args);
}

void text(const char *what, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	answer(what, fmt, args);
	va_end(args);
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "regular";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "other";
	}
}

const char *state_of_stat(const struct stat *st, char *buf)
{
	snprintf(buf, STATE_SIZE, "%s %04o links %u size %lld", type_name(st->st_mode),
		 st->st_mode & 07777, (unsigned)st->st_nlink, (long long)st->st_size);
	return buf;
}

const char *state_of(const char *path, char *buf)
{
	struct stat st;

	return lstat(path, &st) ? strerrorname_np(errno) : state_of_stat(&st, buf);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level && remove(path) ? -1 : 0;
}

void clean(void)
{
	must(!chmod(".", 0777) && nftw(".", remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0,
	     "cannot empty the folder");
}

static int is_named(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

char *names_in(const char *path)
{
	struct dirent **list;
	char *names = NULL;
	size_t size;
	int n = scandir(path, &list, is_named, alphasort);
	FILE *f = open_memstream(&names, &size);

	must(f != NULL, "no memory");
	if (n < 0)
		fputs(strerrorname_np(errno), f);
	for (int i = 0; i < n; i++) {
		fprintf(f, "%s%.20s", i ? " " : "", list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	fclose(f);
	return names;
}

void must(bool is, const char *what)
{
	if (is)
		return;
	fprintf(stderr, "posix-suite: %s: %s (%s)\n", area ? area->name : "", what,
		strerror(errno));
	exit(4);
}

void put_file(const char *path, const char *content)
{
	autofclose FILE *f = fopen(path, "we");

	must(f && fputs(content, f) >= 0 && fflush(f) == 0, path);
}

void wait_for_clock(void)
{
	struct stat first, st;

	put_file("clock", "");
	must(stat("clock", &first) == 0, "clock");
	do {
		must(unlink("clock") == 0, "clock");
		put_file("clock", "");
		must(stat("clock", &st) == 0, "clock");
	} while (st.st_ctim.tv_sec == first.st_ctim.tv_sec &&
		 st.st_ctim.tv_nsec == first.st_ctim.tv_nsec);
	must(unlink("clock") == 0, "clock");
}

int as_user(uid_t uid, gid_t gid, int (*f)(const void *arg), const void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must(pid >= 0, "fork");
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			_exit(99);
		_exit(f(arg) & 0x7f);
	}
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void limit_time(unsigned seconds)
{
	alarm(seconds);
}

static bool is_asked(const char *name, char **words)
{
	if (!*words)
		return true;
	for (; *words; words++)
		if (!strcmp(*words, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	if (argc < 2 || chdir(argv[1])) {
		fprintf(stderr, "usage: posix-suite DIR [AREA...]\n");
		return 2;
	}
	umask(022);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
		if (!is_asked(areas[i].name, argv + 2))
			continue;
		area = &areas[i];
		limit_time(600);
		clean();
		area->run();
		umask(022);
		fflush(stdout);
	}
	clean();
	return 0;
}
