// window: which items above the low-water mark are done, as a ring of bits.
//
// Items are looked at in order by a cursor that never runs further than `size` ahead of the mark; memory is size / 8 bytes.
#ifndef COORDINATOR_WINDOW_H
#define COORDINATOR_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t low;           // every item below is done
    uint64_t cursor;        // every item from here on has not been looked at
    uint64_t size;          // a power of two
    uint64_t *bits;         // owned; size bits; done items of [low, cursor)
} window_t;

// size is rounded up to a power of two, 64 at least.
void window_init (window_t *window, uint64_t low, uint64_t size);
void window_free (window_t *window);

uint64_t window_room (const window_t *window);                  // items that the cursor may still take
bool window_done (const window_t *window, uint64_t item);       // below the mark: true; from the cursor on: false
void window_set_done (window_t *window, uint64_t item);         // item is in [low, cursor)
void window_advance_cursor (window_t *window, uint64_t next);   // the items passed are not done yet
bool window_slide (window_t *window);                           // raise the mark over what is done; did it move?

#endif
