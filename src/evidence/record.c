/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "compare.h"
#include "kernel.h"
#include "macros.h"
#include "record-files.h"
#include "record-json.h"
#include "run.h"
#include "slurp.h"
#include "state-folder.h"
#include "verdict-json.h"
#include "verdict.h"

#define RUN_LIMIT (16U << 20)
#define FINDINGS_MAX 100 /* of a mount */
#define FILES_ROOM (UINT64_C(64) << 20)
#define CONTENT_CLASS_MAX DAMAGE_ERROR

struct record {
	char *base; /* the folder of all records */
	struct state_folder folder;
	json_t *mounts, *facts;
};

static int find_base(char **ret_base)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = lab_home();
	char *base;
	int n;

	if (xdg && xdg[0] == '/')
		n = asprintf(&base, "%s/warren/runs", xdg);
	else if (home)
		n = asprintf(&base, "%s/.local/state/warren/runs", home);
	else
		return -ENOENT;
	if (n < 0)
		return -ENOMEM;
	*ret_base = base;
	return 0;
}

int record_begin(struct record **ret_r)
{
	struct record *r = malloc(sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	*r = (struct record){
		.folder = STATE_FOLDER_INIT, .mounts = json_array(), .facts = json_object()};
	err = find_base(&r->base);
	err = err ? err : make_dirs(r->base);
	if (!err) {
		chmod(r->base, 0700);
		state_folder_sweep(r->base);
		err = state_folder_make(r->base, &r->folder);
	}
	if (err)
		record_free(r);
	else
		*ret_r = r;
	return err;
}

const char *record_folder(const struct record *r)
{
	return r ? r->folder.path : NULL;
}

void record_free(struct record *r)
{
	if (!r)
		return;
	state_folder_done(&r->folder);
	json_decref(r->mounts);
	json_decref(r->facts);
	free(r->base);
	free(r);
}

void record_fact(struct record *r, const char *name, const char *value)
{
	if (r && strlen(name) < 64 && json_object_size(r->facts) < 64)
		json_object_set_new(r->facts, name, json_text(value));
}

static json_t *hex_of(const unsigned char *p, size_t n)
{
	char hex[2 * SAMPLE_BYTES + 1] = "";

	for (size_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", p[i]);
	return json_string(hex);
}

static bool has_content(const struct finding *f)
{
	return f->class < CONTENT_CLASS_MAX;
}

static json_t *finding_of(const struct run_plan *plan, const struct mount_result *m,
			  const struct finding *f)
{
	json_t *o = json_finding(m->tally, f, m->cache);
	struct stat st;

	if (!fstatat(plan->dir_fd, f->path, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
		json_object_set_new(o, "size", json_count((uint64_t)st.st_size));
	if (f->sample.n)
		json_object_set_new(o, "expected", hex_of(f->sample.host, f->sample.n));
	if (f->sample.has_guest)
		json_object_set_new(o, "observed", hex_of(f->sample.guest, f->sample.n));
	return o;
}

/* The wrong files, unless they can be made again. */
static void copy_files(const struct record *r, const struct run_plan *plan, const struct tally *t)
{
	autofree char *files = NULL;
	uint64_t room = FILES_ROOM;
	unsigned n = 0;

	if (asprintf(&files, "%s/files", r->folder.path) < 0) {
		files = NULL;
		return;
	}
	if (mkdir(files, 0700) && errno != EEXIST)
		return;
	for (const struct finding *f = t->findings; f && n < FINDINGS_MAX; f = f->next, n++)
		if (has_content(f))
			record_copy_file(plan->dir_fd, f->path, files, &room);
	/* Empty again? */
	rmdir(files);
}

static json_t *findings_of(const struct run_plan *plan, const struct mount_result *m)
{
	json_t *list = json_array();
	unsigned n = 0;

	for (const struct finding *f = m->tally->findings; f && n < FINDINGS_MAX; f = f->next, n++)
		json_array_append_new(list, finding_of(plan, m, f));
	return list;
}

void record_mount(struct record *r, const struct run_plan *plan, const struct mount_result *m,
		  const struct circumstances *c, const char *sentence)
{
	json_t *o;

	if (!r)
		return;
	o = m->tally ? json_mounted(m, c, sentence) : json_not_mounted(m->cache, m->error, m->text);
	if (m->tally) {
		json_object_set_new(o, "list", findings_of(plan, m));
		copy_files(r, plan, m->tally);
	}
	json_array_append_new(r->mounts, o);
}

static int write_json(const char *folder, json_t *o)
{
	autofree char *text = json_dumps(o, JSON_INDENT(1) | JSON_ENSURE_ASCII);
	autofree char *old = NULL, *new = NULL;
	int r = text ? record_write(folder, "run.json.new", text, strlen(text)) : -ENOMEM;

	if (r)
		return r;
	if (asprintf(&new, "%s/run.json.new", folder) < 0 ||
	    asprintf(&old, "%s/run.json", folder) < 0)
		return -ENOMEM;
	return rename(new, old) ? -errno : 0;
}

static void drop_files(const char *folder)
{
	autofree char *files = NULL;

	if (asprintf(&files, "%s/files", folder) >= 0)
		remove_tree(files);
	else
		files = NULL;
}

static int is_record(const struct dirent *e)
{
	return e->d_name[0] >= '0' && e->d_name[0] <= '9';
}

static void remove_oldest(const char *base)
{
	struct dirent **names;
	int n = scandir(base, &names, is_record, versionsort);

	for (int i = 0; i < n; i++) {
		autofree char *path = NULL;

		if (i + RECORDS_KEPT < n && asprintf(&path, "%s/%s", base, names[i]->d_name) >= 0)
			remove_tree(path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void make_name(char *buf, size_t size, unsigned n)
{
	time_t t = time(NULL);
	struct tm tm;
	size_t len;

	localtime_r(&t, &tm);
	len = strftime(buf, size, "%Y%m%d-%H%M%S", &tm);
	snprintf(buf + len, size - len, n ? "-%d.%u" : "-%d", (int)getpid(), n);
}

/* The folder gets its name, and is no state folder any more. A process may make several in a second. */
static int publish(struct record *r, char **ret_path)
{
	char name[64];
	int err = -EEXIST;

	for (unsigned n = 0; n < 1000 && (err == -EEXIST || err == -ENOTEMPTY); n++) {
		autofree char *path = NULL;

		make_name(name, sizeof(name), n);
		if (asprintf(&path, "%s/%s", r->base, name) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		err = rename(r->folder.path, path) ? -errno : 0;
		if (!err)
			*ret_path = steal_ptr(&path);
	}
	if (!err)
		free(steal_ptr(&r->folder.path));
	return err;
}

json_t *record_run(const struct record *r, const struct record_end *e)
{
	json_t *o = r ? record_json(e, r->folder.path) : NULL;

	if (o) {
		json_object_set(o, "facts", r->facts);
		json_object_set(o, "mounts", r->mounts);
	}
	return o;
}

int record_keep(struct record *r, const struct record_end *e, char **ret_path)
{
	json_t *o = record_run(r, e);
	int err;

	if (!o)
		return -ENOENT;
	if (e->corpus)
		drop_files(r->folder.path);
	err = write_json(r->folder.path, o);
	json_decref(o);
	err = err ? err : publish(r, ret_path);
	if (!err)
		remove_oldest(r->base);
	return err;
}

static int find_newest(const char *base, char **ret_path, char **ret_why)
{
	struct dirent **names;
	int n = scandir(base, &names, is_record, versionsort), r = 0;

	if (n > 0 && asprintf(ret_path, "%s/%s", base, names[n - 1]->d_name) < 0)
		r = -ENOMEM;
	for (int i = 0; i < n; i++)
		free(names[i]);
	if (n >= 0)
		free(names);
	return n > 0 ? r
		     : lab_why(-ENOENT, ret_why,
			       "there is no recorded run in %s: a 'warren verify' that finds "
			       "damage, or has --keep, records one",
			       base);
}

static bool is_folder_of_run(const char *path)
{
	autofree char *run = NULL;

	if (asprintf(&run, "%s/run.json", path) < 0) {
		run = NULL;
		return false;
	}
	return !access(run, R_OK);
}

int record_find(const char *arg, char **ret_path, char **ret_why)
{
	autofree char *base = NULL, *path = NULL;
	int r = find_base(&base);

	if (r)
		return lab_why(r, ret_why, "no home: set XDG_STATE_HOME");
	if (!arg)
		return find_newest(base, ret_path, ret_why);
	if (asprintf(&path, "%s%s%s", strchr(arg, '/') ? "" : base, strchr(arg, '/') ? "" : "/",
		     arg) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (!is_folder_of_run(path) && is_folder_of_run(arg)) {
		free(path);
		path = strdup(arg);
	}
	if (!path)
		return -ENOMEM;
	if (!is_folder_of_run(path))
		return lab_why(-ENOENT, ret_why, "there is no recorded run %s", path);
	*ret_path = steal_ptr(&path);
	return 0;
}

/* What scripts are made of. */
static bool are_texts(json_t *list)
{
	json_t *word;
	size_t i;

	json_array_foreach(list, i, word)
	{
		if (!json_is_string(word))
			return false;
	}
	return true;
}

static bool is_complete(json_t *o)
{
	return json_is_object(o) &&
	       json_integer_value(json_object_get(o, "record")) == RECORD_VERSION &&
	       json_is_object(json_object_get(o, "kernel")) &&
	       json_is_object(json_object_get(o, "guest")) &&
	       json_is_object(json_object_get(o, "server")) &&
	       json_is_object(json_object_get(o, "verdict")) &&
	       json_is_object(json_object_get(o, "facts")) &&
	       json_is_array(json_object_get(o, "mounts")) &&
	       are_texts(json_object_get(o, "settings")) &&
	       are_texts(json_object_get(json_object_get(o, "guest"), "words"));
}

int record_load(const char *path, json_t **ret_run, char **ret_why)
{
	autofree char *file = NULL, *text = NULL;
	json_t *o;
	size_t n;
	int r;

	if (asprintf(&file, "%s/run.json", path) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	r = slurp(file, RUN_LIMIT, &text, &n);
	if (r)
		return lab_why(r, ret_why, "cannot read %s: %s", file, strerror(-r));
	o = json_loadb(text, n, 0, NULL);
	if (!is_complete(o)) {
		json_decref(o);
		return lab_why(-EINVAL, ret_why, "%s is no record of this warren's", file);
	}
	*ret_run = o;
	return 0;
}

static void add_to(json_t *o, const char *key, unsigned n)
{
	json_int_t sum = json_integer_value(json_object_get(o, key)) + (json_int_t)n;

	json_object_set_new(o, key, json_integer(sum));
}

static json_t *find_variation(json_t *list, const char *what)
{
	json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
	{
		const char *is = json_string_value(json_object_get(o, "what"));

		if (is && !strcmp(is, what))
			return o;
	}
	o = json_pack("{s:o}", "what", json_text(what));
	json_array_append_new(list, o);
	return o;
}

int record_add_variation(const char *path, const char *what, unsigned runs, unsigned damaged,
			 unsigned failed)
{
	json_t *run = NULL, *list, *o;
	int r = record_load(path, &run, NULL);

	if (r)
		return r;
	list = json_object_get(run, "variations");
	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(run, "variations", list);
	}
	o = find_variation(list, what);
	add_to(o, "runs", runs);
	add_to(o, "damaged", damaged);
	add_to(o, "failed", failed);
	r = write_json(path, run);
	json_decref(run);
	return r;
}

int record_set_bisect(const char *path, const char *good, const char *bad, const char *commit)
{
	json_t *run = NULL;
	int r = record_load(path, &run, NULL);

	if (r)
		return r;
	json_object_set_new(run, "bisect",
			    json_pack("{s:o, s:o, s:o}", "good", json_text(good), "bad",
				      json_text(bad), "commit", json_text(commit)));
	r = write_json(path, run);
	json_decref(run);
	return r;
}
