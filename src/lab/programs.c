/* SPDX-License-Identifier: MIT */
#include "programs.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "elf-loader.h"
#include "macros.h"
#include "path.h"
#include "spawn.h"

#define LIST_LIMIT (1U << 20)
#define MAX_DEPTH 5 /* of the kernel */

const char *const programs_usual[] = {
	"sh",	   "awk",     "basename", "bash",    "cat",	  "chmod",    "chown", "cksum",
	"cmp",	   "comm",    "cp",	  "cut",     "date",	  "dd",	      "df",    "diff",
	"dirname", "dmesg",   "du",	  "echo",    "env",	  "expr",     "false", "find",
	"grep",	   "head",    "hexdump",  "id",	     "install",	  "kill",     "ln",    "ls",
	"md5sum",  "mkdir",   "mkfifo",	  "mktemp",  "mount",	  "mv",	      "nproc", "od",
	"paste",   "printf",  "ps",	  "pwd",     "readlink",  "realpath", "rm",    "rmdir",
	"sed",	   "seq",     "setsid",	  "sha1sum", "sha256sum", "shuf",     "sleep", "sort",
	"split",   "stat",    "stty",	  "sync",    "tac",	  "tail",     "tar",   "tee",
	"test",	   "timeout", "touch",	  "tr",	     "true",	  "truncate", "tty",   "umount",
	"uname",   "uniq",    "wc",	  "xargs",   "xxd",	  "yes",      "[",     NULL,
};

struct collection {
	const char *dir;
	unsigned depth; /* of scripts whose interpreters are scripts */
	char **files;
	char **ret_why;
};

static int add_program(struct collection *c, const char *name);

static bool is_known(const struct collection *c, const char *path)
{
	for (char **f = c->files; f && *f; f++)
		if (!strcmp(*f, path))
			return true;
	return false;
}

static int add_file(struct collection *c, const char *path)
{
	return is_known(c, path) ? 0 : strv_push(&c->files, path);
}

/* "	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f...)", or the path alone. */
static int add_library(struct collection *c, const char *line)
{
	const char *arrow = strstr(line, "=> "), *path = arrow ? arrow + 3 : line;
	autofree char *copy = NULL;

	path += strspn(path, " \t");
	if (*path != '/')
		return 0;
	copy = strndup(path, strcspn(path, " \t\n"));
	return copy ? add_file(c, copy) : -ENOMEM;
}

/* Programs in the share are anybody's, and name a loader that would run on this host. */
static bool is_trusted(const char *loader)
{
	static const char *const places[] = {"/lib", "/usr/lib", "/nix/store/", "/gnu/store/"};
	autofree char *real = realpath(loader, NULL);

	for (size_t i = 0; real && i < ARRAY_SIZE(places); i++)
		if (!strncmp(real, places[i], strlen(places[i])))
			return true;
	return false;
}

/* The loader itself knows best what it would load; it starts nothing of the program. */
static int add_libraries(struct collection *c, const char *loader, const char *path)
{
	const char *const argv[] = {loader, "--list", path, NULL};
	struct spawn s = SPAWN_INIT;
	autofree char *out = NULL;
	int r;

	if (!is_trusted(loader)) {
		if (asprintf(c->ret_why, "%s wants the loader %s, which is none of this system's",
			     path, loader) < 0)
			*c->ret_why = NULL;
		return -EPERM;
	}
	s.argv = argv;
	s.fds[2] = SPAWN_NULL;
	r = spawn_capture(&s, LIST_LIMIT, &out, NULL);
	if (r) {
		if (asprintf(c->ret_why, "%s does not say which libraries %s needs", loader, path) <
		    0)
			*c->ret_why = NULL;
		return r < 0 ? r : -EIO;
	}
	for (char *rest = out, *line; !r && (line = strsep(&rest, "\n"));)
		r = add_library(c, line);
	return r ? r : add_file(c, loader);
}

void programs_of_script(const char *text, char *ret_words[2])
{
	const char *at = text + 2 + strspn(text + 2, " \t");
	size_t len = strcspn(at, " \t\n");
	bool is_env = len >= 4 && !memcmp(at + len - 4, "/env", 4);

	ret_words[0] = len ? strndup(at, len) : NULL;
	ret_words[1] = NULL;
	at += len;
	at += strspn(at, " \t");
	len = strcspn(at, " \t\n");
	if (is_env && len && *at != '-' && !memchr(at, '=', len))
		ret_words[1] = strndup(at, len);
}

static int add_needs(struct collection *c, const char *path)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	union {
		Elf64_Ehdr e;
		char text[257];
	} head = {.text = ""};
	char loader[PATH_MAX], *words[2];
	int r;

	if (fd < 0 || pread(fd, &head, sizeof(head) - 1, 0) < 4)
		return fd < 0 ? -errno : 0;
	if (!memcmp(head.text, ELFMAG, SELFMAG)) {
		if (head.e.e_ident[EI_CLASS] != ELFCLASS64)
			return 0;
		r = elf_read_loader(fd, loader);
		return r == -ENOENT ? 0 : r ? r : add_libraries(c, loader, path);
	}
	if (memcmp(head.text, "#!", 2) != 0)
		return 0;
	programs_of_script(head.text, words);
	r = words[0] ? add_program(c, words[0]) : 0;
	r = !r && words[1] ? add_program(c, words[1]) : r;
	free(words[0]);
	free(words[1]);
	return r;
}

static bool is_regular(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* What is in the share is there already. */
static int add_program(struct collection *c, const char *name)
{
	autofree char *path = NULL;
	bool is_shared = strchr(name, '/') && *name != '/';
	int r = 0;

	if (is_shared)
		path = path_join(c->dir, name);
	else if (spawn_find_program(name, &path))
		return 0;
	if (!path)
		return -ENOMEM;
	if (!is_regular(path) || is_known(c, path) || c->depth == MAX_DEPTH)
		return 0;
	if (!is_shared)
		r = add_file(c, path);
	c->depth++;
	r = r ? r : add_needs(c, path);
	c->depth--;
	return r;
}

int programs_collect(const char *const *wanted, const char *dir, char ***ret_files, char **ret_why)
{
	struct collection c = {.dir = dir, .ret_why = ret_why};
	int r = 0;

	for (size_t i = 0; !r && wanted[i]; i++)
		r = add_program(&c, wanted[i]);
	/* It says where libraries are that are not where all look. */
	if (!r && is_regular("/etc/ld.so.cache"))
		r = add_file(&c, "/etc/ld.so.cache");
	if (r) {
		strv_free(c.files);
		return r;
	}
	*ret_files = c.files;
	return 0;
}
