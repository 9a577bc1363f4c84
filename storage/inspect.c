#include "storage/inspect.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "storage/dataset_row.h"
#include "storage/dataset_view.h"
#include "storage/dataset_walk.h"
#include "storage/inspect_find.h"
#include "storage/run.h"

enum { DUPLICATES_SHOWN = 100 };

typedef struct {
    const Rulemill__RunRecord *run;
    input_names_t inputs;
    const dataset_rule_t *rules;
    size_t n_rules;
    uint64_t pair;              // whose duplicates are collected
    buf_t duplicates;
    uint64_t n_duplicates;
} inspect_t;

// --- small parts -----------------------------------------------------------

static void add_text (buf_t *out, const char *key, const char *text)
{
    json_write_key (out, key);
    json_write_cstring (out, text && *text ? text : NULL);
}

static void add_place (const inspect_t *inspect, uint32_t input, uint64_t row, bool listed, uint32_t i, uint32_t j, buf_t *out)
{
    buf_t name = { 0 };
    input_names_write (&inspect->inputs, input, &name);
    json_write_key (out, "place");
    buf_add_char (out, '{');
    add_text (out, "file", name.data);
    json_member_count (out, "line", row);
    if (listed) {
        json_member_count (out, "i", i);
        json_member_count (out, "j", j);
    }
    buf_add_char (out, '}');
    buf_free (&name);
}

static void add_messages (buf_t *out, const char *key, const Rulemill__Conversation *conversation)
{
    json_write_key (out, key);
    dataset_write_messages (conversation, NULL, out);
}

// --- the pair --------------------------------------------------------------

static status_t collect_duplicate (void *ctx, const dataset_item_t *item, place_t place, const Rulemill__RowRecord *row,
                                   const Rulemill__DuplicateRecord *duplicate, fault_t *fault)
{
    (void) fault;
    inspect_t *inspect = ctx;
    if (item->number != inspect->pair || inspect->n_duplicates++ >= DUPLICATES_SHOWN)
        return OK;
    buf_t *out = &inspect->duplicates, id = { 0 };
    buf_add_str (out, out->len > 0 ? ",{" : "{");
    dataset_pair_id (row, duplicate->listed, place.i, place.j, &id);
    add_text (out, "id", id.data);
    add_place (inspect, place.input, place.row, duplicate->listed, place.i, place.j, out);
    json_write_key (out, "swapped");
    buf_add_str (out, duplicate->swapped ? "true" : "false");
    add_text (out, "given_preference", dataset_side_name (duplicate->given));
    buf_add_char (out, '}');
    buf_free (&id);
    return OK;
}

static void add_votes (const dataset_votes_t *votes, buf_t *out)
{
    json_write_key (out, "given_preference");
    if (votes->a + votes->b + votes->tie == 0) {
        buf_add_str (out, "null");
        return;
    }
    buf_add_char (out, '{');
    json_member_count (out, "a", votes->a);
    json_member_count (out, "b", votes->b);
    json_member_count (out, "tie", votes->tie);
    buf_add_char (out, '}');
}

static void add_pair (const inspect_t *inspect, const dataset_item_t *item, buf_t *out)
{
    const Rulemill__PairRecord *pair = item->pair;
    char key [KEY_HEX + 1];
    hex_encode (pair->key.data, KEY_BYTES, key);
    add_text (out, "id", item->id);
    json_member_count (out, "pair", item->number);
    add_text (out, "pair_key", key);
    add_place (inspect, pair->place->input, pair->place->row, pair->listed, pair->place->i, pair->place->j, out);
    add_messages (out, "prompt", item->prompt->conversation);
    add_messages (out, "response_a", item->a->response);
    add_messages (out, "response_b", item->b->response);
    add_text (out, "model_a", pair->model_a);
    add_text (out, "model_b", pair->model_b);
    add_text (out, "source", item->row->source);
    json_write_key (out, "meta");
    buf_add_str (out, *item->row->meta ? item->row->meta : "null");     // it is JSON
    add_votes (&item->votes, out);
    json_member_count (out, "n_duplicates", inspect->n_duplicates);
    json_write_key (out, "duplicates");
    buf_add_char (out, '[');
    buf_add (out, inspect->duplicates.data ? inspect->duplicates.data : "", inspect->duplicates.len);
    buf_add_char (out, ']');
}

