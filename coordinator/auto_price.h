// auto_price: what each choice of the policy `auto` would take, as pure functions of its record and of what judging has used.
//
// Cells are told when something is decided and stand in the record: C_all, every rule for every response, against (f + e) C_all +
// (1 - f - e) C_k, where f and e are the shares sampled and audited and C_k are the cells of the rules that an adapter has judged. C_k is told
// from the held-out prompts of a training once there is one. Before, it is at most what an adapter may have judged of each pair of a response.
//
// Tokens, time and money follow from what the cells of exhaustively judged responses have used: a response's first call sends
// the conversation, and the server's cache saves it in those after, of which an adapter leaves few. What these calls took and what the others took are counted apart. All of it is an estimate.
#ifndef COORDINATOR_AUTO_PRICE_H
#define COORDINATOR_AUTO_PRICE_H

#include "base/buf.h"
#include "base/json.h"
#include "base/spend.h"
#include "proto/record.pb-c.h"

// What is asked for: pairs and distinct responses; each judge of a panel is asked about each rule.
typedef struct {
    double pairs, responses;
    uint32_t rules, top, judges;            // top: of each pair, at most
    prices_t prices;
} auto_scale_t;

// Bring the record's price up to date. share: of the prompts that are sampled or audited where an adapter labels the others. True: it has changed.
bool auto_price_set (Rulemill__AutoRecord *record, const auto_scale_t *scale, double share);

// One choice's; tokens of prompts without those from the server's cache, and cost in the currency's unit.
typedef struct { double cells, prompt_tokens, cached_tokens, completion_tokens, seconds, cost; } auto_cost_t;

typedef struct {
    bool told, by_sample;
    bool used, timed, priced;           // tokens, seconds, cost are known
    auto_cost_t exhaustive, adapter;
    // what use is told from
    double share, chosen, asked;        // as in the record; responses, each of them for each judge
    uint32_t rules;
    prices_t prices;
} auto_price_t;

// What so many cells of exhaustively judged responses have used. calls 0: nobody counts.
typedef struct { uint64_t cells; usage_t usage; } auto_use_t;

// Where it chose or samples: of the sample, or where nothing was sampled, of all that was judged.
auto_use_t auto_use_of (const Rulemill__AutoRecord *record, const Rulemill__RunCounts *counts);

// In cells; then what these use besides.
auto_price_t auto_price_of (const Rulemill__AutoRecord *record);
void auto_price_use (auto_price_t *price, const auto_use_t *use);

// As a member "price" of a JSON object, and back from its value; what use is told from does not go along.
void auto_price_write (const auto_price_t *price, buf_t *out);
void auto_price_read (const json_value_t *object, auto_price_t *out);

#endif
