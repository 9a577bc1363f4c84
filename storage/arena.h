// arena: memory for what one row holds, given back all at once.
//
// Pieces live until the next arena_reset. One block of ordinary size is kept from
// row to row, so that a huge row does not hold its memory for ever.
#ifndef STORAGE_ARENA_H
#define STORAGE_ARENA_H

#include <stddef.h>

typedef struct arena arena_t;

arena_t *arena_new (void);
void *arena_take (arena_t *arena, size_t size);                         // aligned for anything, not zeroed
char *arena_text (arena_t *arena, const char *bytes, size_t len);       // a copy with a NUL behind it
void arena_reset (arena_t *arena);
void arena_destroy (arena_t **arena);

#endif
