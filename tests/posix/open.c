/* SPDX-License-Identifier: MIT */
/* Every set of flags of open(2) on what it may find. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "posix.h"

static const struct flag {
	int bit;
	const char *name;
} flags[] = {{O_CREAT, " CREAT"},   {O_EXCL, " EXCL"},		 {O_TRUNC, " TRUNC"},
	     {O_APPEND, " APPEND"}, {O_DIRECTORY, " DIRECTORY"}, {O_NOFOLLOW, " NOFOLLOW"}};

static void ask_open(int access, unsigned set, enum kind k)
{
	static const char *const accesses[] = {"RDONLY", "WRONLY", "RDWR"};
	int bits = access | O_NONBLOCK, fd;
	char name[80] = "", buf[STATE_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (set & 1U << i) {
			bits |= flags[i].bit;
			strcat(name, flags[i].name);
		}
	/* Kernels disagree about it among themselves. */
	if (bits & O_CREAT && bits & O_DIRECTORY)
		return;
	clean();
	make_kind(k);
	fd = open("x", bits, 0640);
	result(fd, "%s%s of %s", accesses[access], name, kind_name(k));
	if (fd >= 0 && access)
		number(write(fd, "abc", 3), "%s%s of %s, written", accesses[access], name,
		       kind_name(k));
	if (fd >= 0)
		close(fd);
	text(state_of("x", buf), "%s%s of %s, then", accesses[access], name, kind_name(k));
}

void area_open(void)
{
	static const enum kind kinds[] = {KIND_REGULAR,		  KIND_DIRECTORY, KIND_LINK_TO_FILE,
					  KIND_LINK_TO_DIRECTORY, KIND_DANGLING,  KIND_MISSING};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (int access = O_RDONLY; access <= O_RDWR; access++)
			for (unsigned set = 0; set < 1U << ARRAY_SIZE(flags); set++)
				ask_open(access, set, kinds[i]);
}
