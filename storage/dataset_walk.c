#include "storage/dataset_walk.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

struct dataset_walk {
    store_t *store;
    const Rulemill__RunRecord *run;
    dataset_depth_t depth;
    dataset_duplicate_fn *on_duplicate;
    void *ctx;
    store_iter_t *pairs, *labels, *duplicates, *excluded;   // excluded NULL: the run excludes nothing
    uint64_t prompts_seen;      // prompts are numbered as they come, so a larger number is a new one

    // what item points to
    dataset_item_t item;
    buf_t id;
    Rulemill__PairRecord *pair;
    Rulemill__RowRecord *row;
    uint32_t row_input;         // whose row that is
    uint64_t row_number;
    Rulemill__RejectRecord *why;
    Rulemill__Label *label;
    Rulemill__PromptRecord *prompt;
    uint64_t prompt_number;
    Rulemill__ResponseRecord *a, *b;
    bool started, ahead;        // ahead: at a pair that was looked at and not returned yet
};

void dataset_pair_id (const Rulemill__RowRecord *row, bool listed, uint32_t i, uint32_t j, buf_t *out)
{
    buf_add_str (out, row->id);
    if (listed)
        buf_printf (out, "#%" PRIu32 "-%" PRIu32, i, j);
}

dataset_walk_t *dataset_walk_new (store_t *store, const Rulemill__RunRecord *run, uint64_t from, dataset_depth_t depth,
                                  dataset_duplicate_fn *on_duplicate, void *ctx)
{
    dataset_walk_t *walk = mem_zero (1, sizeof *walk);
    walk->store = store;
    walk->run = run;
    walk->depth = depth;
    walk->on_duplicate = on_duplicate;
    walk->ctx = ctx;
    walk->pairs = record_walk_pairs (store, from);
    walk->labels = record_walk_labels (store, run->number, from);
    walk->duplicates = record_walk_duplicates (store, from);
    walk->excluded = record_walk_excluded (store, run->number);
    if (!store_iter_valid (walk->excluded))
        store_iter_destroy (&walk->excluded);
    return walk;
}

static status_t missing (uint64_t pair, const char *what, uint64_t number, fault_t *fault)
{
    return fault_set (fault, ERR_CORRUPT, "pair %" PRIu64 " refers to %s %" PRIu64 ", which the store does not have or "
                      "can't use; restore the store from a backup", pair, what, number);
}

static status_t load_row (dataset_walk_t *walk, uint32_t input, uint64_t number, fault_t *fault)
{
    if (walk->row && walk->row_input == input && walk->row_number == number)
        return OK;
    if (walk->row)
        rulemill__row_record__free_unpacked (walk->row, NULL);
    walk->row = NULL;
    walk->row_input = input;
    walk->row_number = number;
    status_t status = record_get_row (walk->store, input, number, &walk->row, fault);
    if (status == OK && walk->row == NULL)
        status = missing (walk->item.number, "row", number, fault);
    return status;
}

static status_t load_pair (dataset_walk_t *walk, fault_t *fault)
{
    walk->pair = record_read_pair (walk->pairs, fault);
    if (walk->pair == NULL)
        return fault_set (fault, ERR_CORRUPT, "pair %" PRIu64 " can't be read", walk->item.number);
    if (walk->pair->key.len != KEY_BYTES || walk->pair->place == NULL)
        return missing (walk->item.number, "a place or key of its own in record", walk->item.number, fault);
    return OK;
}

static status_t load_own_row (dataset_walk_t *walk, fault_t *fault)
{
    const Rulemill__Place *place = walk->pair->place;
    status_t status = load_row (walk, place->input, place->row, fault);
    if (status != OK)
        return status;
    buf_clear (&walk->id);
    dataset_pair_id (walk->row, walk->pair->listed, place->i, place->j, &walk->id);
    walk->item.id = walk->id.data ? walk->id.data : "";
    walk->item.pair = walk->pair;
    walk->item.row = walk->row;
    return OK;
}

static void vote (dataset_votes_t *votes, Rulemill__Side side)
{
    votes->a += side == RULEMILL__SIDE__SIDE_A;
    votes->b += side == RULEMILL__SIDE__SIDE_B;
    votes->tie += side == RULEMILL__SIDE__SIDE_TIE;
}

