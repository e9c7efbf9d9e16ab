/* SPDX-License-Identifier: MIT */
/* Locks between processes: each kind and range against each other, who gives them up when, and waiting. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "posix.h"

static const struct range {
	off_t start, len;
} ranges[] = {{0, 0}, {0, 1}, {0, 10}, {5, 5}, {9, 2}, {10, 5}, {20, 0}, {1L << 40, 100}};

/* Another process: it does what it is told, a letter a time, and answers with the errno. */
struct other {
	pid_t pid;
	int to, from;
};

/* What it is told. */
struct order {
	int what; /* F_SETLK, F_SETLKW, F_OFD_SETLK; or one of below */
	short type;
	struct range range;
};
enum { ORDER_FLOCK = 1000, ORDER_CLOSE, ORDER_CLOSE_ANOTHER, ORDER_EXIT };

static int obey(int *fd, const struct order *o)
{
	const struct flock l = {
		.l_type = o->type, .l_start = o->range.start, .l_len = o->range.len};

	switch (o->what) {
	case ORDER_FLOCK:
		return flock(*fd, o->type) ? errno : 0;
	case ORDER_CLOSE:
		close(*fd);
		*fd = open("x", O_RDWR | O_CLOEXEC);
		return 0;
	case ORDER_CLOSE_ANOTHER:
		close(open("x", O_RDWR | O_CLOEXEC));
		return 0;
	default:
		return fcntl(*fd, o->what, &l) ? errno : 0;
	}
}

static void serve(int from, int to)
{
	int fd = open("x", O_RDWR | O_CLOEXEC), r;
	struct order o;

	while (read(from, &o, sizeof(o)) == sizeof(o) && o.what != ORDER_EXIT) {
		r = obey(&fd, &o);
		if (write(to, &r, sizeof(r)) != sizeof(r))
			break;
	}
	_exit(0);
}

static struct other start(void)
{
	int there[2], back[2];
	struct other o;

