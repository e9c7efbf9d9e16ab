/* SPDX-License-Identifier: MIT */
/* Extended attributes of users. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

static void ask_value(size_t n)
{
	autofree char *value = malloc(n + 1), *back = malloc(n + 10);
	ssize_t len;

	clean();
	put_file("x", "");
	must(value && back, "memory");
	for (size_t i = 0; i < n; i++)
		value[i] = (char)(i * 31 + n);
	result(setxattr("x", "user.v", value, n, 0), "a value of %zu bytes", n);
	number(getxattr("x", "user.v", NULL, 0), "a value of %zu bytes, size", n);
	len = getxattr("x", "user.v", back, n + 10);
	text(len == (ssize_t)n && !memcmp(back, value, n) ? "right" : "other",
	     "a value of %zu bytes, content", n);
	if (n)
		result(getxattr("x", "user.v", back, n - 1), "a value of %zu bytes, no room", n);
}

static void ask_name(size_t n)
{
	char name[300] = "user.";

	clean();
	put_file("x", "");
	memset(name + 5, 'n', n);
	name[5 + n] = '\0';
	result(setxattr("x", name, "v", 1, 0), "a name of %zu bytes", n);
	result(getxattr("x", name, NULL, 0), "a name of %zu bytes, read", n);
	result(removexattr("x", name), "a name of %zu bytes, removed", n);
	result(getxattr("x", name, NULL, 0), "a name of %zu bytes, read then", n);
}

static void ask_flags(void)
{
	clean();
	put_file("x", "");
	result(setxattr("x", "user.a", "1", 1, XATTR_REPLACE), "replace of nothing");
	result(setxattr("x", "user.a", "1", 1, XATTR_CREATE), "create");
	result(setxattr("x", "user.a", "2", 1, XATTR_CREATE), "create again");
	result(setxattr("x", "user.a", "33", 2, XATTR_REPLACE), "replace");
	number(getxattr("x", "user.a", NULL, 0), "its size");
	result(setxattr("x", "user.a", "", 0, 0), "an empty value");
	number(getxattr("x", "user.a", NULL, 0), "its size then");
	result(removexattr("x", "user.none"), "remove of nothing");
	result(setxattr("x", "nonsense", "1", 1, 0), "a name without a class");
	result(setxattr("x", "user.", "1", 1, 0), "a class without a name");
	result(setxattr("x", "system.nonsense", "1", 1, 0), "an unknown system name");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void ask_list(unsigned n)
{
	char name[32], list[8192], said[8192] = "", *names[200];
	unsigned k = 0;
	ssize_t len;

	clean();
	put_file("x", "");
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "user.a%u", i);
		must(!setxattr("x", name, "v", 1, 0), "setxattr");
	}
	number(listxattr("x", NULL, 0), "a list of %u, size", n);
	len = listxattr("x", list, sizeof(list));
	for (char *at = list; len > 0 && at < list + len && k < 200; at += strlen(at) + 1)
		names[k++] = at;
	qsort(names, k, sizeof(names[0]), by_text);
	for (unsigned i = 0; i < k; i++) {
		strcat(said, names[i]);
		strcat(said, " ");
	}
	text(said, "a list of %u", n);
}

void area_xattrs(void)
{
	static const size_t sizes[] = {0, 1, 10, 100, 255, 256, 1000, 2000, 3000, 65536, 65537};
	static const size_t names[] = {1, 2, 100, 249, 250, 251};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		ask_value(sizes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ask_name(names[i]);
	ask_flags();
	for (unsigned n = 0; n <= 40; n += 8)
		ask_list(n);
}