// --- the label -------------------------------------------------------------

// What the rule was worth to selection, 1e-6, rounded; *known false for policies that do not ask.
static int64_t value_of (const Rulemill__RunSpec *spec, const char *selected_by, uint64_t relevances, uint64_t discrepancy, bool *known)
{
    bool weighted = strcmp (selected_by, "exhaustive") == 0 || strcmp (selected_by, "adapter") == 0;
    *known = weighted || strcmp (selected_by, "discrepancy") == 0;
    if (!weighted)
        return (int64_t) discrepancy;
    unsigned __int128 twice = (unsigned __int128) spec->weight_relevance * relevances
                            + 2 * (unsigned __int128) spec->weight_discrepancy * discrepancy;
    return (int64_t) ((twice + 1000000) / 2000000);
}

typedef struct { const int32_t *score_a, *score_b; const uint32_t *relevance_a, *relevance_b; } sides_t;

static void add_rule (const inspect_t *inspect, const Rulemill__Label *label, size_t r, const sides_t *sides, buf_t *out)
{
    uint32_t index = label->rule [r];
    const dataset_rule_t *rule = &inspect->rules [index];
    int64_t difference = (int64_t) sides->score_a [r] - sides->score_b [r];
    uint64_t discrepancy = (uint64_t) (difference < 0 ? -difference : difference);
    uint64_t relevances = (uint64_t) sides->relevance_a [r] + sides->relevance_b [r];
    bool known;
    int64_t value = value_of (inspect->run->spec, label->selected_by, relevances, discrepancy, &known);
    buf_add_str (out, r ? ",{" : "{");
    json_member_count (out, "rank", r + 1);
    add_text (out, "id", rule->id);
    add_text (out, "text", rule->text);
    add_text (out, "category", rule->category);
    json_write_key (out, "polarity");
    buf_printf (out, "%d", rule->polarity);
    json_member_micro (out, "score_a", sides->score_a [r]);
    json_member_micro (out, "score_b", sides->score_b [r]);
    json_member_micro (out, "relevance_a", sides->relevance_a [r]);
    json_member_micro (out, "relevance_b", sides->relevance_b [r]);
    json_member_micro (out, "relevance", (int64_t) (relevances + 1) / 2);
    json_member_micro (out, "discrepancy", (int64_t) discrepancy);
    json_write_key (out, "value");
    if (known)
        json_write_micro (out, value);
    else
        buf_add_str (out, "null");
    buf_add_char (out, '}');
}

static const char *outcome_name (const dataset_view_t *view)
{
    return view->tie ? "tie" : view->first_is_a ? "a" : "b";
}

// A and B as the corpus has them, as everywhere in the answer.
static void add_label (const inspect_t *inspect, const char *key, const dataset_item_t *item, buf_t *out)
{
    const Rulemill__Label *label = item->label;
    dataset_view_t view = dataset_view_of (item);
    bool swapped = label->swapped;
    sides_t sides = {
        .score_a = swapped ? label->score_b : label->score_a, .score_b = swapped ? label->score_a : label->score_b,
        .relevance_a = swapped ? label->relevance_b : label->relevance_a,
        .relevance_b = swapped ? label->relevance_a : label->relevance_b
    };
    json_write_key (out, key);
    buf_add_char (out, '{');
    add_text (out, "outcome", outcome_name (&view));
    add_text (out, "tie_reason", dataset_tie_reason (label));
    if (view.n_rules > 0) {
        json_member_micro (out, "mean_a", view.first_is_a ? view.mean_first : view.mean_second);
        json_member_micro (out, "mean_b", view.first_is_a ? view.mean_second : view.mean_first);
        json_member_micro (out, "margin", view.margin);
    } else
        buf_add_str (out, ",\"mean_a\":null,\"mean_b\":null,\"margin\":null");
    add_text (out, "selected_by", label->selected_by);
    json_write_key (out, "presented_swapped");
    buf_add_str (out, swapped ? "true" : "false");
    json_write_key (out, "rules");
    buf_add_char (out, '[');
    for (size_t r = 0; r < view.n_rules; r++)
        add_rule (inspect, label, r, &sides, out);
    buf_add_str (out, "]}");
}

