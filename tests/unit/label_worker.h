// label_worker: the labelling kind as an executor has it, with batches in words and a judge that answers when it is told to.
#ifndef TESTS_UNIT_LABEL_WORKER_H
#define TESTS_UNIT_LABEL_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/wire.pb-c.h"
#include "worker/judge.h"
#include "worker/kind_label.h"

enum { RULES = 3, RESULTS_MAX = 64, BATCH_MAX = 16 };

// --- a judge that answers when it is told to --------------------------------------

typedef struct { judge_question_t *asked [64]; size_t n, total, cells; status_t status; bool at_once; } slow_t;
extern slow_t slow;
extern judge_t *slow_judge;

extern const judge_class_t slow_class;

// --- the executor's side -------------------------------------------------------------

typedef struct {
    struct { uint64_t lease, item; Rulemill__LabelResult *result; } at [RESULTS_MAX];
    size_t n;
    bool busy, unfit;
    uint64_t back [16];         // leases given back
    size_t n_back;
    spend_t need;               // for want of it
} seen_t;

extern seen_t heard;

void on_result (void *ctx, uint64_t lease, uint64_t item, bool final, const void *body, size_t len, const worker_used_t *used);
void on_progress (void *ctx, bool busy, uint64_t item);
void on_give_back (void *ctx, uint64_t lease, const spend_t *need);
void on_unfit (void *ctx, const char *reason);
void forget_seen (void);
const Rulemill__LabelResult *result_of (uint64_t item);

// --- a run ------------------------------------------------------------------------------

typedef struct {
    const char *judge, *policy, *missing, *ties;
    uint32_t method;
    bool return_cells, wrong_identity, wrong_pool;
    const char *fixed;
} run_t;

extern const run_t lexicon_run, replay_run, slow_run;

status_t open_run (const run_t *run, worker_kind_t **kind, fault_t *fault);
worker_kind_t *opened (const run_t *run);
void closed (worker_kind_t **kind);

// --- batches -------------------------------------------------------------------------------

// An item in words: texts that are NULL are not sent; prompt NULL is same_prompt. cells: scores of each rule, relevance one.
typedef struct {
    uint64_t item, a, b;
    const char *prompt, *text_a, *text_b;
    const int32_t *known_a, *known_b;
    bool swapped;
    uint8_t key;        // of the prompt
} words_t;

Rulemill__Cells *known (const int32_t *scores, Rulemill__Cells *cells);
void pack_item (const words_t *words, buf_t *out);
status_t begin (worker_kind_t *kind, uint64_t lease, const words_t *words, size_t n, fault_t *fault);
void begins (worker_kind_t *kind, uint64_t lease, const words_t *words, size_t n);
void run_down (worker_kind_t *kind);

#endif
