// foresight: a Rule Adapter behind HTTP (vLLM's /classify or /pooling, an output for each rule), and the pairs that it is asked about.
//
//   ready ──request sent──> flying ──values──> done
//     ^                       │
//     └──── waiting (backoff, no place held) <──retry──┘
//
// A pair is asked about in both orders of its responses, in one request, and its values are the means of both, so that they do not depend on
// the order. Several pairs go in one request. Where that fails each goes alone from then on, so that no pair is set aside for another.
// Places, pauses, breaker, backoff and limits are those of a judge (worker/upstream.h). What another try can't mend (a text that the
// server refuses) ends the pair with its reason; a refused key, another path or model, another number of outputs ends all of them
// with ERR_DENIED. One thread at a time.
#ifndef WORKER_FORESIGHT_H
#define WORKER_FORESIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/spend.h"
#include "proto/wire.pb-c.h"
#include "worker/secret.h"

typedef struct foresight foresight_t;

enum { FORESIGHT_BATCH_MAX = 128, FORESIGHT_ENDPOINTS_MAX = 64 };

// What has become of a pair; valid during the call of done alone.
typedef struct {
    status_t status;                // OK; ERR_DENIED: this worker may not ask; others: the pair can't be foreseen
    const char *why;
    bool too_long;                  // its text is, for the model
    const float *value;             // of OK: one for each rule
} foreseen_t;

typedef struct {
    void (*done) (void *ctx, uint64_t pair, const foreseen_t *foreseen);
    bool (*wanted) (void *ctx, uint64_t pair);      // false: it is forgotten where no request about it is under way
    void (*forgotten) (void *ctx, uint64_t pair);   // it was; NULL: nobody wants to know
    void (*used) (void *ctx, uint64_t pair, const usage_t *usage);      // what a request used, told of the first of its pairs, before done
    void *ctx;
} foresight_sink_t;

// Where the adapter's key lies.
secret_place_t foresight_key (const Rulemill__AdapterSetup *setup);

// The setup outlives it. ERR_USAGE, ERR_IO, ERR_DENIED (of the key's file).
status_t foresight_open (const Rulemill__AdapterSetup *setup, size_t n_rules, uint64_t seed, const foresight_sink_t *sink, foresight_t **out,
                         fault_t *fault) MUST_USE;
void foresight_close (foresight_t **foresight);     // nothing more is told

// Take a pair; its end is told from foresight_step. The texts are copied.
void foresight_ask (foresight_t *foresight, uint64_t pair, const Rulemill__Conversation *prompt, const Rulemill__Conversation *a,
                    const Rulemill__Conversation *b);

// Send what may be sent, take what has come, for at most timeout_ms.
void foresight_step (foresight_t *foresight, int timeout_ms);

size_t foresight_in_hand (const foresight_t *foresight);        // pairs that are not done; 0 for NULL
bool foresight_is_flying (const foresight_t *foresight, uint64_t pair);     // a request about it is under way
bool foresight_has (const foresight_t *foresight, uint64_t pair);       // it is not done, whether one is under way or not
bool foresight_hungry (const foresight_t *foresight);           // more would be asked about at once; true for NULL
void foresight_share (foresight_t *foresight, unsigned workers);    // as upstream_share; NULL: nothing
int foresight_fd (const foresight_t *foresight);                // readable when foresight_step has something to do at once
int64_t foresight_timer_ms (const foresight_t *foresight);      // after how long it has that fd does not tell of, as of its last call; -1: never

// --- one request, for who asks by itself ---

// A request about pairs whose texts stand in `inputs`, JSON strings with commas between; appended to out.
void foresight_request (const Rulemill__AdapterSetup *setup, const buf_t *inputs, buf_t *out);

// Both orders of a pair as two of those strings. True: they were shortened.
bool foresight_inputs (const Rulemill__AdapterSetup *setup, const Rulemill__Conversation *prompt, const Rulemill__Conversation *a,
                       const Rulemill__Conversation *b, buf_t *out);

#endif
