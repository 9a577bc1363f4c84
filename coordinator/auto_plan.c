#include "coordinator/auto_plan.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"

static const double Z_99 = 2.576;

// An adapter that is wrong more often than wanted is accepted before the sample's limit only where its agreement is known this closely.
static const double FLAT_INTERVAL = 0.05;

// --- the recipe ------------------------------------------------------------

auto_recipe_t auto_recipe_default (void)
{
    return (auto_recipe_t) {
        .costly = true, .sample_pairs = 1000, .sample_share = 1.0 / 3, .min_agreement = 0.90, .judged_max = 30, .flat_gain = 0.01, .audit_share = -1,
        .block_pairs = AUTO_BLOCK_PAIRS
    };
}

uint64_t auto_recipe_judged (const auto_recipe_t *recipe, uint64_t top, uint64_t rules)
{
    uint64_t half = rules / 2, most = recipe->judged_max < half ? recipe->judged_max : half;
    most = recipe->judged > 0 ? recipe->judged : recipe->accept ? top : most;
    return most > top ? most : top;
}

static const char *truth (bool value)
{
    return value ? "true" : "false";
}

void auto_recipe_write (const auto_recipe_t *recipe, buf_t *out)
{
    buf_printf (out, "{\"costly\":%s,\"sample_pairs\":%" PRIu64 ",\"sample_share\":%.6f,\"min_agreement\":%.6f,"
                "\"flat_gain\":%.6f,\"audit_share\":%.6f,\"accept\":%s,\"block_pairs\":%" PRIu64 ",\"judged_max\":%" PRIu64,
                truth (recipe->costly),
                recipe->sample_pairs, recipe->sample_share, recipe->min_agreement, recipe->flat_gain,
                recipe->audit_share, truth (recipe->accept), recipe->block_pairs, recipe->judged_max);
    if (recipe->training)
        buf_printf (out, ",\"training\":%s", recipe->training);
    buf_add_char (out, '}');
}

static bool read_whole (const json_value_t *object, const char *key, uint64_t *out)
{
    int64_t value;
    if (!json_int (json_get (object, key), &value) || value < 1)
        return false;
    *out = (uint64_t) value;
    return true;
}

status_t auto_recipe_read (const char *text, auto_recipe_t *out, fault_t *fault)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root = NULL;
    status_t status = json_parse (doc, text, strlen (text), &root, fault);
    bool good = status == OK && read_whole (root, "judged_max", &out->judged_max) && read_whole (root, "sample_pairs", &out->sample_pairs) && read_whole (root, "block_pairs", &out->block_pairs)
             && json_double (json_get (root, "sample_share"), &out->sample_share)
             && json_double (json_get (root, "min_agreement"), &out->min_agreement)
             && json_double (json_get (root, "flat_gain"), &out->flat_gain)
             && json_double (json_get (root, "audit_share"), &out->audit_share);
    if (good) {
        out->accept = json_is (json_get (root, "accept"), JSON_TRUE);
        out->costly = json_is (json_get (root, "costly"), JSON_TRUE);
        out->training = NULL;
        out->judged = 0;
        (void) read_whole (json_get (root, "training"), "judged", &out->judged);
    }
    json_doc_destroy (&doc);
    return good ? OK : fault_set (fault, ERR_FORMAT, "the recipe of policy auto can't be read: %.200s; use the version of rulemill that began the run", text);
}

static bool read_count (const json_value_t *object, const char *key, uint64_t *out)
{
    int64_t value;
    bool good = json_int (json_get (object, key), &value) && value >= 0;
    *out = good ? (uint64_t) value : 0;
    return good;
}

static bool read_share (const json_value_t *object, const char *key, double *out)
{
    return json_double (json_get (object, key), out) && *out >= 0 && *out <= 1;
}

