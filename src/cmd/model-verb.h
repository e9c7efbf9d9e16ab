/* SPDX-License-Identifier: MIT */
/* The parts of `warren model`. */
#ifndef CMD_MODEL_VERB_H
#define CMD_MODEL_VERB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct kernel_rules;
struct model;
struct read_trace;

/* Word after `warren model`, function, summary. */
#define MODEL_VERBS(V)                                                                    \
	V("replay", model_replay, "do a sequence of reads, and say which bytes are lost") \
	V("explore", model_explore, "find the smallest sequence that loses bytes")        \
	V("bugs", model_bugs, "list the bugs that can be turned on")

#define V(name, fn, summary) int fn(int argc, char **argv);
MODEL_VERBS(V)
#undef V

struct model_options {
	/* Statements of read-trace.h, which come after those of the trace. */
	char **lines;
	bool has_rules; /* one of them is about the kernel */
	const char *svg;
	uint32_t max_steps, max_pages;
	bool is_json;
};

/* 0, or an exit code after it said what is wrong. The caller frees O->lines. */
int model_options_parse(int argc, char **argv, struct model_options *o, int *ret_rest);
int model_options_apply(const struct model_options *o, struct read_trace *t);

/* The recording TEXT of `warren lab watch`, a replay for each file. Returns an exit code. */
int model_replay_recording(const struct model_options *o, const struct kernel_rules *rules,
			   const char *text, size_t n);

/* Prints what was found, and makes the SVG image. Returns an exit code. */
int model_report(const struct model_options *o, const struct model *m, const struct read_trace *t,
		 const char *about);

#endif
