// label_batch: a batch of a lease's items as the coordinator sends it. What it brings goes into the table, where its responses keep
// their texts until the batch is closed.
#ifndef WORKER_LABEL_BATCH_H
#define WORKER_LABEL_BATCH_H

#include "worker/label_read.h"
#include "worker/label_setup.h"
#include "worker/label_table.h"

typedef struct {
    label_table_t *table;
    const label_setup_t *setup;
    label_lease_t *lease;
    label_prompt_t *prompt;         // of the item before
    content_key_t prompt_key;
    label_body_t *bodies;
    size_t n;                       // bodies that are read
} label_batch_t;

// A batch of at most n items of a lease. table and setup outlive it. The caller closes it, whatever reading says.
void label_batch_open (label_batch_t *batch, label_table_t *table, const label_setup_t *setup, uint64_t lease, size_t n);

// Read the n items' messages into batch->bodies and the table. ERR_FORMAT, with the item that can't be read, lacks a text, or is
// at odds with those before it.
status_t label_batch_read (label_batch_t *batch, const void *const *bodies, const size_t *lens, size_t n, fault_t *fault) MUST_USE;

// begun: its items were. Responses of a costly judge are then kept for the lease's next batch, of another those of the last prompt.
void label_batch_close (label_batch_t *batch, bool begun, bool costly);

#endif
