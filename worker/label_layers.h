// label_layers: the layers of cells that a run has, as PROTOCOL.md numbers them.
//
//   cells    layer 0 .. members - 1          each member's cells, of which labels are made
//            members .. 2 * members - 1      the same judged over, and so on for each repeat
//
// An array of a response's cells holds the layers one behind the other, n_rules of each.
#ifndef WORKER_LABEL_LAYERS_H
#define WORKER_LABEL_LAYERS_H

#include "base/fault.h"
#include "model/panel.h"
#include "proto/wire.pb-c.h"

typedef struct {
    panel_t panel;                  // of one member where the run has no panel
    size_t n_rules, n_repeats;
} label_layers_t;

// ERR_FORMAT, ERR_LIMIT where the setup contradicts itself. message->spec is there.
status_t label_layers_read (label_layers_t *layers, const Rulemill__LabelSetup *message, size_t n_rules, fault_t *fault) MUST_USE;

size_t label_layers_count (const label_layers_t *layers);   // layers
size_t label_layers_cells (const label_layers_t *layers);   // cells of a response, in all layers
size_t label_layers_label (const label_layers_t *layers);   // of those, the first ones, of which labels are made

// The first n_rules flags of need say which rules are needed: set those of all layers, the repeats' where again is set.
void label_layers_spread (const label_layers_t *layers, bool again, bool *need);

// The members' cells as the n_rules that labels are made of.
void label_layers_combine (const label_layers_t *layers, const cell_t *cells, cell_t *out);

#endif