	must(!pipe(there) && !pipe(back), "pipe");
	fflush(stdout);
	o = (struct other){.pid = fork(), .to = there[1], .from = back[0]};
	must(o.pid >= 0, "fork");
	if (!o.pid) {
		close(there[1]);
		close(back[0]);
		serve(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	return o;
}

static void tell(const struct other *o, struct order order)
{
	must(write(o->to, &order, sizeof(order)) == sizeof(order), "order");
}

static int hear(const struct other *o)
{
	int r;

	must(read(o->from, &r, sizeof(r)) == sizeof(r), "answer");
	return r;
}

static int ask(const struct other *o, struct order order)
{
	tell(o, order);
	return hear(o);
}

static void stop(struct other *o)
{
	close(o->to);
	close(o->from);
	must(waitpid(o->pid, NULL, 0) == o->pid, "waitpid");
}

static const char *name_of(int err)
{
	return err ? err == EACCES ? "EAGAIN" : strerrorname_np(err) : "ok";
}

static const char *type_name(short type)
{
	return type == F_RDLCK ? "read" : type == F_WRLCK ? "write" : "none";
}

static void ask_pair(const struct other *o, int fd, short held, short asked, size_t h, size_t a)
{
	struct flock l = {.l_type = asked, .l_start = ranges[a].start, .l_len = ranges[a].len};
	char what[96], said[64];
	int r;

	snprintf(what, sizeof(what), "%s %lld+%lld asked, %s %lld+%lld held", type_name(asked),
		 (long long)ranges[a].start, (long long)ranges[a].len, type_name(held),
		 (long long)ranges[h].start, (long long)ranges[h].len);
	must(!ask(o, (struct order){F_SETLK, held, ranges[h]}), "lock");
	r = fcntl(fd, F_SETLK, &l) ? errno : 0;
	text(name_of(r), "%s", what);
	if (!r)
		fcntl(fd, F_SETLK, &(struct flock){.l_type = F_UNLCK});
	r = fcntl(fd, F_GETLK, &l) ? errno : 0;
	if (r || l.l_type == F_UNLCK)
		snprintf(said, sizeof(said), "%s", r ? strerrorname_np(r) : "none");
	else
		snprintf(said, sizeof(said), "%s %lld+%lld", type_name(l.l_type),
			 (long long)l.l_start, (long long)l.l_len);
	text(said, "%s, who", what);
	must(!ask(o, (struct order){F_SETLK, F_UNLCK, {0, 0}}), "unlock");
}

static void ask_cut(const struct other *o, int fd)
{
	static const struct range parts[] = {{0, 5}, {5, 5}, {10, 5}, {15, 5}};

	must(!ask(o, (struct order){F_SETLK, F_WRLCK, {0, 20}}), "lock");
	must(!ask(o, (struct order){F_SETLK, F_UNLCK, {5, 5}}), "unlock");
	must(!ask(o, (struct order){F_SETLK, F_RDLCK, {10, 5}}), "lock");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (short type = F_RDLCK; type <= F_WRLCK; type++) {
			struct flock l = {
				.l_type = type, .l_start = parts[i].start, .l_len = parts[i].len};

			result(fcntl(fd, F_SETLK, &l), "a lock cut in pieces: %s of piece %zu",
			       type_name(type), i);
			fcntl(fd, F_SETLK, &(struct flock){.l_type = F_UNLCK});
		}
	must(!ask(o, (struct order){F_SETLK, F_UNLCK, {0, 0}}), "unlock");
}

static void ask_free(int fd, const char *when)
{
	struct flock l = {.l_type = F_WRLCK};

	text(name_of(fcntl(fd, F_SETLK, &l) ? errno : 0), "%s", when);
	fcntl(fd, F_SETLK, &(struct flock){.l_type = F_UNLCK});
}

static void ask_release(int fd)
{
	struct other o = start();

	must(!ask(&o, (struct order){F_SETLK, F_WRLCK, {0, 0}}), "lock");
	ask_free(fd, "while it is held");
	ask(&o, (struct order){.what = ORDER_CLOSE_ANOTHER});
	ask_free(fd, "after another descriptor of the holder was closed");
	must(!ask(&o, (struct order){F_SETLK, F_WRLCK, {0, 0}}), "lock");
	ask(&o, (struct order){.what = ORDER_CLOSE});
	ask_free(fd, "after the holder closed it");
	must(!ask(&o, (struct order){F_SETLK, F_WRLCK, {0, 0}}), "lock");
	tell(&o, (struct order){.what = ORDER_EXIT});
	stop(&o);
	ask_free(fd, "after the holder ended");
	o = start();
	must(!ask(&o, (struct order){F_SETLK, F_WRLCK, {0, 0}}), "lock");
	kill(o.pid, SIGKILL);
	stop(&o);
	ask_free(fd, "after the holder was killed");
}

void area_locks(void)
{
	autoclose int fd = -1, read_only = -1;
	struct other o;

	put_file("x", "hello");
	o = start();
	fd = open("x", O_RDWR | O_CLOEXEC);
	for (short held = F_RDLCK; held <= F_WRLCK; held++)
		for (short asked = F_RDLCK; asked <= F_WRLCK; asked++)
			for (size_t h = 0; h < ARRAY_SIZE(ranges); h++)
				for (size_t a = 0; a < ARRAY_SIZE(ranges); a++)
					ask_pair(&o, fd, held, asked, h, a);
	ask_cut(&o, fd);
	stop(&o);
	ask_release(fd);
	read_only = open("x", O_RDONLY | O_CLOEXEC);
	result(fcntl(read_only, F_SETLK, &(struct flock){.l_type = F_WRLCK}),
	       "write, by a descriptor that only reads");
	result(fcntl(read_only, F_SETLK, &(struct flock){.l_type = F_RDLCK}),
	       "read, by a descriptor that only reads");
	result(fcntl(fd, F_SETLK, &(struct flock){.l_type = 77}), "a type that is none");
	result(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_RDLCK, .l_start = -5}),
	       "a negative start");
}

static const struct {
	short bits;
	const char *name;
} modes[] = {{LOCK_SH, "shared"}, {LOCK_EX, "exclusive"}};

