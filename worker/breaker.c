#include "worker/breaker.h"

void breaker_init (breaker_t *b, unsigned failures_to_open, unsigned open_first_ms, unsigned open_max_ms)
{
    *b = (breaker_t) { .failures_to_open = failures_to_open, .open_first_ms = open_first_ms, .open_max_ms = open_max_ms };
}

bool breaker_allows (const breaker_t *b, int64_t now_ms, int64_t *wait_ms)
{
    *wait_ms = -1;
    if (!b->open)
        return true;
    if (now_ms < b->until_ms) {
        *wait_ms = b->until_ms - now_ms;
        return false;
    }
    return !b->probing;
}

void breaker_sent (breaker_t *b)
{
    b->probing = b->open;
}

bool breaker_answered (breaker_t *b)
{
    bool was_open = b->open;
    b->open = b->probing = false;
    b->failures = 0;
    return was_open;
}

static void open_it (breaker_t *b, int64_t now_ms, int64_t open_ms)
{
    b->open = true;
    b->probing = false;
    b->open_ms = open_ms < b->open_max_ms ? open_ms : b->open_max_ms;
    b->until_ms = now_ms + b->open_ms;
}

void breaker_failed (breaker_t *b, int64_t now_ms)
{
    if (b->open && !b->probing)
        return;                 // one from before it opened
    if (b->open)
        open_it (b, now_ms, 2 * b->open_ms);
    else if (++b->failures >= b->failures_to_open)
        open_it (b, now_ms, b->open_first_ms);
}

void breaker_void (breaker_t *b)
{
    b->probing = false;
}
