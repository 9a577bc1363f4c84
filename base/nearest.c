#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 64 };

// Levenshtein distance by rows; words over WORD_MAX bytes count as far away.
static size_t distance (const char *a, const char *b)
{
    size_t la = strlen (a), lb = strlen (b);
    if (la > WORD_MAX || lb > WORD_MAX)
        return SIZE_MAX;
    size_t row [WORD_MAX + 1];
    for (size_t j = 0; j <= lb; j++)
        row [j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t corner = row [0];
        row [0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t swap = corner + (a [i - 1] != b [j - 1]);
            size_t best = swap < row [j] + 1 ? swap : row [j] + 1;
            corner = row [j];
            row [j] = best < row [j - 1] + 1 ? best : row [j - 1] + 1;
        }
    }
    return row [lb];
}

const char *nearest_name (const char *word, const char *const *names, size_t count)
{
    const char *found = NULL;
    size_t best = strlen (word) / 2 + 2;
    for (size_t i = 0; i < count; i++) {
        if (names [i] == NULL)
            continue;
        size_t d = distance (word, names [i]);
        if (d < best) {
            best = d;
            found = names [i];
        }
    }
    return found;
}
