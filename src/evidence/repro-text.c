/* SPDX-License-Identifier: MIT */
/* Fills the scripts and texts of a reproducer with what the record says. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "macros.h"
#include "mail-parts.h"
#include "mail-text.h"
#include "mail.h"
#include "path.h"
#include "repro-parts.h"
#include "repro-scripts.h"
#include "slurp.h"

#define CONSOLE_LIMIT (2U << 20)
#define RUNS_UML 5
#define RUNS_QEMU 3
#define STATE_NAME "warren-guest-"

static bool is_qemu_server(const struct repro *r)
{
	const char *share = record_string(r->run, "share");

	return share && !strcmp(share, "qemu");
}

static bool is_tcp(const struct repro *r)
{
	const char *share = record_string(r->run, "share");

	return share && !strcmp(share, "tcp");
}

/* 'it'\''s': one word for sh, whatever is in it. */
static void put_quoted(FILE *f, const char *word)
{
	if (*word &&
	    !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			       "-_=+./:,@%")]) {
		fputs(word, f);
		return;
	}
	fputc('\'', f);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", f);
		else
			fputc(*word, f);
	fputc('\'', f);
}

static bool has_setting(const struct repro *r, const char *name)
{
	json_t *word;
	size_t i;

	json_array_foreach(record_at(r->run, "settings"), i, word)
	{
		if (!strncmp(json_string_value(word), name, strlen(name)))
			return true;
	}
	return false;
}

static char *options_text(const struct repro *r)
{
	char *text = NULL;
	size_t n, i;
	FILE *f = open_memstream(&text, &n);
	json_t *word;

	if (!f)
		return NULL;
	fputs("--no-record", f); /* the maintainer's home is not ours */
	json_array_foreach(record_at(r->run, "settings"), i, word)
	{
		fputc(' ', f);
		put_quoted(f, json_string_value(word));
	}
	/* What it chose by itself depends on the QEMU at hand. */
	if (!r->is_uml && !is_qemu_server(r) && !has_setting(r, "--share="))
		fprintf(f, " --share=%s", is_tcp(r) ? "tcp" : "vhost");
	if (!r->is_uml)
		fputs(" --qemu \"$qemu\"", f);
	fclose(f);
	return text;
}

static char *share_text(const struct repro *r)
{
	const char *corpus = record_string(r->run, "corpus");
	char *text;

	if (!corpus)
		return strdup("\"$here/files\"");
	return asprintf(&text, "--corpus=%s", corpus) < 0 ? NULL : text;
}

static char *files_text(const struct repro *r)
{
	const char *corpus = record_string(r->run, "corpus");
	char *text;
	int n = corpus ? asprintf(&text, "files made from the spec '%s'", corpus)
		       : asprintf(&text,
				  "files/, %" PRIu64 " file%s as recorded on the machine where "
				  "it happened (times are not kept)",
				  r->result.files, r->result.files == 1 ? "" : "s");

	return n < 0 ? NULL : text;
}

static const char *build_id(const struct repro *r)
{
	const char *seen = record_string(r->run, "facts.build-id");

	return seen ? seen : record_string(r->run, "kernel.build_id");
}

struct replacement {
	const char *word, *text;
};

/* Replaces each @WORD@ of TEMPLATE. */
static char *expand(const char *template, const struct replacement *words, size_t n_words)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	for (const char *at = template; *at;) {
		size_t i, len = 0;

		for (i = 0; i < n_words; i++) {
			len = strlen(words[i].word);
			if (*at == '@' && !strncmp(at + 1, words[i].word, len) &&
			    at[len + 1] == '@')
				break;
		}
		if (i == n_words) {
			fputc(*at++, f);
			continue;
		}
		fputs(words[i].text ? words[i].text : "?", f);
		at += len + 2;
	}
	fclose(f);
	return text;
}

static int write_text(const struct repro *r, const char *name, const char *text, mode_t mode)
{
	autofree char *path = repro_path(r, name);
	int err = path && text ? path_write(path, text, strlen(text)) : -ENOMEM;

	return err ? err : chmod(path, mode) ? -errno : 0;
}

