// The cells of a pair: from the store, or of the embedded judge again.
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ops/findings_parts.h"

static bool is_our_lexicon (const Rulemill__RunRecord *run, const rulepool_t *pool)
{
    digest_t identity = lexicon_identity (pool);
    const ProtobufCBinaryData *stored = &run->spec->judge_identity;
    return strcmp (run->spec->judge, "lexicon") == 0 && stored->len == DIGEST_BYTES && memcmp (stored->data, identity.b, DIGEST_BYTES) == 0;
}

// A panel's members have numbers of their own: their cells are those that they would have given alone.
static status_t number_members (findings_cells_t *cells, fault_t *fault)
{
    const Rulemill__RunSpec *spec = cells->run->spec;
    cells->judge [0] = cells->run->judge;
    status_t status = OK;
    for (size_t m = 0; m < spec->n_panel && m < cells->layers->panel.n_members && status == OK; m++) {
        digest_t identity = { { 0 } };
        if (spec->panel [m]->identity.len == DIGEST_BYTES)
            memcpy (identity.b, spec->panel [m]->identity.data, DIGEST_BYTES);
        status = record_number_of (cells->store, 'J', &identity, &cells->judge [m], fault);
    }
    return status;
}

status_t findings_cells_open (findings_cells_t *cells, const opened_t *opened, const label_layers_t *layers, const char **note, fault_t *fault)
{
    size_t n = opened->pool->count;
    *cells = (findings_cells_t) { .store = opened->store, .run = opened->run, .pool = opened->pool, .layers = layers, .prompt = UINT64_MAX };
    cells->map = dataset_rule_map_new (opened->store, opened->digests, n);
    cells->member = mem_zero (layers->panel.n_members * n + 1, sizeof *cells->member);
    cells->a = mem_zero (n + 1, sizeof *cells->a);
    cells->b = mem_zero (n + 1, sizeof *cells->b);
    *note = "as the store keeps them";
    if (is_our_lexicon (opened->run, opened->pool)) {
        cells->lexicon = lexicon_new (opened->pool);
        cells->hits = mem_zero (n + 1, sizeof *cells->hits);
        *note = "computed again by the embedded judge";
    }
    return number_members (cells, fault);
}

void findings_cells_close (findings_cells_t *cells)
{
    dataset_rule_map_destroy (&cells->map);
    lexicon_destroy (&cells->lexicon);
    free (cells->hits);
    free (cells->member);
    free (cells->a);
    free (cells->b);
    *cells = (findings_cells_t) { 0 };
}

static status_t spread (findings_cells_t *cells, const Rulemill__Cells *stored, cell_t *out, size_t *known, fault_t *fault)
{
    size_t n = stored->n_rule;
    if (stored->n_score != n || stored->n_relevance != n || stored->n_mass != n)
        return fault_set (fault, ERR_CORRUPT, "stored scores do not agree with themselves; restore the store from a backup");
    for (size_t i = 0; i < n; i++) {
        int rule;
        status_t status = dataset_rule_map_find (cells->map, stored->rule [i], &rule, fault);
        if (status != OK)
            return status;
        if (rule < 0)
            continue;
        *known += !out [rule].known;
        out [rule] = (cell_t) { .score = stored->score [i], .relevance = stored->relevance [i], .mass = stored->mass [i], .known = true };
    }
    return OK;
}

// Cells that hold for the pair alone stand over those of the response.
static status_t read_member (findings_cells_t *cells, const dataset_item_t *item, int side, uint32_t judge, cell_t *out, bool *whole, fault_t *fault)
{
    uint64_t response = side == 1 ? item->pair->response_a : item->pair->response_b;
    Rulemill__Cells *stored [2] = { NULL, NULL };
    size_t known = 0;
    memset (out, 0, cells->pool->count * sizeof *out);
    status_t status = record_get_cells (cells->store, response, judge, &stored [0], fault);
    if (status == OK)
        status = record_get_pair_cells (cells->store, item->number, judge, side, &stored [1], fault);
    for (int i = 0; i < 2; i++) {
        if (status == OK && stored [i])
            status = spread (cells, stored [i], out, &known, fault);
        if (stored [i])
            rulemill__cells__free_unpacked (stored [i], NULL);
    }
    *whole = known == cells->pool->count;
    return status;
}

static status_t read_side (findings_cells_t *cells, const dataset_item_t *item, int side, cell_t *out, bool *whole, fault_t *fault)
{
    size_t n = cells->pool->count;
    status_t status = OK;
    *whole = true;
    for (size_t m = 0; m < cells->layers->panel.n_members && status == OK && *whole; m++)
        status = read_member (cells, item, side, cells->judge [m], cells->member + m * n, whole, fault);
    if (status == OK && *whole)
        label_layers_combine (cells->layers, cells->member, out);
    return status;
}

static void judge_sides (findings_cells_t *cells, const dataset_item_t *item, cell_t *a, cell_t *b)
{
    if (cells->prompt != item->pair->prompt) {
        lexicon_read_prompt (cells->lexicon, item->prompt->conversation, cells->hits);
        cells->prompt = item->pair->prompt;
    }
    lexicon_judge (cells->lexicon, cells->hits, item->a->response, a);
    lexicon_judge (cells->lexicon, cells->hits, item->b->response, b);
}

status_t findings_cells_of (findings_cells_t *cells, const dataset_item_t *item, bool *whole, fault_t *fault)
{
    cell_t *a = item->label->swapped ? cells->b : cells->a, *b = item->label->swapped ? cells->a : cells->b;
    *whole = true;
    if (cells->lexicon) {
        judge_sides (cells, item, a, b);
        return OK;
    }
    status_t status = read_side (cells, item, 1, a, whole, fault);
    return status == OK && *whole ? read_side (cells, item, 2, b, whole, fault) : status;
}
