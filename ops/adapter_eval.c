#include "ops/adapter_eval.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "model/adapter_metrics.h"
#include "ops/adapter_part.h"
#include "storage/dataset_tally.h"

// Those that stay out of a table have no place in it: see choosers_of.
typedef enum { BY_ADAPTER, BY_PROMPT, BY_FREQUENCY, BY_CHANCE, BY_RELEVANCE, BY_FORESEEN, CHOOSERS } chooser_t;

static const char *const chooser_names [CHOOSERS] = { "adapter", "prompt_only", "frequent", "random", "relevance_judged", "relevance_foreseen" };
static const char *const chooser_titles [CHOOSERS] = {
    "adapter", "prompt alone", "most frequent", "random", "relevance, judged", "relevance, foreseen"
};
_Static_assert ((int) CHOOSERS <= (int) CHOOSERS_MAX && (int) ADAPTER_LADDER_MAX <= (int) CHOOSERS_MAX, "each chooser has its sums");

typedef struct {
    const opened_t *opened;
    const adapter_t *adapter;               // NULL: it is served
    const adapter_served_t *served;         // NULL: it is a file
    size_t asked;                           // pairs of served so far
    adapter_reader_t *reader, *twin;        // twin NULL: the file has none
    selection_spec_t spec;
    int8_t polarity [LIMIT_RULES];
    size_t n, k;                            // rules, and how many of them are judged
    const size_t *ladder;                   // NULL, or numbers of rules judged that are compared; k is the last
    size_t n_ladder;
    dataset_tally_t *tally;                 // of what the adapter has judged
    double test_share;
    uint64_t seed, prompt;                  // + 1, the one that the readers have read
    adapter_metrics_t *metrics;
    float *value, *frequency;
    cell_t *a, *b;
    uint32_t *chosen [CHOOSERS];
    size_t count [CHOOSERS];
    bool foresees_relevance;
    adapter_text_t *turns [3];
    size_t turns_cap [3];
    double reading_s;                       // processor time spent foreseeing, by the adapter alone
} eval_t;

// --- setting up ------------------------------------------------------------

// Seed and share of the test prompts, as the training noted them.
static status_t read_info (eval_t *eval, fault_t *fault)
{
    const adapter_parts_t *parts = adapter_parts (eval->adapter);
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root = NULL;
    int64_t seed = 0;
    status_t status = json_parse (doc, parts->info, parts->header->info_len, &root, fault);
    const json_value_t *number = status == OK ? json_get (root, "seed") : NULL;
    if (json_is (number, JSON_NUMBER))
        eval->seed = json_int (number, &seed) ? (uint64_t) seed : strtoull (number->text, NULL, 10);
    if (status == OK && (!json_is (number, JSON_NUMBER) || !json_double (json_get (root, "test_share"), &eval->test_share)))
        status = fault_set (fault, ERR_CORRUPT, "the adapter does not say which prompts were kept from it; train it anew");
    json_doc_destroy (&doc);
    return status;
}

static adapter_reader_t *bind (const opened_t *opened, const adapter_t *adapter)
{
    const rulepool_t *pool = opened->pool;
    adapter_rule_t *rules = mem_new (pool->count * sizeof *rules);
    for (size_t i = 0; i < pool->count; i++)
        rules [i] = (adapter_rule_t) { &pool->rules [i].digest, pool->rules [i].text };
    adapter_reader_t *reader = adapter_reader_new (adapter, rules, pool->count);
    free (rules);
    return reader;
}

// How often a rule was picked in training; its mean value orders those picked equally often.
static void fill_frequency (eval_t *eval)
{
    const adapter_parts_t *parts = adapter_parts (eval->adapter);
    for (size_t i = 0; i < eval->n; i++)
        for (uint32_t r = 0; r < parts->header->n_rules; r++)
            if (memcmp (parts->rule [r].digest, eval->opened->digests [i].b, DIGEST_BYTES) == 0)
                eval->frequency [i] = parts->rule [r].share + parts->rule [r].mean * 1e-6f;
}

static void bind_file (eval_t *eval)
{
    const adapter_t *twin = adapter_twin (eval->adapter);
    eval->reader = bind (eval->opened, eval->adapter);
    eval->twin = twin ? bind (eval->opened, twin) : NULL;
    fill_frequency (eval);
}

