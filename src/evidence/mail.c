/* SPDX-License-Identifier: MIT */
#include "mail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "mail-parts.h"
#include "mail-text.h"

#define LOG_LINES 40

static bool has_bisect(const struct mail *m)
{
	return mail_string(m, "bisect.good") && mail_string(m, "bisect.bad");
}

static bool is_damage(const struct mail *m)
{
	return record_first_finding(m->run) != NULL;
}

static bool is_passing(const struct mail *m)
{
	return record_at(m->run, "verdict.status") && !record_number(m->run, "verdict.status");
}

static bool is_kernel_matter(const struct mail *m)
{
	return mail_first_bad_layer(m->run) != LAYER_HOST && !is_passing(m);
}

/* "zeros", for a subject. */
static const char *noun_of(const char *class)
{
	static const char *const nouns[][2] = {
		{"ZERO", "zeros"},
		{"BITFLIP", "a flipped bit"},
		{"SHIFTED", "bytes of another place in the file"},
		{"TORN", "old bytes among new ones"},
		{"FOREIGN", "bytes of another file"},
		{"STALE", "bytes of another generation of the file"},
		{"SHORT", "an end that comes too early"},
		{"LONG", "an end that comes too late"},
		{"PAST-EOF", "bytes behind the end"},
		{"ERROR", "an error"},
		{"FOREIGN-WRITE", "file data in memory of others"},
	};

	for (size_t i = 0; class && i < ARRAY_SIZE(nouns); i++)
		if (!strcmp(class, nouns[i][0]))
			return nouns[i][1];
	return "wrong bytes";
}

static const char *release_of(const struct mail *m)
{
	const char *release = mail_string(m, "kernel.release");
	const char *seen = record_string(record_bad_mount(m->run), "release");

	if (seen || (release && *release))
		return seen ? seen : release;
	return mail_string(m, "kernel.name") ? mail_string(m, "kernel.name") : "unknown";
}

const char *mail_cache(json_t *run)
{
	const char *cache = record_string(record_bad_mount(run), "cache");
	const char *planned = json_string_value(json_array_get(record_at(run, "caches"), 0));

	return cache ? cache : planned ? planned : "?";
}

static void put_subject(const struct mail *m)
{
	json_t *d = record_first_finding(m->run);
	const char *cache = mail_cache(m->run);
	autofree char *text = NULL;
	int n;

	if (is_passing(m))
		n = asprintf(&text, "Subject: 9p: all is well with Linux %s", release_of(m));
	else if (!is_kernel_matter(m))
		n = asprintf(&text, "Subject: 9p: the host's file itself was altered");
	else if (!d)
		n = asprintf(&text,
			     "Subject: %s 9p: guest failed while reading, cache=%s, Linux %s",
			     has_bisect(m) ? "[REGRESSION]" : "[BUG]", cache, release_of(m));
	else
		n = asprintf(&text, "Subject: %s 9p: %s read, cache=%s, Linux %s",
			     has_bisect(m) ? "[REGRESSION]" : "[BUG]",
			     noun_of(record_string(d, "class")), cache, release_of(m));
	if (n < 0)
		text = NULL;
	else
		mail_fill(m->f, 0, 1, text);
}

/* Netfs and the page cache concern those lists only when they are in the way of the bytes. */
static void put_header(const struct mail *m)
{
	bool is_cached = mount_is_cached(record_bad_mount(m->run)) &&
			 mail_first_bad_layer(m->run) != LAYER_BELOW;

	if (is_kernel_matter(m)) {
		fputs("To: v9fs@lists.linux.dev\n", m->f);
		if (is_cached)
			mail_fillf(m->f, 0, 1,
				   "Cc: netfs@lists.linux.dev, linux-fsdevel@vger.kernel.org%s",
				   has_bisect(m) ? ", regressions@lists.linux.dev" : "");
		else if (has_bisect(m))
			fputs("Cc: regressions@lists.linux.dev\n", m->f);
	}
	put_subject(m);
	fputc('\n', m->f);
}

const char *mail_guest_name(const struct mail *m)
{
	const char *kind = mail_string(m, "guest.kind");

	return kind && !strcmp(kind, "uml")		      ? "UML"
	       : json_is_true(record_at(m->run, "guest.kvm")) ? "QEMU with KVM"
							      : "QEMU with TCG";
}

const char *mail_transport(const struct mail *m)
{
	const char *share = mail_string(m, "share");

	return share && !strcmp(share, "tcp") ? "tcp" : "virtio";
}

