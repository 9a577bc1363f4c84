#include "ops/findings.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ops/findings_parts.h"
#include "ops/judge_setup.h"
#include "proto/wire.h"
#include "storage/run.h"

// What the walk works with.
typedef struct {
    findings_t *out;
    const findings_options_t *options;
    label_setup_t setup;
    findings_truth_t *truth;
    findings_cells_t cells;
    findings_labels_t *labels;
    rule_tally_t *tally;
    rule_information_t *information;
    double information_share;       // of the prompts
    int32_t *d;                     // pool->count
} work_t;

// --- beginning -----------------------------------------------------------------

// The run's selection, as its workers have it.
static status_t read_setup (work_t *work, fault_t *fault)
{
    const opened_t *opened = &work->out->opened;
    Rulemill__LabelSetup message = RULEMILL__LABEL_SETUP__INIT;
    if (opened->run->spec == NULL)
        return fault_set (fault, ERR_CORRUPT, "the run's record says nothing of how it labels; restore the store from a backup");
    message.spec = opened->run->spec;
    message.pool_blob = opened->run->pool_blob;
    worker_blob_t blob = { .digest = { { 0 } } };
    buf_t yaml = { 0 }, packed = { 0 };
    bool found = false;
    memcpy (blob.digest.b, opened->run->pool_blob.data, DIGEST_BYTES);      // cmd_open has held its length
    status_t status = record_get_blob (opened->store, &blob.digest, &yaml, &found, fault);
    blob.bytes = (void *) yaml.data;
    blob.len = yaml.len;
    wire_pack (&message.base, &packed);
    if (status == OK)
        status = label_setup_read (&work->setup, packed.data, packed.len, &blob, found ? 1 : 0, fault);
    buf_free (&packed);
    buf_free (&yaml);
    // Whatever else a run does, what it judges exhaustively it selects by the paper's value.
    if (status == OK && !policy_sees_all (work->setup.select.policy))
        work->setup.select.policy = POLICY_EXHAUSTIVE;
    return status;
}

static double share_of (uint64_t wanted, uint64_t all)
{
    return all > wanted ? (double) wanted / (double) all : 1;
}

static status_t begin (work_t *work, fault_t *fault)
{
    findings_t *out = work->out;
    Rulemill__CorpusState *corpus = NULL;
    status_t status = read_setup (work, fault);
    if (status == OK)
        status = findings_cells_open (&work->cells, &out->opened, &work->setup.layers, &out->cells, fault);
    if (status == OK)
        status = record_get_corpus (out->opened.store, &corpus, fault);
    if (status != OK)
        return status;
    digest_t digest = { { 0 } };
    if (out->opened.run->digest.len == DIGEST_BYTES)
        memcpy (digest.b, out->opened.run->digest.data, DIGEST_BYTES);
    run_name (&digest, out->name);
    out->judge = judge_setup_note_stored (out->opened.run->spec, out->opened.run->config);
    out->truth = mem_string (work->options->truth ? work->options->truth : "given preferences");
    out->prompts = corpus ? corpus->prompts : 0;
    work->truth = findings_truth_new (work->options->truth);
    work->labels = findings_labels_new (out, share_of (FINDINGS_PROMPTS_MAX, out->prompts), work->options->seed);
    work->tally = rule_tally_new (&work->setup.select);
    work->information = rule_information_new (out->opened.pool->count, 0);
    work->information_share = share_of (INFORMATION_PAIRS_MAX, corpus ? corpus->pairs : 0);
    work->d = mem_zero (out->opened.pool->count + 1, sizeof *work->d);
    if (corpus)
        rulemill__corpus_state__free_unpacked (corpus, NULL);
    return OK;
}

static void end (work_t *work)
{
    findings_cells_close (&work->cells);
    findings_truth_destroy (&work->truth);
    findings_labels_destroy (&work->labels);
    rule_tally_destroy (&work->tally);
    rule_information_destroy (&work->information);
    label_setup_free (&work->setup);
    free (work->d);
}

// --- the walk --------------------------------------------------------------------

// Was every rule looked at before this label was made? Of an audited pair too, whose label is the adapter's.
static status_t is_exhaustive (const work_t *work, const dataset_item_t *item, bool *is, fault_t *fault)
{
    int policy = policy_find (item->label->selected_by);
    bool identical = item->label->tie_reason == RULEMILL__TIE_REASON__TIE_IDENTICAL;
    *is = !identical && policy >= 0 && policy_sees_all ((policy_t) policy);
    if (identical || policy != POLICY_ADAPTER)
        return OK;
    return record_has_audit (work->out->opened.store, work->out->opened.run->number, item->number, is, fault);
}

static void inform (work_t *work, const dataset_item_t *item, int truth)
{
    if (truth == 0 || !findings_sampled (work->options->seed, item->pair->prompt, work->information_share))
        return;
    for (size_t r = 0; r < work->out->opened.pool->count; r++)
        work->d [r] = work->cells.a [r].score - work->cells.b [r].score;
    if (!rule_information_add (work->information, work->d, (truth > 0) != (item->label->swapped != 0), item->pair->prompt))
        work->out->information_sampled = true;
}

