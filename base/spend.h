// spend: what a judge that costs is paid with, in three units that are counted side by side: calls, tokens and cost.
//
// Tokens are prompt and completion together, as the server counts them. Cost is in whole 1e-12 of the currency's unit, so that no
// sum depends on its order. All sums stop at their largest value. SPEND_NO_LIMIT in a unit of a limit or of a grant
// means that the unit has none, and taking from it leaves it as it is.
#ifndef BASE_SPEND_H
#define BASE_SPEND_H

#include <stdbool.h>
#include <stdint.h>

#define SPEND_NO_LIMIT UINT64_MAX
#define SPEND_COST_ONE 1000000000000ull     // one of the currency's unit

typedef enum { SPEND_CALLS, SPEND_TOKENS, SPEND_COST, SPEND_UNITS } spend_unit_t;
typedef struct { uint64_t unit [SPEND_UNITS]; } spend_t;

// Of all three kinds.
spend_t spend_of (uint64_t calls, uint64_t tokens, uint64_t cost);
spend_t spend_unlimited (void);

bool spend_is_zero (const spend_t *spend);
bool spend_is_limited (const spend_t *limit);               // in any unit
bool spend_covers (const spend_t *have, const spend_t *need);   // in every unit
void spend_add (spend_t *sum, const spend_t *more);
void spend_take (spend_t *from, const spend_t *what);       // not below zero; what has no limit stays so

// Prices of one token, 1e-12 of the currency's unit: of prompts, of what of them came from the server's cache, of answers.
typedef struct { uint64_t prompt, cached, completion; } prices_t;

// What requests used, by the server's own figures; ms: from each one's start to its end, added up, so that two at a time count twice.
// first_calls, first_ms: of calls and ms, those for which the server computed most of the prompt, as it is where a response is begun.
// adapter_calls, shortened: requests to a served adapter, which none of the others count, and pairs whose texts were too long for it.
typedef struct {
    uint64_t calls, prompt_tokens, cached_tokens, completion_tokens, refused, cost, cut_responses, cut_turns, ms;
    uint64_t first_calls, first_ms;
    uint64_t adapter_calls, shortened;
} usage_t;

uint64_t prices_cost (const prices_t *prices, uint64_t prompt_tokens, uint64_t cached_tokens, uint64_t completion_tokens);
uint64_t prices_bound (const prices_t *prices, uint64_t prompt_tokens, uint64_t completion_tokens);     // whatever is cached
void usage_add (usage_t *sum, const usage_t *more);
bool usage_is_zero (const usage_t *usage);

uint64_t sum_u64 (uint64_t a, uint64_t b);          // at most UINT64_MAX
uint64_t product_u64 (uint64_t a, uint64_t b);

#endif
