#include "coordinator/auto_price.h"

#include <math.h>
#include <string.h>

#include "storage/auto_record.h"

// --- cells -----------------------------------------------------------------

// What the sample's training said: cells that the adapter would have had judged of each response. Negative: nothing yet.
static double chosen_in_sample (const char *report)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root = NULL;
    int64_t responses = 0, chosen = 0;
    bool said = json_parse (doc, report, strlen (report), &root, NULL) == OK && json_int (json_get (root, "responses"), &responses)
             && json_int (json_get (root, "cells_chosen"), &chosen) && responses > 0 && chosen >= 0;
    json_doc_destroy (&doc);
    return said ? (double) chosen / (double) responses : -1;
}

// So many rules for each of a response's pairs, if no two choose the same.
static double chosen_at_most (const auto_scale_t *scale)
{
    double each = scale->responses > 0 ? 2 * scale->pairs / scale->responses : 0;
    return fmax (1, each) * scale->top;
}

static bool is_same (const Rulemill__AutoPrice *a, const Rulemill__AutoPrice *b)
{
    return a->exhaustive == b->exhaustive && a->adapter == b->adapter && a->chosen == b->chosen && a->by_sample == b->by_sample
        && a->price_prompt == b->price_prompt && a->price_cached == b->price_cached && a->price_completion == b->price_completion;
}

bool auto_price_set (Rulemill__AutoRecord *record, const auto_scale_t *scale, double share)
{
    double each = chosen_in_sample (record->sample_report), all = scale->responses * scale->rules * scale->judges;
    bool by_sample = each >= 0;
    each = fmin (by_sample ? each : chosen_at_most (scale), scale->rules);
    double chosen = scale->responses * each * scale->judges;
    Rulemill__AutoPrice *price = rulemill__auto_price__unpack (NULL, 0, (const uint8_t *) "");
    price->exhaustive = (uint64_t) llround (all);
    price->adapter = (uint64_t) llround (share * all + (1 - share) * chosen);
    price->chosen = (uint64_t) llround (chosen);
    price->share = share;
    price->by_sample = by_sample;
    price->responses = (uint64_t) llround (scale->responses);
    price->rules = scale->rules;
    price->judges = scale->judges;
    price->price_prompt = scale->prices.prompt;
    price->price_cached = scale->prices.cached;
    price->price_completion = scale->prices.completion;
    bool same = record->price && is_same (record->price, price);
    if (record->price)
        rulemill__auto_price__free_unpacked (record->price, NULL);
    record->price = price;
    return !same;
}

// --- what they take --------------------------------------------------------

auto_use_t auto_use_of (const Rulemill__AutoRecord *record, const Rulemill__RunCounts *c)
{
    if (c->sample_cells > 0)
        return (auto_use_t) { c->sample_cells, { .calls = c->sample_calls, .prompt_tokens = c->sample_prompt_tokens, .ms = c->sample_ms,
                                                 .first_calls = c->sample_first_calls, .first_ms = c->sample_first_ms,
                                                 .cached_tokens = c->sample_cached_tokens, .completion_tokens = c->sample_completion_tokens } };
    if (record->choice != RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE)
        return (auto_use_t) { .cells = 0 };
    return (auto_use_t) { c->cells_judged, { .calls = c->calls, .prompt_tokens = c->prompt_tokens, .cached_tokens = c->cached_tokens,
                                             .completion_tokens = c->completion_tokens, .ms = c->ms } };
}

static auto_cost_t times (const auto_cost_t *cost, double factor)
{
    return (auto_cost_t) { factor * cost->cells, factor * cost->prompt_tokens, factor * cost->cached_tokens, factor * cost->completion_tokens,
                           factor * cost->seconds, factor * cost->cost };
}

// Of so many cells: each response has as many calls that compute its conversation as those had, and the others take what the others took.
static double seconds_of (const auto_price_t *price, double cells, const auto_use_t *use)
{
    const usage_t *usage = &use->usage;
    double calls = cells / (double) use->cells * (double) usage->calls, ms = (double) usage->ms;
    if (usage->first_calls == 0 || usage->first_calls >= usage->calls || usage->first_ms > usage->ms)
        return calls * ms / (double) usage->calls / 1000;       // the server does not tell them apart
    double first_ms = (double) usage->first_ms / (double) usage->first_calls;
    double later_ms = (ms - (double) usage->first_ms) / (double) (usage->calls - usage->first_calls);
    double first = fmin (calls, price->asked * price->rules * (double) usage->first_calls / (double) use->cells);
    return (first * first_ms + (calls - first) * later_ms) / 1000;
}

