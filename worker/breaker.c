#include "worker/breaker.h"

void breaker_init (breaker_t *b, const breaker_options_t *options)
{
    *b = (breaker_t) { .options = *options };
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
    if (!b->probing)
        return true;
    *wait_ms = b->probe_ms + b->options.open_max_ms - now_ms;
    return *wait_ms <= 0;
}

void breaker_sent (breaker_t *b, int64_t now_ms)
{
    b->probing = b->open;
    b->probe_ms = now_ms;
}

bool breaker_answered (breaker_t *b)
{
    bool was_open = b->open;
    b->open = b->probing = false;
    b->failures = 0;
    return was_open;
}

static void open_it (breaker_t *b, int64_t open_ms, bool unreachable, int64_t now_ms)
{
    int64_t most_ms = unreachable ? b->options.unreachable_max_ms : b->options.open_max_ms;
    b->open = true;
    b->probing = false;
    b->open_ms = open_ms < most_ms ? open_ms : most_ms;
    b->until_ms = now_ms + b->open_ms;
}

void breaker_failed (breaker_t *b, bool unreachable, int64_t now_ms)
{
    if (b->open && !b->probing)
        return;                 // one from before it opened
    if (b->open)
        open_it (b, 2 * b->open_ms, unreachable, now_ms);
    else if (++b->failures >= b->options.failures_to_open)
        open_it (b, b->options.open_first_ms, unreachable, now_ms);
}

void breaker_void (breaker_t *b)
{
    b->probing = false;
}
