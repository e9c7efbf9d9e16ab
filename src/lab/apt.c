/* SPDX-License-Identifier: MIT */
#include "apt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "progress.h"
#include "spawn.h"
#include "tool.h"

#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"
#define MB(bytes) ((unsigned long)((bytes) / 1000000))

/* Read after the system's configuration, whose proxies and credentials stay in force; its hooks are
 * for root. The arguments are the private apt's folder, three times. */
static const char conf_format[] = "Dir::State \"%s\";\n"
				  "Dir::State::lists \"lists/\";\n"
				  "Dir::State::status \"status\";\n"
				  "Dir::Cache \"%s\";\n"
				  "Dir::Cache::archives \"archives/\";\n"
				  "Dir::Cache::pkgcache \"\";\n"
				  "Dir::Cache::srcpkgcache \"\";\n"
				  "Dir::Etc::SourceList \"%s/sources.list\";\n"
				  "Dir::Etc::SourceParts \"/dev/null\";\n"
				  "Dir::Etc::Preferences \"/dev/null\";\n"
				  "Dir::Etc::PreferencesParts \"/dev/null\";\n"
				  "Acquire::Languages \"none\";\n"
				  "Acquire::Retries \"2\";\n"
				  "Acquire::http::Timeout \"30\";\n"
				  "Acquire::https::Timeout \"30\";\n"
				  "APT::Architecture \"amd64\";\n"
				  "APT::Default-Release \"\";\n"
				  "APT::Install-Recommends \"false\";\n"
				  "APT::Install-Suggests \"false\";\n"
				  "APT::Get::Assume-Yes \"true\";\n"
				  "APT::Sandbox::User \"root\";\n"
				  "APT::Update::Error-Mode \"any\";\n"
				  "quiet \"1\";\n"
				  "#clear APT::Update::Pre-Invoke;\n"
				  "#clear APT::Update::Post-Invoke;\n"
				  "#clear APT::Update::Post-Invoke-Success;\n"
				  "#clear DPkg::Pre-Install-Pkgs;\n"
				  "#clear DPkg::Pre-Invoke;\n"
				  "#clear DPkg::Post-Invoke;\n";

void apt_package_done(struct apt_package *p)
{
	free(p->name);
	free(p->version);
	free(p->suite);
	free(p->depends);
	*p = (struct apt_package){0};
}

void apt_done(struct apt *a)
{
	free(a->dir);
	free(a->conf);
	*a = (struct apt)APT_INIT;
}

static int find_mirrors(const struct cache_work *w, struct mirrors *ret_m, char **ret_why)
{
	const char *own = getenv("WARREN_MIRROR");
	autofree char *text = NULL;
	int r;

	if (own && *own) {
		ret_m->debian = strdup(own);
		return ret_m->debian ? 0 : -ENOMEM;
	}
	r = tool_capture(
		&(struct tool){.argv = (const char *const[]){"apt-get", "indextargets", "--format",
							     APT_TARGET_FORMAT,
							     "Created-By: Packages", NULL}},
		w, &text, ret_why);
	if (r)
		return r;
	r = mirrors_parse(text, ret_m);
	return r == -ENOENT ? lab_why(r, ret_why,
				      "the system's apt knows no Debian mirror; name one in "
				      "/etc/apt/sources.list, or its address in WARREN_MIRROR")
			    : r;
}

static int write_sources(FILE *f, const struct mirrors *m, const char *suites)
{
	bool has_keyring = !access(KEYRING, R_OK);

	for (const char *s = suites; *s;) {
		size_t len = strcspn(s, " ");
		bool security = len > 9 && !strncmp(s + len - 9, "-security", 9);
		const char *uri = security ? m->security : m->debian;

		if (uri)
			fprintf(f, "deb %s %s %.*s main\n",
				has_keyring ? "[signed-by=" KEYRING "]" : "", uri, (int)len, s);
		s += len + strspn(s + len, " ");
	}
	return fflush(f) ? -errno : 0;
}

static int make_file(const char *dir, const char *name, FILE **ret_f)
{
	autofree char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	*ret_f = fopen(path, "we");
	return *ret_f ? 0 : -errno;
}

static int make_folders(const char *dir)
{
	static const char *const subs[] = {"lists/partial", "archives/partial"};

	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		autofree char *path = NULL;
		int r;

		if (asprintf(&path, "%s/%s", dir, subs[i]) < 0)
			return -ENOMEM;
		r = make_dirs(path);
		if (r)
			return r;
	}
	return 0;
}

static int write_state(const struct apt *a, const struct mirrors *m, const char *suites)
{
	autofclose FILE *status = NULL, *sources = NULL, *conf = NULL;
	int r = make_folders(a->dir);

	if (!r)
		r = make_file(a->dir, "status", &status);
	if (!r)
		r = make_file(a->dir, "sources.list", &sources);
	if (!r)
		r = make_file(a->dir, "apt.conf", &conf);
	if (!r)
		r = write_sources(sources, m, suites);
	if (r)
		return r;
	fprintf(conf, conf_format, a->dir, a->dir, a->dir);
	return fflush(conf) ? -errno : 0;
}

