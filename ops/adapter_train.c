#include "ops/adapter_train.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ops/adapter_eval.h"
#include "ops/adapter_part.h"

// Of the memory: for examples, for liblinear; the rest is for weights and what else there is.
enum { EXAMPLES_PERCENT = 30, LINEAR_PERCENT = 50, PROGRESS_MS = 5000 };

// The twin is small beside the adapter: its features are those of prompts alone.
enum { TWIN_BYTES = 2 * 1024 * 1024, TWIN_ROW_BYTES = 32 };

// --- reading pairs ---------------------------------------------------------

// What is known of the responses of the prompt at hand: store number -> number among the examples.
typedef struct { uint64_t response; uint32_t number; } known_t;

typedef struct {
    const opened_t *opened;
    const config_t *config;
    examples_t *examples;
    double share;               // of the groups that are learnt from
    bool half;                  // and of those, half
    uint64_t prompt;            // + 1; of the store
    uint32_t prompt_number;
    known_t *known;
    size_t n_known, known_cap;
    cell_t *cells;
    adapter_text_t *turns;
    size_t turns_cap;
    adapter_told_t *told;
} reading_t;

static bool take_prompt (reading_t *reading, const dataset_item_t *item)
{
    if (reading->prompt == item->pair->prompt + 1)
        return true;
    size_t n = adapter_turns (item->prompt->conversation, &reading->turns, &reading->turns_cap);
    if (!examples_add_prompt (reading->examples, reading->turns, n, &reading->prompt_number))
        return false;
    reading->prompt = item->pair->prompt + 1;
    reading->n_known = 0;
    return true;
}

static bool take_side (reading_t *reading, uint64_t response, const Rulemill__ResponseRecord *record, const cell_value_t *cells,
                       bool own, uint32_t *number)
{
    for (size_t i = 0; i < reading->n_known && !own; i++)
        if (reading->known [i].response == response) {
            *number = reading->known [i].number;
            return true;
        }
    size_t n = adapter_turns (record->response, &reading->turns, &reading->turns_cap);
    adapter_cells (cells, reading->opened->pool->count, reading->cells);
    if (!examples_add_side (reading->examples, reading->prompt_number, reading->turns, n, reading->cells, number))
        return false;
    if (own)
        return true;
    if (reading->n_known == reading->known_cap) {
        reading->known_cap = reading->known_cap * 2 + 16;
        reading->known = mem_resize (reading->known, reading->known_cap * sizeof *reading->known);
    }
    reading->known [reading->n_known++] = (known_t) { response, *number };
    return true;
}

// False: there is no room.
static bool take_pair (reading_t *reading, const judged_t *judged)
{
    const dataset_item_t *item = judged->item;
    const config_t *config = reading->config;
    content_key_t group = adapter_key (&item->prompt->group_key);
    adapter_part_t part = adapter_part (config->run.seed, config->adapter.test_share, &group);
    if (part == PART_TEST) {
        reading->told->test++;
        return true;
    }
    if (!group_in_share (config->run.seed, "adapter-sample", &group, reading->share)
        || (reading->half && !group_in_share (config->run.seed, "adapter-half", &group, 0.5))) {
        reading->told->left_out++;
        return true;
    }
    uint32_t a, b;
    if (!take_prompt (reading, item) || !take_side (reading, item->pair->response_a, item->a, judged->a, judged->own_a, &a)
        || !take_side (reading, item->pair->response_b, item->b, judged->b, judged->own_b, &b)
        || !examples_add_pair (reading->examples, a, b, part == PART_VALIDATION))
        return false;
    reading->told->learnt += part == PART_LEARN;
    reading->told->validation += part == PART_VALIDATION;
    return true;
}

static status_t read_pairs (reading_t *reading, bool *full, fault_t *fault)
{
    const opened_t *opened = reading->opened;
    judged_walk_t *walk = adapter_pairs (opened->store, opened->run, opened->digests, opened->pool->count);
    const judged_t *judged = NULL;
    status_t status;
    *full = false;
    while ((status = judged_walk_next (walk, &judged, fault)) == OK && judged && !*full)
        *full = !take_pair (reading, judged);
    reading->told->lacking = judged_walk_lacking (walk);
    judged_walk_destroy (&walk);
    return status;
}

static features_spec_t spec_of (const config_t *config)
{
    return (features_spec_t) {
        .bits = (uint32_t) config->adapter.bits, .words = (uint32_t) config->adapter.words,
        .chars_min = (uint32_t) config->adapter.chars_min, .chars_max = (uint32_t) config->adapter.chars_max, .seed = config->run.seed
    };
}