status_t auto_trained_read (const char *report, size_t len, auto_trained_t *out, fault_t *fault)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root = NULL;
    *out = (auto_trained_t) { 0 };
    status_t status = json_parse (doc, report, len, &root, fault);
    const json_value_t *agreement = status == OK ? json_get (root, "agreement") : NULL;
    bool good = status == OK && read_count (root, "train_pairs", &out->train_pairs) && read_count (root, "held_out_pairs", &out->held_out_pairs)
             && read_share (agreement, "value", &out->agreement) && read_share (agreement, "low", &out->low)
             && read_share (agreement, "high", &out->high) && read_share (root, "agreement_half", &out->agreement_half);
    if (good && (!read_count (root, "judged", &out->judged) || !read_count (root, "top", &out->top) || out->judged > LIMIT_RULES))
        out->judged = out->top = 0;
    out->chosen_share = good && read_share (root, "chosen_share", &out->chosen_share) ? out->chosen_share : 0;
    json_doc_destroy (&doc);
    return good ? OK : fault_set (fault, ERR_FORMAT, "the report of an adapter's training can't be read");
}

// --- the sample ------------------------------------------------------------

// The largest hash of a share of the hashes.
static uint64_t threshold_of (double share)
{
    if (share >= 1)
        return UINT64_MAX;
    return share <= 0 ? 0 : (uint64_t) ldexp (share, 64);
}

static uint64_t step_pairs (const auto_recipe_t *recipe, uint32_t step)
{
    return step > 40 ? UINT64_MAX / 2 : recipe->sample_pairs << (step - 1);
}

// Is there room for the sample of this step?
static bool fits (const auto_recipe_t *recipe, const Rulemill__AutoRecord *record, uint32_t step)
{
    return (double) step_pairs (recipe, step) <= recipe->sample_share * (double) record->pairs;
}

static void set_text (char **text, buf_t *said)
{
    if (*text != protobuf_c_empty_string)
        free (*text);
    *text = mem_string (said->data ? said->data : "");
    buf_free (said);
}

static void choose (Rulemill__AutoRecord *record, Rulemill__AutoChoice choice, buf_t *reason)
{
    record->choice = choice;
    record->stage = RULEMILL__AUTO_STAGE__AUTO_REST;
    set_text (&record->reason, reason);
}

static void begin_step (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, uint32_t step)
{
    record->stage = RULEMILL__AUTO_STAGE__AUTO_SAMPLE;
    record->step = step;
    record->sample_threshold = threshold_of ((double) step_pairs (recipe, step) / (double) record->pairs);
}

// How many pairs a corpus must have so that there is room for the sample of this step.
static double pairs_for (const auto_recipe_t *recipe, uint32_t step)
{
    return ceil ((double) step_pairs (recipe, step) / recipe->sample_share);
}

static void choose_for_size (const auto_recipe_t *recipe, Rulemill__AutoRecord *record)
{
    buf_t reason = { 0 };
    record->too_small = true;
    buf_printf (&reason, "the corpus has %" PRIu64 " pairs, fewer than %.0f: a sample of %" PRIu64 " would be over %.0f %% of it",
                record->pairs, pairs_for (recipe, 1), recipe->sample_pairs, 100 * recipe->sample_share);
    choose (record, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE, &reason);
}

Rulemill__AutoRecord *auto_begin (const auto_recipe_t *recipe, uint64_t asked, uint64_t pairs)
{
    Rulemill__AutoRecord *record = rulemill__auto_record__unpack (NULL, 0, (const uint8_t *) "");
    buf_t reason = { 0 };
    record->pairs = asked;
    record->pairs_in_all = pairs;
    if (!recipe->costly) {
        buf_printf (&reason, "the judge costs nothing for each rule: all rules cost as much as a few");
        choose (record, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE, &reason);
    } else if (!fits (recipe, record, 1))
        choose_for_size (recipe, record);
    else
        begin_step (recipe, record, 1);
    return record;
}

void auto_sampled (Rulemill__AutoRecord *record)
{
    record->stage = RULEMILL__AUTO_STAGE__AUTO_TRAIN;
}

// What gives an interval of +-2 points at an agreement of 90 %, at most 2 % of what is left after the sample.
static double audit_share (const auto_recipe_t *recipe, double sampled, double pairs)
{
    if (recipe->audit_share >= 0)
        return recipe->audit_share;
    double left = (1 - sampled) * pairs;
    double wanted = 1.96 * 1.96 * 0.9 * 0.1 / (0.02 * 0.02);
    return left * 0.02 <= wanted ? 0.02 : wanted / left;
}

static uint64_t audit_threshold (const auto_recipe_t *recipe, const Rulemill__AutoRecord *record)
{
    return threshold_of (audit_share (recipe, ldexp ((double) record->sample_threshold, -64), (double) record->pairs));
}

