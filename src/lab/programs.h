/* SPDX-License-Identifier: MIT */
/* Programs of the host for a guest that has none: each with its interpreter and its libraries. */
#ifndef LAB_PROGRAMS_H
#define LAB_PROGRAMS_H

/* A shell and what is usually typed into one; NULL-terminated. A host may lack some. */
extern const char *const programs_usual[];

/* The files, absolute and each once, that the programs WANTED (names in PATH, or paths; those with a
 * slash that do not begin with one are in DIR) need to run, and the programs themselves. A name that
 * there is not is left out: who runs it will see. Loaders are started to list libraries, so they must be
 * the system's: in /lib*, /usr/lib*, or a store of Nix or Guix. Free *RET_FILES with strv_free. 0, or -errno with
 * *RET_WHY. */
int programs_collect(const char *const *wanted, const char *dir, char ***ret_files, char **ret_why);

/* The first line of a script, "#!/usr/bin/env python3 -u": up to two words that are programs, in fresh
 * memory that the caller frees, or NULL. */
void programs_of_script(const char *text, char *ret_words[2]);

#endif
