/* SPDX-License-Identifier: MIT */
/* What the files of a mail share (record-lookup.c, mail-setup.c, mail-evidence.c,
 * mail-variations.c): looking things up in a record, and its findings. */
#ifndef VERIFY_MAIL_PARTS_H
#define VERIFY_MAIL_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A record is a file that anybody may have written: numbers are cut to this, so that a few of them can
 * be added. */
#define RECORD_NUMBER_MAX (INT64_C(1) << 53)

/* PATH is keys with dots between. NULL, or 0, when it is not there. */
json_t *record_at(json_t *run, const char *path);
const char *record_string(json_t *run, const char *path);
int64_t record_number(json_t *run, const char *path);

/* The bytes that stand there in hex; returns how many, at most CAP. */
size_t record_bytes(json_t *run, const char *path, unsigned char *buf, size_t cap);

/* The first mount that is damaged; or else the first; NULL without any. */
json_t *record_bad_mount(json_t *run);

/* The finding that tells most: bytes that were lost (what stands elsewhere instead often follows from that),
 * else the first about a file's bytes, else the first; NULL without any. */
json_t *record_first_finding(json_t *run);

/* Did it end like that? */
bool mount_has_status(json_t *mount, const char *status);

/* Of a file, not about its name or attributes. */
bool finding_is_about_bytes(json_t *finding);

/* Does this mount read through the page cache? */
bool mount_is_cached(json_t *mount);

/* "a, b and c"; the caller frees it. */
char *words_text(json_t *list);

/* The ways that read the range of FINDING rightly, and never wrongly; the caller frees it. */
char *right_ways_text(json_t *finding);

bool has_word(json_t *list, const char *word);

/* The sections with expected and observed bytes, first bad layer, variations. */
void mail_put_findings(FILE *f, json_t *run);
void mail_put_layer(FILE *f, json_t *run);
void mail_put_variations(FILE *f, json_t *run);

/* What the parts of one mail are made of. */
struct mail {
	FILE *f;
	json_t *run;
	const char *console, *home; /* both may be NULL */
};

static inline const char *mail_string(const struct mail *m, const char *path)
{
	return record_string(m->run, path);
}

/* "not known" for NULL and "". */
const char *mail_or_unknown(const char *s);

/* "QEMU with KVM"; "virtio". */
const char *mail_guest_name(const struct mail *m);
const char *mail_transport(const struct mail *m);

/* The cache mode of the mount that the mail is about; the first that was planned if none came about. */
const char *mail_cache(json_t *run);

/* TEXT without what is only this machine's: the caller frees it. */
char *mail_without_paths(const struct mail *m, const char *text);

/* The sections about the kernel, and about guest, server and mount; mail-setup.c. */
void mail_put_kernel(const struct mail *m);
void mail_put_setup(const struct mail *m);

/* A section's title. */
void mail_title(FILE *f, const char *title);

#endif
