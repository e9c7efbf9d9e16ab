/* SPDX-License-Identifier: MIT */
/* What a fuzz target is: one function that takes any bytes and returns. It breaks a rule by
 * assert(), and a sanitizer sees the rest. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#undef NDEBUG
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* The name is libFuzzer's. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
