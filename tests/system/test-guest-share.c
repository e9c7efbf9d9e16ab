/* SPDX-License-Identifier: MIT */
/* Guests read one file through each kind of share, from the program that users run (WARREN). Which
 * kernels and which other QEMU take part depends on what the cache holds. */
#include "cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest.h"
#include "kernel.h"
#include "qemu-fetch.h"
#include "spawn.h"

static char base[] = "/tmp/test-share-XXXXXX";
static char export[64], hello[128], socket_path[64];

static int set_up(void **state)
{
	FILE *f;

	(void)state;
	if (!mkdtemp(base))
		return -1;
	snprintf(export, sizeof(export), "%s/export", base);
	snprintf(hello, sizeof(hello), "%s/hello", export);
	snprintf(socket_path, sizeof(socket_path), "%s/9p", base);
	mkdir(export, 0755);
	f = fopen(hello, "we");
	for (int i = 0; i < 2000; i++)
		fprintf(f, "line %d\n", i);
	return fclose(f);
}

static int tear_down(void **state)
{
	(void)state;
	unlink(hello);
	rmdir(export);
	unlink(socket_path);
	return rmdir(base);
}

/* Starts the server; *RET_PORT is where it listens if it was asked to listen by TCP. */
static void serve(const char *option, const char *address, struct child *c, uint16_t *ret_port)
{
	char line[256] = "", fd[16];
	int fds[2];
	struct spawn s = SPAWN_INIT;

	assert_non_null(getenv("WARREN"));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	snprintf(fd, sizeof(fd), "%d", fds[1]);
	const char *argv[] = {getenv("WARREN"), "serve", "--quiet", "--ready-fd", fd,
			      option,		address, export,    NULL};
	s.argv = argv;
	s.keep = &fds[1];
	s.n_keep = 1;
	assert_int_equal(spawn_start(&s, c), 0);
	close(fds[1]);
	for (size_t n = 0; n < sizeof(line) - 1 && !strchr(line, '\n'); n++)
		assert_int_equal(read(fds[0], line + n, 1), 1);
	close(fds[0]);
	if (strrchr(line, ':'))
		*ret_port = (uint16_t)strtoul(strrchr(line, ':') + 1, NULL, 10);
}

static void check_report(struct guest *g)
{
	autofree char *report = calloc(1, 65536);
	size_t n = 0;
	ssize_t got;
	int line = 0;

	while ((got = guest_read(g, report + n, 65535 - n)) > 0)
		n += (size_t)got;
	if (got || !strstr(report, "end 0"))
		fprintf(stderr, "%s\n", guest_console_tail(g));
	assert_int_equal(got, 0);
	for (char *at = report; strncmp(at, "end 0\n", 6); line++) {
		char expected[32];

		snprintf(expected, sizeof(expected), "line %d\n", line);
		assert_int_equal(strncmp(at, expected, strlen(expected)), 0);
		at += strlen(expected);
	}
	assert_int_equal(line, 2000);
}

static void read_share(struct guest_config *cfg, const char *kernel)
{
	autofree char *source = NULL, *options = NULL, *job = NULL, *why = NULL;
	struct kernel *k;
	struct guest *g;

	if (kernel_find(kernel, &k))
		skip();
	cfg->kernel = k;
	cfg->probe = getenv("WARREN_TEST_INIT");
	assert_int_equal(guest_mount_words(cfg, &source, &options), 0);
	assert_true(asprintf(&job, "mount %s %s\ncat hello\n", source, options) > 0);
	cfg->job = job;
	int r = guest_start(cfg, &g, &why);
	if (r)
		fprintf(stderr, "%s\n", why);
	assert_int_equal(r, 0);
	check_report(g);
	print_message("%s: first byte after %.2f s\n", kernel, guest_boot_seconds(g));
	guest_free(g);
	kernel_free(k);
}

static void by_vhost_user(struct guest_config *cfg, const char *kernel)
{
	cleanup(child_done) struct child server = CHILD_INIT;

	cfg->share = SHARE_VHOST_USER;
	cfg->socket_path = socket_path;
	serve("--socket-path", socket_path, &server, &cfg->port);
	read_share(cfg, kernel);
}

static void by_tcp(const char *kernel)
{
	cleanup(child_done) struct child server = CHILD_INIT;
	struct guest_config cfg = {.kind = GUEST_QEMU, .share = SHARE_TCP};

	serve("--listen", "tcp:127.0.0.1:0", &server, &cfg.port);
	read_share(&cfg, kernel);
}

static void by_qemu(const char *kernel)
{
	struct guest_config cfg = {
		.kind = GUEST_QEMU, .share = SHARE_QEMU_9PFS, .export_dir = export};

	read_share(&cfg, kernel);
}

static void uml_reads_by_vhost_user(void **state)
{
	struct guest_config cfg = {.kind = GUEST_UML};

	(void)state;
	by_vhost_user(&cfg, "6.12-uml");
}

static void qemu_reads_by_tcp(void **state)
{
	(void)state;
	by_tcp("6.1");
}

static void a_newer_kernel_reads_by_tcp(void **state)
{
	(void)state;
	by_tcp("6.12");
}

static void a_newer_kernel_reads_by_qemu(void **state)
{
	(void)state;
	by_qemu("6.12");
}

static void the_newest_kernel_reads_by_qemu(void **state)
{
	(void)state;
	by_qemu("trixie-backports");
}

