/* SPDX-License-Identifier: MIT */
/* What came out of a walk, as JSON: for `warren verify --json` and for records. */
#ifndef VERIFY_VERDICT_JSON_H
#define VERIFY_VERDICT_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct circumstances;
struct finding;
struct mount_result;
struct tally;

/* Any bytes as a JSON string: what is no printable UTF-8 has \xNN in it; null for NULL. */
json_t *json_bytes(const void *bytes, size_t n);
json_t *json_text(const char *s);
json_t *json_count(uint64_t n);

/* Each is an object with its "type"; NULL when memory is out. */
json_t *json_finding(const struct tally *t, const struct finding *f, const char *cache);
json_t *json_mounted(const struct mount_result *m, const struct circumstances *c,
		     const char *sentence);
json_t *json_not_mounted(const char *cache, const char *error, const char *sentence);

#endif
