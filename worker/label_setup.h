// label_setup: a run's setup message as what labelling works with.
#ifndef WORKER_LABEL_SETUP_H
#define WORKER_LABEL_SETUP_H

#include "model/rulepool.h"
#include "model/selection.h"
#include "proto/wire.pb-c.h"
#include "worker/kind.h"
#include "worker/label_choice.h"
#include "worker/label_layers.h"

typedef struct {
    Rulemill__LabelSetup *message;
    rulepool_t *pool;
    selection_spec_t select;        // its arrays are the three below
    int8_t *polarity;
    digest_t *rule_digest;
    uint32_t *fixed;
    label_layers_t layers;
    policy_t policy;                // the run's; select's is what it comes to once the rules are judged
    label_choice_t *choice;         // NULL: no adapter
} label_setup_t;

// Read a LabelSetup and the pool among the blobs. ERR_FORMAT, ERR_USAGE (unknown policy, rule), ERR_MISMATCH (another method
// or pool). On OK the caller frees it with label_setup_free; else there is nothing to free.
status_t label_setup_read (label_setup_t *setup, const void *bytes, size_t len, const worker_blob_t *blobs, size_t n_blobs,
                           fault_t *fault) MUST_USE;
void label_setup_free (label_setup_t *setup);

// Does an adapter foresee the rules of a pair that is to be labelled like this?
bool label_setup_foresees (const label_setup_t *setup, Rulemill__LabelHow how);

#endif