static void qemu_reads_by_vhost_user(void **state)
{
	struct guest_config cfg = {.kind = GUEST_QEMU};
	autofree char *version = NULL, *root = NULL, *why = NULL;
	char **qemu = NULL;

	(void)state;
	if (qemu_find("trixie", &version, &root))
		skip();
	assert_int_equal(lab_qemu_get("trixie", &qemu, &why), 0);
	cfg.qemu = (const char *const *)qemu;
	by_vhost_user(&cfg, "6.12");
	strv_free(qemu);
}

static void an_old_qemu_is_told_apart(void **state)
{
	struct guest_config cfg = {.kind = GUEST_QEMU,
				   .share = SHARE_VHOST_USER,
				   .job = "",
				   .socket_path = socket_path};
	cleanup(child_done) struct child server = CHILD_INIT;
	autofree char *why = NULL;
	struct kernel *k;
	struct guest *g;

	(void)state;
	if (kernel_find("6.1", &k) || !spawn_has_program("qemu-system-x86_64") ||
	    !system("qemu-system-x86_64 -device help | grep -q vhost-user-test-device-pci"))
		skip();
	serve("--socket-path", socket_path, &server, &cfg.port);
	cfg.kernel = k;
	cfg.probe = getenv("WARREN_TEST_INIT");
	assert_int_equal(guest_start(&cfg, &g, &why), -ENOTSUP);
	assert_non_null(strstr(why, "--share tcp"));
	kernel_free(k);
}

static void a_missing_qemu_is_named(void **state)
{
	static const char *const qemu[] = {"qemu-system-nowhere", NULL};
	struct guest_config cfg = {.kind = GUEST_QEMU,
				   .share = SHARE_QEMU_9PFS,
				   .qemu = qemu,
				   .export_dir = export,
				   .job = "",
				   .probe = "/bin/true"};
	autofree char *why = NULL;
	struct kernel k = {.image = (char *)"/dev/null", .name = (char *)"none"};
	struct guest *g;

	(void)state;
	cfg.kernel = &k;
	assert_int_equal(guest_start(&cfg, &g, &why), -ENOENT);
	assert_non_null(strstr(why, "apt-get install"));
}

/* A kernel of which only the list of modules is there. */
static void check_modules(const char *list, int expect, const char *named)
{
	struct guest_config cfg = {.kind = GUEST_QEMU,
				   .share = SHARE_QEMU_9PFS,
				   .export_dir = export,
				   .job = "",
				   .probe = "/bin/true"};
	struct kernel k = {.name = (char *)"mine", .image = (char *)"/dev/null", .dir = base};
	autofree char *why = NULL, *path = NULL;
	struct guest *g;

	assert_true(asprintf(&path, "%s/modules.dep", base) > 0);
	FILE *f = fopen(path, "we");
	fputs(list, f);
	fclose(f);
	k.modules = base;
	cfg.kernel = &k;
	assert_int_equal(guest_start(&cfg, &g, &why), expect);
	assert_non_null(strstr(why, named));
	assert_null(strchr(why, '\n'));
	unlink(path);
}

static void a_kernel_without_9p_is_named(void **state)
{
	(void)state;
	check_modules("k/virtio_pci.ko:\nk/virtio_console.ko:\nk/9p.ko:\n", -ENOTSUP,
		      "9pnet_virtio");
}

static void a_module_that_is_not_there_is_named(void **state)
{
	(void)state;
	check_modules("k/virtio_pci.ko:\nk/virtio_console.ko:\nk/9p.ko:\nk/9pnet_virtio.ko:\n",
		      -ENOENT, "k/virtio_pci.ko");
}

static void too_much_memory_is_refused(void **state)
{
	struct guest_config cfg = {.kind = GUEST_UML,
				   .job = "",
				   .probe = "/bin/true",
				   .socket_path = socket_path,
				   .memory_mib = 1U << 30};
	cleanup(child_done) struct child server = CHILD_INIT;
	struct kernel k = {.name = (char *)"mine", .image = (char *)"/bin/true", .dir = base};
	autofree char *why = NULL;
	struct guest *g;

	(void)state;
	cfg.kernel = &k;
	serve("--socket-path", socket_path, &server, &cfg.port);
	assert_int_equal(guest_start(&cfg, &g, &why), -ENOSPC);
	assert_non_null(strstr(why, "/dev/shm"));
}

static void a_missing_server_is_named(void **state)
{
	struct guest_config cfg = {.kind = GUEST_UML,
				   .job = "",
				   .probe = "/bin/true",
				   .socket_path = "/nonexistent/socket"};
	struct kernel k = {.name = (char *)"mine", .image = (char *)"/bin/true", .dir = base};
	autofree char *why = NULL;
	struct guest *g;

	(void)state;
	cfg.kernel = &k;
	assert_int_equal(guest_start(&cfg, &g, &why), -ENOTSOCK);
	assert_non_null(strstr(why, "/nonexistent/socket"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(uml_reads_by_vhost_user),
		cmocka_unit_test(qemu_reads_by_tcp),
		cmocka_unit_test(a_newer_kernel_reads_by_tcp),
		cmocka_unit_test(a_newer_kernel_reads_by_qemu),
		cmocka_unit_test(the_newest_kernel_reads_by_qemu),
		cmocka_unit_test(qemu_reads_by_vhost_user),
		cmocka_unit_test(an_old_qemu_is_told_apart),
		cmocka_unit_test(a_missing_qemu_is_named),
		cmocka_unit_test(a_kernel_without_9p_is_named),
		cmocka_unit_test(a_module_that_is_not_there_is_named),
		cmocka_unit_test(too_much_memory_is_refused),
		cmocka_unit_test(a_missing_server_is_named),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
