/* SPDX-License-Identifier: MIT */
/* The part of a report that describes: which kernel, which guest, which server, how it was started. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mail-parts.h"
#include "mail-text.h"

#define STATE_NAME "warren-guest-"

/* TEXT with each WHAT replaced by WITH. */
static char *replace(char *text, const char *what, const char *with)
{
	char *at, *longer;
	size_t from = 0;

	while (text && what && *what && (at = strstr(text + from, what))) {
		if (asprintf(&longer, "%.*s%s%s", (int)(at - text), text, with, at + strlen(what)) <
		    0)
			longer = NULL;
		from = (size_t)(at - text) + strlen(with);
		free(text);
		text = longer;
	}
	return text;
}

/* "/tmp/warren-guest-Ab12cD/9p" is "STATE/9p": the folder is gone, and its name says nothing. */
static char *hide_state(char *text)
{
	char *at = text ? strstr(text, STATE_NAME) : NULL;
	autofree char *folder = NULL;

	if (!at)
		return text;
	while (at > text && !strchr("= ,:", at[-1]))
		at--;
	folder = strndup(at, (size_t)(strstr(at, STATE_NAME) - at) + strlen(STATE_NAME) + 6);
	return folder ? hide_state(replace(text, folder, "STATE")) : text;
}

/* Without what is only this machine's: the caller frees it. */
char *mail_without_paths(const struct mail *m, const char *text)
{
	const char *dir = mail_string(m, "shared");
	char *copy = strdup(text);

	if (dir && strlen(dir) > 1)
		copy = replace(copy, dir, "DIR");
	copy = hide_state(copy);
	if (m->home && strlen(m->home) > 1)
		copy = replace(copy, m->home, "~");
	return copy;
}

static void put_path(const struct mail *m, const char *label, const char *path)
{
	autofree char *shown = path ? mail_without_paths(m, path) : NULL;

	mail_field(m->f, label, shown);
}

/* "CONFIG_A=y CONFIG_B=m; not set: CONFIG_C" */
static void put_options(const struct mail *m)
{
	json_t *options = record_at(m->run, "kernel.options"), *value;
	autofree char *set = NULL, *unset = NULL;
	size_t n_set, n_unset;
	FILE *s = open_memstream(&set, &n_set), *u = open_memstream(&unset, &n_unset);
	const char *key;

	if (s && u)
		json_object_foreach(options, key, value)
		{
			const char *is = json_string_value(value);
			const char *name = !strncmp(key, "CONFIG_", 7) ? key + 7 : key;

			if (is && strcmp(is, "n") != 0)
				fprintf(s, "%s=%s ", name, is);
			else
				fprintf(u, "%s ", name);
		}
	if (s)
		fclose(s);
	if (u)
		fclose(u);
	mail_field(m->f, "Options", set);
	mail_field(m->f, "not set", unset);
}

/* Of a kernel that we changed ourselves no list wants to hear. */
static void put_edits(const struct mail *m)
{
	const char *edits = mail_string(m, "kernel.edits"),
		   *patches = mail_string(m, "kernel.patches");

	if (edits && *edits && strcmp(edits, "none") != 0)
		mail_fieldf(m->f, "Changed",
			    "the fix '%s' was undone in this kernel on purpose: a "
			    "demonstration, not to be reported",
			    edits);
	if (patches && *patches && strcmp(patches, "none") != 0)
		mail_fieldf(m->f, "Patched", "%s", patches);
}

const char *mail_or_unknown(const char *s)
{
	return s && *s ? s : "not known";
}

static const char *build_id(const struct mail *m)
{
	const char *seen = mail_string(m, "facts.build-id"),
		   *told = mail_string(m, "kernel.build_id");

	return seen ? seen : told && *told ? told : "not known";
}

