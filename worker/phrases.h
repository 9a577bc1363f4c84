// phrases: an automaton that finds many phrases in one pass over a text.
//
// Aho and Corasick, "Efficient string matching: an aid to bibliographic search", 1975. Memory is bounded by some 30 times
// the phrases' bytes and a table of at most PHRASES_TABLE_MAX entries, which makes the states near the root one look-up.
#ifndef WORKER_PHRASES_H
#define WORKER_PHRASES_H

#include <stddef.h>
#include <stdint.h>

enum { PHRASES_TABLE_MAX = 1 << 22 };

typedef struct phrases phrases_t;

phrases_t *phrases_new (void);
void phrases_destroy (phrases_t **phrases);

// Add a phrase as model/rulepool.h normalises it and return its number, from 0; one that was added before keeps its own.
uint32_t phrases_add (phrases_t *phrases, const char *phrase);

// After the last phrase and before the first text.
void phrases_build (phrases_t *phrases);

uint32_t phrases_count (const phrases_t *phrases);

// Look for all phrases in text, which base/words.h has normalised. Numbers of phrases that seen [phrases_count] does not hold
// yet (any value but mark) are marked there and appended to found [phrases_count]; returns *n_found after it.
size_t phrases_find (const phrases_t *phrases, const char *text, size_t len, uint32_t *seen, uint32_t mark, uint32_t *found,
                     size_t n_found);

#endif
