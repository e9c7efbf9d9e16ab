/* SPDX-License-Identifier: MIT */
#include "apt.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

enum { URI, RELEASE, COMPONENT, ORIGIN, LABEL, N_COLUMNS };

void mirrors_done(struct mirrors *m)
{
	free(steal_ptr(&m->debian));
	free(steal_ptr(&m->security));
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), e = strlen(end);

	return n >= e && !strcmp(s + n - e, end);
}

static bool is_security(char **column)
{
	return !strcmp(column[LABEL], "Debian-Security") ||
	       ends_with(column[RELEASE], "-security") || ends_with(column[RELEASE], "/updates");
}

static bool is_debian_suite(const char *name)
{
	static const char *const suites[] = {"bullseye", "bookworm", "trixie",	"forky",
					     "duke",	 "stable",   "testing", "unstable",
					     "sid",	 "oldstable"};

	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		size_t n = strlen(suites[i]);

		if (!strncmp(name, suites[i], n) && (!name[n] || name[n] == '-' || name[n] == '/'))
			return true;
	}
	return false;
}

/* 0: not Debian's; the more, the surer. */
static int rate(char **column)
{
	if (strcmp(column[COMPONENT], "main") || !*column[URI] ||
	    !strncmp(column[URI], "cdrom:", 6))
		return 0;
	/* apt leaves the name of what it does not know as it is. */
	if (column[ORIGIN][0] != '$')
		return !strcmp(column[ORIGIN], "Debian")	     ? 4
		       : !strcmp(column[ORIGIN], "Debian Backports") ? 3
								     : 0;
	if (!is_debian_suite(column[RELEASE]))
		return 0;
	return strstr(column[URI], "/debian") ? 2 : 1;
}

static bool split(char *line, char **column)
{
	for (int i = 0; i < N_COLUMNS; i++) {
		char *bar = strchr(line, '|');

		if (!bar != (i == N_COLUMNS - 1))
			return false;
		column[i] = line;
		if (bar) {
			*bar = '\0';
			line = bar + 1;
		}
	}
	return true;
}

int mirrors_parse(const char *text, struct mirrors *ret_m)
{
	cleanup(mirrors_done) struct mirrors m = MIRRORS_INIT;
	autofree char *copy = strdup(text);
	int debian = 0, security = 0;
	char *save, *column[N_COLUMNS];

	if (!copy)
		return -ENOMEM;
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		int rating, *best;
		char **to;

		if (!split(line, column))
			continue;
		rating = rate(column);
		best = is_security(column) ? &security : &debian;
		to = is_security(column) ? &m.security : &m.debian;
		if (rating <= *best)
			continue;
		free(*to);
		*to = strdup(column[URI]);
		*best = rating;
	}
	if (!m.debian)
		return -ENOENT;
	*ret_m = m;
	m = (struct mirrors)MIRRORS_INIT;
	return 0;
}

char *deb822_get(const char *text, const char *key)
{
	size_t n = strlen(key);

	while (*text && *text != '\n') {
		size_t len = strcspn(text, "\n");

		if (!strncasecmp(text, key, n) && text[n] == ':') {
			const char *value = text + n + 1;

			value += strspn(value, " \t");
			return strndup(value, (size_t)(text + len - value));
		}
		text += len + (text[len] == '\n');
	}
	return NULL;
}

char *depends_find(const char *depends, const char *prefix)
{
	size_t n = strlen(prefix);

	for (const char *p = depends; *p;) {
		size_t len;

		p += strspn(p, ", |");
		len = strcspn(p, ",| (:");
		if (!strncmp(p, prefix, n) && isdigit((unsigned char)p[n]))
			return strndup(p, len);
		p += strcspn(p, ",|");
	}
	return NULL;
}

/* The suite in the source line below the version's line: "        500 URI SUITE/main ARCH Packages"
 */
static char *find_suite(const char *text, const char *version)
{
	size_t n = strlen(version);
	bool found = false;
	char suite[100];

	while (*text) {
		size_t len = strcspn(text, "\n");
		size_t indent = strspn(text, " *");

		if (indent == 5 && !strncmp(text + 5, version, n) && text[5 + n] == ' ')
			found = true;
		else if (found && sscanf(text, " %*d %*s %99[^ /]/", suite) == 1)
			return strdup(suite);
		text += len + (text[len] == '\n');
	}
	return strdup("");
}

int apt_parse_policy(const char *text, char **ret_version, char **ret_suite)
{
	const char *at = strstr(text, "  Candidate: ");
	autofree char *version = NULL;
	char *suite;

	if (!at)
		return -ENOENT;
	at += strlen("  Candidate: ");
	version = strndup(at, strcspn(at, "\n"));
	if (!version)
		return -ENOMEM;
	if (!isdigit((unsigned char)version[0]))
		return -ENOENT;
	suite = find_suite(at, version);
	if (!suite)
		return -ENOMEM;
	*ret_version = steal_ptr(&version);
	*ret_suite = suite;
	return 0;
}

/* Lines of "NAME | VERSION | ADDRESS SUITE ...". */
bool apt_has_version(const char *madison, const char *version)
{
	size_t n = strlen(version);

	for (const char *line = madison; *line;) {
		const char *column = strchr(line, '|');

		line += strcspn(line, "\n");
		if (column && column < line) {
			column += 1 + strspn(column + 1, " ");
			if (!strncmp(column, version, n) && strspn(column + n, " |"))
				return true;
		}
		line += *line == '\n';
	}
	return false;
}