static char *damage_summary(const struct mail *m, json_t *d, const char *cache)
{
	int64_t from = record_number(d, "from"), to = record_number(d, "to");
	autofree char *right = right_ways_text(d);
	bool has_right = right && *right;
	char *text;
	int n;

	if (to > from && record_at(d, "size"))
		n = asprintf(&text,
			     "In a guest with Linux %s, bytes 0x%" PRIx64 "-0x%" PRIx64
			     " of a %" PRId64 "-byte file on a 9P share (%s, cache=%s) are read as "
			     "%s, without any error%s%s%s.",
			     release_of(m), (uint64_t)from, (uint64_t)to - 1,
			     record_number(d, "size"), mail_transport(m), cache,
			     noun_of(record_string(d, "class")), has_right ? "; read by " : "",
			     has_right ? right : "", has_right ? " they are right" : "");
	else
		n = asprintf(
			&text,
			"In a guest with Linux %s, a 9P share (%s, cache=%s) shows %s where the "
			"host has none.",
			release_of(m), mail_transport(m), cache,
			noun_of(record_string(d, "class")));
	return n < 0 ? NULL : text;
}

char *mail_summary(json_t *run)
{
	const struct mail m = {.run = run};
	const char *cache = mail_cache(run);
	const char *why = mail_string(&m, "verdict.why");
	json_t *d = record_first_finding(run);
	char *text;

	if (is_passing(&m))
		return strdup(
			"This is no mail for a kernel list: the run was recorded because that was "
			"asked for, and every byte was read rightly.");
	if (!is_kernel_matter(&m))
		return strdup(
			"This is no mail for a kernel list: the bytes of the host's own file are "
			"not those that were written down before, and no guest has a part in "
			"that.");
	if (d)
		return damage_summary(&m, d, cache);
	if (asprintf(&text,
		     "A guest with Linux %s that reads a 9P share (%s, cache=%s) does not come to "
		     "the "
		     "end of it: %s.",
		     release_of(&m), mail_transport(&m), cache,
		     why ? why : "it gives no verdict") < 0)
		return NULL;
	return text;
}

/* One sentence that says it all. */
static void put_summary(const struct mail *m)
{
	autofree char *text = mail_summary(m->run);

	mail_fill(m->f, 0, 0, text ? text : "?");
}

static void put_commands(const struct mail *m)
{
	const char *kind = mail_string(m, "guest.kind");
	bool is_uml = kind && !strcmp(kind, "uml");

	mail_title(m->f, "To reproduce");
	mail_fillf(m->f, 0, 0,
		   "With repro.tar.zst, which 'warren lab repro' makes of this run; it needs no "
		   "root and "
		   "nothing to be built%s:",
		   is_uml ? ", and brings all that it needs" : ", but qemu-system-x86_64");
	fputs("\n  tar --zstd -xf repro.tar.zst\n"
	      "  repro/run.sh\n",
	      m->f);
	fprintf(m->f, "  repro/run.sh %-20s # with your kernel\n",
		is_uml ? "/path/to/linux" : "/path/to/bzImage");
	fputs("\nIt says REPRODUCED (exit 1) or NOT REPRODUCED (exit 0).\n", m->f);
}

/* "v6.12" of a kernel's name "6.12-uml-debug"; what is no such name stays. */
static char *tag_of(const char *kernel)
{
	size_t n = strspn(kernel, "0123456789.");
	char *tag;

	if (!n)
		return strdup(kernel);
	return asprintf(&tag, "v%.*s", (int)n, kernel) < 0 ? NULL : tag;
}

/* A paragraph of its own, in one line: the regression tracker looks for it. */
static void put_introduced(const struct mail *m, const char *commit)
{
	autofree char *good = tag_of(mail_string(m, "bisect.good"));
	autofree char *bad = tag_of(mail_string(m, "bisect.bad")), *range = NULL, *ascii = NULL;

	if (!commit && good && bad && !strcmp(good, bad)) {
		mail_fillf(m->f, 0, 0,
			   "Both are %s: a range for the regression tracker cannot be given.",
			   good);
		return;
	}
	if (commit)
		range = strdup(commit);
	else if (!good || !bad || asprintf(&range, "%s..%s", good, bad) < 0)
		range = NULL;
	ascii = range ? mail_ascii(range) : NULL;
	if (ascii)
		fprintf(m->f, "\n#regzbot introduced: %.50s\n", ascii);
}

