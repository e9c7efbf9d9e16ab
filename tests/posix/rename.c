/* SPDX-License-Identifier: MIT */
/* Each kind of file renamed onto each other kind. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

static bool is_one_name(enum kind k)
{
	return k <= KIND_MISSING;
}

static int do_rename(const char *from, const char *to, unsigned flags)
{
	return flags ? renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) : rename(from, to);
}

/* Both are made as "x", each in a folder of its own. */
static void ask_rename(enum kind from, enum kind to, unsigned flags, const char *how)
{
	autofree char *a = NULL, *b = NULL;
	char buf[STATE_SIZE];

	clean();
	must(!mkdir("a", 0755) && !mkdir("b", 0755), "mkdir");
	must(!chdir("a"), "chdir");
	make_kind(from);
	must(!chdir("../b"), "chdir");
	make_kind(to);
	must(!chdir(".."), "chdir");
	result(do_rename("a/x", "b/x", flags), "%s%s to %s", how, kind_name(from), kind_name(to));
	a = names_in("a");
	b = names_in("b");
	text(a, "%s%s to %s, left", how, kind_name(from), kind_name(to));
	text(b, "%s%s to %s, right", how, kind_name(from), kind_name(to));
	text(state_of("b/x", buf), "%s%s to %s, then", how, kind_name(from), kind_name(to));
}

static void ask_nested(void)
{
	clean();
	must(!mkdir("a", 0755) && !mkdir("a/b", 0755) && !mkdir("a/b/c", 0755), "mkdir");
	put_file("a/f", "hello");
	result(rename("a", "a/b/c/d"), "a folder into itself");
	result(rename("a", "a/b"), "a folder onto its child");
	result(rename("a/b", "a"), "a folder onto its parent");
	result(rename("a", "a"), "a folder onto itself");
	result(rename("a/f", "a/f"), "a file onto itself");
	must(!link("a/f", "a/g"), "link");
	result(rename("a/f", "a/g"), "a file onto another name of it");
	result(access("a/f", F_OK), "a file onto another name of it, old name");
	result(rename(".", "z"), "the dot");
	result(rename("a/b/.", "z"), "a dot below");
	result(rename("a/b/..", "z"), "a dot-dot below");
	result(rename("a/b", "z/"), "a folder to a name with a slash");
	result(rename("a/f", "y/"), "a file to a name with a slash");
}

void area_rename(void)
{
	static const struct {
		unsigned flags;
		const char *how;
	} ways[] = {{0, ""}, {RENAME_NOREPLACE, "noreplace: "}, {RENAME_EXCHANGE, "exchange: "}};

	for (size_t w = 0; w < ARRAY_SIZE(ways); w++)
		for (int from = 0; from < N_KINDS; from++)
			for (int to = 0; to < N_KINDS; to++)
				if (is_one_name((enum kind)from) && is_one_name((enum kind)to))
					ask_rename((enum kind)from, (enum kind)to, ways[w].flags,
						   ways[w].how);
	ask_nested();
}
