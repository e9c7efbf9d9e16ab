/* SPDX-License-Identifier: MIT */
/* Debug information of a guest's kernel: that of our own builds, or Debian's -dbg package of the
 * image that was fetched, about 1 GB, of which the kernel and the modules that a guest of ours
 * loads are kept, in the folder "debug" beside the image. */
#ifndef LAB_SYMBOLS_H
#define LAB_SYMBOLS_H

struct kernel;

struct symbols {
	char *vmlinux; /* the kernel with DWARF, absolute */
	char *modules; /* a folder with NAME.ko of the modules, NULL: all is in vmlinux */
	char *index;   /* a folder of gdb's own, where it may keep what makes its next start quick;
			  it need not exist; NULL: none */
};

#define SYMBOLS_INIT \
	{            \
		0    \
	}

void symbols_done(struct symbols *s);

/* What is at hand for K. 0, -ENOENT. */
int symbols_find(const struct kernel *k, struct symbols *ret_s);

/* As symbols_find, but fetches them first if the cache has none: says on standard error what that
 * costs, and how far it is. A build-id that is not that of the image is an error (-ESTALE). On any
 * failure *RET_WHY (the caller frees it) says what to do, and nothing is left behind. */
int symbols_get(const struct kernel *k, struct symbols *ret_s, char **ret_why);

#endif