static void ask_flock_pair(size_t held, size_t asked)
{
	autoclose int fd = open("x", O_RDWR | O_CLOEXEC);
	struct other o = start();
	const char *h = modes[held].name, *a = modes[asked].name;

	must(!ask(&o, (struct order){.what = ORDER_FLOCK, .type = modes[held].bits}), "flock");
	result(flock(fd, modes[asked].bits | LOCK_NB), "%s asked, %s held", a, h);
	flock(fd, LOCK_UN);
	must(!ask(&o, (struct order){.what = ORDER_FLOCK, .type = LOCK_UN}), "unlock");
	result(flock(fd, modes[asked].bits | LOCK_NB), "%s asked, %s was held", a, h);
	flock(fd, LOCK_UN);
	must(!ask(&o, (struct order){.what = ORDER_FLOCK, .type = modes[held].bits}), "flock");
	ask(&o, (struct order){.what = ORDER_CLOSE_ANOTHER});
	result(flock(fd, modes[asked].bits | LOCK_NB), "%s asked, %s held, another closed", a, h);
	flock(fd, LOCK_UN);
	ask(&o, (struct order){.what = ORDER_CLOSE});
	result(flock(fd, modes[asked].bits | LOCK_NB), "%s asked, %s closed", a, h);
	stop(&o);
}

void area_flock(void)
{
	autoclose int fd = -1, copy = -1, second = -1;

	put_file("x", "hello");
	for (size_t held = 0; held < ARRAY_SIZE(modes); held++)
		for (size_t asked = 0; asked < ARRAY_SIZE(modes); asked++)
			ask_flock_pair(held, asked);
	fd = open("x", O_RDWR | O_CLOEXEC);
	copy = dup(fd);
	second = open("x", O_RDWR | O_CLOEXEC);
	result(flock(fd, LOCK_EX | LOCK_NB), "exclusive");
	result(flock(copy, LOCK_EX | LOCK_NB), "exclusive by a copy");
	result(flock(second, LOCK_EX | LOCK_NB), "exclusive by another descriptor");
	result(flock(copy, LOCK_SH | LOCK_NB), "made shared by the copy");
	result(flock(second, LOCK_SH | LOCK_NB), "shared by another descriptor");
	result(flock(fd, LOCK_EX | LOCK_NB), "made exclusive while another shares");
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Waits, and gets it when the holder gives it up. */
static void ask_wait(int how, const char *name)
{
	const bool is_flock = how == ORDER_FLOCK;
	autoclose int fd = open("x", O_RDWR | O_CLOEXEC);
	struct order lock = {how, is_flock ? LOCK_EX : F_WRLCK, {0, 0}};
	struct other o = start();
	struct flock l = {.l_type = F_WRLCK};

	must(!(is_flock ? flock(fd, LOCK_EX) : fcntl(fd, F_SETLK, &l)), "lock");
	tell(&o, lock);
	l.l_type = F_UNLCK;
	must(!(is_flock ? flock(fd, LOCK_UN) : fcntl(fd, F_SETLK, &l)), "unlock");
	text(name_of(hear(&o)), "%s: waited for", name);
	l.l_type = F_WRLCK;
	result(is_flock ? flock(fd, LOCK_EX | LOCK_NB) : fcntl(fd, F_SETLK, &l),
	       "%s: then held by the other", name);
	stop(&o);
	result(is_flock ? flock(fd, LOCK_EX | LOCK_NB) : fcntl(fd, F_SETLK, &l),
	       "%s: free when that ended", name);
}

/* A signal ends the waiting. */
static void ask_interrupted(int how, const char *name)
{
	const bool is_flock = how == ORDER_FLOCK;
	const struct sigaction act = {.sa_handler = on_alarm}, old = {.sa_handler = SIG_DFL};
	autoclose int fd = open("x", O_RDWR | O_CLOEXEC);
	struct order lock = {
		is_flock ? ORDER_FLOCK : F_SETLK, is_flock ? LOCK_EX : F_WRLCK, {0, 0}};
	struct other o = start();
	struct flock l = {.l_type = F_WRLCK};

	must(!ask(&o, lock), "lock");
	sigaction(SIGALRM, &act, NULL);
	limit_time(1);
	result(is_flock ? flock(fd, LOCK_EX) : fcntl(fd, how, &l), "%s: interrupted", name);
	sigaction(SIGALRM, &old, NULL);
	limit_time(600);
	stop(&o);
	result(is_flock ? flock(fd, LOCK_EX | LOCK_NB) : fcntl(fd, F_SETLK, &l),
	       "%s: free after an interruption", name);
}

void area_waiting_locks(void)
{
	put_file("x", "hello");
	ask_wait(F_SETLKW, "fcntl");
	ask_wait(ORDER_FLOCK, "flock");
	ask_interrupted(F_SETLKW, "fcntl");
	ask_interrupted(ORDER_FLOCK, "flock");
}
