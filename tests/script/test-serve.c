/* SPDX-License-Identifier: MIT */
/* The verb `serve` as a user meets it: test-serve WARREN */
#include "cmocka-all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "client.h"
#include "macros.h"
#include "spawn.h"

static const char *warren;
static char dir[] = "/tmp/warren-test-XXXXXX";
static char file[64], unix_path[64], unix_address[80], device_path[64], locked[64];

/* A child with what it writes in files, and the pipe of --ready-fd. */
struct run {
	struct child child;
	int out, err, ready;
};

/* Starts `warren serve WORD...`. */
static struct run start(const char *const *words)
{
	struct spawn s = SPAWN_INIT;
	struct run run = {.child = CHILD_INIT};
	char **argv = NULL;
	int pipe_fds[2];

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	run.ready = pipe_fds[0];
	run.out = memfd_create("out", MFD_CLOEXEC);
	run.err = memfd_create("err", MFD_CLOEXEC);
	assert_int_equal(strv_push(&argv, warren), 0);
	assert_int_equal(strv_push(&argv, "serve"), 0);
	assert_int_equal(strv_pushf(&argv, "--ready-fd=%d", pipe_fds[1]), 0);
	for (; *words; words++)
		assert_int_equal(strv_push(&argv, *words), 0);
	s.argv = (const char *const *)argv;
	s.fds[1] = run.out;
	s.fds[2] = run.err;
	s.keep = &pipe_fds[1];
	s.n_keep = 1;
	assert_int_equal(spawn_start(&s, &run.child), 0);
	close(pipe_fds[1]);
	strv_free(argv);
	return run;
}

#define START(...) start((const char *const[]){__VA_ARGS__, NULL})