static status_t count_pairs (const opened_t *opened, uint64_t *pairs, fault_t *fault)
{
    Rulemill__CorpusState *corpus = NULL;
    status_t status = record_get_corpus (opened->store, &corpus, fault);
    *pairs = status == OK && corpus ? corpus->pairs : 0;
    if (corpus)
        rulemill__corpus_state__free_unpacked (corpus, NULL);
    return status;
}

// Read as many groups as fit: where memory runs out, half of them.
static status_t read_examples (const opened_t *opened, const config_t *config, bool half, examples_t **out, adapter_told_t *told, fault_t *fault)
{
    features_spec_t spec = spec_of (config);
    uint64_t pairs, bytes = (config->adapter.memory_mb << 20) / 100 * EXAMPLES_PERCENT;
    status_t status = count_pairs (opened, &pairs, fault);
    double wanted = (double) pairs * (1 - config->adapter.test_share), most = (double) config->adapter.max_pairs;
    double share = wanted > most ? most / wanted : 1;
    bool full = status == OK;
    for (; full; share /= 2) {
        examples_destroy (out);
        bool short_before = told->memory_short;
        *told = (adapter_told_t) { .memory_short = short_before };
        *out = examples_new (&spec, opened->pool->count, bytes);
        reading_t reading = { .opened = opened, .config = config, .examples = *out, .share = share, .half = half, .told = told,
                              .cells = mem_new (opened->pool->count * sizeof (cell_t)) };
        status = read_pairs (&reading, &full, fault);
        free (reading.cells);
        free (reading.known);
        free (reading.turns);
        full = full && status == OK;
        told->memory_short = told->memory_short || full;
        if (full && share < 1e-6)
            return fault_set (fault, ERR_LIMIT, "%" PRIu64 " MB are too few to learn in; raise adapter.memory_mb", config->adapter.memory_mb);
    }
    return status;
}

// --- learning --------------------------------------------------------------

typedef struct { int64_t said_ms; const char *what; } progress_t;

static void tell_progress (void *ctx, size_t done, size_t total)
{
    progress_t *progress = ctx;
    int64_t now_ms = clock_ms (NULL);
    if (now_ms - progress->said_ms < PROGRESS_MS)
        return;
    progress->said_ms = now_ms;
    log_info ("%s: %zu of %zu models", progress->what, done, total);
}

static learn_options_t options_of (const config_t *config, const selection_spec_t *selection, adapter_form_t form)
{
    learn_options_t options = learn_options_default (form);
    options.cost = config->adapter.cost > 0 ? config->adapter.cost : learn_cost_default (form);
    options.count_min = (uint32_t) config->adapter.count_min;
    options.bytes_max = (config->adapter.memory_mb << 20) / 100 * LINEAR_PERCENT;
    options.top = selection->top;
    options.judged = (uint32_t) config->adapter.judged;
    options.weight_relevance = selection->weight_relevance;
    options.weight_discrepancy = selection->weight_discrepancy;
    options.seed = config->run.seed;
    return options;
}

static void write_info (const opened_t *opened, const config_t *config, const learn_options_t *options, const adapter_told_t *told,
                        buf_t *out)
{
    char pool [DIGEST_HEX + 1], judge [DIGEST_HEX + 1] = "";
    hex_encode (opened->pool->digest.b, DIGEST_BYTES, pool);
    const ProtobufCBinaryData *identity = &opened->run->spec->judge_identity;
    if (identity->len == DIGEST_BYTES)
        hex_encode (identity->data, DIGEST_BYTES, judge);
    buf_printf (out, "{\"form\":\"%s\",\"prompt_only\":%s,\"pairs\":%" PRIu64 ",\"validation_pairs\":%" PRIu64,
                adapter_form_name (options->form), options->prompt_only ? "true" : "false", told->learnt, told->validation);
    buf_printf (out, ",\"rows\":%zu,\"seed\":%" PRIu64 ",\"test_share\":", told->rows, config->run.seed);
    json_write_real (out, config->adapter.test_share);
    buf_add_str (out, ",\"cost\":");
    json_write_real (out, options->cost);
    buf_printf (out, ",\"count_min\":%" PRIu32, options->count_min);
    buf_printf (out, ",\"judge\":\"%s\",\"judge_identity\":\"%s\",\"pool\":\"%s\"}", opened->run->spec->judge, judge, pool);
}

typedef struct { const opened_t *opened; const config_t *config; const examples_t *examples; adapter_told_t *told; } work_t;

