// label_read: one LabelItem from the wire, checked.
#ifndef WORKER_LABEL_READ_H
#define WORKER_LABEL_READ_H

#include "base/digest.h"
#include "base/fault.h"
#include "model/selection.h"
#include "proto/wire.pb-c.h"

// What stands in the body; texts and cells that it does not bring are NULL. Index 0 is A, 1 is B.
typedef struct {
    content_key_t prompt_key, pair_key;
    bool same_prompt, swapped, again;
    Rulemill__LabelHow how;
    uint32_t adapter;
    uint64_t response [2];
    uint32_t *chosen;                   // owned; NULL where a served adapter has chosen none
    size_t n_chosen;
    Rulemill__Conversation *prompt;     // these five are owned by the body until taken out of it (set to NULL)
    Rulemill__Conversation *text [2];
    Rulemill__Cells *known [2];         // cells ascending and below n_cells, values in range; NULL where there are none
} label_body_t;

// ERR_FORMAT with what is wrong; on OK the caller frees with label_body_free.
status_t label_body_read (label_body_t *body, const void *bytes, size_t len, size_t n_cells, fault_t *fault) MUST_USE;
void label_body_free (label_body_t *body);

// The body of Stale: the store's cells of both sides.
status_t label_known_read (Rulemill__Cells *known [2], const void *bytes, size_t len, size_t n_cells, fault_t *fault) MUST_USE;

// Put known cells over an array of n_cells cells. known may be NULL.
void label_known_apply (const Rulemill__Cells *known, cell_t *cells);

// The union of two sets of cells, of which newer wins; takes over both and returns one, freed with
// rulemill__cells__free_unpacked (x, NULL).
Rulemill__Cells *label_known_merge (Rulemill__Cells *older, Rulemill__Cells *newer, size_t n_cells);

#endif