static status_t check_rules (const inspect_t *inspect, const dataset_item_t *item, fault_t *fault)
{
    for (size_t r = 0; r < item->label->n_rule; r++)
        if (item->label->rule [r] >= inspect->n_rules)
            return fault_set (fault, ERR_CORRUPT, "the label of %s names rule %" PRIu32 ", and the run's pool has %zu; restore "
                              "the store from a backup", item->id, item->label->rule [r], inspect->n_rules);
    return OK;
}

static void add_no_label (const char *state, const char *reason, const char *detail, buf_t *out)
{
    add_text (out, "state", state);
    add_text (out, "reason", reason);
    add_text (out, "detail", detail);
    json_write_key (out, "label");
    buf_add_str (out, "null");
}

static void add_panel (const Rulemill__RunSpec *spec, buf_t *out)
{
    json_write_key (out, "panel");
    buf_add_char (out, '[');
    for (size_t i = 0; i < spec->n_panel; i++) {
        buf_add_str (out, i ? "," : "");
        json_write_cstring (out, spec->panel [i]->name);
    }
    buf_add_char (out, ']');
    add_text (out, "combine", spec->n_panel > 0 ? spec->combine : NULL);
}

static void add_run (const Rulemill__RunRecord *run, buf_t *out)
{
    digest_t digest = { { 0 } };
    char name [20];
    if (run->digest.len == DIGEST_BYTES)
        memcpy (digest.b, run->digest.data, DIGEST_BYTES);
    run_name (&digest, name);
    add_text (out, "run", name);
    add_text (out, "policy", run->spec->policy);
    add_text (out, "judge", run->spec->judge);
    add_panel (run->spec, out);
    json_member_count (out, "top", run->spec->top);
    json_member_micro (out, "weight_relevance", run->spec->weight_relevance);
    json_member_micro (out, "weight_discrepancy", run->spec->weight_discrepancy);
    json_member_micro (out, "tie_margin", run->spec->tie_margin);
}

static status_t add_state (const inspect_t *inspect, const dataset_item_t *item, buf_t *out, fault_t *fault)
{
    const Rulemill__Label *label = item->label;
    if (item->excluded) {
        add_no_label ("excluded", item->excluded->reason, item->excluded->detail, out);
        return OK;
    }
    if (label == NULL || label->outcome == RULEMILL__OUTCOME__OUTCOME_NONE) {
        add_no_label ("not labelled yet", NULL, NULL, out);
        return OK;
    }
    if (label->outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED) {
        add_no_label ("quarantined", label->too_long ? "too-long" : "not-judged", label->reason, out);
        if (*label->raw)
            add_text (out, "raw", label->raw);
        return OK;
    }
    status_t status = check_rules (inspect, item, fault);
    if (status != OK)
        return status;
    add_text (out, "state", label->outcome == RULEMILL__OUTCOME__OUTCOME_TIE ? "tie" : "labelled");
    add_label (inspect, "label", item, out);
    return OK;
}

static void add_failed (const char *reason, buf_t *out)
{
    json_write_key (out, "audit");
    buf_add_char (out, '{');
    add_text (out, "outcome", "failed");
    add_text (out, "reason", reason);
    buf_add_char (out, '}');
}

// The label that exhaustive selection gives a pair that was audited, or why there is none.
static status_t add_audit (store_t *store, const inspect_t *inspect, const dataset_item_t *item, buf_t *out, fault_t *fault)
{
    Rulemill__Label *audit = NULL;
    status_t status = record_get_audit (store, inspect->run->number, item->number, &audit, fault);
    if (status != OK || audit == NULL)
        return status;
    dataset_item_t other = *item;
    other.label = audit;
    bool failed = audit->outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    status = check_rules (inspect, &other, fault);
    if (status == OK && failed)
        add_failed (audit->reason, out);
    else if (status == OK)
        add_label (inspect, "audit", &other, out);
    rulemill__label__free_unpacked (audit, NULL);
    return status;
}

// --- what was found --------------------------------------------------------

