// refusal: does a response refuse? The detector behind the baselines "prefer the refusal" and "prefer the compliance".
//
// Simple on purpose, and the same everywhere: the response's first REFUSAL_WORDS words (base/words.h) hold one of a few
// phrases with which people and models say no ("i cant", "im sorry", "as an ai" ...; the list stands in refusal.c).
#ifndef MODEL_REFUSAL_H
#define MODEL_REFUSAL_H

#include <stdbool.h>

#include "base/buf.h"

enum { REFUSAL_WORDS = 40 };

// words: a text as words_normalise leaves it.
bool refusal_found (const buf_t *words);

#endif
