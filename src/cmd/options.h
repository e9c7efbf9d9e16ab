/* SPDX-License-Identifier: MIT */
/* Command lines by a table: a row an option. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option_line;

enum option_kind {
	OPTION_FLAG,   /* a bool */
	OPTION_TEXT,   /* a const char * */
	OPTION_OPEN,   /* the same; the value, after "=", may be missing and is "" then */
	OPTION_NUMBER, /* an uint32_t, MIN to MAX */
	OPTION_WORD,   /* an int: the index in WORDS */
	OPTION_TAKE,   /* take() decides */
	OPTION_MAYBE,  /* the same; a value that is missing is NULL */
};

struct option_row {
	const char *name;
	enum option_kind kind;
	size_t at; /* where the field is in the struct */
	uint32_t min, max;
	const char *const *words; /* NULL-terminated */
	const char *hint;	  /* what to give instead of a wrong word */
	int (*take)(struct option_line *l, void *o, const char *value);
	bool is_noted; /* in option_line.noted */
	char letter;   /* also -L; 0: no such */
};

struct option_line {
	const char *verb; /* "lab run": where --help is */
	const struct option_row *rows;
	size_t n;
	char ***noted;	    /* gets "--NAME=VALUE" of each option that is; or NULL */
	bool stops_at_word; /* the first word that is no option ends them */
	int status;	    /* the exit code when one of the functions below failed */
};

/* Fills the struct O. 0, or -EINVAL after it said what is wrong. *RET_REST is the index of the first of
 * the other words in ARGV. */
int options_parse(struct option_line *l, int argc, char **argv, void *o, int *ret_rest);

/* For take(): they say what is wrong and return -EINVAL. */
int option_wrong(struct option_line *l, const char *name, const char *value, const char *hint);
int option_number(struct option_line *l, const char *name, const char *value, uint32_t min,
		  uint32_t max, uint32_t *ret_n);
/* "any" is -2, as in stage.h. */
int option_cpu(struct option_line *l, const char *value, int *ret_cpu);

/* The cache modes of a mount: one of these words, NULL-terminated. */
extern const char *const option_caches[];
#define OPTION_CACHE_HINT "give none, readahead, mmap or loose"
int option_cache(struct option_line *l, const char *value, const char **ret_cache);

/* The index of TEXT in NAMES (NULL-terminated), of which N bytes count; -1. */
int option_find_word(const char *const *names, const char *text, size_t n);

#endif