void mail_put_kernel(const struct mail *m)
{
	const char *package = mail_string(m, "kernel.package");
	const char *taint = mail_string(m, "facts.taint");

	mail_title(m->f, "Kernel");
	mail_field(m->f, "uname", mail_or_unknown(mail_string(m, "facts.uname")));
	mail_field(m->f, "Version", mail_or_unknown(mail_string(m, "facts.version")));
	if (package && *package)
		mail_fieldf(m->f, "From", "Debian's %s %s", package,
			    mail_or_unknown(mail_string(m, "kernel.package_version")));
	put_edits(m);
	mail_field(m->f, "Build-id", build_id(m));
	put_path(m, "Image", mail_string(m, "kernel.image"));
	put_path(m, "Config", mail_or_unknown(mail_string(m, "kernel.config")));
	put_options(m);
	if (taint)
		mail_fieldf(m->f, "Taint", "%s%s", taint, !strcmp(taint, "0") ? " (none)" : "");
	else
		mail_field(m->f, "Taint", "not known");
	put_path(m, "Command line", mail_or_unknown(mail_string(m, "facts.cmdline")));
	mail_field(m->f, "auto-init", mail_or_unknown(mail_string(m, "facts.mem-auto-init")));
	mail_field(m->f, "THP", mail_string(m, "facts.thp"));
	mail_fieldf(m->f, "Memory", "%" PRId64 " MiB, page size %s, CPUs %s",
		    record_number(m->run, "guest.memory_mib"),
		    mail_or_unknown(mail_string(m, "facts.page-size")),
		    mail_or_unknown(mail_string(m, "facts.cpus")));
}

static void put_server(const struct mail *m)
{
	const char *version = mail_string(m, "server.version");
	const char *share = mail_string(m, "share"), *guard = mail_string(m, "guard");
	int64_t iounit = record_number(m->run, "iounit");

	mail_fieldf(m->f, "Server", "%s%s%s", mail_or_unknown(mail_string(m, "server.name")),
		    version ? " " : "", version ? version : "");
	mail_fieldf(m->f, "Transport", "%s%s", mail_transport(m),
		    share && !strcmp(share, "vhost-user") ? ", a vhost-user device"
		    : share && !strcmp(share, "tcp")	  ? ", QEMU's user network"
							  : ", in QEMU");
	if (share && strcmp(share, "qemu") != 0)
		mail_fieldf(m->f, "Guards", "%s (of the server, against bugs of guests)",
			    guard ? guard : "the default ones");
	if (iounit)
		mail_fieldf(m->f, "iounit", "%" PRId64 ", in the server's Rlopen", iounit);
}

/* "$" and the like do not occur in what the lab writes; blanks do. */
static char *quoted(const struct mail *m, const char *word)
{
	autofree char *shown = mail_without_paths(m, word ? word : "");
	autofree char *ascii = shown ? mail_ascii(shown) : NULL;
	char *text;
	bool is_bare = ascii && *ascii && !strpbrk(ascii, " \"\\$&();<>*?|'`");

	if (!ascii || asprintf(&text, is_bare ? "%s" : "\"%s\"", ascii) < 0)
		return NULL;
	return text;
}

/* As typed: a backslash where a line ends, also within a word. */
static void put_command(const struct mail *m, json_t *words)
{
	size_t i, column = 2;
	json_t *w;

	fputs("  ", m->f);
	json_array_foreach(words, i, w)
	{
		autofree char *word = quoted(m, json_string_value(w));
		size_t n = word ? strlen(word) : 0;

		if (i && column + 1 + n > MAIL_COLUMNS - 2) {
			fputs(" \\\n   ", m->f);
			column = 3;
		}
		if (i)
			column += (size_t)fprintf(m->f, " ");
		for (const char *at = word; at && *at; at++, column++) {
			if (column == MAIL_COLUMNS - 1) {
				fputs("\\\n", m->f);
				column = 0;
			}
			fputc(*at, m->f);
		}
	}
	fputc('\n', m->f);
}

void mail_put_setup(const struct mail *m)
{
	json_t *mount = record_bad_mount(m->run);
	const char *line = mail_string(m, "facts.mount"),
		   *options = record_string(mount, "options");
	const char *corpus = mail_string(m, "corpus");

	mail_title(m->f, "Setup");
	mail_fieldf(m->f, "Guest", "%s on Linux %s %s, %" PRId64 " CPUs", mail_guest_name(m),
		    mail_or_unknown(mail_string(m, "host.release")),
		    mail_or_unknown(mail_string(m, "host.machine")),
		    record_number(m->run, "host.cpus"));
	mail_field(m->f, "QEMU", mail_string(m, "qemu.version"));
	put_server(m);
	if (line && options)
		mail_fieldf(m->f, "Mount", "%.*s 9p %s", (int)strcspn(line, " "), line, options);
	else
		mail_field(m->f, "Mount", mail_or_unknown(options));
	mail_fieldf(m->f, "asked for", "cache=%s", mail_cache(m->run));
	if (corpus)
		mail_fieldf(m->f, "Files", "made from the spec %s", corpus);
	fputs("\nThe guest's full command line:\n\n", m->f);
	put_command(m, record_at(m->run, "guest.words"));
}