int apt_open(const struct cache_work *w, struct progress *progress, const char *suites,
	     struct apt *ret_a, char **ret_why)
{
	cleanup(apt_done) struct apt a = {.work = w, .progress = progress};
	cleanup(mirrors_done) struct mirrors m = MIRRORS_INIT;
	const char *const needed[] = {"apt-get", "apt", "dpkg-deb", "dpkg", "tar", "tar", NULL};
	int r = tool_need("fetching Debian packages", needed, ret_why);

	if (!r)
		r = find_mirrors(w, &m, ret_why);
	if (r)
		return r;
	if (asprintf(&a.dir, "%s/apt", w->tmp) < 0 || asprintf(&a.conf, "%s/apt.conf", a.dir) < 0)
		return -ENOMEM;
	r = write_state(&a, &m, suites);
	if (r)
		return lab_why(r, ret_why, "cannot write in %s: %s", a.dir, strerror(-r));
	progress_step(progress, "asking the Debian mirror for %s", suites);
	r = tool_run(&(struct tool){.argv = (const char *const[]){"apt-get", "-c", a.conf, "update",
								  NULL}},
		     w, ret_why);
	if (r)
		return r;
	*ret_a = a;
	a = (struct apt)APT_INIT;
	return 0;
}

/* Fills in what the record of the package's version has. */
static int read_record(const struct apt *a, struct apt_package *p, char **ret_why)
{
	autofree char *record = NULL, *word = NULL, *size = NULL, *installed = NULL;
	int r;

	if (asprintf(&word, "%s=%s", p->name, p->version) < 0)
		return -ENOMEM;
	r = tool_capture(&(struct tool){.argv = (const char *const[]){"apt-cache", "-c", a->conf,
								      "show", word, NULL}},
			 a->work, &record, ret_why);
	if (r)
		return r;
	size = deb822_get(record, "Size");
	installed = deb822_get(record, "Installed-Size");
	p->size = size ? strtoull(size, NULL, 10) : 0;
	p->installed = installed ? strtoull(installed, NULL, 10) * 1024 : 0;
	p->depends = deb822_get(record, "Depends");
	if (!p->depends)
		p->depends = strdup("");
	return p->depends ? 0 : -ENOMEM;
}

int apt_find(const struct apt *a, const char *name, struct apt_package *ret_p, char **ret_why)
{
	cleanup(apt_package_done) struct apt_package p = {.name = strdup(name)};
	autofree char *policy = NULL;
	int r = tool_capture(
		&(struct tool){.argv = (const char *const[]){"apt-cache", "-c", a->conf, "policy",
							     name, NULL}},
		a->work, &policy, ret_why);

	if (r)
		return r;
	if (!p.name)
		return -ENOMEM;
	r = apt_parse_policy(policy, &p.version, &p.suite);
	if (r)
		return lab_why(r, ret_why, "the Debian mirror has no package %s", name);
	r = read_record(a, &p, ret_why);
	if (r)
		return r;
	*ret_p = p;
	p = (struct apt_package){0};
	return 0;
}

int apt_find_version(const struct apt *a, const char *name, const char *version,
		     struct apt_package *ret_p, char **ret_why)
{
	cleanup(apt_package_done) struct apt_package p = {.name = strdup(name),
							  .version = strdup(version)};
	autofree char *list = NULL;
	int r = p.name && p.version ? 0 : -ENOMEM;

	if (!r)
		r = tool_capture(
			&(struct tool){.argv = (const char *const[]){"apt-cache", "-c", a->conf,
								     "madison", name, NULL}},
			a->work, &list, ret_why);
	if (!r && !apt_has_version(list, version))
		r = -ENOENT;
	if (!r)
		r = read_record(a, &p, ret_why);
	if (r)
		return r;
	*ret_p = p;
	p = (struct apt_package){0};
	return 0;
}

struct download {
	struct progress *progress;
	const char *dir;
	uint64_t total;
};

static void show_download(void *arg, const char *line)
{
	const struct download *d = arg;

	if (!line)
		progress_update(d->progress, "downloading %lu/%lu MB", MB(tree_size(d->dir)),
				MB(d->total));
}

int apt_download(const struct apt *a, const struct apt_package *p, size_t n, const char *dir,
		 char **ret_why)
{
	cleanup(cleanup_strv) char **argv = NULL;
	struct download d = {a->progress, dir, 0};
	int r = make_dirs(dir);

	if (!r)
		r = strv_push(&argv, "apt-get");
	if (!r)
		r = strv_push(&argv, "-c");
	if (!r)
		r = strv_push(&argv, a->conf);
	if (!r)
		r = strv_push(&argv, "download");
	for (size_t i = 0; i < n && !r; i++) {
		r = strv_pushf(&argv, "%s=%s", p[i].name, p[i].version);
		d.total += p[i].size;
	}
	if (r)
		return r;
	progress_step(a->progress, "downloading %lu MB (%s %s)", MB(d.total), p[n - 1].name,
		      p[n - 1].version);
	return tool_run(&(struct tool){.argv = (const char *const *)argv,
				       .dir = dir,
				       .line = show_download,
				       .arg = &d},
			a->work, ret_why);
}

