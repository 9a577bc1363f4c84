// What a lease may spend. A grant is an estimate: what its items are expected to need by what calls used lately, with head-room for
// retries and for the upper bounds of what is in flight; a share of what is left at most, so that several workers go on near a
// limit; and enough for some requests at least.
#include "coordinator/serve_parts.h"

enum {
    CALL_TOKENS = 512,          // of a call before any has shown
    BOUND_TIMES = 4,            // an upper bound is about so many times what is used
    SPARE_CALLS = 8,
    PLACES = 64,                // requests of a lease that may be in flight at a time
    FLOOR_CALLS = 4,
    SHARES = 4,                 // leases that a worker might get of what is left
    RECENT_CALLS = 4096,
    LAST_CALLS = 4096           // of items among which a request is looked for that what is left still covers
};

void grant_learn (serve_t *serve, const spend_t *spent)
{
    spend_add (&serve->recent, spent);
    if (serve->recent.unit [SPEND_CALLS] > RECENT_CALLS)
        for (int u = 0; u < SPEND_UNITS; u++)
            serve->recent.unit [u] /= 2;
}

// What a call uses of a unit, at least 1.
static uint64_t mean (const serve_t *serve, int unit)
{
    const spend_t *seen = serve->recent.unit [SPEND_CALLS] >= SPARE_CALLS ? &serve->recent : &serve->budget.spent;
    uint64_t calls = seen->unit [SPEND_CALLS];
    uint64_t guess = unit == SPEND_TOKENS ? CALL_TOKENS : 1;
    uint64_t one = calls > 0 ? seen->unit [unit] / calls : guess;
    return one > 0 ? one : 1;
}

// The upper bound of a call, as far as it is known.
static uint64_t bound (const serve_t *serve, int unit)
{
    uint64_t need = serve->need.unit [unit];
    return need > 0 ? need : unit == SPEND_CALLS ? 1 : product_u64 (BOUND_TIMES, mean (serve, unit));
}

static uint64_t share (const serve_t *serve, uint64_t left)
{
    uint64_t workers = HASH_COUNT (serve->peers);
    return left / (SHARES * (workers ? workers : 1));
}

static uint64_t least (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// May something be granted now? Where a request may not fit into what is left, it waits for what others still hold.
static bool is_to_be_had (const serve_t *serve, const spend_t *left)
{
    for (int u = 0; u < SPEND_UNITS; u++)
        if (left->unit [u] == 0)
            return false;
    return !budget_is_reserved (&serve->budget) || spend_covers (left, &serve->need);
}

uint64_t grant_calls (const serve_t *serve)
{
    const spend_t left = budget_left (&serve->budget);
    if (!is_to_be_had (serve, &left))
        return 0;
    if (!spend_covers (&left, &serve->need))
        return LAST_CALLS;
    uint64_t calls = UINT64_MAX;
    for (int u = 0; u < SPEND_UNITS; u++)
        if (left.unit [u] != SPEND_NO_LIMIT)
            calls = least (calls, share (serve, left.unit [u]) / mean (serve, u));
    return calls > 0 ? calls : 1;
}

spend_t grant_for (const serve_t *serve, const lease_t *lease)
{
    uint64_t calls = 0;
    for (size_t i = 0; i < lease->n; i++)
        calls = sum_u64 (calls, lease->items [i].cost);
    spend_t grant = { { 0 } };
    const spend_t left = budget_left (&serve->budget);
    for (int u = 0; calls > 0 && u < SPEND_UNITS; u++) {
        uint64_t expected = product_u64 (sum_u64 (calls + calls / 4, SPARE_CALLS), mean (serve, u));
        if (u != SPEND_CALLS)
            expected = sum_u64 (expected, product_u64 (least (calls, PLACES), bound (serve, u)));
        uint64_t floor = product_u64 (FLOOR_CALLS, bound (serve, u)), part = share (serve, left.unit [u]);
        uint64_t wanted = least (expected, part > floor ? part : floor);
        grant.unit [u] = least (left.unit [u], wanted);
    }
    return grant;
}

// The unit of which too little is left for the request that the last worker wanted to make.
static spend_unit_t lacking (const serve_t *serve, const spend_t *left)
{
    for (int u = 0; u < SPEND_UNITS; u++)
        if (left->unit [u] == 0 || left->unit [u] < serve->need.unit [u])
            return (spend_unit_t) u;
    return SPEND_CALLS;
}

void grant_check_end (serve_t *serve)
{
    const spend_t left = budget_left (&serve->budget);
    bool none = left.unit [SPEND_CALLS] == 0 || left.unit [SPEND_TOKENS] == 0 || left.unit [SPEND_COST] == 0;
    if (!none || leases_active (serve->leases) > 0)
        return;         // what is out may come back
    const lease_price_t price = { .ctx = serve, .cost = work_cost };
    if (leases_pending (serve->leases) > 0 && leases_next_cost (serve->leases, &price) > 0) {
        serve->budget_out = true;
        serve->lacking = lacking (serve, &left);
    }
}

void grant_wanting (serve_t *serve, const lease_t *lease, const spend_t *need)
{
    serve->need = *need;
    spend_t others = serve->budget.reserved, left = budget_left (&serve->budget);
    spend_take (&others, &lease->grant);
    for (int u = 0; u < SPEND_UNITS; u++)
        if (left.unit [u] != SPEND_NO_LIMIT)
            left.unit [u] = sum_u64 (left.unit [u], lease->grant.unit [u]);
    if (lease->has_spent || !spend_is_zero (&others) || spend_covers (&left, need))
        return;
    serve->budget_out = true;
    serve->lacking = lacking (serve, &left);
}
