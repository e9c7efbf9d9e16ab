/* SPDX-License-Identifier: MIT */
#include "page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mail-parts.h"
#include "mail.h"
#include "page-html.h"
#include "page-parts.h"

#define CONSOLE_SHOWN 4000U /* its last bytes */

/* "ok", "damaged", or "failed" when it came to no verdict. */
static const char *status_of(json_t *run)
{
	const char *status = record_string(record_bad_mount(run), "status");

	return status ? status : "failed";
}

static const char *badge_text(const char *status)
{
	return !strcmp(status, "ok") ? "OK" : !strcmp(status, "damaged") ? "DAMAGED" : "FAILED";
}

/* The sentence behind its first word, which the badge says. */
static char *sentence_of(json_t *run)
{
	const char *sentence = record_string(record_bad_mount(run), "sentence");
	const char *why = record_string(run, "verdict.why"), *colon;

	if (!sentence)
		sentence = why ? why : "the run reached no verdict";
	colon = strstr(sentence, ": ");
	return strdup(colon && colon - sentence < 10 ? colon + 2 : sentence);
}

/* What is wrong first, without why: a title. */
static char *title_of(const char *sentence)
{
	const char *first = strstr(sentence, "the first: "),
		   *end = first ? strstr(first, " (") : NULL;

	return end ? strndup(sentence, (size_t)(end - sentence)) : strdup(sentence);
}

static void put_head(const struct mail *m)
{
	const char *status = status_of(m->run);
	autofree char *sentence = sentence_of(m->run);
	autofree char *title = sentence ? title_of(sentence) : NULL;

	fputs("<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
	      "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n",
	      m->f);
	html_elementf(m->f, "title", NULL, "%s: 9P share in Linux %s", badge_text(status),
		      mail_or_unknown(record_string(record_bad_mount(m->run), "kernel")));
	fprintf(m->f, "<style>\n%s</style>\n</head>\n<body>\n<p class=\"badge %s\">", page_style,
		status);
	html_text(m->f, badge_text(status));
	fputs("</p>\n", m->f);
	html_element(m->f, "h1", NULL, title);
	if (title && strlen(title) < strlen(sentence))
		html_element(m->f, "p", NULL, sentence);
}

/* What each mount came to, when there were several. */
static void put_mounts(const struct mail *m)
{
	json_t *mounts = record_at(m->run, "mounts"), *o;
	size_t i;

	if (json_array_size(mounts) < 2)
		return;
	html_element(m->f, "h2", NULL, "Every mount of the run");
	fputs("<div class=wide><table>\n<tr><th>cache</th><th>msize</th><th>verdict</th>"
	      "<th>files</th><th>wrong</th></tr>\n",
	      m->f);
	json_array_foreach(mounts, i, o)
	{
		fputs("<tr>", m->f);
		html_element(m->f, "td", NULL, mail_or_unknown(record_string(o, "cache")));
		html_elementf(m->f, "td", NULL, "%" PRId64, record_number(o, "msize"));
		html_element(m->f, "td", NULL, mail_or_unknown(record_string(o, "status")));
		html_elementf(m->f, "td", NULL, "%" PRId64, record_number(o, "files"));
		html_elementf(m->f, "td", NULL, "%" PRId64, record_number(o, "damaged"));
		fputs("</tr>\n", m->f);
	}
	fputs("</table></div>\n", m->f);
}

static void put_path(const struct mail *m, const char *label, const char *path)
{
	autofree char *shown = path ? mail_without_paths(m, path) : NULL;

	html_row(m->f, label, shown);
}

