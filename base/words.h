// words: texts reduced to the words that people would say are the same.
//
// ASCII letters become lower case; apostrophes (' and U+2019) vanish, so that
// "can't" and "can’t" are "cant"; every other ASCII byte that is no letter or
// digit separates; bytes from 0x80 on are part of words as they are.
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stddef.h>

#include "base/buf.h"

// Append the words of text to out, each with one space before it, and a last
// space: " i cant help ". Appends nothing where the text has no words.
// Appending to an out that ends with a space does not double it.
void words_normalise (const char *text, size_t len, buf_t *out);

#endif