// Of all responses, so many cells: the first call of each sends what the others find in the cache.
static auto_cost_t cost_of (const auto_price_t *price, double cells, const auto_use_t *use)
{
    const usage_t *usage = &use->usage;
    double each = cells / (double) use->cells, again = price->rules > 1 ? (double) price->rules / (price->rules - 1) : 0;
    double prompt = each * (double) usage->prompt_tokens;
    double cached = fmax (0, cells - price->asked) * again * (double) usage->cached_tokens / (double) use->cells;
    auto_cost_t cost = {
        .cells = cells, .cached_tokens = fmin (cached, prompt), .completion_tokens = each * (double) usage->completion_tokens,
        .seconds = seconds_of (price, cells, use)
    };
    cost.prompt_tokens = prompt - cost.cached_tokens;
    cost.cost = (cost.prompt_tokens * (double) price->prices.prompt + cost.cached_tokens * (double) price->prices.cached
                 + cost.completion_tokens * (double) price->prices.completion) / (double) SPEND_COST_ONE;
    return cost;
}

auto_price_t auto_price_of (const Rulemill__AutoRecord *record)
{
    const Rulemill__AutoPrice *from = record->price;
    if (from == NULL)
        return (auto_price_t) { .told = false };
    return (auto_price_t) {
        .told = true, .by_sample = from->by_sample, .exhaustive = { .cells = (double) from->exhaustive },
        .adapter = { .cells = (double) from->adapter }, .share = from->share, .chosen = (double) from->chosen,
        .asked = (double) from->responses * from->judges, .rules = from->rules,
        .prices = { from->price_prompt, from->price_cached, from->price_completion }
    };
}

void auto_price_use (auto_price_t *price, const auto_use_t *use)
{
    price->used = price->told && use->cells > 0 && use->usage.calls > 0;
    if (!price->used)
        return;
    price->timed = use->usage.ms > 0;
    price->priced = price->prices.prompt > 0 || price->prices.cached > 0 || price->prices.completion > 0;
    price->exhaustive = cost_of (price, price->exhaustive.cells, use);
    auto_cost_t chosen = cost_of (price, price->chosen, use);
    auto_cost_t all = times (&price->exhaustive, price->share), rest = times (&chosen, 1 - price->share);
    price->adapter = (auto_cost_t) {
        price->adapter.cells, all.prompt_tokens + rest.prompt_tokens, all.cached_tokens + rest.cached_tokens,
        all.completion_tokens + rest.completion_tokens, all.seconds + rest.seconds, all.cost + rest.cost
    };
}

// --- as JSON ---------------------------------------------------------------

static void write_real (const char *key, bool known, double value, int decimals, buf_t *out)
{
    json_write_key (out, key);
    if (known)
        buf_printf (out, "%.*f", decimals, value);
    else
        buf_add_str (out, "null");
}

static void write_cost (const auto_price_t *price, const char *key, const auto_cost_t *cost, buf_t *out)
{
    json_write_key (out, key);
    buf_add_char (out, '{');
    write_real ("cells", true, cost->cells, 0, out);
    write_real ("prompt_tokens_computed", price->used, cost->prompt_tokens, 0, out);
    write_real ("cached_tokens", price->used, cost->cached_tokens, 0, out);
    write_real ("completion_tokens", price->used, cost->completion_tokens, 0, out);
    write_real ("judge_s", price->timed, cost->seconds, 3, out);
    write_real ("cost", price->priced, cost->cost, 6, out);
    buf_add_char (out, '}');
}

void auto_price_write (const auto_price_t *price, buf_t *out)
{
    json_write_key (out, "price");
    if (!price->told) {
        buf_add_str (out, "null");
        return;
    }
    buf_add_char (out, '{');
    json_write_key (out, "estimated_from");
    json_write_cstring (out, auto_price_source (price->by_sample));
    write_cost (price, "exhaustive", &price->exhaustive, out);
    write_cost (price, "adapter", &price->adapter, out);
    buf_add_char (out, '}');
}

static bool read_real (const json_value_t *object, const char *key, double *out)
{
    double value;
    bool good = json_double (json_get (object, key), &value) && value >= 0 && value <= 1e18;
    *out = good ? value : 0;
    return good;
}

static bool read_cost (const json_value_t *object, auto_price_t *price, auto_cost_t *out)
{
    price->used = read_real (object, "prompt_tokens_computed", &out->prompt_tokens) && read_real (object, "cached_tokens", &out->cached_tokens)
               && read_real (object, "completion_tokens", &out->completion_tokens);
    price->timed = read_real (object, "judge_s", &out->seconds);
    price->priced = read_real (object, "cost", &out->cost);
    return read_real (object, "cells", &out->cells);
}

void auto_price_read (const json_value_t *object, auto_price_t *out)
{
    *out = (auto_price_t) { .by_sample = json_equals (json_get (object, "estimated_from"), auto_price_source (true)) };
    bool exhaustive = read_cost (json_get (object, "exhaustive"), out, &out->exhaustive);
    out->told = read_cost (json_get (object, "adapter"), out, &out->adapter) && exhaustive;
}