static void put_kernel_rows(const struct mail *m)
{
	html_row(m->f, "kernel", mail_or_unknown(mail_string(m, "facts.uname")));
	html_row(m->f, "built", mail_string(m, "facts.version"));
	html_row(m->f, "package", mail_string(m, "kernel.package_version"));
	html_row(m->f, "fixes undone", mail_string(m, "kernel.edits"));
	html_row(m->f, "build-id", mail_string(m, "facts.build-id"));
	html_row(m->f, "taint", mail_or_unknown(mail_string(m, "facts.taint")));
	put_path(m, "command line", mail_string(m, "facts.cmdline"));
	html_row(m->f, "memory", mail_string(m, "facts.memory"));
	html_row(m->f, "clearing", mail_string(m, "facts.mem-auto-init"));
}

static void put_environment(const struct mail *m)
{
	html_element(m->f, "h2", NULL, "Environment");
	fputs("<table class=facts>\n", m->f);
	put_kernel_rows(m);
	html_rowf(m->f, "guest", "%s on Linux %s %s, %" PRId64 " CPUs", mail_guest_name(m),
		  mail_or_unknown(mail_string(m, "host.release")),
		  mail_or_unknown(mail_string(m, "host.machine")),
		  record_number(m->run, "host.cpus"));
	html_row(m->f, "QEMU", mail_string(m, "qemu.version"));
	html_rowf(m->f, "server", "%s %s", mail_or_unknown(mail_string(m, "server.name")),
		  mail_string(m, "server.version") ? mail_string(m, "server.version") : "");
	html_row(m->f, "transport", mail_string(m, "share"));
	html_row(m->f, "mount", record_string(record_bad_mount(m->run), "options"));
	html_row(m->f, "files", mail_string(m, "corpus"));
	html_row(m->f, "time", mail_string(m, "time"));
	html_row(m->f, "warren", mail_string(m, "warren"));
	fputs("</table>\n", m->f);
}

/* For /bin/sh: a word with anything but harmless bytes stands in quotes. */
static void put_word(FILE *f, const char *word)
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789-_=+,./:@%";

	if (word[strspn(word, harmless)] == '\0' && *word) {
		html_text(f, word);
		return;
	}
	html_text(f, "'");
	for (; *word; word++)
		html_textf(f, *word == '\'' ? "'\\''" : "%c", *word);
	html_text(f, "'");
}

static void put_command(const struct mail *m)
{
	const char *corpus = mail_string(m, "corpus"), *dir = mail_string(m, "shared");
	const char *kernel = mail_string(m, "kernel.name");
	json_t *word;
	size_t i;

	html_element(m->f, "h2", NULL, "To repeat it");
	fputs("<pre class=wrap>warren verify", m->f);
	if (kernel && *kernel) {
		fputs(" --kernel ", m->f);
		put_word(m->f, kernel);
	}
	json_array_foreach(record_at(m->run, "settings"), i, word)
	{
		fputc(' ', m->f);
		put_word(m->f, json_string_value(word));
	}
	if (corpus)
		html_textf(m->f, " --corpus=%s", corpus);
	else if (dir) {
		fputc(' ', m->f);
		put_word(m->f, dir);
	}
	fputs("</pre>\n", m->f);
}

/* The last of what the kernel said, from the start of a line on. */
static void put_console(const struct mail *m)
{
	const char *at = m->console;
	size_t n = at ? strlen(at) : 0;
	autofree char *shown = NULL;

	if (!n)
		return;
	if (n > CONSOLE_SHOWN) {
		at += n - CONSOLE_SHOWN;
		at += strcspn(at, "\n");
	}
	shown = mail_without_paths(m, at);
	fputs("<details><summary>What the guest's kernel said last</summary>\n", m->f);
	html_element(m->f, "pre", "wrap", shown);
	fputs("</details>\n", m->f);
}

int page_write(FILE *f, json_t *run, const char *console, const char *home)
{
	const struct mail m = {f, run, console, home};

	put_head(&m);
	page_put_layers(f, run);
	page_put_files(f, run);
	put_mounts(&m);
	put_environment(&m);
	put_command(&m);
	put_console(&m);
	fputs("</body>\n</html>\n", f);
	return fflush(f) || ferror(f) ? -EIO : 0;
}