static status_t write_duplicate_id (store_t *store, const inspect_t *inspect, place_t place, buf_t *out, fault_t *fault)
{
    Rulemill__RowRecord *row = NULL;
    status_t status = record_get_row (store, place.input, place.row, &row, fault);
    if (status != OK || row == NULL)
        return status;
    json_write_key (out, "asked_for");
    buf_add_char (out, '{');
    add_text (out, "duplicate", row->id);
    add_place (inspect, place.input, place.row, false, 0, 0, out);
    buf_add_char (out, '}');
    rulemill__row_record__free_unpacked (row, NULL);
    return OK;
}

static status_t write_pair (store_t *store, inspect_t *inspect, const found_t *found, buf_t *out, fault_t *fault)
{
    inspect->pair = found->pair;
    dataset_walk_t *walk = dataset_walk_new (store, inspect->run, found->pair, WALK_ALL_TEXTS, collect_duplicate, inspect);
    const dataset_item_t *item = NULL;
    status_t status = dataset_walk_next (walk, &item, fault);
    if (status == OK && (item == NULL || item->number != found->pair))
        status = fault_set (fault, ERR_CORRUPT, "pair %" PRIu64 " is missing; restore the store from a backup", found->pair);
    if (status == OK && found->kind == FOUND_DUPLICATE)
        status = write_duplicate_id (store, inspect, found->place, out, fault);
    if (status == OK) {
        add_pair (inspect, item, out);
        add_run (inspect->run, out);
        status = add_state (inspect, item, out, fault);
    }
    if (status == OK && item->label && !item->excluded)
        status = add_audit (store, inspect, item, out, fault);
    dataset_walk_destroy (&walk);
    return status;
}

static status_t write_reject (store_t *store, const inspect_t *inspect, place_t place, buf_t *out, fault_t *fault)
{
    buf_t key = { 0 };
    buf_add_u32be (&key, place.input);
    buf_add_u64be (&key, place.row);
    buf_add_u32be (&key, place.i);
    buf_add_u32be (&key, place.j);
    store_iter_t *iter = store_iter_new (store, TABLE_REJECTS, key.data, key.len, NULL, 0);
    Rulemill__RejectRecord *reject = store_iter_valid (iter) ? record_read_reject (iter, fault) : NULL;
    store_iter_destroy (&iter);
    buf_free (&key);
    if (reject == NULL)
        return fault_set (fault, ERR_CORRUPT, "the record of a row that was set aside can't be read; restore the store from a backup");
    add_text (out, "id", reject->id);
    add_place (inspect, place.input, place.row, false, 0, 0, out);
    add_no_label ("set aside", reject->reason, reject->detail, out);
    rulemill__reject_record__free_unpacked (reject, NULL);
    return OK;
}

status_t inspect_pair (store_t *store, const Rulemill__RunRecord *run, const dataset_rule_t *rules, size_t n_rules,
                       const char *what, buf_t *json, fault_t *fault)
{
    fault_t own = { 0 };
    fault = fault ? fault : &own;
    Rulemill__CorpusState *corpus = NULL;
    status_t status = record_get_corpus (store, &corpus, fault);
    if (status == OK && (corpus == NULL || run->spec == NULL))
        status = fault_set (fault, ERR_NOT_FOUND, "there is no corpus here yet; label one first");
    inspect_t inspect = { .run = run, .rules = rules, .n_rules = n_rules };
    if (corpus)
        input_names_init (&inspect.inputs, corpus);
    buf_t out = { 0 };
    buf_add_char (&out, '{');
    found_t found;
    if (status == OK)
        status = inspect_find (store, corpus, what, &found, fault);
    if (status == OK && found.kind == FOUND_REJECT)
        status = write_reject (store, &inspect, found.place, &out, fault);
    else if (status == OK)
        status = write_pair (store, &inspect, &found, &out, fault);
    buf_add_char (&out, '}');
    if (status == OK)
        buf_add (json, out.data, out.len);
    buf_free (&out);
    buf_free (&inspect.duplicates);
    input_names_free (&inspect.inputs);
    if (corpus)
        rulemill__corpus_state__free_unpacked (corpus, NULL);
    return status;
}