static status_t tell_duplicate (dataset_walk_t *walk, place_t place, const Rulemill__DuplicateRecord *duplicate, fault_t *fault)
{
    if (walk->on_duplicate == NULL)
        return OK;
    Rulemill__RowRecord *row = NULL;
    status_t status = record_get_row (walk->store, place.input, place.row, &row, fault);
    if (status == OK && row == NULL)
        status = missing (walk->item.number, "a duplicate in row", place.row, fault);
    if (status == OK)
        status = walk->on_duplicate (walk->ctx, &walk->item, place, row, duplicate, fault);
    if (row)
        rulemill__row_record__free_unpacked (row, NULL);
    return status;
}

static status_t load_duplicates (dataset_walk_t *walk, fault_t *fault)
{
    walk->item.votes = (dataset_votes_t) { 0 };
    vote (&walk->item.votes, walk->pair->given);
    status_t status = OK;
    for (; status == OK && store_iter_valid (walk->duplicates); store_iter_next (walk->duplicates)) {
        place_t place;
        uint64_t pair = record_duplicate_at (walk->duplicates, &place);
        if (pair > walk->item.number)
            break;
        if (pair < walk->item.number)
            continue;
        Rulemill__DuplicateRecord *duplicate = record_read_duplicate (walk->duplicates, fault);
        if (duplicate == NULL)
            return fault->code;
        vote (&walk->item.votes, duplicate->given);
        status = tell_duplicate (walk, place, duplicate, fault);
        rulemill__duplicate_record__free_unpacked (duplicate, NULL);
    }
    return status;
}

static status_t load_excluded (dataset_walk_t *walk, fault_t *fault)
{
    bool new_prompt = walk->pair->prompt >= walk->prompts_seen;
    if (new_prompt)
        walk->prompts_seen = walk->pair->prompt + 1;
    walk->item.first_excluded = false;
    if (walk->excluded == NULL)
        return OK;
    buf_t key = { 0 };
    buf_add_char (&key, 'X');
    buf_add_u32be (&key, walk->run->number);
    buf_add_u64be (&key, walk->pair->prompt);
    store_iter_seek (walk->excluded, key.data, key.len);
    buf_free (&key);
    if (!store_iter_valid (walk->excluded) || record_excluded_at (walk->excluded) != walk->pair->prompt)
        return store_iter_status (walk->excluded, fault);
    walk->why = record_read_reject (walk->excluded, fault);
    walk->item.excluded = walk->why;
    walk->item.first_excluded = new_prompt;
    return walk->why ? OK : fault->code;
}

// The label's lists run side by side.
static status_t check_label (const Rulemill__Label *label, uint64_t pair, fault_t *fault)
{
    size_t n = label->n_rule;
    if (label->n_score_a == n && label->n_score_b == n && label->n_relevance_a == n && label->n_relevance_b == n)
        return OK;
    return fault_set (fault, ERR_CORRUPT, "the label of pair %" PRIu64 " does not agree with itself; restore the store "
                      "from a backup", pair);
}

static status_t load_label (dataset_walk_t *walk, fault_t *fault)
{
    while (store_iter_valid (walk->labels) && record_pair_at (walk->labels) < walk->item.number)
        store_iter_next (walk->labels);
    if (!store_iter_valid (walk->labels) || record_pair_at (walk->labels) != walk->item.number)
        return OK;
    walk->label = record_read_label (walk->labels, fault);
    walk->item.label = walk->label;
    return walk->label ? check_label (walk->label, walk->item.number, fault) : fault->code;
}

static bool usable (const Rulemill__Conversation *conversation)
{
    return conversation && conversation->n_turns > 0;
}

static status_t load_response (dataset_walk_t *walk, uint64_t number, Rulemill__ResponseRecord **out, fault_t *fault)
{
    status_t status = record_get_response (walk->store, number, out, fault);
    if (status == OK && (*out == NULL || !usable ((*out)->response)))
        status = missing (walk->item.number, "response", number, fault);
    return status;
}

