/* SPDX-License-Identifier: MIT */
/* The page that --html asks for. Its file is opened before the run, which is long, begins. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "cmd.h"
#include "logging.h"
#include "page.h"
#include "record.h"
#include "slurp.h"
#include "verify.h"

#define CONSOLE_LIMIT (2U << 20)

int page_begin(struct printer *p)
{
	const char *path = p->o->html;
	int fd;

	if (!path)
		return EXIT_OK;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	p->is_page_new = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = open(path, O_WRONLY | O_CLOEXEC);
	p->page = fd < 0 ? NULL : fdopen(fd, "w");
	if (p->page)
		return EXIT_OK;
	log_error("cannot write %s: %s; give --html another file", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return EXIT_ENVIRONMENT;
}

/* What was in the file gives way only now. (A terminal or pipe has nothing to cut.) */
static int write_page(struct printer *p, json_t *run)
{
	autofree char *path = NULL, *console = NULL;

	if (asprintf(&path, "%s/console.log", record_folder(p->record)) < 0)
		path = NULL;
	if (path && slurp(path, CONSOLE_LIMIT, &console, NULL))
		console = NULL;
	if (ftruncate(fileno(p->page), 0) && errno != EINVAL)
		return -errno;
	return page_write(p->page, run, console, lab_home());
}

void page_end(struct printer *p, const struct record_end *e)
{
	json_t *run;
	int r;

	if (!p->page)
		return;
	run = record_run(p->record, e);
	r = run ? write_page(p, run) : p->record_err;
	json_decref(run);
	p->is_page_new = p->is_page_new && r;
	if (r)
		log_error("the page %s is not written: %s", p->o->html, strerror(-r));
	else if (!p->o->quiet)
		log_info("the page about it: %s", p->o->html);
}

void page_done(struct printer *p)
{
	if (p->page)
		fclose(p->page);
	if (p->page && p->is_page_new)
		unlink(p->o->html);
	p->page = NULL;
}