static void begin (eval_t *eval)
{
    const rulepool_t *pool = eval->opened->pool;
    eval->n = pool->count;
    eval->spec = adapter_selection (eval->opened->run->spec, pool, eval->opened->digests, eval->polarity);
    size_t judged = eval->ladder ? eval->ladder [eval->n_ladder - 1] : eval->served ? eval->spec.top : adapter_judged (eval->adapter, eval->spec.top);
    eval->k = judged < eval->n ? judged : eval->n;
    eval->metrics = adapter_metrics_new (&eval->spec, eval->ladder ? eval->n_ladder : CHOOSERS);
    eval->tally = dataset_tally_new (eval->n);
    eval->value = mem_zero (eval->n, sizeof (float));
    eval->frequency = mem_zero (eval->n, sizeof (float));
    eval->a = mem_zero (eval->n, sizeof (cell_t));
    eval->b = mem_zero (eval->n, sizeof (cell_t));
    for (int c = 0; c < CHOOSERS; c++)
        eval->chosen [c] = mem_zero (eval->k, sizeof (uint32_t));
    if (eval->served)
        memcpy (eval->frequency, eval->served->frequency, eval->n * sizeof *eval->frequency);
    else
        bind_file (eval);
}

static void end (eval_t *eval)
{
    adapter_reader_destroy (&eval->reader);
    adapter_reader_destroy (&eval->twin);
    adapter_metrics_destroy (&eval->metrics);
    dataset_tally_destroy (&eval->tally);
    free (eval->value);
    free (eval->frequency);
    free (eval->a);
    free (eval->b);
    for (int c = 0; c < CHOOSERS; c++)
        free (eval->chosen [c]);
    for (int i = 0; i < 3; i++)
        free (eval->turns [i]);
}

// --- one pair --------------------------------------------------------------

static void choose (eval_t *eval, chooser_t chooser, const float *value, const content_key_t *prompt_key)
{
    eval->count [chooser] = adapter_select (value, eval->spec.rule_digest, eval->n, eval->spec.seed, prompt_key, eval->k,
                                            eval->chosen [chooser]);
}

