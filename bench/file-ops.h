/* SPDX-License-Identifier: MIT */
/* What a program does with files, timed: on the host and in guests. */
#ifndef BENCH_FILE_OPS_H
#define BENCH_FILE_OPS_H

/* Runs the operation that WORDS (N of them) name, and prints "WHAT NAME SECONDS". What main returns;
 * -1 when there is no such operation, or it takes other words. */
int file_op_run(char **words, int n);

void file_op_usage(void);

#endif