/* What is in FD, in one static buffer each for two uses. */
static const char *text_of(int fd)
{
	static char buf[2][16384];
	static unsigned next;
	char *text = buf[next++ % 2];
	ssize_t n = pread(fd, text, sizeof(buf[0]) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

/* What is on standard error but for the warning of a machine that allows less than a whole sandbox. */
static const char *errors_of(const struct run *run)
{
	static const char sandbox[] = "warren: warning: sandbox: ";
	const char *text = text_of(run->err);

	return strncmp(text, sandbox, sizeof(sandbox) - 1) ? text : strchr(text, '\n') + 1;
}

/* The whole of what came through the pipe of --ready-fd. */
static const char *wait_ready(struct run *run)
{
	static char text[256];
	size_t n = 0;
	ssize_t got;

	while ((got = read(run->ready, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	return text;
}

static int finish(struct run *run)
{
	int status = -1;

	assert_int_equal(child_wait(&run->child, 120000, &status), 0);
	close(run->ready);
	return status;
}

static void end(struct run *run)
{
	close(run->out);
	close(run->err);
}

/* It must end by itself with STATUS and one line on standard error that has SAYS. */
static void fails(struct run run, int status, const char *says)
{
	const char *err;

	assert_string_equal(wait_ready(&run), "");
	assert_int_equal(finish(&run), status);
	err = text_of(run.err);
	if (!strstr(err, says) || strchr(err, '\n') != err + strlen(err) - 1)
		fail_msg("not one line with '%s': %s", says, err);
	assert_string_equal(text_of(run.out), "");
	end(&run);
}

#define FAILS(status, says, ...) fails(START(__VA_ARGS__), status, says)

static void wrong_usage_is_2_and_explained(void **state)
{
	(void)state;
	FAILS(2, "which folder?", "--listen", unix_address);
	FAILS(2, "one folder only", "--listen", unix_address, dir, dir);
	FAILS(2, "where?", dir);
	FAILS(2, "unknown option '--frob'", "--frob", dir);
	FAILS(2, "'--listen' needs a value", dir, "--listen");
	FAILS(2, "write unix:PATH", "--listen", "/run/x", dir);
	FAILS(2, "from 4096 to 1048576", "--listen", unix_address, "--msize", "100", dir);
	FAILS(2, "from 4096 to 1048576", "--listen", unix_address, "--msize", "1e6", dir);
	FAILS(2, "from 1 to 256", "--listen", unix_address, "--workers", "0", dir);
	FAILS(2, "give passthrough, squash", "--identity", "squash=1", dir);
	FAILS(2, "give passthrough, squash", "--identity", "mapped=1:1", dir);
	FAILS(2, "numbers up to", "--identity", "squash=4294967296:0", dir);
	FAILS(2, "numbers up to", "--identity", "squash=1:4294967295", dir);
	FAILS(2, "numbers up to", "--identity", "squash=-1:1", dir);
	FAILS(2, "numbers up to", "--identity", "squash=1: 1", dir);
	FAILS(2, "give A:B:N", "--map-uid", "0:4294967296:1", dir);
	FAILS(2, "give NAME=N", "--budget", "fids=18446744073709551617", dir);
	FAILS(2, "from 64 to", "--max-memory", "4294967396", dir);
	FAILS(2, "give NAME=N", "--budget", "fids", dir);
	FAILS(2, "give NAME=N", "--budget", "fids=10,frogs=3", dir);
	FAILS(2, "give NAME=N", "--budget", "all-files=10", dir);
	FAILS(2, "give A:B:N", "--map-uid", "0:1000", dir);
	FAILS(2, "give A:B:N", "--map-gid", "0:9:2", "--map-gid", "1:0:1", dir);
	FAILS(2, "for the ids of the host", "--listen", unix_address, "--identity", "mapped",
	      "--map-uid", "0:1000:1", dir);
	FAILS(2, "1 to 32 bytes", "--socket-path", device_path, "--tag", "", dir);
	FAILS(2, "1 to 32 bytes", "--tag", "012345678901234567890123456789012", dir);
	FAILS(2, "there is no folder", "--listen", unix_address, "/nowhere/at/all");
	FAILS(2, "is no folder", "--listen", unix_address, file);
	FAILS(2, "does not exist", "--listen", "unix:/nowhere/s", dir);
	FAILS(2, "not open", "--listen", "fd:999", dir);
}

static void what_the_machine_refuses_is_3_and_explained(void **state)
{
	struct run first = START("--listen", unix_address, dir);

	(void)state;
	wait_ready(&first);
	FAILS(3, "another program listens", "--listen", unix_address, dir);
	FAILS(3, "is no socket", "--listen", "tcp:127.0.0.1:0", "--socket-path", file, dir);
	FAILS(3, "no address of this machine", "--listen", "tcp:192.0.2.1:0", dir);
	FAILS(3, "give one that", "--cpu", "4095", "--listen", unix_address, dir);
	child_kill(&first.child, SIGTERM);
	assert_int_equal(finish(&first), 0);
	end(&first);
}

/* There is nothing that root may not read, unless its children lack these capabilities. */
static void a_folder_without_permission_is_3(void **state)
{
	(void)state;
	if (!geteuid() && (prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) ||
			   prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0)))
		skip(); /* root that may not even give that up */
	FAILS(3, "no permission to open the folder", "--listen", "tcp:127.0.0.1:0", locked);
}

static int connect_tcp(const char *ready)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(strncmp(ready, "ready tcp:127.0.0.1:", 20), 0);
	sa.sin_port = htons((uint16_t)atoi(ready + 20));
	assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* The file in the folder, read by 9P. */
static void is_served(struct client *c)
{
	struct msg r;

	assert_non_null(c);
	assert_int_equal(client_start(c, 65536, 0, 0), 0);
	assert_int_equal(client_callf(c, &r, "Twalk tag=1 fid=0 newfid=1 wname=[file]"), 0);
	assert_int_equal(client_callf(c, &r, "Tlopen tag=1 fid=1 flags=0"), 0);
	assert_int_equal(client_callf(c, &r, "Tread tag=1 fid=1 offset=0 count=100"), 0);
	assert_int_equal(r.Rread.data.count, 6);
	assert_memory_equal(r.Rread.data.p, "hello\n", 6);
	client_free(c);
}

/* Root that may not mount has no namespaces. The last test, for its children never may again. */
static void a_sandbox_that_cannot_be_had_is_told(void **state)
{
	struct run run;

	(void)state;
	if (geteuid() || prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0))
		skip(); /* only root can give that up */
	FAILS(3, "not to be had", "--sandbox=require", "--listen", unix_address, dir);
	run = START("--quiet", "--sandbox=auto", "--listen", unix_address, dir);
	assert_string_not_equal(wait_ready(&run), "");
	is_served(client_connect_unix(unix_path));
	child_kill(&run.child, SIGTERM);
	assert_int_equal(finish(&run), 0);
	/* Who builds with sanitizers knows that most layers are not there. */
	assert_int_equal(strstr(text_of(run.err), "warning: sandbox: ") != NULL, !IS_SANITIZED);
	assert_int_equal(access(unix_path, F_OK), -1);
	end(&run);
}

static void several_addresses_are_served_and_cleaned_up(void **state)
{
	struct run run = START("--listen", "tcp:127.0.0.1:0", "--listen", unix_address,
			       "--socket-path", device_path, "--tag", "tag1", dir);
	const char *ready = wait_ready(&run), *out = text_of(run.out), *err;

	(void)state;
	assert_non_null(strstr(out, "trans=tcp,port="));
	assert_non_null(strstr(out, "trans=unix,version=9p2000.L,msize=1048576"));
	assert_non_null(strstr(out, "trans=virtio,version=9p2000.L,msize=512000 tag1 /mnt"));
	assert_non_null(strstr(out, "vhost-user-test-device-pci,chardev=c0,virtio-id=9"));
	assert_non_null(strstr(out, "virtio_uml.device=/tmp"));
	assert_ptr_equal(strchr(ready, '\n'), ready + strlen(ready) - 1);
	is_served(client_new(connect_tcp(ready)));
	is_served(client_connect_unix(unix_path));
	assert_int_equal(access(device_path, F_OK), 0);
	child_kill(&run.child, SIGTERM);
	assert_int_equal(finish(&run), 0);
	err = text_of(run.err);
	assert_non_null(strstr(err, "sandbox: "));
	assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
	assert_int_equal(access(unix_path, F_OK), -1);
	assert_int_equal(access(device_path, F_OK), -1);
	end(&run);
}

/* Also what the sandbox has split off. */
static void nothing_serves_on_when_it_was_killed(void **state)
{
	struct run run = START("--quiet", "--listen", unix_address, dir);
	struct client *c;
	struct msg r;

	(void)state;
	assert_string_not_equal(wait_ready(&run), "");
	c = client_connect_unix(unix_path);
	assert_int_equal(client_start(c, 8192, 0, 0), 0);
	child_kill(&run.child, SIGKILL);
	assert_int_equal(client_recv(c, &r), -ECONNRESET);
	client_free(c);
	unlink(unix_path);
	end(&run);
}

static void a_peer_does_not_delay_the_end(void **state)
{
	struct run run = START("--quiet", "--listen", unix_address, "--stats", dir);
	struct client *c;
	struct msg r;

	(void)state;
	assert_string_not_equal(wait_ready(&run), "");
	c = client_connect_unix(unix_path);
	assert_int_equal(client_start(c, 8192, 0, 0), 0);
	child_kill(&run.child, SIGINT);
	assert_int_equal(finish(&run), 0);
	assert_int_equal(client_recv(c, &r), -ECONNRESET);
	client_free(c);
	assert_string_equal(text_of(run.out), "");
	assert_int_equal(strncmp(errors_of(&run), "{\"requests\": 2, \"errors\": 0,", 28), 0);
	end(&run);
}

#define LARGE 200000u

/* Reads it from a server with OPTION, in its sandbox; how many bytes went uncopied. */
static unsigned long spliced_with(const char *option)
{
	struct run run = START(option, "--listen", unix_address, "--stats", dir);
	static const char key[] = "\"bytes_spliced\": ";
	struct client *c;
	const char *at;
	struct msg r;

	assert_string_not_equal(wait_ready(&run), "");
	c = client_connect_unix(unix_path);
	assert_int_equal(client_start(c, 1 << 20, 0, 0), 0);
	assert_int_equal(client_callf(c, &r, "Twalk fid=0 newfid=1 wname=[large]"), 0);
	assert_int_equal(client_callf(c, &r, "Tlopen fid=1 flags=0"), 0);
	assert_int_equal(client_callf(c, &r, "Tread fid=1 offset=1 count=%u", LARGE - 1), 0);
	assert_int_equal(r.Rread.data.count, LARGE - 1);
	for (uint32_t i = 0; i < LARGE - 1; i++)
		assert_int_equal(((const char *)r.Rread.data.p)[i], (char)((i + 1) % 251));
	client_free(c);
	child_kill(&run.child, SIGTERM);
	assert_int_equal(finish(&run), 0);
	at = strstr(text_of(run.err), key);
	assert_non_null(at);
	end(&run);
	return strtoul(at + sizeof(key) - 1, NULL, 10);
}

static void large_reads_are_spliced_unless_told(void **state)
{
	char path[80], bytes[LARGE];
	struct statfs fs;
	bool can;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/large", dir);
	for (uint32_t i = 0; i < LARGE; i++)
		bytes[i] = (char)(i % 251);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, bytes, LARGE), LARGE);
	close(fd);
	/* Linux before 6.5 does not tell what is in memory. */
	assert_int_equal(statfs(dir, &fs), 0);
	can = fs.f_type == TMPFS_MAGIC || (syscall(451, -1, NULL, NULL, 0) && errno == EBADF);
	assert_int_equal(spliced_with("--quiet"), can ? LARGE - 1 : 0);
	assert_int_equal(spliced_with("--no-splice"), 0);
	assert_int_equal(unlink(path), 0);
}

