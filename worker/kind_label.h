// kind_label: the worker's half of the labelling kind: items are pairs, results are labels.
//
//   begin:    bodies ──label_read──> items with their responses (label_table)
//             where an adapter foresees: the rules of each item, by a file at once, by a server (foresight) in a while
//             missing cells ──judge──> cells of a response, judged once for all of a lease's pairs that it stands in
//             cells of both sides ──selection_label──> LabelResult (label_result)
//   again:    the store's cells take the place of those judged here; the label is computed from them at once
//   settled:  the last that is known of an item is forgotten
//
// What is remembered of an item after its label: nothing but its number, unless the label may have to be computed again
// (cells are returned, or the store's cells came with it). A response is remembered as long as an item needs it; between the batches
// of a lease, a judge that costs keeps the cells of all its responses, one that costs nothing those of the last prompt.
//
// A judge's failure quarantines the pairs that needed its answer, with its reason; ERR_DENIED (a refused key) makes the worker
// unfit instead. Responses with equal numbers are TIE_IDENTICAL, unjudged.
//
// cells_digest, where cells are returned: selection_cells_digest (model/selection.h) of A's and B's cells as the run presents
// them, eight bytes, big-endian.
#ifndef WORKER_KIND_LABEL_H
#define WORKER_KIND_LABEL_H

#include "model/rulepool.h"
#include "model/selection.h"
#include "worker/kind.h"

enum { LABEL_METHOD = 1 };      // RunSpec.method that this code computes; equals METHOD_VERSION of storage/run.h

#endif