/* The sum of the sizes that `apt-get --print-uris` lists: 'URI' FILE SIZE HASH */
static uint64_t sum_uris(const char *text)
{
	uint64_t sum = 0;
	unsigned long size;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (*text == '\'' && sscanf(text, "%*s %*s %lu", &size) == 1)
			sum += size;
		text += len + (text[len] == '\n');
	}
	return sum;
}

int apt_download_all(const struct apt *a, const char *name, const char *suite, char **ret_dir,
		     char **ret_why)
{
	const char *argv[] = {"apt-get",      "-c",	 a->conf, "-t", suite,
			      "--print-uris", "install", name,	  NULL};
	struct download d = {.progress = a->progress};
	autofree char *uris = NULL, *dir = NULL;
	int r = tool_capture(&(struct tool){.argv = argv}, a->work, &uris, ret_why);

	if (r)
		return r;
	if (asprintf(&dir, "%s/archives", a->dir) < 0)
		return -ENOMEM;
	d.dir = dir;
	d.total = sum_uris(uris);
	progress_step(a->progress, "downloading %lu MB (%s and its libraries)", MB(d.total), name);
	argv[5] = "--download-only";
	r = tool_run(&(struct tool){.argv = argv, .line = show_download, .arg = &d}, a->work,
		     ret_why);
	if (r)
		return r;
	*ret_dir = steal_ptr(&dir);
	return 0;
}

int deb_unpack(const struct cache_work *w, const char *deb, const char *dir,
	       const char *const *exclude, char **ret_why)
{
	cleanup(cleanup_strv) char **argv = NULL;
	cleanup(child_done) struct child c = CHILD_INIT;
	autoclose int in = -1, out = -1;
	int p[2], status, r = make_dirs(dir);

	if (!r)
		r = strv_push(&argv, "tar");
	if (!r)
		r = strv_push(&argv, "--wildcards-match-slash");
	for (; exclude && *exclude && !r; exclude++)
		r = strv_pushf(&argv, "--exclude=%s", *exclude);
	if (!r)
		r = strv_push(&argv, "-x");
	if (r)
		return r;
	if (pipe2(p, O_CLOEXEC))
		return -errno;
	in = p[0];
	out = p[1];
	r = spawn_start(&(struct spawn){.argv = (const char *const[]){"dpkg-deb", "--fsys-tarfile",
								      deb, NULL},
					.fds = {SPAWN_NULL, out, SPAWN_NULL},
					.guard = true},
			&c);
	if (r)
		return lab_why(r, ret_why, "cannot start dpkg-deb: %s", strerror(-r));
	close(steal_fd(&out));
	r = tool_run(&(struct tool){.argv = (const char *const *)argv, .dir = dir, .in = in}, w,
		     ret_why);
	if (!r)
		r = child_wait(&c, -1, &status);
	if (!r && status)
		r = lab_why(-EIO, ret_why, "dpkg-deb cannot unpack %s", deb);
	return r;
}

int deb_unpack_all(const struct cache_work *w, const char *from, const char *dir,
		   const char *const *exclude, char **ret_why)
{
	autoclosedir DIR *d = opendir(from);
	const struct dirent *e;
	int r = 0;

	if (!d)
		return -errno;
	while (!r && (e = readdir(d))) {
		autofree char *deb = NULL;
		size_t n = strlen(e->d_name);

		if (n < 4 || strcmp(e->d_name + n - 4, ".deb"))
			continue;
		if (asprintf(&deb, "%s/%s", from, e->d_name) < 0)
			return -ENOMEM;
		r = deb_unpack(w, deb, dir, exclude, ret_why);
	}
	return r;
}

int deb_find(const char *dir, const char *name, char **ret_path)
{
	autoclosedir DIR *d = opendir(dir);
	const struct dirent *e;
	size_t n = strlen(name);

	while (d && (e = readdir(d))) {
		char *path;

		if (strncmp(e->d_name, name, n) || e->d_name[n] != '_')
			continue;
		if (asprintf(&path, "%s/%s", dir, e->d_name) < 0)
			return -ENOMEM;
		*ret_path = path;
		return 0;
	}
	return -ENOENT;
}

int deb_dir_version(const char *dir, const char *name, char **ret_version)
{
	autofree char *path = NULL;
	const char *version, *epoch;
	int r = deb_find(dir, name, &path);

	if (r)
		return r;
	/* NAME_EPOCH%3aVERSION_ARCH.deb */
	version = strrchr(path, '/') + 1 + strlen(name) + 1;
	epoch = strstr(version, "%3a");
	if (epoch)
		version = epoch + 3;
	*ret_version = strndup(version, strcspn(version, "_"));
	return *ret_version ? 0 : -ENOMEM;
}
