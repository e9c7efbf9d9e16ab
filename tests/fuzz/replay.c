/* SPDX-License-Identifier: MIT */
/* A fuzz target without libFuzzer: replay FILE-OR-FOLDER... gives it each file once. A folder that
 * is not there is an empty one: a target without a crash has none. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "fuzz.h"

static unsigned replayed;

static int replay_file(const char *path)
{
	autofclose FILE *f = fopen(path, "re");
	autofree uint8_t *bytes = NULL;
	struct stat st;

	if (!f || fstat(fileno(f), &st))
		return -errno;
	/* Exactly as large as the input: a sanitizer sees a read behind it. */
	bytes = malloc((size_t)st.st_size + !st.st_size);
	if (!bytes)
		return -ENOMEM;
	if (fread(bytes, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		return -EIO;
	LLVMFuzzerTestOneInput(bytes, (size_t)st.st_size);
	replayed++;
	return 0;
}

static int replay_folder(const char *path)
{
	autoclosedir DIR *d = opendir(path);
	const struct dirent *e;
	int err = 0;

	if (!d)
		return -errno;
	while (!err && (e = readdir(d))) {
		autofree char *file = NULL;

		if (e->d_name[0] == '.')
			continue;
		if (asprintf(&file, "%s/%s", path, e->d_name) < 0)
			return -ENOMEM;
		/* The last line before a crash names its input. */
		fprintf(stderr, "%s\n", file);
		err = replay_file(file);
	}
	return err;
}

static int replay(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	return S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int err = replay(argv[i]);

		if (err) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(-err));
			return 1;
		}
	}
	printf("%u inputs replayed\n", replayed);
	return 0;
}
