/* SPDX-License-Identifier: MIT */
/* Another Debian release's QEMU with all its libraries, C library included, in a cache folder. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apt.h"
#include "cache.h"
#include "cleanup.h"
#include "kernel.h"
#include "path.h"
#include "progress.h"
#include "qemu-fetch.h"
#include "spawn.h"
#include "tool.h"

#define ROOM_MIB 350

/* What no start of QEMU reads. Its modules stay: it would try the host's instead. */
static const char *const system_excluded[] = {"./usr/share/[!qsi]*",
					      "./usr/share/icons",
					      "./usr/share/systemtap",
					      "./usr/share/sgml",
					      "./usr/bin/[!q]*",
					      "./usr/bin/qemu-[!s]*",
					      "./usr/bin/qemu-storage-daemon",
					      "./usr/bin/qemu-system-i386",
					      "./usr/sbin",
					      "./usr/lib/systemd",
					      "./usr/lib/x86_64-linux-gnu/security",
					      "*/gconv",
					      "./etc",
					      "./var",
					      NULL};

/* The loader of the folder starts its program, so that nothing of the host's libraries is used.
 * QEMU would look for modules relative to its program, which is the loader now: it is told where. */
#define LOADER                                                                                  \
	"@/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "--inhibit-cache", "--library-path", \
		"@/usr/lib/x86_64-linux-gnu"

static const char *const system_words[] = {
	"env",	"QEMU_MODULE_DIR=@/usr/lib/x86_64-linux-gnu/qemu",
	LOADER, "@/usr/bin/qemu-system-x86_64",
	"-L",	"@/usr/share/qemu",
	"-L",	"@/usr/share/seabios",
	NULL};

const struct qemu_program qemu_system = {"qemu-system-x86", system_excluded, system_words, true};

static const char *const virtiofsd_excluded[] = {
	"./usr/share", "./usr/bin", "./usr/sbin", "*/gconv", "./etc", "./var", NULL};

static const char *const virtiofsd_words[] = {LOADER, "@/usr/libexec/virtiofsd", NULL};

const struct qemu_program qemu_virtiofsd = {"virtiofsd", virtiofsd_excluded, virtiofsd_words,
					    false};

#define S(name, program, suites, suite, summary) {name, program, suites, suite, summary},
const struct qemu_source qemu_sources[] = {QEMU_SOURCES(S)};
#undef S
const size_t n_qemu_sources = ARRAY_SIZE(qemu_sources);

static const struct qemu_source *find_source(const char *name)
{
	for (size_t i = 0; i < n_qemu_sources; i++)
		if (!name || !*name || !strcmp(name, qemu_sources[i].name))
			return &qemu_sources[i];
	return NULL;
}

static int make_argv(const struct qemu_source *s, const char *root, char ***ret_argv)
{
	cleanup(cleanup_strv) char **argv = NULL;
	int r = 0;

	for (const char *const *word = s->program->words; *word && !r; word++) {
		size_t before = strcspn(*word, "@");
		const char *after = *word + before;

		r = strv_pushf(&argv, "%.*s%s%s", (int)before, *word, *after ? root : "",
			       *after ? after + 1 : "");
	}
	if (r)
		return r;
	*ret_argv = steal_ptr(&argv);
	return 0;
}

/* The newest folder qemu/NAME_VERSION of the cache. */
static int find_root(const struct qemu_source *s, char **ret_root)
{
	autofree char *cache = NULL, *dir = NULL, *best = NULL;
	autoclosedir DIR *d = NULL;
	const struct dirent *e;
	size_t len = strlen(s->name);
	int r = lab_cache_dir(&cache);

	if (r)
		return r;
	dir = path_join(cache, "qemu");
	if (!dir)
		return -ENOMEM;
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, s->name, len) || e->d_name[len] != '_' ||
		    (best && strverscmp(best, e->d_name) > 0))
			continue;
		free(best);
		best = strdup(e->d_name);
	}
	if (!best)
		return -ENOENT;
	*ret_root = path_join(dir, best);
	return *ret_root ? 0 : -ENOMEM;
}

int qemu_find(const char *name, char **ret_version, char **ret_root)
{
	const struct qemu_source *s = find_source(name);
	autofree char *root = NULL;
	int r = s ? find_root(s, &root) : -ENOENT;

	if (r)
		return r;
	*ret_version = strdup(strrchr(root, '_') + 1);
	if (!*ret_version)
		return -ENOMEM;
	*ret_root = steal_ptr(&root);
	return 0;
}

/* Modules of packages that are not fetched. QEMU would load those of the host's release and abort
 * ("-device help" loads all): a link to itself can neither be opened nor counts as missing. */