static void it_ends_with_its_only_peer(void **state)
{
	struct spawn s = SPAWN_INIT;
	struct child child = CHILD_INIT;
	int pair[2], status;
	char address[32];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	snprintf(address, sizeof(address), "fd:%d", pair[1]);
	s.argv = (const char *const[]){warren, "serve", "--quiet", "--listen", address, dir, NULL};
	s.keep = &pair[1];
	s.n_keep = 1;
	assert_int_equal(spawn_start(&s, &child), 0);
	close(pair[1]);
	is_served(client_new(pair[0]));
	assert_int_equal(child_wait(&child, 120000, &status), 0);
	assert_int_equal(status, 0);
}

static void an_open_port_is_warned_of(void **state)
{
	struct run run = START("--quiet", "--listen", "tcp:0.0.0.0:0", dir);

	(void)state;
	wait_ready(&run);
	assert_non_null(strstr(text_of(run.err), "asks for no password"));
	child_kill(&run.child, SIGTERM);
	assert_int_equal(finish(&run), 0);
	end(&run);
}

/* Another project's client, on more data than a message carries. */
static void diodcat_reads_a_large_file(void **state)
{
	enum { SIZE = 3000001 };
	autofree uint8_t *bytes = malloc(SIZE);
	autofree char *out = NULL;
	char address[32], large[80];
	struct spawn s = SPAWN_INIT;
	struct run run;
	FILE *f;
	size_t n;

	(void)state;
	if (!spawn_has_program("/usr/sbin/diodcat"))
		skip(); /* the package diod is not installed */
	snprintf(large, sizeof(large), "%s/large", dir);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256 + i / 65536);
	f = fopen(large, "we");
	assert_int_equal(fwrite(bytes, 1, SIZE, f), SIZE);
	fclose(f);
	run = START("--quiet", "--listen", "tcp:127.0.0.1:0", dir);
	assert_int_equal(sscanf(wait_ready(&run), "ready tcp:%31s", address), 1);
	s.argv = (const char *const[]){
		"/usr/sbin/diodcat", "-s", address, "-a", "/", "large", NULL};
	assert_int_equal(spawn_capture(&s, SIZE + 1, &out, &n), 0);
	assert_int_equal(n, SIZE);
	assert_memory_equal(out, bytes, SIZE);
	child_kill(&run.child, SIGTERM);
	assert_int_equal(finish(&run), 0);
	end(&run);
	unlink(large);
}

