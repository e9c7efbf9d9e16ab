/* SPDX-License-Identifier: MIT */
/* --9p-debug and --trace, for every verb that runs a guest. */
#ifndef CMD_INSTRUMENT_WISH_H
#define CMD_INSTRUMENT_WISH_H

struct kernel;

struct instrument_wish {
	const char *debug, *trace; /* as given; or NULL */
	unsigned mask;		   /* of 9pnet */
	char **events;		   /* NULL-terminated, or NULL */
};

/* Understands what was given. EXIT_OK, or the exit code after it said what is wrong. */
int instrument_parse(const char *verb, struct instrument_wish *w);
void instrument_done(struct instrument_wish *w);

/* Can the kernel do that? EXIT_OK, or EXIT_ENVIRONMENT with *RET_WHY, which the caller frees. */
int instrument_check(const struct instrument_wish *w, const struct kernel *k, char **ret_why);

#endif
