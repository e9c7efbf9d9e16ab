/* SPDX-License-Identifier: MIT */
/* Any text as a guest's report, and as a manifest file: neither is trusted. The report is compared
 * with a small folder that stays as it is; what a damaged guest can say must end in findings or in
 * a refusal. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "compare-parts.h"
#include "compare.h"
#include "fuzz.h"
#include "manifest.h"
#include "verdict.h"

static char dir[] = "/tmp/warren-fuzz-report-XXXXXX";
static int dir_fd;
static struct manifest *manifest;

static void remove_folder(void)
{
	manifest_free(manifest);
	unlinkat(dir_fd, "sub/g", 0);
	unlinkat(dir_fd, "f", 0);
	unlinkat(dir_fd, "sub", AT_REMOVEDIR);
	close(dir_fd);
	rmdir(dir);
}

static void put_file(const char *name, size_t n)
{
	autoclose int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	char bytes[5000];

	memset(bytes, 'x', sizeof(bytes));
	assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
}

static void make_folder(void)
{
	if (manifest)
		return;
	assert(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(dir_fd >= 0 && !mkdirat(dir_fd, "sub", 0755));
	put_file("f", 5000);
	put_file("sub/g", 10);
	assert(!manifest_start(dir_fd, &manifest) && !manifest_wait(manifest));
	atexit(remove_folder);
}

static void check_report(char *text)
{
	static const struct circumstances here = {
		.version = "1", .guest = "", .transport = "", .cache = ""};
	static unsigned walks;
	autofree char *sentence = NULL, *evidence = NULL;
	struct compare *c;
	char *line;
	int r = 0;
	size_t n;
	FILE *f;

	assert(!compare_new(manifest, ++walks, &c));
	c->thorough_left = 0; /* that would only be slow */
	while (!r && (line = strsep(&text, "\n")))
		r = compare_line(c, line);
	assert(r == 0 || r == -EINVAL || r == -EOVERFLOW);
	sentence = verdict_sentence(compare_tally(c), &here);
	f = open_memstream(&evidence, &n);
	assert(sentence && f);
	verdict_evidence(f, compare_tally(c));
	fclose(f);
	compare_free(c);
}

static void check_manifest(const uint8_t *data, size_t size)
{
	FILE *f = fmemopen((void *)(uintptr_t)data, size, "r");
	struct manifest *m;
	unsigned line;
	int r;

	assert(f);
	r = manifest_load(f, dir_fd, &m, &line);
	fclose(f);
	assert(r == 0 || r == -EINVAL || r == -EOVERFLOW);
	if (!r)
		manifest_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);

	assert(text);
	make_folder();
	check_report(text);
	if (size)
		check_manifest(data, size);
	return 0;
}
