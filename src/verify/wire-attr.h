/* SPDX-License-Identifier: MIT */
/* Judges replies that carry no file data: what the server told about a name. */
#ifndef VERIFY_WIRE_ATTR_H
#define VERIFY_WIRE_ATTR_H

#include "look.h"

struct exchange;
struct finding;
struct node;

/* Does the reply of E, which is about F's path, agree with the host's NODE in what F is about? NOT: it
 * says nothing of that. WRONG: *RET_TEXT (the caller frees it) is what it said. */
enum seen wire_judge_reply(const struct exchange *e, const struct finding *f,
			   const struct node *node, char **ret_text);

#endif
