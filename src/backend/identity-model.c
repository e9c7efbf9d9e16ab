/* SPDX-License-Identifier: MIT */
#include "identity-model.h"

#include "identity.h"

const struct identity_row identity_table[N_IDENTITY_MODELS] = {
#define X(symbol, word, caps, summary) [symbol] = {word, summary, caps},
	IDENTITY_MODELS(X)
#undef X
};

enum identity_model identity_default(void)
{
	return identity_is_possible() ? IDENTITY_PASSTHROUGH : IDENTITY_SQUASH;
}
