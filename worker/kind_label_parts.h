// kind_label_parts: what the files of kind_label share. Nobody else includes it.
//
//   kind_label.c          batches, leases, and the rest of the class
//   kind_label_foresee.c  which rules a pair is asked about, where an adapter says so
//   kind_label_judge.c    asking the judge for cells, and labels of them
#ifndef WORKER_KIND_LABEL_PARTS_H
#define WORKER_KIND_LABEL_PARTS_H

#include "worker/foresight.h"
#include "worker/kind_label.h"
#include "worker/label_read.h"
#include "worker/label_setup.h"
#include "worker/label_table.h"

struct worker_kind {
    worker_sink_t sink;
    label_setup_t setup;
    judge_t judge;
    foresight_t *foresight;     // where the run's adapter is served; NULL: it is not
    label_table_t table;
    size_t in_flight;           // questions
    char *unfit;                // why the judge refuses this worker: nothing more is asked. NULL: it does not
    bool unfit_told;
    // room for one pair's work: of all layers, and what labels are made of
    bool *need, *stored [2];
    cell_t *cells [2], *combined [2];
    selected_t selected;
    buf_t body;
};

// kind_label_judge.c
judge_sink_t kind_label_sink (worker_kind_t *kind);             // where the judge says what came
// A result of an item, whose body is kind->body, with what its lease used since the last one.
void kind_label_send (worker_kind_t *kind, const label_item_t *item, bool final);
// Label the item, or set it aside, if all is there for that. False: it waits.
bool kind_label_try (worker_kind_t *kind, label_item_t *item);
void kind_label_ask (worker_kind_t *kind, label_response_t *response);      // for what is missing of it, if anybody may and need
void kind_label_work_answers (worker_kind_t *kind);
void kind_label_drop_items (worker_kind_t *kind, uint64_t lease);           // what is neither labelled nor asked about
void kind_label_show_rest (worker_kind_t *kind);
bool kind_label_rests (const worker_kind_t *kind);              // nothing is in flight

// kind_label_foresee.c
status_t kind_label_foresee_open (worker_kind_t *kind, fault_t *fault) MUST_USE;
// Before anything is judged, while the texts are at hand.
void kind_label_foresee (worker_kind_t *kind, const label_body_t *body, label_item_t *item);

#endif
