#include "storage/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { BLOCK_BYTES = 64 * 1024 };

typedef struct block block_t;
struct block {
    block_t *older;
    size_t size, used;
    alignas (max_align_t) char data [];
};

struct arena {
    block_t *blocks;    // newest first; the last one has BLOCK_BYTES and stays
};

static block_t *block_new (block_t *older, size_t size)
{
    block_t *block = mem_new (sizeof *block + size);
    *block = (block_t) { .older = older, .size = size };
    return block;
}

arena_t *arena_new (void)
{
    arena_t *arena = mem_zero (1, sizeof *arena);
    arena->blocks = block_new (NULL, BLOCK_BYTES);
    return arena;
}

void *arena_take (arena_t *arena, size_t size)
{
    const size_t step = alignof (max_align_t);
    size = (size + step - 1) / step * step;
    if (arena->blocks->size - arena->blocks->used < size)
        arena->blocks = block_new (arena->blocks, size > BLOCK_BYTES ? size : BLOCK_BYTES);
    void *piece = arena->blocks->data + arena->blocks->used;
    arena->blocks->used += size;
    return piece;
}

char *arena_text (arena_t *arena, const char *bytes, size_t len)
{
    char *text = arena_take (arena, len + 1);
    if (len > 0)
        memcpy (text, bytes, len);
    text [len] = '\0';
    return text;
}

void arena_reset (arena_t *arena)
{
    while (arena->blocks->older) {
        block_t *older = arena->blocks->older;
        free (arena->blocks);
        arena->blocks = older;
    }
    arena->blocks->used = 0;
}

void arena_destroy (arena_t **arena)
{
    if (*arena == NULL)
        return;
    arena_reset (*arena);
    free ((*arena)->blocks);
    free (*arena);
    *arena = NULL;
}
