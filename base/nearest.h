// nearest: the known name that a misspelt one was probably meant to be.
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

// The entry of names (count entries, NULLs are skipped) with the smallest edit
// distance to word; NULL where none is near enough to be worth suggesting.
const char *nearest_name (const char *word, const char *const *names, size_t count);

#endif
