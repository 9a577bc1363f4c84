#include "coordinator/window.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

void window_init (window_t *window, uint64_t low, uint64_t size)
{
    uint64_t rounded = 64;
    while (rounded < size)
        rounded *= 2;
    *window = (window_t) { .low = low, .cursor = low, .size = rounded };
    window->bits = mem_zero (rounded / 64, sizeof (uint64_t));
}

void window_free (window_t *window)
{
    free (window->bits);
    *window = (window_t) { 0 };
}

uint64_t window_room (const window_t *window)
{
    return window->size - (window->cursor - window->low);
}

static uint64_t *word_of (const window_t *window, uint64_t item)
{
    return &window->bits [(item & (window->size - 1)) / 64];
}

bool window_done (const window_t *window, uint64_t item)
{
    if (item < window->low)
        return true;
    return item < window->cursor && (*word_of (window, item) >> (item & 63) & 1);
}

void window_set_done (window_t *window, uint64_t item)
{
    assert (item >= window->low && item < window->cursor);
    *word_of (window, item) |= (uint64_t) 1 << (item & 63);
}

void window_advance_cursor (window_t *window, uint64_t next)
{
    assert (next >= window->cursor && next - window->cursor <= window_room (window));
    window->cursor = next;
}

bool window_slide (window_t *window)
{
    uint64_t before = window->low;
    while (window->low < window->cursor && window_done (window, window->low)) {
        *word_of (window, window->low) &= ~((uint64_t) 1 << (window->low & 63));
        window->low++;
    }
    return window->low != before;
}
