/* SPDX-License-Identifier: MIT */
/* Symbols out of a small Debian package that we make ourselves. */
#include "cmocka-all.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "kernel.h"
#include "path.h"
#include "slurp.h"
#include "spawn.h"
#include "symbols-check.h"
#include "symbols.h"

#define RELEASE "6.12.0+made-amd64"
#define DEEP                                                             \
	"kernel/a/folder/that/is/so/deep/in/the/tree/that/the/path/of/a" \
	"/module/below/it/does/not/fit/into/a/tar/header"

static char base[] = "/tmp/test-symbols-XXXXXX";
static const char *const modules[] = {"kernel/fs/9p/9p.ko.xz", "kernel/net/9p/9pnet.ko",
				      DEEP "/deep.ko.zst", NULL};

/* A module, as far as its build-id goes: ID five times. */
struct module {
	Elf64_Ehdr eh;
	Elf64_Shdr sh[2];
	Elf64_Nhdr note;
	char name[4], id[8];
	char more[700]; /* its size is no multiple of a tar block */
};

static struct module make_module(char id)
{
	struct module m = {.eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB},
				  .e_shnum = 2,
				  .e_shentsize = sizeof(Elf64_Shdr),
				  .e_shoff = offsetof(struct module, sh)},
			   .note = {.n_namesz = 4, .n_descsz = 5, .n_type = NT_GNU_BUILD_ID},
			   .name = "GNU"};

	m.sh[1] = (Elf64_Shdr){.sh_type = SHT_NOTE,
			       .sh_offset = offsetof(struct module, note),
			       .sh_size = sizeof(Elf64_Nhdr) + 12};
	memset(m.id, id, 5);
	memset(m.more, id, sizeof(m.more));
	return m;
}

static char *name(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *name(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	assert_true(vasprintf(&text, fmt, args) > 0);
	va_end(args);
	return text;
}

static void put(const char *root, const char *path, const void *data, size_t n)
{
	autofree char *full = name("%s/%s/%s", base, root, path), *dir = strdup(full);

	*strrchr(dir, '/') = '\0';
	assert_int_equal(make_dirs(dir), 0);
	assert_int_equal(path_write(full, data, n), 0);
}

static void put_module(const char *root, const char *path, char id)
{
	struct module m = make_module(id);

	put(root, path, &m, sizeof(m));
}

static void build_package(void)
{
	autofree char *from = name("%s/package", base), *to = name("%s/made.deb", base);
	const char *const argv[] = {"dpkg-deb", "-Zxz", "-b", from, to, NULL};
	struct spawn s = SPAWN_INIT;
	static const char control[] =
		"Package: made\nVersion: 1\nArchitecture: amd64\nMaintainer: us\nDescription: x\n";

	s.argv = argv;
	s.fds[1] = SPAWN_NULL;
	put("package", "DEBIAN/control", control, sizeof(control) - 1);
	put_module("package", "usr/lib/debug/boot/vmlinux-" RELEASE, 'k');
	put("package", "usr/lib/debug/boot/vmlinux-other", "no", 2);
	put_module("package", "usr/lib/debug/lib/modules/" RELEASE "/kernel/fs/9p/9p.ko", '9');
	put_module("package", "usr/lib/debug/lib/modules/" RELEASE "/kernel/net/9p/9pnet.ko.debug",
		   'n');
	put_module("package", "usr/lib/debug/lib/modules/" RELEASE "/" DEEP "/deep.ko", 'd');
	put("package", "usr/lib/debug/lib/modules/" RELEASE "/kernel/x.ko", "not asked for", 13);
	assert_int_equal(spawn_run(&s), 0);
}

/* The kernel as it was fetched. */
static void make_image(char id)
{
	put_module("kernel", "image", id);
	put_module("kernel", "modules/kernel/fs/9p/9p.ko.xz", '9');
	put_module("kernel", "modules/kernel/net/9p/9pnet.ko", 'n');
	put_module("kernel", "modules/" DEEP "/deep.ko.zst", 'd');
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(base));
	build_package();
	make_image('k');
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return remove_tree(base);
}

static int unpack(const char *to, struct symbols_list *l, char **ret_why)
{
	autofree char *deb = name("%s/made.deb", base), *dir = name("%s/%s", base, to);
	autofree char *sub = name("%s/modules", dir);

	assert_int_equal(make_dirs(sub), 0);
	assert_int_equal(symbols_list_make(RELEASE, modules, l), 0);
	return deb_unpack_wanted(deb, dir, l->files, l->n, NULL, 0, ret_why);
}

static size_t count_files(const char *dir)
{
	autoclosedir DIR *d = opendir(dir);
	const struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	return n;
}

static void only_what_is_wanted_is_unpacked(void **state)
{
	cleanup(symbols_list_done) struct symbols_list l = {0};
	autofree char *why = NULL, *got = NULL, *dir = name("%s/debug/modules", base);
	autofree char *vmlinux = name("%s/debug/vmlinux", base);
	struct module m = make_module('k');
	size_t n;

	(void)state;
	assert_int_equal(unpack("debug", &l, &why), 0);
	assert_null(why);
	assert_int_equal(symbols_list_check(&l, "made", &why), 0);
	assert_int_equal(slurp(vmlinux, 1 << 20, &got, &n), 0);
	assert_int_equal(n, sizeof(m));
	assert_memory_equal(got, &m, sizeof(m));
	assert_int_equal(count_files(dir), 3);
}

