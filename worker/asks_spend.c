// What requests may use and what they used.
#include "worker/asks_parts.h"

void asks_spend_init (asks_t *asks)
{
    const asks_options_t *o = &asks->options;
    asks->prompt_over = o->template_tokens > CHAT_OVERHEAD_TOKENS ? o->template_tokens : CHAT_OVERHEAD_TOKENS;
    asks->answer_max [0] = chat_completion_max (&o->settings, CONSTRAIN_NONE);
    asks->answer_max [1] = chat_completion_max (&o->settings, o->constrain);
}

static spend_t bound_of (const ask_t *ask)
{
    return spend_of (1, sum_u64 (ask->prompt_max, ask->completion_max),
                     prices_bound (&ask->asks->options.prices, ask->prompt_max, ask->completion_max));
}

judge_leave_t ask_leave (ask_t *ask)
{
    const asks_options_t *o = &ask->asks->options;
    ask->prompt_max = chat_request_bytes (o->template, &ask->prefix, o->pool->rules [ask->rule].text) + ask->asks->prompt_over;
    ask->completion_max = ask->asks->answer_max [ask->constrain != CONSTRAIN_NONE] + ask->asks->completion_over;
    const spend_t bound = bound_of (ask);
    return o->sink.allow ? o->sink.allow (o->sink.ctx, ask->question, &bound) : JUDGE_MAY;
}

static void tell (ask_t *ask, judge_used_t *used)
{
    const judge_sink_t *sink = &ask->asks->options.sink;
    used->bound = bound_of (ask);
    used->usage.cut_responses = ask->cut_turns > 0 && ask->cut_told == 0;
    used->usage.cut_turns = ask->cut_turns - ask->cut_told;
    ask->cut_told = ask->cut_turns;
    if (sink->used)
        sink->used (sink->ctx, ask->question, used);
}

void ask_unsent (ask_t *ask)
{
    judge_used_t used = { .usage = { 0 } };
    tell (ask, &used);
}

// A server that counts more than the bound teaches a larger one; by the double, as other requests may have more of it still.
static void learn (uint64_t *over, uint64_t used, uint64_t max)
{
    if (used > max)
        *over += 2 * (used - max);
}

static uint64_t ms_of (const http_answer_t *http)
{
    return http->seconds > 0 && http->seconds < 1e9 ? (uint64_t) (http->seconds * 1000 + 0.5) : 0;
}

void ask_used (ask_t *ask, const http_answer_t *http, const answer_t *answer)
{
    asks_t *asks = ask->asks;
    bool first = answer->cached_tokens < answer->prompt_tokens - answer->cached_tokens;
    judge_used_t used = { .usage = {
        .calls = 1, .prompt_tokens = answer->prompt_tokens, .cached_tokens = answer->cached_tokens,
        .completion_tokens = answer->completion_tokens,
        .cost = prices_cost (&asks->options.prices, answer->prompt_tokens, answer->cached_tokens, answer->completion_tokens),
        .ms = ms_of (http), .first_calls = first, .first_ms = first ? ms_of (http) : 0
    } };
    used.spent = answer->prompt_tokens == 0 ? bound_of (ask)
               : spend_of (1, sum_u64 (answer->prompt_tokens, answer->completion_tokens), used.usage.cost);
    tell (ask, &used);
    learn (&asks->prompt_over, answer->prompt_tokens, ask->prompt_max);
    learn (&asks->completion_over, answer->completion_tokens, ask->completion_max);
}

// A request that found nobody was not sent. A refused one is a call that was not worked on; any other may have been answered.
void ask_lost (ask_t *ask, const http_answer_t *http, upstream_result_t result)
{
    if (result == UPSTREAM_UNREACHABLE) {
        ask_unsent (ask);
        return;
    }
    bool idle = result == UPSTREAM_OVERLOADED || result == UPSTREAM_REFUSED;
    judge_used_t used = { .usage = { .calls = 1, .refused = result == UPSTREAM_OVERLOADED, .ms = ms_of (http) } };
    used.spent = idle ? spend_of (1, 0, 0) : bound_of (ask);
    tell (ask, &used);
}
