/* SPDX-License-Identifier: MIT */
#include "repro.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "cache.h"
#include "cleanup.h"
#include "corpus.h"
#include "macros.h"
#include "mail-parts.h"
#include "mail.h"
#include "path.h"
#include "repro-parts.h"
#include "state-folder.h"
#include "tar.h"

#define ZSTD_LEVEL 12

static const char *const endings[] = {".tar.zst", ".tar"};

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), n_end = strlen(end);

	return n > n_end && !strcmp(s + n - n_end, end) && s[n - n_end - 1] != '/';
}

int repro_check_name(const char *output)
{
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (ends_with(output, endings[i]))
			return 0;
	return -EINVAL;
}

/* "repro" of "/tmp/repro.tar.zst" */
static char *top_of(const char *output)
{
	const char *slash = strrchr(output, '/'), *base = slash ? slash + 1 : output;
	const char *dot = strstr(base, ".tar");

	return strndup(base, dot ? (size_t)(dot - base) : strlen(base));
}

char *repro_path(const struct repro *r, const char *path)
{
	return path_join(r->stage, path);
}

static int make_folders(const struct repro *r)
{
	static const char *const folders[] = {"bin", "lib", "kernels/repro"};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && !err; i++) {
		autofree char *path = repro_path(r, folders[i]);

		err = path ? make_dirs(path) : -ENOMEM;
	}
	return err;
}

int repro_copy(const struct repro *r, const char *from, const char *name, char **ret_why)
{
	autofree char *to = repro_path(r, name);
	int err = to ? bundle_copy(from, to) : -ENOMEM;

	return err ? lab_why(err, ret_why, "cannot copy %s: %s", from, strerror(-err)) : 0;
}

static int add_programs(const struct repro *r, char **ret_why)
{
	autofree char *lib = repro_path(r, "lib"), *job = path_join(r->plan->record, "job");
	int err = lib && job ? bundle_libraries(r->plan->warren, lib, ret_why) : -ENOMEM;

	err = err ? err : repro_copy(r, r->plan->warren, "lib/warren", ret_why);
	err = err ? err : repro_copy(r, r->plan->probe, "lib/warren-probe", ret_why);
	return err ? err : repro_copy(r, job, "job", ret_why);
}

/* nftw takes no argument for its callback. */
static _Thread_local struct {
	const char *from, *to;
	uint64_t files, bytes;
} copying;

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	autofree char *to = NULL;

	(void)ftw;
	if (asprintf(&to, "%s%s", copying.to, path + strlen(copying.from)) < 0) {
		to = NULL;
		return -ENOMEM;
	}
	if (type == FTW_D)
		return mkdir(to, 0700) && errno != EEXIST ? -errno : 0;
	if (type != FTW_F)
		return 0;
	copying.files++;
	copying.bytes += (uint64_t)st->st_size;
	return bundle_copy(path, to);
}

/* The user's own, from the record. */
static int add_recorded_files(struct repro *r, char **ret_why)
{
	autofree char *from = path_join(r->plan->record, "files"), *to = repro_path(r, "files");
	int err;

	if (!from || !to)
		return -ENOMEM;
	if (access(from, R_OK))
		return lab_why(
			-ENOTSUP, ret_why,
			"the record has none of the files that were shared (no damaged bytes, "
			"or too many of them): run 'warren verify --corpus' with the same "
			"options, whose files can be made anywhere");
	copying.from = from;
	copying.to = to;
	copying.files = copying.bytes = 0;
	err = nftw(from, copy_one, 16, FTW_PHYS);
	r->result.files = copying.files;
	r->result.file_bytes = copying.bytes;
	return err ? lab_why(err, ret_why, "cannot copy %s: %s", from, strerror(-err)) : 0;
}

