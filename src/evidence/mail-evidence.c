/* SPDX-License-Identifier: MIT */
/* The part of a report that argues: which bytes, which layer, what mattered. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "mail-parts.h"
#include "mail-text.h"
#include "mail.h"

#define FINDINGS_SHOWN 3
#define BYTES_SHOWN 24U
#define PAGE 4096

void mail_title(FILE *f, const char *title)
{
	fprintf(f, "\n%s\n", title);
	for (size_t i = 0; title[i]; i++)
		fputc('-', f);
	fputc('\n', f);
}

static void put_bytes(FILE *f, json_t *d)
{
	unsigned char buf[BYTES_SHOWN];
	unsigned long long from = (unsigned long long)record_number(d, "from");
	size_t n = record_bytes(d, "expected", buf, sizeof(buf));

	if (!n)
		return;
	mail_hexdump(f, "expected", buf, n, from);
	n = record_bytes(d, "observed", buf, sizeof(buf));
	if (n)
		mail_hexdump(f, "observed", buf, n, from);
	else
		fputs("  observed  only their digest is known\n", f);
}

/* How a range lies to pages and to the file's end. */
static void put_place(FILE *f, json_t *d)
{
	int64_t from = record_number(d, "from"), to = record_number(d, "to");
	int64_t size = record_number(d, "size");

	if (from % PAGE == 0 && to == size)
		mail_fill(f, 2, 2, "It begins at a page boundary and reaches to the file's end.");
	else if (from % PAGE == 0)
		mail_fill(f, 2, 2, "It begins at a page boundary.");
	else if (to == size)
		mail_fill(f, 2, 2, "It reaches to the file's end.");
}

static void put_finding(FILE *f, json_t *d)
{
	autofree char *wrong = words_text(record_at(d, "ways"));
	autofree char *right = right_ways_text(d);
	int64_t from = record_number(d, "from"), to = record_number(d, "to");
	const char *path = record_string(d, "path"), *class = record_string(d, "class");
	const char *text = record_string(d, "text");

	if (finding_is_about_bytes(d))
		mail_fillf(f, 0, 2,
			   "* %s (%" PRId64 " bytes), cache=%s: bytes 0x%" PRIx64 "-0x%" PRIx64
			   " (%" PRId64 " of them) are %s: %s.",
			   path ? path : "?", record_number(d, "size"), record_string(d, "cache"),
			   (uint64_t)from, (uint64_t)to - 1, to - from, class ? class : "wrong",
			   text ? text : "");
	else
		mail_fillf(f, 0, 2, "* %s, cache=%s: %s: %s.", path ? path : "?",
			   record_string(d, "cache"), class ? class : "wrong", text ? text : "");
	if (wrong && *wrong)
		mail_fillf(f, 2, 2, "Wrong by %s%s%s.", wrong, right && *right ? "; right by " : "",
			   right ? right : "");
	if (finding_is_about_bytes(d)) {
		put_place(f, d);
		put_bytes(f, d);
	}
}

static void put_mount_findings(FILE *f, json_t *m, unsigned *left)
{
	json_t *d;
	size_t i;

	json_array_foreach(record_at(m, "list"), i, d)
	{
		if (!*left)
			return;
		--*left;
		put_finding(f, d);
	}
}

void mail_put_findings(FILE *f, json_t *run)
{
	json_t *m, *first = record_bad_mount(run);
	unsigned left = FINDINGS_SHOWN;
	int64_t total = 0;
	size_t i;

	json_array_foreach(record_at(run, "mounts"), i, m)
	{
		total += record_number(m, "findings");
	}
	mail_title(f, "Expected and observed");
	if (!total) {
		mail_fill(
			f, 0, 0,
			"Expected: a guest that reads the share to its end. Observed: it did not, "
			"see the messages below.");
		return;
	}
	put_mount_findings(f, first, &left);
	json_array_foreach(record_at(run, "mounts"), i, m)
	{
		if (m != first)
			put_mount_findings(f, m, &left);
	}
	if (total > FINDINGS_SHOWN)
		mail_fillf(f, 0, 0, "There are %" PRId64 " more findings like these.",
			   total - FINDINGS_SHOWN);
}