double auto_exhaustive_share (const auto_recipe_t *recipe, const Rulemill__AutoRecord *record)
{
    double pairs = fmax (1, (double) record->pairs);
    double sampled = record->step > 0 ? ldexp ((double) record->sample_threshold, -64) : fmin (1, (double) recipe->sample_pairs / pairs);
    double audited = record->n_adapter > 0 ? ldexp ((double) record->audit_threshold, -64) : audit_share (recipe, sampled, pairs);
    return sampled + (1 - sampled) * audited;
}

static void reset_sums (Rulemill__AuditSums **sums)
{
    if (*sums)
        rulemill__audit_sums__free_unpacked (*sums, NULL);
    *sums = rulemill__audit_sums__unpack (NULL, 0, (const uint8_t *) "");
}

// What was labelled exhaustively so far stays so: all of it where no sample of the prompts was asked for, and then whatever fails is, too.
static void begin_again (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, bool whole, uint64_t pairs_before)
{
    record->exhaustive_below = whole ? pairs_before : 0;
    record->too_small = false;
    record->position = record->exhaustive_below - record->exhaustive_below % recipe->block_pairs;
    record->asked_threshold = UINT64_MAX;
    record->choice = RULEMILL__AUTO_CHOICE__AUTO_UNDECIDED;
    begin_step (recipe, record, record->step + 1);
}

// Exhaustive for want of pairs, or for an adapter that was too often wrong: is there room for the next sample now?
static void look_again (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, uint64_t asked, uint64_t pairs)
{
    bool whole = record->pairs == record->pairs_in_all;
    uint64_t before = record->pairs_in_all;
    record->pairs = asked;
    record->pairs_in_all = pairs;
    if (fits (recipe, record, record->step + 1))
        begin_again (recipe, record, whole, before);
    else if (record->too_small)
        choose_for_size (recipe, record);
}

bool auto_grown (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, uint64_t asked, uint64_t pairs)
{
    if (asked <= record->pairs)
        return false;
    if (record->too_small || (record->step > 0 && record->choice == RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE)) {
        look_again (recipe, record, asked, pairs);
        return true;
    }
    if (record->step == 0)
        return false;
    record->pairs = asked;
    record->pairs_in_all = pairs;
    uint64_t sample = threshold_of ((double) step_pairs (recipe, record->step) / (double) asked);
    if (sample < record->sample_threshold)
        record->sample_threshold = sample;
    uint64_t audit = record->n_adapter > 0 ? audit_threshold (recipe, record) : 0;
    if (audit < record->audit_threshold)
        record->audit_threshold = audit;
    return true;
}

bool auto_lifted (Rulemill__AutoRecord *record, uint64_t threshold)
{
    if (record->n_adapter == 0 || record->position == 0 || threshold <= record->asked_threshold)
        return false;
    record->position = 0;
    reset_sums (&record->audit);
    reset_sums (&record->audit_all);
    reset_sums (&record->audit_tail);
    record->adapter [record->n_adapter - 1]->from_pair = 0;     // those before it were found too often wrong
    return true;
}

static void add_adapter (Rulemill__AutoRecord *record, const auto_trained_t *trained, const uint8_t *digest, const char *report)
{
    size_t n = record->n_adapter;
    record->adapter = mem_resize (record->adapter, (n + 1) * sizeof (void *));
    Rulemill__AutoAdapter *adapter = rulemill__auto_adapter__unpack (NULL, 0, (const uint8_t *) "");
    adapter->digest.data = (uint8_t *) mem_string_n (digest, DIGEST_BYTES);
    adapter->digest.len = DIGEST_BYTES;
    adapter->from_pair = record->position;
    adapter->report = mem_string (report);
    adapter->judged = (uint32_t) trained->judged;
    record->adapter [n] = adapter;
    record->n_adapter = n + 1;
}

