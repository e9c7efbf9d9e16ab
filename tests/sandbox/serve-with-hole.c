/* SPDX-License-Identifier: MIT */
/* `warren serve` with a hole: when everything is open and its sandbox sealed, it does what somebody
 * would do who took it over, instead of serving.
 *
 *	WARREN_LAYERS="NAME..." WARREN_HOLE=ATTACK serve-with-hole OPTION... DIR
 *	serve-with-hole targets FOLDER		what attacks are aimed at, until standard input ends
 *
 * Exit code 7: it got out; 0: it was refused; 159: it was ended by the filter of system calls.
 * The targets write FOLDER/targets: lines NAME=VALUE, which the attacks expect as environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "loop.h"
#include "macros.h"
#include "outside.h"
#include "sandbox-impl.h"

#define EXIT_OUT 7

static const char *aim(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static bool read_path(void)
{
	return open(aim("SECRET"), O_RDONLY | O_CLOEXEC) >= 0;
}

static bool write_path(void)
{
	return open(aim("NEW_FILE"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

/* From whatever folder is open, up and down again. */
static bool read_dotdot(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "../../../../../../../..%s", aim("SECRET"));
	if (openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC) >= 0)
		return true;
	for (int fd = 3; fd < 256; fd++)
		if (openat(fd, path, O_RDONLY | O_CLOEXEC) >= 0)
			return true;
	return false;
}

static bool see_process(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/status", aim("PROCESS"));
	return open(path, O_RDONLY | O_CLOEXEC) >= 0;
}

static bool kill_process(void)
{
	return !kill(atoi(aim("PROCESS")), 0);
}

static bool trace_process(void)
{
	return !ptrace(PTRACE_SEIZE, atoi(aim("PROCESS")), NULL, NULL);
}

static bool connect_tcp(void)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(aim("PORT"))),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return !connect(fd, (const struct sockaddr *)&sa, sizeof(sa));
}

