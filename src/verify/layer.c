/* SPDX-License-Identifier: MIT */
#include "layer.h"

const char *layer_name(enum layer l)
{
#define X(symbol, name, meaning) [LAYER_##symbol] = name,
	static const char *const names[] = {LAYERS(X)};
#undef X
	return names[l];
}

const char *layer_meaning(enum layer l)
{
#define X(symbol, name, meaning) [LAYER_##symbol] = meaning,
	static const char *const meanings[] = {LAYERS(X)};
#undef X
	return meanings[l];
}