static void put_regzbot(const struct mail *m)
{
	const char *commit = mail_string(m, "bisect.commit");

	if (!has_bisect(m))
		return;
	mail_title(m->f, "Regression");
	mail_fillf(m->f, 0, 0, "Good: %s. Bad: %s.%s%s", mail_string(m, "bisect.good"),
		   mail_string(m, "bisect.bad"), commit ? " First bad commit: " : "",
		   commit ? commit : "");
	put_introduced(m, commit);
}

/* The first line of a complaint of the kernel's, NULL if it made none. */
static const char *find_complaint(const char *console)
{
	static const char *const words[] = {
		"BUG:",		"WARNING:",	      "KASAN:",		"Oops",
		"Kernel panic", "general protection", "Bad page state", "INFO: task"};
	const char *first = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *at = strstr(console, words[i]);

		if (at && (!first || at < first))
			first = at;
	}
	while (first && first > console && first[-1] != '\n')
		first--;
	return first;
}

static const char *last_lines(const char *text, unsigned n)
{
	const char *at = text + strlen(text);

	while (at > text && n)
		if (*--at == '\n' && at[1])
			n--;
	return n ? text : at + 1;
}

static void put_console(const struct mail *m)
{
	const char *at = m->console ? find_complaint(m->console) : NULL;
	unsigned left = LOG_LINES;

	mail_title(m->f, "Kernel messages");
	if (!m->console || !*m->console) {
		mail_fill(m->f, 0, 0, "There are none.");
		return;
	}
	mail_fill(m->f, 0, 0,
		  at ? "From the first complaint on:"
		     : "The kernel complained about nothing. The last lines:");
	fputc('\n', m->f);
	for (at = at ? at : last_lines(m->console, 12); *at && left; left--) {
		size_t n = strcspn(at, "\n");
		autofree char *line = strndup(at, n);
		autofree char *shown = line ? mail_without_paths(m, line) : NULL;

		if (shown)
			mail_log_line(m->f, shown, strlen(shown));
		at += n + (at[n] != '\0');
	}
	if (*at)
		fputs("  ...\n", m->f);
}

static void put_unknown(const struct mail *m)
{
	const char *package = mail_string(m, "kernel.package");

	mail_title(m->f, "What is not known");
	if (!has_bisect(m))
		mail_fill(m->f, 0, 2,
			  "* Which commit began it, and which kernel was the last good one: no "
			  "bisection was made.");
	if (package && *package)
		mail_fill(m->f, 0, 2,
			  "* Whether a vanilla kernel of today has it: the one that was run is "
			  "Debian's.");
	mail_fill(m->f, 0, 2,
		  "* What was on the wire: the requests and replies were counted, not recorded.");
	if (!json_array_size(record_at(m->run, "variations")))
		mail_fill(m->f, 0, 2,
			  "* How often it happens, and whether it depends on how the guest's "
			  "memory is "
			  "laid out.");
	if (strcmp(mail_guest_name(m), "QEMU with KVM") != 0)
		mail_fillf(m->f, 0, 2, "* Whether KVM or bare metal shows it too: this was %s.",
			   mail_guest_name(m));
	if (!mail_string(m, "facts.mem-auto-init"))
		mail_fill(m->f, 0, 2,
			  "* Whether pages are cleared when they are allocated (init_on_alloc).");
}

int mail_write(FILE *f, json_t *run, const char *console, const char *home)
{
	const struct mail m = {f, run, console, home};

	put_header(&m);
	put_summary(&m);
	mail_put_kernel(&m);
	mail_put_setup(&m);
	if (!is_passing(&m)) {
		mail_put_findings(f, run);
		mail_put_layer(f, run);
	}
	if (is_damage(&m) || is_passing(&m))
		mail_put_variations(f, run);
	if (is_kernel_matter(&m))
		put_commands(&m);
	put_regzbot(&m);
	put_console(&m);
	put_unknown(&m);
	fputs("\n-- \n", f);
	mail_fillf(f, 0, 0, "warren %s, run of %s", mail_or_unknown(mail_string(&m, "warren")),
		   mail_or_unknown(mail_string(&m, "time")));
	return fflush(f) || ferror(f) ? -EIO : 0;
}

unsigned mail_private_files(json_t *run)
{
	json_t *m, *d;
	unsigned n = 0;
	size_t i, k;

	if (record_string(run, "corpus"))
		return 0;
	json_array_foreach(record_at(run, "mounts"), i, m)
	{
		json_array_foreach(record_at(m, "list"), k, d)
		{
			n++;
		}
	}
	return n;
}
