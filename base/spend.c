#include "base/spend.h"

uint64_t sum_u64 (uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t product_u64 (uint64_t a, uint64_t b)
{
    return b > 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

spend_t spend_of (uint64_t calls, uint64_t tokens, uint64_t cost)
{
    return (spend_t) { { calls, tokens, cost } };
}

spend_t spend_unlimited (void)
{
    return spend_of (SPEND_NO_LIMIT, SPEND_NO_LIMIT, SPEND_NO_LIMIT);
}

bool spend_is_zero (const spend_t *spend)
{
    return spend->unit [SPEND_CALLS] == 0 && spend->unit [SPEND_TOKENS] == 0 && spend->unit [SPEND_COST] == 0;
}

bool spend_is_limited (const spend_t *limit)
{
    for (int u = 0; u < SPEND_UNITS; u++)
        if (limit->unit [u] != SPEND_NO_LIMIT)
            return true;
    return false;
}

bool spend_covers (const spend_t *have, const spend_t *need)
{
    for (int u = 0; u < SPEND_UNITS; u++)
        if (have->unit [u] < need->unit [u])
            return false;
    return true;
}

void spend_add (spend_t *sum, const spend_t *more)
{
    for (int u = 0; u < SPEND_UNITS; u++)
        sum->unit [u] = sum_u64 (sum->unit [u], more->unit [u]);
}

void spend_take (spend_t *from, const spend_t *what)
{
    for (int u = 0; u < SPEND_UNITS; u++)
        if (from->unit [u] != SPEND_NO_LIMIT)
            from->unit [u] -= what->unit [u] < from->unit [u] ? what->unit [u] : from->unit [u];
}

uint64_t prices_cost (const prices_t *prices, uint64_t prompt_tokens, uint64_t cached_tokens, uint64_t completion_tokens)
{
    uint64_t cached = cached_tokens < prompt_tokens ? cached_tokens : prompt_tokens;
    uint64_t cost = product_u64 (prompt_tokens - cached, prices->prompt);
    cost = sum_u64 (cost, product_u64 (cached, prices->cached));
    return sum_u64 (cost, product_u64 (completion_tokens, prices->completion));
}

uint64_t prices_bound (const prices_t *prices, uint64_t prompt_tokens, uint64_t completion_tokens)
{
    uint64_t dearer = prices->cached > prices->prompt ? prices->cached : prices->prompt;
    return sum_u64 (product_u64 (prompt_tokens, dearer), product_u64 (completion_tokens, prices->completion));
}

void usage_add (usage_t *sum, const usage_t *more)
{
    sum->calls = sum_u64 (sum->calls, more->calls);
    sum->prompt_tokens = sum_u64 (sum->prompt_tokens, more->prompt_tokens);
    sum->cached_tokens = sum_u64 (sum->cached_tokens, more->cached_tokens);
    sum->completion_tokens = sum_u64 (sum->completion_tokens, more->completion_tokens);
    sum->refused = sum_u64 (sum->refused, more->refused);
    sum->cost = sum_u64 (sum->cost, more->cost);
    sum->cut_responses = sum_u64 (sum->cut_responses, more->cut_responses);
    sum->cut_turns = sum_u64 (sum->cut_turns, more->cut_turns);
    sum->ms = sum_u64 (sum->ms, more->ms);
    sum->first_calls = sum_u64 (sum->first_calls, more->first_calls);
    sum->first_ms = sum_u64 (sum->first_ms, more->first_ms);
    sum->adapter_calls = sum_u64 (sum->adapter_calls, more->adapter_calls);
    sum->shortened = sum_u64 (sum->shortened, more->shortened);
}

bool usage_is_zero (const usage_t *usage)
{
    return (usage->calls | usage->prompt_tokens | usage->cached_tokens | usage->completion_tokens | usage->refused | usage->cost
            | usage->cut_responses | usage->cut_turns | usage->ms | usage->first_calls | usage->first_ms | usage->adapter_calls | usage->shortened) == 0;
}
