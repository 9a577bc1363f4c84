#include "storage/dataset_merge.h"

#include <stdlib.h>

#include "base/mem.h"

// A store, and what comes next of it.
typedef struct {
    store_t *store;
    dataset_walk_t *walk;
    place_t place;              // of the next pair
    bool known, any;            // it was asked for; there is one
    store_iter_t *rejects;      // NULL: nobody wants to know of them
} branch_t;

struct dataset_merge {
    dataset_merge_options_t options;
    branch_t *branches;
    size_t n;
    uint64_t order;
    dataset_item_t item;
};

dataset_merge_t *dataset_merge_new (const dataset_source_t *sources, size_t n, const dataset_merge_options_t *options)
{
    dataset_merge_t *merge = mem_zero (1, sizeof *merge);
    merge->options = *options;
    merge->branches = mem_zero (n, sizeof *merge->branches);
    merge->n = n;
    for (size_t s = 0; s < n; s++)
        merge->branches [s] = (branch_t) {
            .store = sources [s].store,
            .walk = dataset_walk_new (sources [s].store, sources [s].run, 0, options->depth, options->on_duplicate, options->ctx),
            .rejects = options->on_reject ? record_walk_rejects (sources [s].store) : NULL
        };
    return merge;
}

void dataset_merge_destroy (dataset_merge_t **merge)
{
    if (*merge == NULL)
        return;
    for (size_t s = 0; s < (*merge)->n; s++) {
        dataset_walk_destroy (&(*merge)->branches [s].walk);
        store_iter_destroy (&(*merge)->branches [s].rejects);
    }
    free ((*merge)->branches);
    free (*merge);
    *merge = NULL;
}

static bool is_before (place_t a, place_t b)
{
    if (a.input != b.input)
        return a.input < b.input;
    if (a.row != b.row)
        return a.row < b.row;
    return a.i != b.i ? a.i < b.i : a.j < b.j;
}

// The branch whose pair is next; NULL behind the last one.
static status_t next_pair (dataset_merge_t *merge, branch_t **out, fault_t *fault)
{
    *out = NULL;
    for (size_t s = 0; s < merge->n; s++) {
        branch_t *branch = &merge->branches [s];
        status_t status = branch->known ? OK : dataset_walk_peek (branch->walk, &branch->place, &branch->any, fault);
        if (status != OK)
            return status;
        branch->known = true;
        if (branch->any && (*out == NULL || is_before (branch->place, (*out)->place)))
            *out = branch;
    }
    return OK;
}

// The branch whose reject is next, of those that stand before the pair of `before` (NULL: of all).
static branch_t *next_reject (dataset_merge_t *merge, const branch_t *before)
{
    branch_t *first = NULL;
    place_t place = before ? before->place : (place_t) { 0 };
    for (size_t s = 0; s < merge->n; s++) {
        branch_t *branch = &merge->branches [s];
        if (branch->rejects == NULL || !store_iter_valid (branch->rejects))
            continue;
        place_t at = record_place_at (branch->rejects);
        if ((before == NULL && first == NULL) || ((before || first) && is_before (at, place))) {
            first = branch;
            place = at;
        }
    }
    return first;
}

static status_t tell_rejects (dataset_merge_t *merge, const branch_t *before, fault_t *fault)
{
    status_t status = OK;
    branch_t *branch;
    while (status == OK && (branch = next_reject (merge, before)) != NULL) {
        Rulemill__RejectRecord *reject = record_read_reject (branch->rejects, fault);
        if (reject == NULL)
            return fault->code;
        status = merge->options.on_reject (merge->options.ctx, branch->store, record_place_at (branch->rejects), reject, fault);
        rulemill__reject_record__free_unpacked (reject, NULL);
        store_iter_next (branch->rejects);
    }
    for (size_t s = 0; status == OK && before == NULL && s < merge->n; s++)
        if (merge->branches [s].rejects)
            status = store_iter_status (merge->branches [s].rejects, fault);
    return status;
}

status_t dataset_merge_next (dataset_merge_t *merge, const dataset_item_t **item, fault_t *fault)
{
    branch_t *branch;
    const dataset_item_t *own = NULL;
    *item = NULL;
    status_t status = next_pair (merge, &branch, fault);
    if (status == OK)
        status = tell_rejects (merge, branch, fault);
    if (status == OK && branch)
        status = dataset_walk_next (branch->walk, &own, fault);
    if (status != OK || own == NULL)
        return status;
    branch->known = false;
    merge->item = *own;
    merge->item.source = (size_t) (branch - merge->branches);
    merge->item.order = merge->order++;
    merge->item.prompt_id = own->pair->prompt * merge->n + merge->item.source;
    *item = &merge->item;
    return OK;
}