static status_t load_texts (dataset_walk_t *walk, fault_t *fault)
{
    uint64_t number = walk->pair->prompt;
    status_t status = OK;
    if (walk->prompt == NULL || walk->prompt_number != number) {
        if (walk->prompt)
            rulemill__prompt_record__free_unpacked (walk->prompt, NULL);
        walk->prompt = NULL;
        walk->prompt_number = number;
        status = record_get_prompt (walk->store, number, &walk->prompt, fault);
        if (status == OK && (walk->prompt == NULL || !usable (walk->prompt->conversation)
                             || walk->prompt->group_key.len != KEY_BYTES))
            status = missing (walk->item.number, "prompt", number, fault);
    }
    if (status == OK)
        status = load_response (walk, walk->pair->response_a, &walk->a, fault);
    if (status == OK)
        status = load_response (walk, walk->pair->response_b, &walk->b, fault);
    walk->item.prompt = walk->prompt;
    walk->item.a = walk->a;
    walk->item.b = walk->b;
    return status;
}

// What belonged to the pair alone; row and prompt stay for the next one.
static void clear_item (dataset_walk_t *walk)
{
    if (walk->pair)
        rulemill__pair_record__free_unpacked (walk->pair, NULL);
    if (walk->why)
        rulemill__reject_record__free_unpacked (walk->why, NULL);
    if (walk->label)
        rulemill__label__free_unpacked (walk->label, NULL);
    if (walk->a)
        rulemill__response_record__free_unpacked (walk->a, NULL);
    if (walk->b)
        rulemill__response_record__free_unpacked (walk->b, NULL);
    walk->pair = NULL;
    walk->why = NULL;
    walk->label = NULL;
    walk->a = walk->b = NULL;
    walk->item = (dataset_item_t) { 0 };
}

// An error inside RocksDB ends a walk early: say so instead of ending well.
static status_t end_of_walk (dataset_walk_t *walk, fault_t *fault)
{
    status_t status = store_iter_status (walk->pairs, fault);
    if (status == OK)
        status = store_iter_status (walk->labels, fault);
    return status == OK ? store_iter_status (walk->duplicates, fault) : status;
}

// Go to the next pair, unless the walk is there already.
static status_t advance (dataset_walk_t *walk, bool *any, fault_t *fault)
{
    if (!walk->ahead) {
        clear_item (walk);
        if (walk->started && store_iter_valid (walk->pairs))
            store_iter_next (walk->pairs);
        walk->started = true;
    }
    *any = store_iter_valid (walk->pairs);
    if (!*any)
        return end_of_walk (walk, fault);
    if (walk->ahead)
        return OK;
    walk->item.number = walk->item.order = record_pair_at (walk->pairs);
    status_t status = load_pair (walk, fault);
    walk->ahead = status == OK;
    return status;
}

status_t dataset_walk_peek (dataset_walk_t *walk, place_t *place, bool *any, fault_t *fault)
{
    status_t status = advance (walk, any, fault);
    if (status == OK && *any) {
        const Rulemill__Place *at = walk->pair->place;
        *place = (place_t) { at->input, at->row, at->i, at->j };
    }
    return status;
}

status_t dataset_walk_next (dataset_walk_t *walk, const dataset_item_t **item, fault_t *fault)
{
    bool any;
    *item = NULL;
    status_t status = advance (walk, &any, fault);
    if (status != OK || !any)
        return status;
    walk->ahead = false;
    walk->item.prompt_id = walk->pair->prompt;
    status = load_own_row (walk, fault);
    if (status == OK)
        status = load_duplicates (walk, fault);
    if (status == OK)
        status = load_excluded (walk, fault);
    if (status == OK)
        status = load_label (walk, fault);
    bool labelled = walk->label && !walk->why && walk->label->outcome != RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    if (status == OK && (walk->depth == WALK_ALL_TEXTS || (walk->depth == WALK_LABELLED_TEXTS && labelled)))
        status = load_texts (walk, fault);
    if (status == OK)
        *item = &walk->item;
    return status;
}

void dataset_walk_destroy (dataset_walk_t **walk)
{
    dataset_walk_t *self = *walk;
    if (self == NULL)
        return;
    clear_item (self);
    if (self->row)
        rulemill__row_record__free_unpacked (self->row, NULL);
    if (self->prompt)
        rulemill__prompt_record__free_unpacked (self->prompt, NULL);
    store_iter_destroy (&self->pairs);
    store_iter_destroy (&self->labels);
    store_iter_destroy (&self->duplicates);
    store_iter_destroy (&self->excluded);
    buf_free (&self->id);
    free (self);
    *walk = NULL;
}
