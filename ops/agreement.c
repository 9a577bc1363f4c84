#include "ops/agreement.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/wire.h"
#include "worker/label_setup.h"

const int64_t agreement_bin_from [AGREEMENT_BINS] = { 0, 50000, 100000, 200000, 400000 };

// The judges' numbers of a member's layers end where the store knows no further repeat.
typedef struct {
    const opened_t *opened;
    agreement_t *out;
    size_t n, members, layers;      // rules; layer = repeat * members + member
    uint32_t *judge;                // [layers]
    bool *has;                      // [layers]
    int32_t *index;                 // of a rule by its number in the store; -1: of another pool
    uint32_t index_n;
    cell_t *cells [2];              // [layers * n] of a response; of both sides of a pair
    label_setup_t setup;            // where flips are known
    bool *need;
    cell_t *combined [2];
} walk_t;

// --- what the store numbers ------------------------------------------------

static status_t find_judges (walk_t *walk, fault_t *fault)
{
    const Rulemill__RunSpec *spec = walk->opened->run->spec;
    walk->members = spec->n_panel ? spec->n_panel : 1;
    walk->layers = walk->members * (1 + LIMIT_REPEATS);
    walk->judge = mem_zero (walk->layers, sizeof *walk->judge);
    walk->has = mem_zero (walk->layers, sizeof *walk->has);
    status_t status = OK;
    for (size_t layer = 0; layer < walk->layers && status == OK; layer++) {
        digest_t judge = run_judge (spec, layer % walk->members, (unsigned) (layer / walk->members));
        status = record_find_number (walk->opened->store, 'J', &judge, &walk->judge [layer], &walk->has [layer], fault);
    }
    while (walk->layers > walk->members && !walk->has [walk->layers - 1])
        walk->layers--;
    walk->layers = (walk->layers + walk->members - 1) / walk->members * walk->members;
    return status;
}

static status_t find_rules (walk_t *walk, fault_t *fault)
{
    const rulepool_t *pool = walk->opened->pool;
    uint32_t *number = mem_zero (pool->count, sizeof *number);
    bool *found = mem_zero (pool->count, sizeof *found);
    status_t status = OK;
    for (size_t i = 0; i < pool->count && status == OK; i++) {
        status = record_find_number (walk->opened->store, 'R', &pool->rules [i].digest, &number [i], &found [i], fault);
        if (found [i] && number [i] >= walk->index_n)
            walk->index_n = number [i] + 1;
    }
    walk->index = mem_new ((walk->index_n + 1) * sizeof *walk->index);
    memset (walk->index, 0xFF, (walk->index_n + 1) * sizeof *walk->index);
    for (size_t i = 0; i < pool->count; i++)
        if (found [i])
            walk->index [number [i]] = (int32_t) i;
    free (number);
    free (found);
    return status;
}

// How the run makes a label of a pair's cells.
static status_t find_policy (walk_t *walk, fault_t *fault)
{
    const Rulemill__RunRecord *run = walk->opened->run;
    walk->out->flips_known = policy_find (run->spec->policy) >= 0;
    if (!walk->out->flips_known)
        return OK;
    worker_blob_t blob = { .digest = { { 0 } } };
    buf_t yaml = { 0 }, packed = { 0 };
    bool found = false;
    memcpy (blob.digest.b, run->pool_blob.data, DIGEST_BYTES);      // cmd_open has held its length
    Rulemill__LabelSetup message = RULEMILL__LABEL_SETUP__INIT;
    message.spec = run->spec;
    message.pool_blob = run->pool_blob;
    wire_pack (&message.base, &packed);
    status_t status = record_get_blob (walk->opened->store, &blob.digest, &yaml, &found, fault);
    blob.bytes = (void *) yaml.data;
    blob.len = yaml.len;
    if (status == OK)
        status = label_setup_read (&walk->setup, packed.data, packed.len, &blob, found ? 1 : 0, fault);
    buf_free (&packed);
    buf_free (&yaml);
    return status;
}

static status_t begin (walk_t *walk, fault_t *fault)
{
    status_t status = find_judges (walk, fault);
    if (status == OK)
        status = find_rules (walk, fault);
    if (status == OK)
        status = find_policy (walk, fault);
    agreement_t *out = walk->out;
    walk->n = out->n_rules = walk->opened->pool->count;
    out->members = walk->members;
    out->scores = mem_zero (walk->n, sizeof *out->scores);
    out->repeated = mem_zero (walk->n, sizeof *out->repeated);
    out->choices = mem_zero (walk->n, sizeof *out->choices);
    walk->need = mem_zero (walk->n, sizeof *walk->need);
    for (int side = 0; side < 2; side++) {
        walk->cells [side] = mem_zero (walk->layers * walk->n, sizeof (cell_t));
        walk->combined [side] = mem_zero (walk->n, sizeof (cell_t));
    }
    return status;
}