/* For guest.sh; run.sh makes them anew, with memory and all as it was. */
static int add_corpus_files(const struct repro *r, char **ret_why)
{
	autofree char *to = repro_path(r, "files");
	const char *text = record_string(r->run, "corpus"), *bad;
	struct corpus_spec spec;
	autoclose int fd = -1;
	int err;

	if (corpus_parse(text, &spec, &bad) < 0)
		return lab_why(-EINVAL, ret_why,
			       "the record's corpus '%s' is none of this warren's", text);
	if (!to || mkdir(to, 0700))
		return to ? -errno : -ENOMEM;
	fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 ? -errno : corpus_make(&spec, fd);
	return err ? lab_why(err, ret_why, "cannot make the corpus in %s: %s", to, strerror(-err))
		   : 0;
}

/* What happened to the host's file, or by a program of this machine, does not happen elsewhere. */
static int check(const struct repro *r, char **ret_why)
{
	json_t *word;
	size_t i;

	if (mail_first_bad_layer(r->run) == LAYER_HOST)
		return lab_why(
			-ENOTSUP, ret_why,
			"there is nothing to reproduce: the host's own file was altered, the "
			"guest has no part in it");
	json_array_foreach(record_at(r->run, "settings"), i, word)
	{
		if (!strncmp(json_string_value(word), "--exec=", 7))
			return lab_why(
				-ENOTSUP, ret_why,
				"a run with --exec uses programs of this machine: it cannot be "
				"reproduced elsewhere");
	}
	return 0;
}

static int fill_stage(struct repro *r, char **ret_why)
{
	int err = make_folders(r);

	err = err ? err : add_programs(r, ret_why);
	err = err ? err : repro_add_kernel(r, ret_why);
	if (!err)
		err = record_string(r->run, "corpus") ? add_corpus_files(r, ret_why)
						      : add_recorded_files(r, ret_why);
	return err ? err : repro_add_texts(r);
}

static int write_archive(const struct repro *r, FILE *out)
{
	FILE *f = ends_with(r->plan->output, ".zst") ? zstd_open(out, ZSTD_LEVEL) : out;
	int err = f ? tar_write_tree(f, r->stage, r->result.top, r->plan->stop) : -errno;

	if (f && f != out && fclose(f) && !err)
		err = -EIO;
	return err ? err : fflush(out) ? -errno : 0;
}

/* Under its name only when it is complete. */
static int write_output(struct repro *r, char **ret_why)
{
	const char *output = r->plan->output;
	autofree char *part = NULL;
	autofclose FILE *f = NULL;
	int err;

	if (asprintf(&part, "%s.part", output) < 0) {
		part = NULL;
		return -ENOMEM;
	}
	f = fopen(part, "we");
	err = f ? write_archive(r, f) : -errno;
	if (!err) {
		r->result.size = (uint64_t)ftell(f);
		err = rename(part, output) ? -errno : 0;
	}
	if (!err)
		return 0;
	if (f)
		unlink(part);
	return lab_why(err, ret_why, "cannot write %s: %s", output, strerror(-err));
}

static int make_stage(struct state_folder *f, char **ret_why)
{
	const char *bases[] = {getenv("TMPDIR"), "/tmp"};
	int err = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(bases) && err; i++)
		if (bases[i]) {
			state_folder_sweep(bases[i]);
			err = state_folder_make(bases[i], f);
		}
	return err ? lab_why(err, ret_why, "cannot make a folder in /tmp: %s", strerror(-err)) : 0;
}

int repro_write(const struct repro_plan *p, struct repro_result *ret_r, char **ret_why)
{
	const char *kind = record_string(p->run, "guest.kind");
	struct state_folder folder = STATE_FOLDER_INIT;
	struct repro r = {.plan = p, .run = p->run, .is_uml = kind && !strcmp(kind, "uml")};
	int err = check(&r, ret_why);

	r.result.top = top_of(p->output);
	if (!err)
		err = r.result.top ? make_stage(&folder, ret_why) : -ENOMEM;
	r.stage = folder.path;
	if (!err)
		err = fill_stage(&r, ret_why);
	if (!err)
		err = write_output(&r, ret_why);
	state_folder_done(&folder);
	if (err)
		repro_result_done(&r.result);
	else
		*ret_r = r.result;
	return err;
}

void repro_result_done(struct repro_result *r)
{
	free(r->top);
	r->top = NULL;
}