static void take_adapter (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, const auto_trained_t *trained,
                          const char *report, const uint8_t *digest)
{
    buf_t reason = { 0 };
    bool first = record->n_adapter == 0, under = trained->agreement < recipe->min_agreement;
    add_adapter (record, trained, digest, report);
    reset_sums (&record->audit);
    if (first) {
        reset_sums (&record->audit_all);
        record->audit_threshold = audit_threshold (recipe, record);
    }
    buf_printf (&reason, "on %" PRIu64 " pairs of prompts that it had not seen, the adapter's labels agree with exhaustive ones in %.1f %% "
                "(95 %% interval %.1f to %.1f; %.1f wanted%s); half of the data gave %.1f", trained->held_out_pairs, 100 * trained->agreement,
                100 * trained->low, 100 * trained->high, 100 * recipe->min_agreement, under ? ", taken all the same as asked" : "",
                100 * trained->agreement_half);
    if (trained->judged > trained->top)
        buf_printf (&reason, "; it has %" PRIu64 " rules judged of each pair, of which selection takes %" PRIu64, trained->judged, trained->top);
    choose (record, RULEMILL__AUTO_CHOICE__AUTO_ADAPTER, &reason);
}

static void decline (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, const auto_trained_t *trained)
{
    buf_t reason = { 0 };
    bool known = trained->train_pairs > 0 && trained->held_out_pairs > 0;
    if (known)
        buf_printf (&reason, "with %" PRIu64 " pairs to learn from, the adapter's labels agree with exhaustive ones in %.1f %% (95 %% interval %.1f "
                    "to %.1f), under the %.1f wanted", trained->train_pairs, 100 * trained->agreement, 100 * trained->low, 100 * trained->high,
                    100 * recipe->min_agreement);
    if (known && trained->judged > trained->top)
        buf_printf (&reason, " even with %" PRIu64 " rules judged of each pair", trained->judged);
    if (!known)
        buf_printf (&reason, "the sampled pairs are of too few prompts to learn from some and to hold an adapter against others");
    buf_printf (&reason, ", and a larger sample would be over %.0f %% of the corpus; it is looked at again with %.0f pairs%s",
                100 * recipe->sample_share, pairs_for (recipe, record->step + 1),
                known ? ", or --accept-adapter --new-run takes it all the same" : "");
    choose (record, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE, &reason);
}

// Could twice the sample save more cells than it takes? At best it would do with the rules that selection takes.
static bool pays (const Rulemill__AutoRecord *record, const auto_trained_t *trained)
{
    double sampled = ldexp ((double) record->sample_threshold, -64), chosen = trained->chosen_share;
    double fewer = trained->judged > trained->top ? 1 - (double) trained->top / (double) trained->judged : 0;
    return (1 - 2 * sampled) * chosen * fewer > sampled * (1 - chosen);
}

void auto_trained (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, const auto_trained_t *trained,
                   const char *report, const uint8_t *digest)
{
    assert (record->stage == RULEMILL__AUTO_STAGE__AUTO_TRAIN);
    buf_t said = { 0 };
    buf_add_str (&said, report);
    set_text (&record->sample_report, &said);
    bool known = trained->train_pairs > 0 && trained->held_out_pairs > 0, good = known && trained->agreement >= recipe->min_agreement;
    bool enough = good || (known && recipe->accept), flat = trained->agreement - trained->agreement_half < recipe->flat_gain;
    bool told = trained->high - trained->low <= FLAT_INTERVAL;       // a few held-out pairs look flat by chance
    bool sure = good && trained->low >= recipe->min_agreement;
    bool wide = trained->judged > trained->top;     // found on these very pairs, so they must be many
    bool settled = flat || (sure && wide && !pays (record, trained));
    bool again = record->choice == RULEMILL__AUTO_CHOICE__AUTO_ADAPTER;
    if (!again && !(enough && settled && (told || (good && !wide))) && fits (recipe, record, record->step + 1)) {
        begin_step (recipe, record, record->step + 1);
        return;
    }
    if (again || enough) {
        take_adapter (recipe, record, trained, report, digest);
        return;
    }
    decline (recipe, record, trained);
}

// --- blocks ----------------------------------------------------------------

uint64_t auto_block_end (const auto_recipe_t *recipe, const Rulemill__AutoRecord *record, uint64_t pairs)
{
    if (record->choice != RULEMILL__AUTO_CHOICE__AUTO_ADAPTER)
        return pairs;
    uint64_t end = record->position + recipe->block_pairs;
    return end < pairs ? end : pairs;
}

static bool is_too_wrong (const auto_recipe_t *recipe, const Rulemill__AuditSums *sums)
{
    double share, low, high;
    return auto_sums_interval (sums, Z_99, &share, &low, &high) && high < recipe->min_agreement;
}