static void end (walk_t *walk)
{
    for (int side = 0; side < 2; side++) {
        free (walk->cells [side]);
        free (walk->combined [side]);
    }
    free (walk->judge);
    free (walk->has);
    free (walk->index);
    free (walk->need);
    label_setup_free (&walk->setup);
}

// --- cells -----------------------------------------------------------------

// A response's cells in layers from..end; *any: there are some.
static status_t load (walk_t *walk, uint64_t response, size_t from, size_t stop, cell_t *cells, bool *any, fault_t *fault)
{
    *any = false;
    memset (cells + from * walk->n, 0, (stop - from) * walk->n * sizeof *cells);
    for (size_t layer = from; layer < stop; layer++) {
        Rulemill__Cells *stored = NULL;
        status_t status = walk->has [layer] ? record_get_cells (walk->opened->store, response, walk->judge [layer], &stored, fault) : OK;
        if (status != OK)
            return status;
        for (size_t i = 0; stored && i < stored->n_rule && i < stored->n_score && i < stored->n_relevance; i++) {
            int32_t rule = stored->rule [i] < walk->index_n ? walk->index [stored->rule [i]] : -1;
            if (rule < 0)
                continue;
            cells [layer * walk->n + (size_t) rule] = (cell_t) { .score = stored->score [i], .relevance = stored->relevance [i], .known = true };
            *any = true;
        }
        if (stored)
            rulemill__cells__free_unpacked (stored, NULL);
    }
    return OK;
}

static void compare_members (walk_t *walk, size_t rule)
{
    int32_t scores [LIMIT_JUDGES];
    choice_t choices [LIMIT_JUDGES];
    size_t n = 0;
    for (size_t m = 0; m < walk->members; m++) {
        const cell_t *cell = &walk->cells [0][m * walk->n + rule];
        if (!cell->known)
            continue;
        scores [n] = cell->score;
        choices [n++] = cell_choice (cell);
    }
    score_agreement_add (&walk->out->scores [rule], scores, n);
    choice_agreement_add (&walk->out->choices [rule], choices, n);
}

static void compare_repeats (walk_t *walk, size_t member, size_t rule)
{
    int32_t scores [1 + LIMIT_REPEATS];
    size_t n = 0;
    for (size_t layer = member; layer < walk->layers; layer += walk->members)
        if (walk->cells [0][layer * walk->n + rule].known)
            scores [n++] = walk->cells [0][layer * walk->n + rule].score;
    score_agreement_add (&walk->out->repeated [rule], scores, n);
    if (n > 1 + walk->out->repeats)
        walk->out->repeats = (unsigned) n - 1;
}

static status_t walk_responses (walk_t *walk, fault_t *fault)
{
    Rulemill__CorpusState *corpus = NULL;
    status_t status = record_get_corpus (walk->opened->store, &corpus, fault);
    uint64_t responses = corpus ? corpus->responses : 0;
    if (corpus)
        rulemill__corpus_state__free_unpacked (corpus, NULL);
    for (uint64_t number = 0; number < responses && status == OK; number++) {
        bool any;
        status = load (walk, number, 0, walk->layers, walk->cells [0], &any, fault);
        for (size_t rule = 0; status == OK && any && rule < walk->n; rule++) {
            compare_members (walk, rule);
            for (size_t m = 0; m < walk->members; m++)
                compare_repeats (walk, m, rule);
        }
    }
    return status;
}

// --- labels ----------------------------------------------------------------

static void count (walk_t *walk, const Rulemill__Label *label, uint64_t prompt, bool flipped)
{
    agreement_t *out = walk->out;
    int64_t difference = label->sum_a - label->sum_b, rules = label->n_rule ? (int64_t) label->n_rule : 1;
    int64_t margin = (difference < 0 ? -difference : difference) / rules;
    size_t bin = AGREEMENT_BINS - 1;
    while (bin > 0 && margin < agreement_bin_from [bin])
        bin--;
    prompt_share_add (&out->bin [bin], prompt, flipped, 1);
    prompt_share_add (&out->all, prompt, flipped, 1);
}

// The members' cells of one repeat as one; false where a needed one is missing.
static bool combine (walk_t *walk, size_t repeat, int side)
{
    label_layers_combine (&walk->setup.layers, walk->cells [side] + repeat * walk->members * walk->n, walk->combined [side]);
    for (size_t r = 0; r < walk->n; r++)
        if (walk->need [r] && !walk->combined [side][r].known)
            return false;
    return true;
}

