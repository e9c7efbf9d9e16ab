/* SPDX-License-Identifier: MIT */
/* As whom the server acts on the host, and what it needs for that: a row for each model. */
#ifndef BACKEND_IDENTITY_MODEL_H
#define BACKEND_IDENTITY_MODEL_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

/* To reach every file of the export, and by handle; to set times and modes of what is not ours. */
#define CAPS_REACH (CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER))
/* To do what user 0 of a guest does: owners, set-ID bits, devices, security.capability. */
#define CAPS_ROOT \
	(CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_SETFCAP))
/* To be somebody else. */
#define CAPS_OTHERS (CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID))

/* Symbol, word on the command line, capabilities that it uses where the server has them. */
#define IDENTITY_MODELS(X)                                                                     \
	X(IDENTITY_PASSTHROUGH, "passthrough", CAPS_REACH | CAPS_ROOT | CAPS_OTHERS,           \
	  "each request is done as the user of the guest who asks (needs root)")               \
	X(IDENTITY_SQUASH, "squash", CAPS_REACH, "all requests are done as the server's user") \
	X(IDENTITY_MAPPED, "mapped", CAPS_REACH,                                               \
	  "owners, modes and special files of the guest are kept in attributes of the files")

enum identity_model {
#define X(symbol, word, caps, summary) symbol,
	IDENTITY_MODELS(X)
#undef X
		N_IDENTITY_MODELS,
};

struct identity_row {
	const char *word, *summary;
	/* 1 << CAP_..., permitted and effective, for all threads. Whatever else the process has is
	 * not needed once it serves. SECBIT_NO_SETUID_FIXUP must not be set: with passthrough the
	 * kernel takes and gives the capabilities of files when a thread's file-system user
	 * changes. Its system calls: setfsuid, setfsgid, setgroups, prctl (PR_GET_PDEATHSIG,
	 * PR_SET_PDEATHSIG). */
	uint64_t capabilities;
};

extern const struct identity_row identity_table[N_IDENTITY_MODELS];

/* What a server does if nobody says: as root passthrough, else squash. */
enum identity_model identity_default(void);

#endif