static status_t look_at_rules (work_t *work, const dataset_item_t *item, int truth, fault_t *fault)
{
    bool is, whole = false;
    status_t status = is_exhaustive (work, item, &is, fault);
    if (status == OK && is)
        status = findings_cells_of (&work->cells, item, &whole, fault);
    if (status != OK || !whole)
        return status;
    if (item->prompt->key.len != KEY_BYTES || item->pair->key.len != KEY_BYTES)
        return fault_set (fault, ERR_CORRUPT, "pair %s has no content key; restore the store from a backup", item->id);
    content_key_t prompt, pair;
    memcpy (prompt.b, item->prompt->key.data, KEY_BYTES);
    memcpy (pair.b, item->pair->key.data, KEY_BYTES);
    inform (work, item, truth);
    rule_tally_add (work->tally, &prompt, &pair, work->cells.a, work->cells.b);
    return OK;
}

static status_t look_at (work_t *work, const dataset_item_t *item, fault_t *fault)
{
    if (item->label == NULL || item->excluded)
        return OK;
    if (item->label->outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED) {
        work->out->quarantined++;
        return OK;
    }
    int truth = findings_truth_of (work->truth, item);
    findings_labels_add (work->labels, item, truth);
    return look_at_rules (work, item, truth, fault);
}

static status_t walk_all (work_t *work, fault_t *fault)
{
    const opened_t *opened = &work->out->opened;
    dataset_walk_t *walk = dataset_walk_new (opened->store, opened->run, 0, WALK_LABELLED_TEXTS, NULL, NULL);
    const dataset_item_t *item;
    status_t status;
    while ((status = dataset_walk_next (walk, &item, fault)) == OK && item)
        if ((status = look_at (work, item, fault)) != OK)
            break;
    dataset_walk_destroy (&walk);
    return status;
}

// --- the figures -------------------------------------------------------------------

static void fill_rules (work_t *work)
{
    findings_t *out = work->out;
    size_t n = out->opened.pool->count;
    rule_bits_t *bits = mem_zero (n + 1, sizeof *bits);
    rule_information_figures (work->information, work->options->seed, bits);
    out->judged = rule_tally_pairs (work->tally);
    out->information_pairs = rule_information_pairs (work->information);
    out->information_sampled = out->information_sampled || work->information_share < 1;
    out->rules = mem_zero (n + 1, sizeof *out->rules);
    out->correlation = mem_zero (n * n + 1, sizeof *out->correlation);
    for (uint32_t r = 0; r < n; r++) {
        out->rules [r] = (rule_findings_t) { rule_tally_figures (work->tally, r), bits [r] };
        for (uint32_t s = 0; s < n; s++)
            out->correlation [r * n + s] = (float) rule_tally_correlation (work->tally, r, s);
    }
    free (bits);
    if (out->judged == 0)
        out->cells = "no pair was judged exhaustively with its cells kept; use a policy that looks at all rules, or keep the cells (judge.store_cells)";
}

status_t findings_make (const findings_options_t *options, findings_t **out, fault_t *fault)
{
    work_t work = { .options = options, .out = mem_zero (1, sizeof (findings_t)) };
    *out = work.out;
    status_t status = cmd_open (options->dir, options->run, true, &work.out->opened, fault);
    if (status == OK)
        status = begin (&work, fault);
    if (status == OK)
        status = walk_all (&work, fault);
    if (status == OK && !findings_truth_found (work.truth))
        status = fault_set (fault, ERR_USAGE, "--truth: no row has the column \"%.100s\" beside what rulemill reads by itself; preferences "
                            "that rows give (preference, chosen, scores) are held against without --truth", options->truth);
    if (status == OK) {
        findings_labels_end (work.labels, options->seed);
        fill_rules (&work);
    }
    end (&work);
    if (status != OK)
        findings_destroy (out);
    return status;
}

void findings_destroy (findings_t **findings)
{
    findings_t *self = *findings;
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->n_models; i++)
        free (self->models [i].name);
    free (self->rules);
    free (self->correlation);
    free (self->judge);
    free (self->truth);
    cmd_close (&self->opened);
    free (self);
    *findings = NULL;
}

// --- order ---------------------------------------------------------------------------

static int by_weight (const void *x, const void *y, void *context)
{
    const findings_t *findings = context;
    uint32_t r = *(const uint32_t *) x, s = *(const uint32_t *) y;
    const rule_figures_t *a = &findings->rules [r].tally, *b = &findings->rules [s].tally;
    if (a->decisive != b->decisive)
        return a->decisive < b->decisive ? 1 : -1;
    if (a->selected != b->selected)
        return a->selected < b->selected ? 1 : -1;
    return (r > s) - (r < s);
}

void findings_order (const findings_t *findings, uint32_t *order)
{
    size_t n = findings->opened.pool->count;
    for (uint32_t r = 0; r < n; r++)
        order [r] = r;
    qsort_r (order, n, sizeof *order, by_weight, (void *) findings);
}
