/* SPDX-License-Identifier: MIT */
/* Standard input on its way into a guest: a tty in raw mode has no end, so the bytes come in frames,
 * two bytes of length (the high one first) and so many bytes. Length 0 is the end. */
#ifndef VERIFY_FRAME_H
#define VERIFY_FRAME_H

#define FRAME_HEAD 2U
#define FRAME_MAX 16384U

#endif
