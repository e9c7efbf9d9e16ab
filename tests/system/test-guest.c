/* SPDX-License-Identifier: MIT */
/* The life of guests: every way to end, and what is left behind (nothing). The first process is
 * test-init (WARREN_TEST_INIT). No server is needed: the UML guest finds a socket that refuses. */
#include "cmocka-all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest-list.h"
#include "guest.h"
#include "kernel.h"
#include "slurp.h"
#include "spawn.h"

static char base[] = "/tmp/test-guest-XXXXXX";
static char export[128], dead_socket[128];
static struct kernel *uml, *stock;

static void make_dead_socket(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, dead_socket);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
}

static int set_up(void **state)
{
	char path[256];

	(void)state;
	assert_non_null(mkdtemp(base));
	setenv("XDG_RUNTIME_DIR", base, 1);
	snprintf(export, sizeof(export), "%s/export, with comma", base);
	snprintf(dead_socket, sizeof(dead_socket), "%s/a socket: dead", base);
	make_dead_socket();
	mkdir(export, 0755);
	snprintf(path, sizeof(path), "%s/hello", export);
	FILE *f = fopen(path, "we");
	fputs("hello from the host\n", f);
	fclose(f);
	kernel_find("6.12-uml", &uml);
	kernel_find("6.1", &stock);
	return 0;
}

static int tear_down(void **state)
{
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/hello", export);
	unlink(path);
	rmdir(export);
	unlink(dead_socket);
	kernel_free(uml);
	kernel_free(stock);
	return rmdir(base);
}

static struct guest_config config(enum guest_kind kind, const char *job)
{
	struct guest_config cfg = {
		.kind = kind,
		.kernel = kind == GUEST_UML ? uml : stock,
		.share = kind == GUEST_UML ? SHARE_VHOST_USER : SHARE_QEMU_9PFS,
		.socket_path = dead_socket,
		.export_dir = export,
		.probe = getenv("WARREN_TEST_INIT"),
		.job = job,
		.cpu = 1,
	};

	if (!cfg.kernel || !cfg.probe)
		skip();
	return cfg;
}

static int count_folders(const char *dir)
{
	autoclosedir DIR *d = opendir(dir);
	int n = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		n += !strncmp(e->d_name, "warren-guest-", 13);
	return n;
}

/* Processes of the guests of this test: they have its folder in their command lines. */
static int count_processes(void)
{
	const char *argv[] = {"pgrep", "-c", "-f", base + 5, NULL};
	struct spawn s = SPAWN_INIT;
	autofree char *out = NULL;

	s.argv = argv;
	return spawn_capture(&s, 100, &out, NULL) < 0 ? -1 : atoi(out);
}

/* The folder of the running guest's memory file, by its manifest; "" if it has none. */
static char memory[256];

static void note_memory_folder(const struct guest *g)
{
	autofree char *path = NULL, *text = NULL;

	assert_true(asprintf(&path, "%s/manifest", guest_state_dir(g)) > 0);
	assert_int_equal(slurp(path, 1 << 20, &text, NULL), 0);
	char *line = strstr(text, "\nmemory ");
	*memory = '\0';
	if (line)
		sscanf(line, "\nmemory %255s", memory);
	if (line)
		assert_int_equal(access(memory, F_OK), 0);
}

static void assert_nothing_is_left(void)
{
	assert_int_equal(count_folders(base), 0);
	assert_int_equal(count_processes(), 0);
	assert_int_not_equal(access(memory, F_OK), 0);
}

static struct guest *start(const struct guest_config *cfg)
{
	autofree char *why = NULL;
	struct guest *g = NULL;
	int r = guest_start(cfg, &g, &why);

	if (r)
		fprintf(stderr, "%s\n", why);
	assert_int_equal(r, 0);
	note_memory_folder(g);
	return g;
}