static status_t learn_one (const work_t *work, const learn_options_t *options, const buf_t *twin, buf_t *out, fault_t *fault)
{
    const rulepool_t *pool = work->opened->pool;
    learnt_t *learnt = NULL;
    status_t status = adapter_learn (work->examples, options, &learnt, fault);
    if (status != OK)
        return status;
    work->told->rows = learnt_rows (learnt);
    work->told->columns = learnt_columns (learnt);
    learn_rule_t *rules = mem_new (pool->count * sizeof *rules);
    for (size_t i = 0; i < pool->count; i++)
        rules [i] = (learn_rule_t) { pool->rules [i].id, pool->rules [i].text, &pool->rules [i].digest };
    buf_t info = { 0 };
    write_info (work->opened, work->config, options, work->told, &info);
    status = learnt_write (learnt, work->examples, rules, &info, twin, out, fault);
    buf_free (&info);
    free (rules);
    learnt_destroy (&learnt);
    return status;
}

// Without a twin: for what is only measured.
static status_t learn_alone (const work_t *work, const selection_spec_t *selection, buf_t *out, fault_t *fault)
{
    const buf_t none = { 0 };
    learn_options_t options = options_of (work->config, selection, (adapter_form_t) adapter_form_find (work->config->adapter.form));
    return learn_one (work, &options, &none, out, fault);
}

// The twin sees the prompt alone, and is learnt as the adapter is, or where that can't be, by the value.
static status_t learn_both (const work_t *work, const selection_spec_t *selection, buf_t *out, fault_t *fault)
{
    adapter_form_t form = (adapter_form_t) adapter_form_find (work->config->adapter.form);
    progress_t progress = { clock_ms (NULL), "learning from prompts alone, to compare with" };
    learn_options_t options = options_of (work->config, selection, form);
    learn_options_t alone = options_of (work->config, selection, form == ADAPTER_CELLS ? ADAPTER_VALUE : form);
    alone.prompt_only = true;
    size_t index = sizeof (uint32_t) << work->config->adapter.bits, rows = TWIN_BYTES > index ? TWIN_BYTES - index : 0;
    alone.columns_max = rows / (work->opened->pool->count + TWIN_ROW_BYTES) + 1;
    alone.progress = options.progress = tell_progress;
    alone.progress_ctx = options.progress_ctx = &progress;
    buf_t twin = { 0 }, none = { 0 };
    status_t status = learn_one (work, &alone, &none, &twin, fault);
    progress.what = "learning";
    if (status == OK)
        status = learn_one (work, &options, &twin, out, fault);
    buf_free (&twin);
    return status;
}

typedef status_t learn_fn (const work_t *work, const selection_spec_t *selection, buf_t *out, fault_t *fault);

// Read, then learn; out stays empty where there is no pair to learn from.
static status_t train (const opened_t *opened, const config_t *config, bool half, learn_fn *learn, buf_t *out, adapter_told_t *told,
                       fault_t *fault)
{
    *told = (adapter_told_t) { 0 };
    examples_t *examples = NULL;
    status_t status = read_examples (opened, config, half, &examples, told, fault);
    if (status == OK && told->learnt > 0) {
        int8_t polarity [LIMIT_RULES];
        selection_spec_t selection = adapter_selection (opened->run->spec, opened->pool, opened->digests, polarity);
        work_t work = { opened, config, examples, told };
        status = learn (&work, &selection, out, fault);
    }
    examples_destroy (&examples);
    return status;
}

status_t adapter_train (const char *dir, const opened_t *opened, const config_t *config, buf_t *out, adapter_told_t *told, fault_t *fault)
{
    features_spec_t spec = spec_of (config);
    if (!features_spec_valid (&spec))
        return fault_set (fault, ERR_USAGE, "adapter.words, adapter.chars_min and adapter.chars_max name no n-grams: words of 1 to %d, or "
                          "characters from at least %d to at most %d", FEATURES_WORDS_MAX, FEATURES_CHARS_MIN, FEATURES_CHARS_MAX);
    status_t status = train (opened, config, false, learn_both, out, told, fault);
    if (status == OK && told->learnt == 0)
        status = adapter_no_pairs (dir, opened->run, told->lacking, fault);
    if (status != OK)
        return status;
    const adapter_header_t *header = (const adapter_header_t *) (const void *) out->data;
    told->judged = header->judged;
    told->top = header->top;
    told->bytes = out->len;
    told->digest = digest_of (out->data, out->len);
    return OK;
}

// --- how many are judged ---------------------------------------------------

// Fifths of what selection takes.
static const size_t rungs [ADAPTER_LADDER_MAX] = { 5, 6, 7, 8, 10, 12, 15, 20, 30, 40 };

static size_t ladder_of (size_t top, size_t most, size_t *ladder)
{
    size_t n = 0;
    for (size_t i = 0; i < ADAPTER_LADDER_MAX && (n == 0 || ladder [n - 1] < most); i++) {
        size_t rung = (top * rungs [i] + 4) / 5;
        rung = rung < most ? rung : most;
        if (n == 0 || rung > ladder [n - 1])
            ladder [n++] = rung;
    }
    return n;
}

