/* SPDX-License-Identifier: MIT */
/* The local backend when memory or descriptors run out at any moment: what fails leaves nothing
 * behind, and the next attempt succeeds. */
#include "local-kit.h"

#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_MALLOC 1
#endif
#endif

#ifndef HAS_OWN_MALLOC
static long fail_at = -1; /* the allocation that fails, counted down; -1: none */
static long n_alive;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static bool is_failing(void)
{
	return fail_at >= 0 && fail_at-- == 0;
}

void *malloc(size_t size)
{
	void *p = is_failing() ? NULL : __libc_malloc(size);

	n_alive += p != NULL;
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = is_failing() ? NULL : __libc_calloc(n, size);

	n_alive += p != NULL;
	return p;
}

void *realloc(void *old, size_t size)
{
	void *p = is_failing() ? NULL : __libc_realloc(old, size);

	n_alive += p && !old;
	return p;
}

void free(void *p)
{
	n_alive -= p != NULL;
	__libc_free(p);
}
#endif

static bool take_any(void *arg, const struct dirent9 *e)
{
	(void)arg;
	(void)e;
	return true;
}

/* All that one can do with a file, going on where something fails; true when nothing did. */
static bool do_everything(void)
{
	const struct lock_range l = {P9_LOCK_WRLCK, 0, 1, 1, str_of("guest")};
	const struct backend_ops *ops = root->ops;
	struct node *d = NULL, *n = NULL, *m = NULL, *o = NULL;
	struct file *f = NULL, *g = NULL;
	uint8_t status;
	size_t size;
	struct attr a;
	bool ok = true;

#define TRY(call) (ok = !(call) && ok)
	TRY(try_make(root, "d", MAKE_DIRECTORY, 0755));
	TRY(try_make(root, "l", MAKE_SYMLINK, 0));
	TRY(try_walk(root, "d", &d));
	TRY(try_create(root, "f", P9_O_RDWR, &n, &f));
	if (f) {
		TRY(ops->lock(f, &me, &l, &status));
		TRY(try_write_as(&me, f, 0, "x"));
		TRY(ops->getattr(n, f, &me, P9_GETATTR_ALL, &a));
	}
	if (d) {
		TRY(try_open(d, P9_O_RDONLY, &g));
		if (g)
			TRY(ops->readdir(g, &me, 0, take_any, NULL));
		TRY(try_rename(root, "f", d, "g"));
		TRY(try_walk(d, "..", &o));
	}
	if (n && d) {
		TRY(set_size(n, NULL, 0));
		ops->xattr_get(n, &me, str_of("user.a"), NULL, 0, &size);
		TRY(ops->move_node(n, &me, root, str_of("f"), &m));
	}
	if (g)
		file_unref(g);
	if (f)
		file_unref(f);
	node_unref(d);
	node_unref(n);
	node_unref(m);
	node_unref(o);
#undef TRY
	unlinkat(host, "d/g", 0);
	unlinkat(host, "d", AT_REMOVEDIR);
	unlinkat(host, "l", 0);
	unlinkat(host, "f", 0);
	return ok;
}

static unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void no_descriptor_is_lost_when_they_run_out(void **state)
{
	struct rlimit lim, few;
	unsigned before = count_fds();
	int lowest = dup(host);
	bool ok = false;

	(void)state;
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &lim);
	for (int spare = 0; spare < 20; spare++) {
		few = lim;
		few.rlim_cur = (rlim_t)(lowest + spare);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		ok = do_everything();
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
		assert_int_equal(count_fds(), before);
		assert_int_equal(container_of(backend, struct local, backend)->n_inodes, 1);
		assert_int_equal(container_of(backend, struct local, backend)->n_files, 0);
		assert_true(spare > 0 || !ok);
	}
	assert_true(ok);
}

#ifdef HAS_OWN_MALLOC
static void nothing_is_lost_when_memory_runs_out(void **state)
{
	(void)state;
	print_message("the sanitizer has its own malloc\n");
	skip();
}
#else
static void nothing_is_lost_when_memory_runs_out(void **state)
{
	unsigned before = count_fds();
	bool ok = false;
	long alive;
	int n = 0;

	(void)state;
	assert_true(do_everything());
	alive = n_alive;
	for (; !ok; n++) {
		fail_at = n;
		ok = do_everything() && fail_at >= 0;
		fail_at = -1;
		assert_int_equal(n_alive, alive);
	}
	assert_in_range(n, 10, 200);
	assert_int_equal(count_fds(), before);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		local_test(no_descriptor_is_lost_when_they_run_out),
		local_test(nothing_is_lost_when_memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