static void capabilities_need_no_folder(void **state)
{
	struct spawn s = SPAWN_INIT;
	autofree char *out = NULL;

	(void)state;
	s.argv = (const char *const[]){warren, "serve", "--print-capabilities", NULL};
	assert_int_equal(spawn_capture(&s, 1000, &out, NULL), 0);
	assert_non_null(strstr(out, "\"type\": \"9p\""));
}

static int make_dir(void **state)
{
	FILE *f;

	(void)state;
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	snprintf(file, sizeof(file), "%s/file", dir);
	snprintf(locked, sizeof(locked), "%s/locked", dir);
	snprintf(unix_path, sizeof(unix_path), "%s/s", dir);
	snprintf(unix_address, sizeof(unix_address), "unix:%s", unix_path);
	snprintf(device_path, sizeof(device_path), "%s/d", dir);
	f = fopen(file, "we");
	return !f || fputs("hello\n", f) < 0 || fclose(f) || mkdir(locked, 0);
}

static int remove_dir(void **state)
{
	(void)state;
	return unlink(file) || rmdir(locked) || rmdir(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_usage_is_2_and_explained),
		cmocka_unit_test(what_the_machine_refuses_is_3_and_explained),
		cmocka_unit_test(several_addresses_are_served_and_cleaned_up),
		cmocka_unit_test(a_peer_does_not_delay_the_end),
		cmocka_unit_test(nothing_serves_on_when_it_was_killed),
		cmocka_unit_test(large_reads_are_spliced_unless_told),
		cmocka_unit_test(it_ends_with_its_only_peer),
		cmocka_unit_test(an_open_port_is_warned_of),
		cmocka_unit_test(diodcat_reads_a_large_file),
		cmocka_unit_test(capabilities_need_no_folder),
		cmocka_unit_test(a_folder_without_permission_is_3),
		cmocka_unit_test(a_sandbox_that_cannot_be_had_is_told),
	};

	if (argc != 2)
		return 2;
	warren = argv[1];
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