// The number after the least with which it surely agrees as often as wanted, as the first of several that passes has luck to thank, too; what
// selection takes, where that passes; the most where none does.
static status_t find_judged (const opened_t *opened, const config_t *config, const adapter_t *adapter, size_t most, uint64_t *judged, fault_t *fault)
{
    size_t ladder [ADAPTER_LADDER_MAX], n = ladder_of (adapter_parts (adapter)->header->top, most, ladder), i = 0;
    interval_t agreement [ADAPTER_LADDER_MAX];
    uint64_t pairs = 0;
    status_t status = adapter_measure_judged (opened, adapter, ladder, n, agreement, &pairs, fault);
    if (status != OK)
        return status;
    while (pairs > 0 && i + 1 < n && !(agreement [i].low >= config->automatic.min_agreement))
        i++;
    *judged = ladder [i > 0 && i + 1 < n ? i + 1 : i];
    return OK;
}

status_t adapter_train_judged (const char *dir, const opened_t *opened, const config_t *config, buf_t *bytes, adapter_told_t *told, fault_t *fault)
{
    adapter_t *adapter = NULL;
    status_t status = adapter_open (dir, bytes->data, bytes->len, &adapter, fault);
    if (status != OK)
        return status;
    size_t half = opened->pool->count / 2, most = config->automatic.judged_max < half ? config->automatic.judged_max : half;
    bool asked = config->adapter.judged == 0 && !config->automatic.accept_adapter && most > told->top;
    if (asked)
        status = find_judged (opened, config, adapter, most, &told->judged, fault);
    adapter_destroy (&adapter);
    if (status != OK || !asked)
        return status;
    adapter_bytes_set_judged (bytes->data, bytes->len, (uint32_t) told->judged);
    told->digest = digest_of (bytes->data, bytes->len);
    return OK;
}

// --- measuring -------------------------------------------------------------

static status_t measure (const char *dir, const opened_t *opened, const buf_t *bytes, adapter_measured_t *out, fault_t *fault)
{
    adapter_t *adapter = NULL;
    *out = (adapter_measured_t) { 0 };
    if (bytes->len == 0)
        return OK;
    status_t status = adapter_open (dir, bytes->data, bytes->len, &adapter, fault);
    if (status == OK)
        status = adapter_measure (opened, adapter, out, fault);
    adapter_destroy (&adapter);
    return status;
}

// A share with its interval; one prompt alone bounds nothing.
static void write_share (const char *key, interval_t share, buf_t *out)
{
    bool none = isnan (share.value), loose = isnan (share.low);
    buf_printf (out, ",\"%s\":{\"value\":%.9g,\"low\":%.9g,\"high\":%.9g}", key, none ? 0 : share.value,
                none || loose ? 0 : share.low, none ? 0 : loose ? 1 : share.high);
}

void adapter_train_nothing (buf_t *report)
{
    buf_add_str (report, "{\"train_pairs\":0,\"held_out_pairs\":0,\"agreement\":{\"value\":0,\"low\":0,\"high\":1},\"agreement_half\":0}\n");
}

status_t adapter_train_report (const char *dir, const opened_t *opened, const config_t *config, const buf_t *bytes,
                               const adapter_told_t *told, buf_t *report, fault_t *fault)
{
    adapter_measured_t whole, half;
    adapter_told_t ignored;
    buf_t of_half = { 0 };
    status_t status = measure (dir, opened, bytes, &whole, fault);
    if (status == OK)
        status = train (opened, config, true, learn_alone, &of_half, &ignored, fault);
    if (status == OK && of_half.len > 0)
        adapter_bytes_set_judged (of_half.data, of_half.len, (uint32_t) told->judged);
    if (status == OK)
        status = measure (dir, opened, &of_half, &half, fault);
    buf_free (&of_half);
    if (status != OK)
        return status;
    char digest [DIGEST_HEX + 1];
    hex_encode (told->digest.b, DIGEST_BYTES, digest);
    buf_printf (report, "{\"adapter\":\"%s\",\"train_pairs\":%" PRIu64 ",\"held_out_pairs\":%" PRIu64, digest, told->learnt, whole.pairs);
    write_share ("agreement", whole.agreement, report);
    buf_printf (report, ",\"agreement_half\":%.9g", half.pairs > 0 ? half.agreement.value : 0);
    write_share ("captured", whole.captured, report);
    write_share ("overlap", whole.overlap, report);
    buf_printf (report, ",\"judged\":%" PRIu64 ",\"top\":%" PRIu64 ",\"responses\":%" PRIu64 ",\"cells_chosen\":%" PRIu64, told->judged, told->top, whole.responses, whole.cells);
    buf_printf (report, ",\"chosen_share\":%.9g}\n", whole.responses > 0 ? (double) whole.cells / ((double) whole.responses * (double) opened->pool->count) : 0);
    return OK;
}
