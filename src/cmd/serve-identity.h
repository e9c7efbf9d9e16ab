/* SPDX-License-Identifier: MIT */
/* As whom `warren serve` acts, and how files appear: --identity, --map-uid, --map-gid, --readonly. */
#ifndef CMD_SERVE_IDENTITY_H
#define CMD_SERVE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "identity-model.h"
#include "ids.h"

struct backend;

struct serve_identity {
	bool is_given;
	enum identity_model model; /* once checked: always set */
	struct ids_config ids;
	bool readonly;
};

/* "passthrough", "squash", "squash=UID:GID", "mapped". 0, or an exit code after it said why. */
int serve_parse_identity(const char *text, struct serve_identity *id);

/* OPTION is "map-uid" or "map-gid". */
int serve_parse_range(const char *option, const char *text, struct id_map *m);

/* When all is read: fills in what was not given. */
int serve_check_identity(struct serve_identity *id);

/* Puts on *B the filters that ID needs. */
int serve_stack_identity(const struct serve_identity *id, struct backend **b);

#endif
