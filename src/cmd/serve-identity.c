/* SPDX-License-Identifier: MIT */
#include "serve-identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "identity.h"
#include "logging.h"
#include "mapped.h"
#include "number.h"
#include "readonly.h"

static bool parse_owner(const char *text, struct ids_config *ids)
{
	uint64_t uid, gid;

	if (!number_take(&text, 0, UINT32_MAX - 1, &uid) || *text++ != ':' ||
	    !number_parse(text, 0, UINT32_MAX - 1, &gid))
		return false;
	ids->uid = (uint32_t)uid;
	ids->gid = (uint32_t)gid;
	ids->has_owner = true;
	return true;
}

int serve_parse_identity(const char *text, struct serve_identity *id)
{
	size_t len = strcspn(text, "=");

	for (int i = 0; i < N_IDENTITY_MODELS; i++) {
		const char *word = identity_table[i].word;

		if (len != strlen(word) || memcmp(text, word, len))
			continue;
		id->is_given = true;
		id->model = (enum identity_model)i;
		id->ids.has_owner = false;
		if (!text[len] ||
		    (id->model == IDENTITY_SQUASH && parse_owner(text + len + 1, &id->ids)))
			return 0;
	}
	return cmd_usage_error("serve",
			       "--identity %s: give passthrough, squash, squash=UID:GID (numbers "
			       "up to 4294967294) or mapped",
			       text);
}

int serve_parse_range(const char *option, const char *text, struct id_map *m)
{
	if (id_map_add(m, text))
		return 0;
	return cmd_usage_error(
		"serve",
		"--%s %s: give A:B:N for N ids from A on in the guest that are B on on the "
		"host; up to %d ranges that do not overlap",
		option, text, IDS_MAX_RANGES);
}

int serve_check_identity(struct serve_identity *id)
{
	bool has_ranges = id->ids.uids.n || id->ids.gids.n;

	if (!id->is_given)
		id->model = identity_default();
	if (has_ranges && (id->ids.has_owner || id->model == IDENTITY_MAPPED))
		return cmd_usage_error(
			"serve", "--map-uid and --map-gid are for the ids of the host: not with "
				 "--identity mapped or squash=UID:GID");
	if (id->model == IDENTITY_PASSTHROUGH && !identity_is_possible()) {
		log_error(
			"--identity passthrough: only root can act as other users: run as root, or "
			"give squash or mapped");
		return EXIT_ENVIRONMENT;
	}
	id->ids.squash = id->model == IDENTITY_SQUASH;
	return 0;
}

static int failed(int r)
{
	log_error("cannot start: %s", strerror(-r));
	return EXIT_ENVIRONMENT;
}

int serve_stack_identity(const struct serve_identity *id, struct backend **b)
{
	int r = id->model == IDENTITY_MAPPED ? mapped_new(*b, b) : 0;

	if (!r && (id->ids.has_owner || id->ids.uids.n || id->ids.gids.n))
		r = ids_new(*b, &id->ids, b);
	if (!r && id->readonly)
		r = readonly_new(*b, b);
	return r ? failed(r) : 0;
}
