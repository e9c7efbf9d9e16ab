/* SPDX-License-Identifier: MIT */
#include "wire-listing.h"

#include <string.h>

#include "exchange.h"
#include "msg.h"

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool wire_is_in(const char *path, const char *folder)
{
	size_t n = (size_t)(name_of(path) - path);

	if (!n)
		return !strcmp(folder, "/");
	return strlen(folder) == n - 1 && !memcmp(path, folder, n - 1);
}

enum seen wire_listing_has(const struct exchange *e, const char *path)
{
	const uint8_t *at = e->reply.data;
	size_t left = e->reply.payload_len, size;
	const char *name = name_of(path);
	struct dirent9 entry;

	if (e->r.type != Rreaddir || !at || !left)
		return SEEN_NOT;
	for (; left && !dirent_decode(at, left, &entry, &size); at += size, left -= size)
		if (str_is(entry.name, name))
			return SEEN_RIGHT;
	return SEEN_WRONG;
}