static int bar_host_modules(const char *root)
{
	static const char *const modules[] = {
		"audio-dbus",
		"audio-jack",
		"audio-pa",
		"audio-pipewire",
		"audio-sdl",
		"audio-spice",
		"block-blkio",
		"block-curl",
		"block-dmg-bz2",
		"block-iscsi",
		"block-nfs",
		"block-rbd",
		"block-ssh",
		"chardev-spice",
		"hw-display-qxl",
		"ui-dbus",
		"ui-egl-headless",
		"ui-gtk",
		"ui-opengl",
		"ui-sdl",
		"ui-spice-app",
		"ui-spice-core",
		"hw-display-virtio-gpu-gl",
		"hw-display-virtio-gpu-pci-gl",
		"hw-display-virtio-vga-gl",
	};

	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		autofree char *path = NULL, *self = NULL;

		if (asprintf(&self, "%s.so", modules[i]) < 0 ||
		    asprintf(&path, "%s/usr/lib/x86_64-linux-gnu/qemu/%s", root, self) < 0)
			return -ENOMEM;
		if (symlink(self, path) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* It must run before it counts as fetched. */
static int prove(const struct qemu_source *s, const struct cache_work *w, const char *root,
		 char **ret_why)
{
	cleanup(cleanup_strv) char **argv = NULL;
	autofree char *out = NULL;
	int r = make_argv(s, root, &argv);

	if (!r)
		r = strv_push(&argv, "--version");
	return r ? r
		 : tool_capture(&(struct tool){.argv = (const char *const *)argv}, w, &out,
				ret_why);
}

static int fetch(const struct qemu_source *s, struct cache_work *w, struct progress *progress,
		 char **ret_why)
{
	cleanup(apt_package_done) struct apt_package p = {0};
	cleanup(apt_done) struct apt a = APT_INIT;
	autofree char *debs = NULL, *root = path_join(w->tmp, "root"), *entry = NULL;
	int r = apt_open(w, progress, s->suites, &a, ret_why);

	if (!r)
		r = apt_download_all(&a, s->program->package, s->suite, &debs, ret_why);
	if (r)
		return r;
	progress_step(progress, "unpacking");
	r = root ? deb_unpack_all(w, debs, root, s->program->excluded, ret_why) : -ENOMEM;
	if (!r && s->program->has_modules)
		r = bar_host_modules(root);
	if (!r)
		r = prove(s, w, root, ret_why);
	if (!r)
		r = deb_dir_version(debs, s->program->package, &p.version);
	if (!r && asprintf(&entry, "%s_%s", s->name, p.version) < 0)
		r = -ENOMEM;
	if (!r)
		r = cache_work_publish(w, "root", "qemu", entry);
	if (!r)
		progress_step(progress, "%s is ready", p.version);
	return r;
}

static int make(const struct qemu_source *s, char **ret_why)
{
	static const char *const programs[] = {"xz", "xz-utils", NULL};
	cleanup(cache_work_end) struct cache_work w = CACHE_WORK_INIT;
	cleanup(progress_done) struct progress progress;
	autofree char *thing = NULL, *root = NULL, *what = NULL;
	int r = tool_need("fetching a program", programs, ret_why);

	if (asprintf(&thing, "qemu-%s", s->name) < 0 ||
	    asprintf(&what, "%s of %s", s->program->package, s->suite) < 0)
		return -ENOMEM;
	progress_init(&progress, what);
	if (!r)
		r = cache_work_begin(thing, &w, ret_why);
	if (r || !find_root(s, &root))
		return r;
	r = cache_work_make_tmp(&w, ROOM_MIB, ret_why);
	return r ? r : fetch(s, &w, &progress, ret_why);
}

int qemu_fetch(const struct qemu_source *s, char ***ret_argv, char **ret_why)
{
	autofree char *root = NULL;
	char *reason = NULL;
	int r = find_root(s, &root);

	if (r == -ENOENT) {
		r = make(s, &reason);
		if (!r)
			r = find_root(s, &root);
	}
	if (!r)
		return make_argv(s, root, ret_argv);
	lab_why(r, ret_why, "%s of %s: %s", s->program->package, s->suite,
		reason ? reason : strerror(-r));
	free(reason);
	return r;
}

int lab_qemu_get(const char *name, char ***ret_argv, char **ret_why)
{
	const struct qemu_source *s = find_source(name);

	if (s && s->program == &qemu_system)
		return qemu_fetch(s, ret_argv, ret_why);
	return lab_why(-ENOENT, ret_why, "there is no QEMU '%s'; known is %s", name,
		       qemu_sources[0].name);
}
