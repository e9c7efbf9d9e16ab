/* SPDX-License-Identifier: MIT */
/* The parts of `warren verify`: verify-options.c reads the command line, verify.c makes ready and
 * runs, verify-print.c says what came out; verify-scenarios.c does both for scenarios. */
#ifndef CMD_VERIFY_H
#define CMD_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "instrument-wish.h"
#include "ready.h"
#include "run.h"

struct option_line;

#define VERIFY_MAX_WORDS 16
#define VERIFY_MAX_SCENARIOS 64

struct verify_options {
	const char *dir;			/* NULL: a corpus */
	const char *corpus;			/* its spec, "" for the default one; NULL: DIR */
	size_t scenarios[VERIFY_MAX_SCENARIOS]; /* their numbers */
	size_t n_scenarios;			/* 0: DIR or a corpus */
	struct wish wish;
	int guest, server, share; /* as words of the command line; what counts is in wish */
	struct instrument_wish instruments;
	char *caches[VERIFY_MAX_WORDS + 1], *ways[VERIFY_MAX_WORDS + 1]; /* NULL-terminated */
	unsigned msizes[VERIFY_MAX_WORDS + 1]; /* 0-terminated; none: the default */
	uint32_t iounit;
	const char *guard, *recording;
	const char *faults[VERIFY_MAX_WORDS + 1]; /* NULL-terminated */
	uint32_t fragment;			  /* percent */
	bool has_iounit, has_fragment;
	bool all_caches; /* that the kernel knows: none were asked for */
	uint32_t timeout_s, memory_mib;
	bool writable_root;
	bool json, keep, no_blame, no_record, quiet, stats, help, prove;
	uint32_t runs; /* of --prove, healthy ones */
	int cpu;       /* as in run.h */
	const char *save_manifest, *manifest, *exec, *html;
	char **settings; /* the options given that shape the run, "--NAME=VALUE" each */
};

/* 0; else *RET_STATUS is the exit code. The lists of words point into one allocation that lives as
 * long as the program. */
int verify_parse(int argc, char **argv, struct verify_options *ret_o, int *ret_status);

/* Prints results as they come, and keeps the exit code. */
struct printer {
	const struct verify_options *o;
	const struct run_plan *plan;
	struct record *record; /* NULL: none is made */
	int record_err;	       /* why not; 0: it was not asked for */
	char *recorded;	       /* where it is */
	FILE *page;	       /* of --html; NULL: none is wanted */
	bool is_page_new;      /* nothing is in it so far */
	char *corpus;	       /* what the share is; NULL: a folder */
	int status;
	unsigned ok, damaged, failed; /* mounts */
	bool is_tty, has_line;
	uint64_t told_ns, started_ns;
};

void printer_init(struct printer *p, const struct verify_options *o, const struct run_plan *plan);
extern const struct run_listener printer_listener;

/* An error before or after the run, as text or JSON. WHY is freed. Returns STATUS. */
int print_failure(struct printer *p, int status, char *why, const char *console);

/* The record of the run, verify-record.c: made, then kept or dropped, then told to the user. */
void recording_begin(struct printer *p);
void recording_end(struct printer *p, const struct run_result *result, int status);
void recording_tell(const struct printer *p);

/* The page of --html, verify-page.c: opened before the run, EXIT_OK or the exit code after it was said why
 * it cannot be; written from what the record knows; closed, and removed if nothing was written. */
struct record_end;
int page_begin(struct printer *p);
void page_end(struct printer *p, const struct record_end *e);
void page_done(struct printer *p);

/* The exit code that follows from what came. */
int end_status(const struct printer *p, const struct run_result *r);

/* The last line; returns the exit code. */
int print_end(struct printer *p, const struct run_result *r);

/* --prove: BASE is what is at hand. Returns the exit code; verify-prove.c. */
int verify_prove(const struct verify_options *o, const struct run_plan *base);

/* Host and guest in lock-step, verify-scenarios.c; returns the exit code. And the option's take(). */
int verify_scenarios(struct printer *p);
int verify_take_scenarios(struct option_line *l, void *o, const char *value);

/* JSON, verify-json.c. */
struct mount_result;
struct circumstances;
void json_mount(const struct mount_result *m, const struct circumstances *c, const char *sentence);
void json_mount_failure(const char *cache, const char *error, const char *sentence);
void json_output(const char *bytes, size_t n);
void json_kernel_report(const struct console_report *c);
/* What the server's counters say, in words. */
void json_server(FILE *f, const struct run_result *r);
void json_verdict(const struct printer *p, const struct run_result *r, const char *sentence);

#endif