/* What was read past the page cache in this run. */
struct past_cache {
	bool none_right, none_wrong, direct_right, direct_wrong, is_host;
};

static void look_at_findings(json_t *m, struct past_cache *p)
{
	json_t *d;
	size_t i;

	json_array_foreach(record_at(m, "list"), i, d)
	{
		const char *class = record_string(d, "class");

		p->is_host = p->is_host || (class && !strcmp(class, "HOST-ALTERED"));
		if (!mount_is_cached(m))
			continue;
		p->direct_right = p->direct_right || has_word(record_at(d, "right_ways"), "direct");
		p->direct_wrong = p->direct_wrong || has_word(record_at(d, "ways"), "direct");
	}
}

static struct past_cache look(json_t *run)
{
	struct past_cache p = {0};
	json_t *m;
	size_t i;

	json_array_foreach(record_at(run, "mounts"), i, m)
	{
		if (!mount_is_cached(m)) {
			p.none_right = p.none_right || mount_has_status(m, "ok");
			p.none_wrong = p.none_wrong || mount_has_status(m, "damaged");
		}
		look_at_findings(m, &p);
	}
	return p;
}

enum first_bad_layer mail_first_bad_layer(json_t *run)
{
	struct past_cache p = look(run);

	if (p.is_host)
		return LAYER_HOST;
	if (p.none_wrong || p.direct_wrong)
		return LAYER_BELOW;
	return p.none_right || p.direct_right ? LAYER_PAGE_CACHE : LAYER_UNKNOWN;
}

static void put_cache_evidence(FILE *f, json_t *run, const struct past_cache *p)
{
	int64_t requests = record_number(run, "server.counters.requests");
	json_t *errors = record_at(run, "server.counters.errors");

	mail_fill(
		f, 0, 0,
		"First bad layer: the guest kernel's page cache, that is the way of the bytes from "
		"the "
		"9P client's replies into the folios (netfs, iov_iter), or what keeps them there. "
		"The evidence:");
	if (p->direct_right)
		mail_fill(
			f, 0, 2,
			"* O_DIRECT read the same range of the same file, in the same mount, "
			"rightly. So the host's file, the server and the transport have the right "
			"bytes.");
	if (p->none_right)
		mail_fill(f, 0, 2,
			  "* A mount with cache=none, in the same boot, read every byte of every "
			  "file "
			  "rightly in all ways.");
	if (json_is_integer(errors))
		mail_fillf(f, 0, 2,
			   "* The server answered %" PRId64 " requests, %lld with an error.",
			   requests, json_integer_value(errors));
}

void mail_put_layer(FILE *f, json_t *run)
{
	struct past_cache p = look(run);

	mail_title(f, "First bad layer");
	switch (mail_first_bad_layer(run)) {
	case LAYER_HOST:
		mail_fill(f, 0, 0,
			  "First bad layer: the host's file itself. Its bytes are not those of the "
			  "manifest, while size and time are. No guest and no 9P is to blame.");
		break;
	case LAYER_PAGE_CACHE:
		put_cache_evidence(f, run, &p);
		break;
	case LAYER_BELOW:
		mail_fillf(f, 0, 0,
			   "First bad layer: not the page cache alone: %s wrong as well. Server, "
			   "transport or the 9P client are left; which of them is not known.",
			   p.none_wrong ? "a mount with cache=none was" : "O_DIRECT reads were");
		break;
	case LAYER_UNKNOWN:
		mail_fill(f, 0, 0,
			  "First bad layer: not known. Nothing was read past the guest's page "
			  "cache in "
			  "this run; 'warren verify --cache none,mmap --ways read,direct' would "
			  "tell.");
		break;
	}
}