/* Reads up to the end; returns how it ended. */
static ssize_t read_all(struct guest *g, char *buf, size_t cap)
{
	size_t n = 0;
	ssize_t got;

	while ((got = guest_read(g, buf + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	buf[n] = '\0';
	return got;
}

static void check_report(enum guest_kind kind)
{
	struct guest_config cfg = config(kind, "say one\nsay two\n");
	struct guest *g = start(&cfg);
	char report[256];
	struct stat st;

	assert_int_equal(stat(guest_state_dir(g), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(read_all(g, report, sizeof(report)), 0);
	if (strcmp(report, "one\ntwo\nend 0\n"))
		fputs(guest_console_tail(g), stderr);
	assert_string_equal(report, "one\ntwo\nend 0\n");
	assert_true(guest_boot_seconds(g) > 0);
	print_message("booted in %.2f s%s\n", guest_boot_seconds(g),
		      guest_has_kvm(g) ? " with KVM" : "");
	guest_free(g);
	assert_nothing_is_left();
}

/* Others find it, with the process that a debugger takes; and no longer when it is gone. */
static void check_list(enum guest_kind kind)
{
	struct guest_config cfg = config(kind, "say before\nhang\n");
	struct guest *g = start(&cfg);
	struct guest_info *list = NULL;
	size_t n = 0, here = 0;
	char exe[64], target[256] = "";

	assert_int_equal(guest_list(&list, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].dir, guest_state_dir(g))) {
			here++;
			assert_string_equal(list[i].kernel, cfg.kernel->name);
			assert_int_equal(list[i].is_uml, kind == GUEST_UML);
			assert_int_equal(list[i].owner, getpid());
			snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)list[i].pid);
			assert_true(readlink(exe, target, sizeof(target) - 1) > 0);
			assert_non_null(strstr(target, kind == GUEST_UML ? "image" : "qemu"));
		}
	assert_int_equal(here, 1);
	guest_list_free(list, n);
	guest_free(g);
	assert_int_equal(guest_list(&list, &n), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_not_equal(list[i].owner, getpid());
	guest_list_free(list, n);
}

static void check_panic(enum guest_kind kind)
{
	struct guest_config cfg = config(kind, "say before\npanic\nsay after\n");
	struct guest *g = start(&cfg);
	char report[256];

	assert_int_equal(read_all(g, report, sizeof(report)), 0);
	assert_string_equal(report, "before\n");
	assert_non_null(strstr(guest_console_tail(g), "Attempted to kill init"));
	guest_free(g);
	assert_nothing_is_left();
}

static void check_hang(enum guest_kind kind)
{
	struct guest_config cfg = config(kind, "say before\nhang\n");
	char report[256];

	/* Longer than a boot is silent on a busy machine. */
	cfg.silence_limit_s = kind == GUEST_UML ? 8 : 30;
	struct guest *g = start(&cfg);
	assert_int_equal(read_all(g, report, sizeof(report)), -ETIMEDOUT);
	assert_string_equal(report, "before\n");
	assert_int_equal(guest_read(g, report, sizeof(report)), -ETIMEDOUT);
	assert_non_null(strstr(guest_console_tail(g), "as init process"));
	assert_int_equal(count_processes(), 0);
	guest_free(g);
	assert_nothing_is_left();
}

static void *interrupt(void *g)
{
	guest_interrupt(g);
	return NULL;
}

static void check_interrupt(enum guest_kind kind)
{
	struct guest_config cfg = config(kind, "say before\nhang\n");
	struct guest *g = start(&cfg);
	char report[256];
	pthread_t thread;

	do
		assert_true(guest_read(g, report, 1) == 1);
	while (*report != '\n');
	pthread_create(&thread, NULL, interrupt, g);
	assert_int_equal(guest_read(g, report, sizeof(report)), -EINTR);
	assert_int_equal(guest_read(g, report, sizeof(report)), -EINTR);
	pthread_join(thread, NULL);
	guest_free(g);
	assert_nothing_is_left();
}

_Noreturn static void own(enum guest_kind kind, int out)
{
	struct guest_config cfg = config(kind, "say before\nhang\n");
	autofree char *why = NULL;
	struct guest *g;
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (guest_start(&cfg, &g, &why) || guest_read(g, &c, 1) != 1)
		_exit(1);
	note_memory_folder(g);
	if (write(out, memory, sizeof(memory)) == sizeof(memory))
		for (;;)
			pause();
	_exit(1);
}

static void check_killed_owner(enum guest_kind kind)
{
	struct guest_config cfg = config(kind, "");
	int fds[2];

	(void)cfg;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t owner = fork();
	if (!owner)
		own(kind, fds[1]);
	close(fds[1]);
	assert_int_equal(read(fds[0], memory, sizeof(memory)), sizeof(memory));
	assert_int_equal(count_folders(base), 1);
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
	for (int i = 0; i < 12000 && (count_folders(base) || count_processes()); i++)
		poll(NULL, 0, 10);
	close(fds[0]);
	assert_nothing_is_left();
}

static void check_flood(enum guest_kind kind)
{
	struct guest_config cfg = config(kind, "say before\nflood\n");
	struct guest *g = start(&cfg);
	char report[256];

	assert_int_equal(read_all(g, report, sizeof(report)), -EFBIG);
	assert_non_null(strstr(guest_console_tail(g), "full of this line"));
	guest_free(g);
	assert_nothing_is_left();
}

static void uml_reports_and_ends(void **state)
{
	(void)state;
	check_report(GUEST_UML);
}

static void uml_is_in_the_list_while_it_runs(void **state)
{
	(void)state;
	check_list(GUEST_UML);
}

static void uml_panics(void **state)
{
	(void)state;
	check_panic(GUEST_UML);
}

static void uml_hangs(void **state)
{
	(void)state;
	check_hang(GUEST_UML);
}

static void uml_is_interrupted(void **state)
{
	(void)state;
	check_interrupt(GUEST_UML);
}

static void uml_ends_with_its_killed_owner(void **state)
{
	(void)state;
	check_killed_owner(GUEST_UML);
}

static void uml_floods_its_console(void **state)
{
	(void)state;
	check_flood(GUEST_UML);
}

static void qemu_reports_and_ends(void **state)
{
	(void)state;
	check_report(GUEST_QEMU);
}

static void qemu_is_in_the_list_while_it_runs(void **state)
{
	(void)state;
	check_list(GUEST_QEMU);
}

static void qemu_panics(void **state)
{
	(void)state;
	check_panic(GUEST_QEMU);
}

static void qemu_hangs(void **state)
{
	(void)state;
	check_hang(GUEST_QEMU);
}

static void qemu_is_interrupted(void **state)
{
	(void)state;
	check_interrupt(GUEST_QEMU);
}

static void qemu_ends_with_its_killed_owner(void **state)
{
	(void)state;
	check_killed_owner(GUEST_QEMU);
}

static void qemu_reads_its_share(void **state)
{
	struct guest_config cfg = config(GUEST_QEMU, NULL);
	autofree char *source = NULL, *options = NULL, *job = NULL;
	char report[256];

	(void)state;
	assert_int_equal(guest_mount_words(&cfg, &source, &options), 0);
	assert_true(asprintf(&job, "mount %s %s\ncat hello\n", source, options) > 0);
	cfg.job = job;
	struct guest *g = start(&cfg);
	assert_int_equal(read_all(g, report, sizeof(report)), 0);
	assert_string_equal(report, "hello from the host\nend 0\n");
	guest_free(g);
	assert_nothing_is_left();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(uml_reports_and_ends),
		cmocka_unit_test(uml_is_in_the_list_while_it_runs),
		cmocka_unit_test(uml_panics),
		cmocka_unit_test(uml_hangs),
		cmocka_unit_test(uml_is_interrupted),
		cmocka_unit_test(uml_ends_with_its_killed_owner),
		cmocka_unit_test(uml_floods_its_console),
		cmocka_unit_test(qemu_reports_and_ends),
		cmocka_unit_test(qemu_reads_its_share),
		cmocka_unit_test(qemu_is_in_the_list_while_it_runs),
		cmocka_unit_test(qemu_panics),
		cmocka_unit_test(qemu_hangs),
		cmocka_unit_test(qemu_is_interrupted),
		cmocka_unit_test(qemu_ends_with_its_killed_owner),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
