/* SPDX-License-Identifier: MIT */
/* What a name can stand for. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "posix.h"

static const char *const names[N_KINDS] = {
	[KIND_REGULAR] = "regular",
	[KIND_EMPTY] = "empty",
	[KIND_DIRECTORY] = "directory",
	[KIND_FULL_DIRECTORY] = "full-directory",
	[KIND_LINK_TO_FILE] = "link-to-file",
	[KIND_LINK_TO_DIRECTORY] = "link-to-directory",
	[KIND_DANGLING] = "dangling",
	[KIND_LOOP] = "loop",
	[KIND_FIFO] = "fifo",
	[KIND_SOCKET] = "socket",
	[KIND_HARD_LINK] = "hard-link",
	[KIND_MISSING] = "missing",
	[KIND_BELOW_FILE] = "below-file",
	[KIND_BELOW_MISSING] = "below-missing",
	[KIND_BELOW_DANGLING] = "below-dangling",
	[KIND_LONG_NAME] = "long-name",
	[KIND_TOO_LONG] = "too-long",
	[KIND_FILE_SLASH] = "file/",
	[KIND_DIRECTORY_SLASH] = "directory/",
	[KIND_MISSING_SLASH] = "missing/",
	[KIND_DOT] = "directory/.",
	[KIND_DOT_DOT] = "directory/..",
	[KIND_NOTHING] = "no-name",
};

const char *kind_name(enum kind k)
{
	return names[k];
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	must(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)), "socket");
	close(fd);
}

static void make_links(enum kind k)
{
	if (k == KIND_LINK_TO_FILE) {
		put_file("target", "hello");
		must(!symlink("target", "x"), "symlink");
	} else if (k == KIND_LINK_TO_DIRECTORY) {
		must(!mkdir("target", 0755) && !symlink("target", "x"), "symlink");
	} else if (k == KIND_DANGLING || k == KIND_BELOW_DANGLING) {
		must(!symlink("nowhere", "x"), "symlink");
	} else if (k == KIND_LOOP) {
		must(!symlink("x", "x"), "symlink");
	}
}

static const char *long_name(size_t n)
{
	static char name[300];

	memset(name, 'n', n);
	name[n] = '\0';
	return name;
}

static void make_plain(enum kind k)
{
	if (k == KIND_REGULAR || k == KIND_BELOW_FILE || k == KIND_FILE_SLASH)
		put_file("x", "hello");
	else if (k == KIND_EMPTY)
		put_file("x", "");
	else if (k == KIND_DIRECTORY || k == KIND_DIRECTORY_SLASH || k == KIND_DOT ||
		 k == KIND_DOT_DOT)
		must(!mkdir("x", 0755), "mkdir");
	else if (k == KIND_FIFO)
		must(!mkfifo("x", 0644), "mkfifo");
	else if (k == KIND_SOCKET)
		make_socket("x");
	else if (k == KIND_LONG_NAME)
		put_file(long_name(255), "hello");
}

const char *make_kind(enum kind k)
{
	make_plain(k);
	make_links(k);
	if (k == KIND_FULL_DIRECTORY) {
		must(!mkdir("x", 0755), "mkdir");
		put_file("x/inner", "");
	} else if (k == KIND_HARD_LINK) {
		put_file("other", "hello");
		must(!link("other", "x"), "link");
	}
	switch ((int)k) {
	case KIND_BELOW_FILE:
	case KIND_BELOW_MISSING:
	case KIND_BELOW_DANGLING:
		return "x/y";
	case KIND_LONG_NAME:
		return long_name(255);
	case KIND_TOO_LONG:
		return long_name(256);
	case KIND_FILE_SLASH:
	case KIND_DIRECTORY_SLASH:
	case KIND_MISSING_SLASH:
		return "x/";
	case KIND_DOT:
		return "x/.";
	case KIND_DOT_DOT:
		return "x/..";
	case KIND_NOTHING:
		return "";
	default:
		return "x";
	}
}