static int write_run_and_readme(const struct repro *r)
{
	autofree char *options = options_text(r), *share = share_text(r), *files = files_text(r);
	autofree char *summary = mail_summary(r->run);
	json_t *mount = record_bad_mount(r->run);
	char status[16], runs[16];
	const struct replacement words[] = {
		{"VERSION", record_string(r->run, "warren")},
		{"KERNEL",
		 r->is_uml ? "a program of User Mode Linux with 9P over virtio and hostfs"
			   : "a bzImage, or a vmlinux with PVH, with 9P and virtio built in"},
		{"NEED", r->is_uml ? "" : ", but qemu-system-x86_64 must be here"},
		{"TAKES",
		 r->is_uml ? "Linux on x86_64"
			   : "Linux on x86_64 with qemu-system-x86_64 (QEMU=PATH: another one)"},
		{"RUNS", runs},
		{"STATUS", status},
		{"CHECK", r->is_uml ? "" : repro_check_qemu},
		{"OPTIONS", options},
		{"SHARE", share},
		{"SUMMARY", summary},
		{"NAME", record_string(r->run, "kernel.name")},
		{"RELEASE", record_string(r->run, "kernel.release")},
		{"BUILDID", build_id(r)},
		{"MOUNT", record_string(mount, "options")},
		{"FILES", files},
	};
	autofree char *script = NULL, *text = NULL;
	int err;

	snprintf(status, sizeof(status), "%d", (int)record_number(r->run, "verdict.status"));
	snprintf(runs, sizeof(runs), "%d", r->is_uml ? RUNS_UML : RUNS_QEMU);
	script = expand(repro_run_sh, words, ARRAY_SIZE(words));
	text = expand(repro_readme, words, ARRAY_SIZE(words));
	err = write_text(r, "run.sh", script, 0755);
	return err ? err : write_text(r, "README.txt", text, 0644);
}

/* WORD with what is of this machine replaced by variables of the script; in double quotes. */
static void put_word(FILE *f, const struct repro *r, const char *word, const char *state)
{
	const char *image = record_string(r->run, "kernel.image");
	const char *dir = record_string(r->run, "shared"),
		   *kernel_dir = record_string(r->run, "kernel.dir");
	const struct replacement known[] = {
		{dir, "$files"},
		{state, "$state"},
		{image, "$here/kernels/repro/image"},
	};

	/* The kernel may have been unpacked beside its image. */
	if (kernel_dir && strlen(kernel_dir) > 1 &&
	    !strncmp(word, kernel_dir, strlen(kernel_dir)) && word[strlen(kernel_dir)] == '/')
		word = image ? image : word;
	fputc('"', f);
	while (*word) {
		size_t i, len = 0;

		for (i = 0; i < ARRAY_SIZE(known); i++) {
			len = known[i].word ? strlen(known[i].word) : 0;
			if (len > 1 && !strncmp(word, known[i].word, len))
				break;
		}
		if (i < ARRAY_SIZE(known)) {
			fputs(known[i].text, f);
			word += len;
			continue;
		}
		if (strchr("\"\\$`", *word))
			fputc('\\', f);
		fputc(*word++, f);
	}
	fputc('"', f);
}

/* "/tmp/warren-guest-Ab12cD", the run's state folder; the caller frees it. */
static char *find_state(json_t *words)
{
	json_t *w;
	size_t i;

	json_array_foreach(words, i, w)
	{
		const char *word = json_string_value(w), *at = strstr(word, STATE_NAME), *from = at;

		while (from && from > word && !strchr("=,:", from[-1]))
			from--;
		if (at && strlen(at) >= strlen(STATE_NAME) + 6)
			return strndup(from, (size_t)(at - from) + strlen(STATE_NAME) + 6);
	}
	return NULL;
}

