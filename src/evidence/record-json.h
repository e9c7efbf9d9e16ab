/* SPDX-License-Identifier: MIT */
/* The parts of run.json; see record-json.c. */
#ifndef VERIFY_RECORD_JSON_H
#define VERIFY_RECORD_JSON_H

#include <jansson.h>

struct kernel;
struct record_end;

#define RECORD_VERSION 1

/* An object of all that is known at the end; FOLDER has the guest's manifest. */
json_t *record_json(const struct record_end *e, const char *folder);

#endif