bool auto_block_done (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, uint64_t end, uint64_t threshold,
                      const auto_audits_t *audited)
{
    if (record->choice != RULEMILL__AUTO_CHOICE__AUTO_ADAPTER || end != record->position + recipe->block_pairs)
        return false;
    if (record->position == 0 || threshold < record->asked_threshold)
        record->asked_threshold = threshold;
    record->position = end;
    auto_sums_join (record->audit, &audited->in_use);
    auto_sums_join (record->audit_all, &audited->all);
    reset_sums (&record->audit_tail);           // its pairs are among these
    if (!is_too_wrong (recipe, record->audit) || record->n_adapter > AUTO_RETRAININGS_MAX)
        return false;
    record->stage = RULEMILL__AUTO_STAGE__AUTO_TRAIN;
    return true;
}

// --- for people ------------------------------------------------------------

auto_state_t auto_state_of (const Rulemill__AutoRecord *record, const Rulemill__AuditSums *tail, const Rulemill__RunCounts *counts)
{
    Rulemill__AuditSums sums = RULEMILL__AUDIT_SUMS__INIT;
    if (record->audit_all)
        auto_sums_join (&sums, record->audit_all);
    if (tail)
        auto_sums_join (&sums, tail);
    auto_state_t state = {
        .choice = record->choice, .training = record->stage == RULEMILL__AUTO_STAGE__AUTO_TRAIN, .step = record->step,
        .sampled = record->step > 0 ? ldexp ((double) record->sample_threshold, -64) : 0,
        .audited = ldexp ((double) record->audit_threshold, -64), .n_adapters = record->n_adapter, .audited_pairs = sums.pairs,
        .failed_audits = sums.failed
    };
    snprintf (state.reason, sizeof state.reason, "%s", record->reason);
    const auto_use_t use = auto_use_of (record, counts);
    state.price = auto_price_of (record);
    auto_price_use (&state.price, &use);
    state.agreement = auto_agreement_of (&sums);
    return state;
}

void auto_state_write (const auto_state_t *state, double sampled, buf_t *out)
{
    buf_printf (out, "\"choice\":\"%s\",\"training\":%s,\"reason\":", auto_choice_name (state->choice), state->training ? "true" : "false");
    json_write_cstring (out, state->reason);
    buf_printf (out, ",\"samples\":%" PRIu32 ",\"sampled_share\":%.6f,\"audited_share\":%.6f,\"adapters\":%zu,\"audited_pairs\":%" PRIu64
                ",\"failed_audits\":%" PRIu64 ",\"agreement\":", state->step, sampled, state->audited, state->n_adapters, state->audited_pairs,
                state->failed_audits);
    auto_agreement_write (&state->agreement, NULL, out);
    auto_price_write (&state->price, out);
}

void auto_state_read (const json_value_t *object, auto_state_t *out)
{
    *out = (auto_state_t) { .training = json_is (json_get (object, "training"), JSON_TRUE) };
    const json_value_t *reason = json_get (object, "reason"), *agreement = json_get (object, "agreement");
    for (int choice = RULEMILL__AUTO_CHOICE__AUTO_UNDECIDED; choice <= RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE; choice++)
        if (json_equals (json_get (object, "choice"), auto_choice_name ((Rulemill__AutoChoice) choice)))
            out->choice = (Rulemill__AutoChoice) choice;
    if (json_is (reason, JSON_STRING))
        snprintf (out->reason, sizeof out->reason, "%s", reason->text);
    out->step = (uint32_t) json_count_of (object, "samples");
    out->n_adapters = (size_t) json_count_of (object, "adapters");
    out->audited_pairs = json_count_of (object, "audited_pairs");
    out->failed_audits = json_count_of (object, "failed_audits");
    if (!read_share (object, "sampled_share", &out->sampled))
        out->sampled = 0;
    if (!read_share (object, "audited_share", &out->audited))
        out->audited = 0;
    auto_agreement_t *read = &out->agreement;
    read->told = read_share (agreement, "value", &read->value) && read_share (agreement, "low", &read->low) && read_share (agreement, "high", &read->high);
    auto_price_read (json_get (object, "price"), &out->price);
}