/* QEMU's console, report and initramfs are in the state folder; the user's corpus is in files/. */
static void put_command(FILE *f, const struct repro *r)
{
	json_t *words = record_at(r->run, "guest.words"), *w;
	size_t skip = json_array_size(record_at(r->run, "qemu.words")), i;
	autofree char *state = find_state(words);

	if (!r->is_uml && !skip)
		skip = 1;
	fputs(r->is_uml ? "TMPDIR=$state " : "\"${QEMU:-qemu-system-x86_64}\"", f);
	json_array_foreach(words, i, w)
	{
		if (i < skip)
			continue;
		if (i || !r->is_uml)
			fputs(" \\\n\t", f);
		put_word(f, r, json_string_value(w), state);
	}
	fputc('\n', f);
}

/* " --guard GUARDS"; "" without GUARDS. */
static char *guard_text(const char *guards)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	if (guards) {
		fputs(" --guard ", f);
		put_quoted(f, guards);
	}
	fclose(f);
	return text;
}

static char *iounit_text(int64_t iounit)
{
	char *text;

	if (!iounit)
		return strdup("");
	return asprintf(&text, " --iounit %" PRId64, iounit) < 0 ? NULL : text;
}

static int write_guest(const struct repro *r)
{
	autofree char *text = NULL, *server = NULL;
	autofree char *iounit = iounit_text(record_number(r->run, "iounit"));
	autofree char *guard = guard_text(record_string(r->run, "guard"));
	size_t n;
	FILE *f = iounit && guard ? open_memstream(&text, &n) : NULL;

	if (!f)
		return -ENOMEM;
	fputs(repro_guest_head, f);
	if (!is_qemu_server(r)) {
		const struct replacement words[] = {
			{"IOUNIT", iounit},
			{"GUARD", guard},
			{"ADDRESS", is_tcp(r) ? "--listen \"tcp:127.0.0.1:${PORT:-5640}\""
					      : "--socket-path \"$state/9p\""},
		};

		server = expand(repro_guest_server, words, ARRAY_SIZE(words));
		fputs(server ? server : "", f);
		if (!is_tcp(r))
			fputs(repro_guest_socket, f);
	}
	fputs(r->is_uml ? repro_guest_uml : "cp \"$here/initramfs\" \"$state/initramfs\"\n", f);
	put_command(f, r);
	fputs(repro_guest_tail, f);
	fclose(f);
	return write_text(r, "guest.sh", text, 0755);
}

static int write_expected(const struct repro *r)
{
	autofree char *text = NULL;
	const char *why = record_string(r->run, "verdict.why");
	size_t n, i;
	FILE *f = open_memstream(&text, &n);
	json_t *m;

	if (!f)
		return -ENOMEM;
	fprintf(f, "exit code of warren verify: %d\n",
		(int)record_number(r->run, "verdict.status"));
	json_array_foreach(record_at(r->run, "mounts"), i, m)
	{
		const char *sentence = record_string(m, "sentence");

		fprintf(f, "%s\n", sentence ? sentence : "a mount without a verdict");
	}
	if (why)
		fprintf(f, "%s\n", why);
	fclose(f);
	return write_text(r, "expected.txt", text, 0644);
}

static int write_report(const struct repro *r)
{
	autofree char *text = NULL, *console = NULL,
		      *path = path_join(r->plan->record, "console.log");
	size_t n;
	FILE *f = open_memstream(&text, &n);
	int err;

	if (!f)
		return -ENOMEM;
	if (path && slurp(path, CONSOLE_LIMIT, &console, NULL))
		console = NULL;
	err = mail_write(f, r->run, console, r->plan->home);
	fclose(f);
	return err ? err : write_text(r, "report.txt", text, 0644);
}

int repro_add_texts(struct repro *r)
{
	int err = write_text(r, "bin/warren", repro_bin_warren, 0755);

	if (!err && r->is_uml)
		err = write_text(r, "kernels/repro/image", repro_uml_image, 0755);
	err = err ? err : write_run_and_readme(r);
	err = err ? err : write_guest(r);
	err = err ? err : write_expected(r);
	return err ? err : write_report(r);
}