static int check(char kernel_id, char **ret_why)
{
	autofree char *dir = name("%s/debug", base), *image = name("%s/kernel/image", base),
		      *folder = name("%s/kernel/modules", base);
	struct kernel k = {.release = (char *)RELEASE, .image = image, .modules = folder};

	make_image(kernel_id);
	return symbols_check(&k, dir, modules, ret_why);
}

static void another_build_is_refused(void **state)
{
	cleanup(symbols_list_done) struct symbols_list l = {0};
	autofree char *why = NULL;

	(void)state;
	assert_int_equal(unpack("debug", &l, &why), 0);
	assert_int_equal(check('k', &why), 0);
	assert_int_equal(check('K', &why), -ESTALE);
	assert_non_null(strstr(why, "of the kernel is of another build"));
	assert_non_null(strstr(why, "6b6b6b6b6b")); /* ours */
	assert_non_null(strstr(why, "4b4b4b4b4b")); /* theirs */
	free(steal_ptr(&why));
	put_module("debug", "modules/9pnet.ko", 'x');
	assert_int_equal(check('k', &why), -ESTALE);
	assert_non_null(strstr(why, "9pnet.ko is of another build"));
}

static void what_the_package_does_not_have_is_named(void **state)
{
	static const char *const wanted[] = {"kernel/fs/9p/9p.ko", "kernel/none.ko", NULL};
	cleanup(symbols_list_done) struct symbols_list l = {0};
	autofree char *why = NULL, *deb = name("%s/made.deb", base), *dir = name("%s/debug", base);

	(void)state;
	assert_int_equal(symbols_list_make(RELEASE, wanted, &l), 0);
	assert_int_equal(deb_unpack_wanted(deb, dir, l.files, l.n, NULL, 0, &why), 0);
	assert_int_equal(symbols_list_check(&l, "made", &why), -ENOENT);
	assert_string_equal(why, "package made has no modules/none.ko");
}

static int untar(const char *data, size_t n, struct symbols_list *l)
{
	autofree char *dir = name("%s/debug", base), *file = name("%s/archive", base);
	autoclose int fd = -1;

	assert_int_equal(path_write(file, data, n), 0);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(symbols_list_make(RELEASE, modules, l), 0);
	return untar_wanted(fd, dir, l->files, l->n, NULL, 0);
}

/* The archive within the package. */
static char *read_archive(size_t *ret_n)
{
	autofree char *deb = name("%s/made.deb", base);
	const char *const argv[] = {"dpkg-deb", "--fsys-tarfile", deb, NULL};
	struct spawn s = SPAWN_INIT;
	char *tar = NULL;

	s.argv = argv;
	assert_int_equal(spawn_capture(&s, 1 << 20, &tar, ret_n), 0);
	return tar;
}

static void a_damaged_archive_is_an_error(void **state)
{
	size_t n;
	autofree char *tar = read_archive(&n);

	(void)state;
	for (size_t cut = 0; cut < 4096; cut += 100) {
		cleanup(symbols_list_done) struct symbols_list l = {0};

		assert_int_equal(untar(tar, cut, &l), -EBADMSG);
	}
	/* Up to the checksum itself. */
	for (size_t i = 0; i < 148; i += 7) {
		cleanup(symbols_list_done) struct symbols_list l = {0};

		tar[i] ^= 1;
		assert_int_equal(untar(tar, n, &l), -EBADMSG);
		tar[i] ^= 1;
	}
}

static void the_rest_is_not_read_when_all_is_found(void **state)
{
	cleanup(symbols_list_done) struct symbols_list l = {0};
	size_t n;
	autofree char *tar = read_archive(&n);
	const char *last = memmem(tar, n, "/kernel/x.ko", 12);

	(void)state;
	assert_non_null(last);
	/* The next header after our files is rubbish; x.ko comes last. */
	memset(tar + (last - tar) / 512 * 512, 0x55, 512);
	assert_int_equal(untar(tar, n, &l), 0);
	assert_int_equal(symbols_list_check(&l, "made", NULL), 0);
}

static void our_own_builds_have_theirs(void **state)
{
	cleanup(symbols_done) struct symbols s = SYMBOLS_INIT;
	struct kernel k = {.dir = (char *)"/nowhere", .vmlinux = (char *)"/kernel/vmlinux"};

	(void)state;
	assert_int_equal(symbols_find(&k, &s), 0);
	assert_string_equal(s.vmlinux, "/kernel/vmlinux");
	assert_null(s.modules);
	k.vmlinux = NULL;
	symbols_done(&s);
	assert_int_equal(symbols_find(&k, &s), -ENOENT);
	assert_null(s.vmlinux);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_wanted_is_unpacked),
		cmocka_unit_test(another_build_is_refused),
		cmocka_unit_test(what_the_package_does_not_have_is_named),
		cmocka_unit_test(a_damaged_archive_is_an_error),
		cmocka_unit_test(the_rest_is_not_read_when_all_is_found),
		cmocka_unit_test(our_own_builds_have_theirs),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