// Processor time, so that what else the machine does is not counted.
static double now_s (void)
{
    struct timespec now;
    clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
    return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

static void foresee (eval_t *eval, const judged_t *judged, const content_key_t *prompt_key)
{
    const dataset_item_t *item = judged->item;
    const Rulemill__Conversation *texts [3] = { item->prompt->conversation, item->a->response, item->b->response };
    size_t n [3];
    for (int i = 0; i < 3; i++)
        n [i] = adapter_turns (texts [i], &eval->turns [i], &eval->turns_cap [i]);
    bool new_prompt = eval->prompt != item->pair->prompt + 1;
    double started_s = now_s ();
    if (new_prompt)
        adapter_read_prompt (eval->reader, eval->turns [0], n [0]);
    adapter_read_pair (eval->reader, eval->turns [1], n [1], eval->turns [2], n [2], eval->value);
    choose (eval, BY_ADAPTER, eval->value, prompt_key);
    eval->reading_s += now_s () - started_s;
    eval->foresees_relevance = adapter_relevance (eval->reader, eval->value);
    if (eval->foresees_relevance)
        choose (eval, BY_FORESEEN, eval->value, prompt_key);
    if (eval->twin && new_prompt)
        adapter_read_prompt (eval->twin, eval->turns [0], n [0]);
    if (eval->twin) {
        adapter_read_pair (eval->twin, NULL, 0, NULL, 0, eval->value);
        choose (eval, BY_PROMPT, eval->value, prompt_key);
    }
    eval->prompt = item->pair->prompt + 1;
}

// False: it can't foresee this pair.
static bool take_served (eval_t *eval)
{
    const uint32_t *rules = adapter_served_rules (eval->served, eval->asked++);
    if (rules == NULL)
        return false;
    memcpy (eval->chosen [BY_ADAPTER], rules, eval->k * sizeof *rules);
    eval->count [BY_ADAPTER] = eval->k;
    return true;
}

// The first rules of what the adapter foresees, the more the farther up the ladder.
static void add_ladder (eval_t *eval, const metrics_pair_t *pair)
{
    const uint32_t *chosen [ADAPTER_LADDER_MAX];
    size_t count [ADAPTER_LADDER_MAX];
    for (size_t i = 0; i < eval->n_ladder; i++) {
        chosen [i] = eval->chosen [BY_ADAPTER];
        count [i] = eval->ladder [i] < eval->count [BY_ADAPTER] ? eval->ladder [i] : eval->count [BY_ADAPTER];
    }
    adapter_metrics_add (eval->metrics, pair, chosen, count);
}

static void take_pair (eval_t *eval, const judged_t *judged, const content_key_t *group)
{
    const dataset_item_t *item = judged->item;
    content_key_t prompt_key = adapter_key (&item->prompt->key), pair_key = adapter_key (&item->pair->key);
    adapter_cells (judged->a, eval->n, eval->a);
    adapter_cells (judged->b, eval->n, eval->b);
    if (eval->served == NULL)
        foresee (eval, judged, &prompt_key);
    else if (!take_served (eval))
        return;
    dataset_tally_judged (eval->tally, item, TALLY_ADAPTER, eval->chosen [BY_ADAPTER], eval->count [BY_ADAPTER]);
    choose (eval, BY_FREQUENCY, eval->frequency, &prompt_key);
    for (size_t r = 0; r < eval->n; r++)
        eval->value [r] = (float) (eval->a [r].relevance + eval->b [r].relevance);
    choose (eval, BY_RELEVANCE, eval->value, &prompt_key);
    memset (eval->value, 0, eval->n * sizeof *eval->value);     // all equal: by the hash
    choose (eval, BY_CHANCE, eval->value, &pair_key);
    metrics_pair_t pair = {
        .prompt_key = &prompt_key, .pair_key = &pair_key, .a = eval->a, .b = eval->b,
        .given = item->pair->given == RULEMILL__SIDE__SIDE_A ? PREFERS_A : PREFERS_B,
        .has_given = item->pair->given == RULEMILL__SIDE__SIDE_A || item->pair->given == RULEMILL__SIDE__SIDE_B
    };
    memcpy (&pair.group, group->b, sizeof pair.group);
    if (eval->ladder)
        add_ladder (eval, &pair);
    else
        adapter_metrics_add (eval->metrics, &pair, (const uint32_t *const *) eval->chosen, eval->count);
}

static status_t walk_pairs (eval_t *eval, bool all, uint64_t *lacking, fault_t *fault)
{
    const opened_t *opened = eval->opened;
    judged_walk_t *walk = adapter_pairs (opened->store, opened->run, opened->digests, opened->pool->count);
    const judged_t *judged = NULL;
    status_t status;
    while ((status = judged_walk_next (walk, &judged, fault)) == OK && judged) {
        content_key_t group = adapter_key (&judged->item->prompt->group_key);
        if (all || adapter_part (eval->seed, eval->test_share, &group) == PART_TEST)
            take_pair (eval, judged, &group);
    }
    *lacking = judged_walk_lacking (walk);
    judged_walk_destroy (&walk);
    return status;
}

// --- saying it -------------------------------------------------------------

static bool is_shown (const eval_t *eval, int chooser)
{
    return (chooser != BY_PROMPT || eval->twin) && (chooser != BY_FORESEEN || eval->foresees_relevance);
}

static double us_per_pair (const eval_t *eval)
{
    return eval->reading_s * 1e6 / (double) adapter_metrics_pairs (eval->metrics);
}

static void digest_hex (const eval_t *eval, char hex [DIGEST_HEX + 1])
{
    digest_t digest = eval->served ? eval->served->setup->identity : adapter_digest (eval->adapter);
    hex_encode (digest.b, DIGEST_BYTES, hex);
}

static void write_json_head (const eval_t *eval, buf_t *out)
{
    char hex [DIGEST_HEX + 1];
    digest_hex (eval, hex);
    buf_printf (out, "{\"adapter\":\"%s\"", hex);
    if (eval->served) {
        buf_add_str (out, ",\"served_model\":");
        json_write_cstring (out, eval->served->setup->message.model);
        buf_printf (out, ",\"not_foreseen\":%zu,\"seconds\":%.3f", eval->served->lost, eval->served->seconds);
    } else
        buf_printf (out, ",\"form\":\"%s\",\"bytes\":%zu,\"rules_not_learnt\":%zu,\"us_per_pair\":%.1f",
                    adapter_form_name (adapter_parts (eval->adapter)->header->form), adapter_size (eval->adapter),
                    adapter_strangers (eval->reader), us_per_pair (eval));
    buf_printf (out, ",\"pairs\":%zu,\"groups\":%zu,\"given\":%zu,\"top\":%" PRIu32 ",\"judged\":%zu,\"exhaustive_given\":", adapter_metrics_pairs (eval->metrics),
                adapter_metrics_groups (eval->metrics), adapter_metrics_given (eval->metrics), eval->spec.top, eval->k);
}

static void write_json (const eval_t *eval, buf_t *out)
{
    write_json_head (eval, out);
    interval_t interval = adapter_metrics_exhaustive (eval->metrics, eval->seed);
    interval_write (out, &interval);
    json_write_key (out, "adapter_less_exhaustive_given");
    interval = adapter_metrics_from_exhaustive (eval->metrics, BY_ADAPTER, eval->seed);
    interval_write (out, &interval);
    buf_add_str (out, ",\"choosers\":{");
    for (int c = 0; c < CHOOSERS; c++) {
        if (!is_shown (eval, c))
            continue;
        json_write_key (out, chooser_names [c]);
        buf_add_char (out, '{');
        for (int m = 0; m < METRICS; m++) {
            json_write_key (out, metric_name (m));
            interval = adapter_metrics_figure (eval->metrics, m, (size_t) c, eval->seed);
            interval_write (out, &interval);
            if (c == BY_ADAPTER)
                continue;
            buf_printf (out, ",\"%s_adapter_less_this\":", metric_name (m));
            interval = adapter_metrics_difference (eval->metrics, m, BY_ADAPTER, (size_t) c, eval->seed);
            interval_write (out, &interval);
        }
        buf_add_char (out, '}');
    }
    buf_add_str (out, "}}\n");
}

static void write_head (const eval_t *eval, bool all, buf_t *out)
{
    char hex [DIGEST_HEX + 1];
    digest_hex (eval, hex);
    const adapter_served_t *served = eval->served;
    if (served)
        buf_printf (out, "adapter    %.12s, served as %s, %.1f s\n", hex, served->setup->message.model, served->seconds);
    else
        buf_printf (out, "adapter    %.12s, form %s, %zu bytes, %.0f us a pair\n", hex, adapter_form_name (adapter_parts (eval->adapter)->header->form),
                    adapter_size (eval->adapter), us_per_pair (eval));
    if (served && served->lost > 0)
        buf_printf (out, "left out   %zu pairs that it can't foresee: %s\n", served->lost, served->why);
    buf_printf (out, "pairs      %zu of %zu first user turns, %s; %zu of %zu rules judged", adapter_metrics_pairs (eval->metrics),
                adapter_metrics_groups (eval->metrics), all ? "all of the run" : "kept from learning", eval->k, eval->n);
    if (eval->k > eval->spec.top)
        buf_printf (out, ", of which selection takes %" PRIu32, eval->spec.top);
    buf_add_char (out, '\n');
    if (eval->reader && adapter_strangers (eval->reader) > 0)
        buf_printf (out, "rules      %zu that it has not learnt, foreseen by what is like them\n", adapter_strangers (eval->reader));
    buf_add_str (out, "figures    percent, with 95 % intervals bootstrapped by first user turn\n\n");
}

static void write_text (const eval_t *eval, bool all, buf_t *out)
{
    write_head (eval, all, out);
    for (int m = 0; m < METRICS; m++) {
        if (m == METRIC_GIVEN && adapter_metrics_given (eval->metrics) == 0)
            continue;
        buf_printf (out, "%s\n", metric_name (m));
        if (m == METRIC_GIVEN) {
            interval_t interval = adapter_metrics_exhaustive (eval->metrics, eval->seed);
            buf_printf (out, "  %-20s ", "exhaustive");
            interval_show (out, &interval, 100, 1);
            buf_add_str (out, "   adapter ");
            interval = adapter_metrics_from_exhaustive (eval->metrics, BY_ADAPTER, eval->seed);
            interval_show_difference (out, &interval, 100, 1);
            buf_add_char (out, '\n');
        }
        for (int c = 0; c < CHOOSERS; c++) {
            if (!is_shown (eval, c))
                continue;
            interval_t interval = adapter_metrics_figure (eval->metrics, m, (size_t) c, eval->seed);
            buf_printf (out, "  %-20s ", chooser_titles [c]);
            interval_show (out, &interval, 100, 1);
            if (c != BY_ADAPTER) {
                buf_add_str (out, "   adapter ");
                interval = adapter_metrics_difference (eval->metrics, m, BY_ADAPTER, (size_t) c, eval->seed);
                interval_show_difference (out, &interval, 100, 1);
            }
            buf_add_char (out, '\n');
        }
    }
}

status_t adapter_eval (const char *dir, const opened_t *opened, const adapter_t *adapter, bool all, bool json, buf_t *out, fault_t *fault)
{
    eval_t eval = { .opened = opened, .adapter = adapter };
    status_t status = read_info (&eval, fault);
    if (status != OK)
        return status;
    uint64_t lacking = 0;
    begin (&eval);
    status = walk_pairs (&eval, all, &lacking, fault);
    if (status == OK && adapter_metrics_pairs (eval.metrics) == 0)
        status = lacking > 0 || all ? adapter_no_pairs (dir, opened->run, lacking, fault)
                 : fault_set (fault, ERR_NOT_FOUND, "%s: no judged prompt was kept from learning; raise adapter.test_share when training, "
                              "or evaluate another corpus with --all", dir);
    if (status == OK && json)
        write_json (&eval, out);
    else if (status == OK)
        write_text (&eval, all, out);
    end (&eval);
    return status;
}

status_t adapter_eval_served (const char *dir, const opened_t *opened, const adapter_served_t *served, bool json, buf_t *out, fault_t *fault)
{
    eval_t eval = { .opened = opened, .served = served, .seed = opened->run->spec->seed };
    uint64_t lacking = 0;
    begin (&eval);
    status_t status = walk_pairs (&eval, true, &lacking, fault);
    if (status == OK && served->lost > 0 && adapter_metrics_pairs (eval.metrics) == 0)
        status = fault_set (fault, ERR_NOT_FOUND, "%s: none of the %zu judged pairs can be foreseen: %s", dir, served->n, served->why);
    else if (status == OK && adapter_metrics_pairs (eval.metrics) == 0)
        status = adapter_no_pairs (dir, opened->run, lacking, fault);
    if (status == OK && json)
        write_json (&eval, out);
    else if (status == OK)
        write_text (&eval, true, out);
    end (&eval);
    return status;
}

status_t adapter_measure (const opened_t *opened, const adapter_t *adapter, adapter_measured_t *out, fault_t *fault)
{
    *out = (adapter_measured_t) { 0 };
    eval_t eval = { .opened = opened, .adapter = adapter };
    uint64_t lacking;
    status_t status = read_info (&eval, fault);
    if (status != OK)
        return status;
    begin (&eval);
    status = walk_pairs (&eval, false, &lacking, fault);
    out->pairs = adapter_metrics_pairs (eval.metrics);
    if (status == OK && out->pairs > 0) {
        out->agreement = adapter_metrics_figure (eval.metrics, METRIC_AGREEMENT, BY_ADAPTER, eval.seed);
        out->captured = adapter_metrics_figure (eval.metrics, METRIC_CAPTURED, BY_ADAPTER, eval.seed);
        out->overlap = adapter_metrics_figure (eval.metrics, METRIC_OVERLAP, BY_ADAPTER, eval.seed);
        out->responses = dataset_tally_cells_all (eval.tally) / eval.n;
        out->cells = dataset_tally_cells_selected (eval.tally);
    }
    end (&eval);
    return status;
}

status_t adapter_measure_judged (const opened_t *opened, const adapter_t *adapter, const size_t *judged, size_t n, interval_t *agreement, uint64_t *pairs,
                                 fault_t *fault)
{
    eval_t eval = { .opened = opened, .adapter = adapter, .ladder = judged, .n_ladder = n };
    uint64_t lacking;
    status_t status = read_info (&eval, fault);
    if (status != OK)
        return status;
    begin (&eval);
    status = walk_pairs (&eval, false, &lacking, fault);
    *pairs = adapter_metrics_pairs (eval.metrics);
    for (size_t i = 0; i < n && status == OK && *pairs > 0; i++)
        agreement [i] = adapter_metrics_figure (eval.metrics, METRIC_AGREEMENT, i, eval.seed);
    end (&eval);
    return status;
}