static socklen_t abstract_address(const char *name, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	strncpy(ret->sun_path + 1, name, sizeof(ret->sun_path) - 2);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static bool connect_abstract(void)
{
	struct sockaddr_un sa;
	socklen_t len = abstract_address(aim("ABSTRACT"), &sa);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return !connect(fd, (const struct sockaddr *)&sa, len);
}

static bool find_memory(void)
{
	return shmget((key_t)atoi(aim("KEY")), 0, 0) >= 0;
}

static bool mount_over(void)
{
	return !mount("hole", aim("MOUNT_POINT"), "tmpfs", 0, NULL);
}

static bool make_device(void)
{
	return !mknod(aim("NEW_DEVICE"), S_IFCHR | 0600, makedev(1, 3));
}

static bool change_root(void)
{
	return !chroot(".");
}

static bool raise_descriptors(void)
{
	struct rlimit l = {200, 200};

	return !setrlimit(RLIMIT_NOFILE, &l);
}

/* At an address of which one half looks like none. */
static bool lower_limit(void)
{
	void *at = (void *)(uintptr_t)0x700000000; /* NOLINT(performance-no-int-to-ptr) */
	struct rlimit *l = mmap(at, 4096, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (l != at)
		return false;
	*l = (struct rlimit){0, 0};
	return !prlimit(0, RLIMIT_CORE, l, NULL);
}

static bool see_limit(void)
{
	struct rlimit l;

	return !prlimit(atoi(aim("PROCESS")), RLIMIT_CORE, NULL, &l);
}

static bool take_memory(void)
{
	return mmap(NULL, 1u << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED;
}

/* Runs a set-user-ID copy of ourselves, which ends with EXIT_OUT if that made it another user. */
static bool run_set_id(void)
{
	execl(aim("SET_ID"), "serve-with-hole", "who", NULL);
	return false;
}

static bool run_program(void)
{
	execl("/bin/sh", "sh", "-c", "exit 7", NULL);
	return false;
}

static bool make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED;
}

/* The call that makes namespaces, with what needs no rights. */
static bool leave_others(void)
{
	return !unshare(CLONE_FILES);
}

static bool open_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

/* The sandbox that we are in. */
static struct sandbox *ours;

/* Of any kind, with a path that it would be bad to remove; too short, too long, with a descriptor. */
static void say_rubbish(unsigned i, int flags)
{
	static char bytes[sizeof(struct outside_call) + 64];
	struct outside_call call = {.kind = (enum outside_kind)(i % 7), .pid = 1};
	struct iovec iov = {bytes, 1 + (size_t)i * 7919 % sizeof(bytes)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = {.head = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	unsigned long long dev, ino;

	sscanf(aim("SECRET_ID"), "%llu %llu", &dev, &ino);
	call.dev = dev;
	call.ino = ino;
	snprintf(call.path, sizeof(call.path), "%s", aim("SECRET"));
	memset(bytes, (int)i, sizeof(bytes));
	if (i % 2)
		memcpy(bytes, &call, sizeof(call));
	if (i % 3 == 0) {
		m.msg_control = &control;
		m.msg_controllen = control.head.cmsg_len;
	}
	sendmsg(ours->outside_fd, &m, flags | MSG_NOSIGNAL);
}

static bool bother_supervisor(void)
{
	char answer[64];

	for (unsigned i = 0; i < 5000; i++) {
		say_rubbish(i, 0);
		while (recv(ours->outside_fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
			continue;
	}
	return false;
}

/* Until somebody ends it. */
static bool flood_supervisor(void)
{
	for (unsigned i = 0;; i++)
		say_rubbish(i, MSG_DONTWAIT);
	return false;
}

/* Who looks into it comes from outside: it waits for that. */
static bool be_looked_into(void)
{
	pause();
	return false;
}

static const struct {
	const char *name;
	bool (*gets_out)(void);
} attacks[] = {
	{"read-path", read_path},
	{"write-path", write_path},
	{"read-dotdot", read_dotdot},
	{"see-process", see_process},
	{"kill-process", kill_process},
	{"trace-process", trace_process},
	{"connect-tcp", connect_tcp},
	{"connect-abstract", connect_abstract},
	{"find-memory", find_memory},
	{"mount", mount_over},
	{"make-device", make_device},
	{"change-root", change_root},
	{"raise-descriptors", raise_descriptors},
	{"lower-limit", lower_limit},
	{"see-limit", see_limit},
	{"take-memory", take_memory},
	{"run-set-id", run_set_id},
	{"run-program", run_program},
	{"make-process", make_process},
	{"make-code", make_code},
	{"leave-others", leave_others},
	{"open-socket", open_socket},
	{"be-looked-into", be_looked_into},
	{"bother-supervisor", bother_supervisor},
	{"flood-supervisor", flood_supervisor},
};

int __real_sandbox_split(const struct sandbox_plan *plan, struct sandbox **ret_s);
int __wrap_sandbox_split(const struct sandbox_plan *plan, struct sandbox **ret_s);
int __wrap_loop_run(struct loop *l);

/* Only the layers that are asked for. */
int __wrap_sandbox_split(const struct sandbox_plan *plan, struct sandbox **ret_s)
{
	static const char *const names[] = {
#define NAME(name, text) #name,
		SANDBOX_LAYERS(NAME)
#undef NAME
	};
	static struct sandbox_plan own;
	int r;
	char *words = strdup(aim("WARREN_LAYERS"));

	own = *plan;
	own.layers = 0;
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		for (unsigned l = 0; l < N_LAYERS; l++)
			if (!strcmp(word, names[l]) || !strcmp(word, "ALL"))
				own.layers |= 1u << l;
	free(words);
	r = __real_sandbox_split(&own, ret_s);
	ours = r < 0 ? NULL : *ret_s;
	return r;
}

int __wrap_loop_run(struct loop *l)
{
	const char *name = aim("WARREN_HOLE");

	(void)l;
	for (size_t i = 0; i < ARRAY_SIZE(attacks); i++)
		if (!strcmp(attacks[i].name, name))
			_exit(attacks[i].gets_out() ? EXIT_OUT : 0);
	_exit(2);
}

static int listen_on(int family, const struct sockaddr *sa, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, sa, len) || listen(fd, 16)) {
		perror("a target cannot listen");
		exit(3);
	}
	return fd;
}

static unsigned listen_tcp(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = listen_on(AF_INET, (const struct sockaddr *)&sa, len);

	getsockname(fd, (struct sockaddr *)&sa, &len);
	return ntohs(sa.sin_port);
}

static int stand_as_targets(const char *folder)
{
	char name[64], path[PATH_MAX], whole[PATH_MAX + 8];
	struct sockaddr_un sa;
	socklen_t len;
	int id;
	FILE *f;

	snprintf(name, sizeof(name), "warren-hole-%d", (int)getpid());
	len = abstract_address(name, &sa);
	listen_on(AF_UNIX, (const struct sockaddr *)&sa, len);
	id = shmget((key_t)getpid(), 4096, IPC_CREAT | 0666);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	snprintf(path, sizeof(path), "%s/targets", folder);
	snprintf(whole, sizeof(whole), "%s.new", path);
	f = fopen(whole, "we");
	if (!f || id < 0)
		return 3;
	fprintf(f, "ABSTRACT=%s\nKEY=%d\nPROCESS=%d\nPORT=%u\n", name, (int)getpid(), (int)getpid(),
		listen_tcp());
	fclose(f);
	rename(whole, path);
	while (read(0, name, sizeof(name)) > 0)
		continue;
	shmctl(id, IPC_RMID, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "targets"))
		return stand_as_targets(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "who"))
		return geteuid() != getuid() ? EXIT_OUT : 0;
	return cmd_serve(argc, argv);
}