static Rulemill__Outcome outcome_of (const selected_t *selected)
{
    return selected->preference == PREFERS_A ? RULEMILL__OUTCOME__OUTCOME_A
         : selected->preference == PREFERS_B ? RULEMILL__OUTCOME__OUTCOME_B : RULEMILL__OUTCOME__OUTCOME_TIE;
}

static status_t label_again (walk_t *walk, const Rulemill__PairRecord *pair, const Rulemill__Label *label, fault_t *fault)
{
    Rulemill__PromptRecord *prompt = NULL;
    status_t status = record_get_prompt (walk->opened->store, pair->prompt, &prompt, fault);
    if (status == OK && (prompt == NULL || prompt->key.len != KEY_BYTES || pair->key.len != KEY_BYTES))
        status = fault_set (fault, ERR_CORRUPT, "a pair's prompt or key can't be read; restore the store from a backup");
    content_key_t prompt_key, pair_key;
    if (status == OK) {
        memcpy (prompt_key.b, prompt->key.data, KEY_BYTES);
        memcpy (pair_key.b, pair->key.data, KEY_BYTES);
        selection_need (&walk->setup.select, &prompt_key, &pair_key, walk->need);
    }
    for (size_t repeat = 1; status == OK && repeat < walk->layers / walk->members; repeat++) {
        selected_t selected;
        if (!combine (walk, repeat, 0) || !combine (walk, repeat, 1))
            continue;
        selection_label (&walk->setup.select, &prompt_key, &pair_key, walk->combined [0], walk->combined [1], &selected);
        count (walk, label, pair->prompt, outcome_of (&selected) != label->outcome);
    }
    if (prompt)
        rulemill__prompt_record__free_unpacked (prompt, NULL);
    return status;
}

// What an adapter foresaw can't be worked out of cells.
static bool is_of_cells (const Rulemill__Label *label)
{
    return label->outcome != RULEMILL__OUTCOME__OUTCOME_QUARANTINED && label->tie_reason != RULEMILL__TIE_REASON__TIE_IDENTICAL &&
           strcmp (label->selected_by, policy_name (POLICY_ADAPTER)) != 0;
}

static status_t look_at (walk_t *walk, uint64_t number, const Rulemill__Label *label, fault_t *fault)
{
    Rulemill__PairRecord *pair = NULL;
    bool any = false;
    if (!is_of_cells (label))
        return OK;
    status_t status = record_get_pair (walk->opened->store, number, &pair, fault);
    for (int side = 0; side < 2 && status == OK && pair && (side == 0 || any); side++) {
        uint64_t response = (side == 0) != label->swapped ? pair->response_a : pair->response_b;
        status = load (walk, response, walk->members, walk->layers, walk->cells [side], &any, fault);
    }
    if (status == OK && any)
        status = label_again (walk, pair, label, fault);
    if (pair)
        rulemill__pair_record__free_unpacked (pair, NULL);
    return status;
}

static status_t walk_labels (walk_t *walk, fault_t *fault)
{
    if (!walk->out->flips_known || walk->layers == walk->members)
        return OK;
    store_iter_t *labels = record_walk_labels (walk->opened->store, walk->opened->run->number, 0);
    status_t status = OK;
    for (; status == OK && store_iter_valid (labels); store_iter_next (labels)) {
        Rulemill__Label *label = record_read_label (labels, fault);
        status = label ? look_at (walk, record_pair_at (labels), label, fault) : fault->code;
        if (label)
            rulemill__label__free_unpacked (label, NULL);
    }
    if (status == OK)
        status = store_iter_status (labels, fault);
    store_iter_destroy (&labels);
    return status;
}

// --- all of it -------------------------------------------------------------

bool agreement_has_any (const agreement_t *agreement)
{
    return agreement->members > 1 || agreement->repeats > 0;
}

status_t agreement_measure (const opened_t *opened, agreement_t *out, fault_t *fault)
{
    *out = (agreement_t) { .n_rules = 0 };
    walk_t walk = { .opened = opened, .out = out };
    status_t status = begin (&walk, fault);
    if (status == OK && (walk.members > 1 || walk.layers > walk.members))
        status = walk_responses (&walk, fault);
    if (status == OK)
        status = walk_labels (&walk, fault);
    end (&walk);
    return status;
}

void agreement_clear (agreement_t *agreement)
{
    free (agreement->scores);
    free (agreement->repeated);
    free (agreement->choices);
    *agreement = (agreement_t) { .n_rules = 0 };
}
