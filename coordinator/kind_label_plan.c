#include "coordinator/kind_label_plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/kind_label_parts.h"

enum { LOOK_AHEAD = 1024 };

typedef struct {
    label_kind_t *kind;
    label_plan_t *plan;
    size_t rules, cells;            // of a response: of one layer, of all
    uint64_t responses;             // of the corpus
    uint8_t *seen;                  // a bit for each response and cell
    uint8_t *met;                   // a bit for each response
    bool *known, *lacks;            // [cells] of the response in hand: what is stored, what is not
} planning_t;

// True once for each bit.
static bool take_bit (uint8_t *bits, uint64_t bit)
{
    uint8_t mask = (uint8_t) (1u << (bit & 7));
    bool fresh = (bits [bit >> 3] & mask) == 0;
    bits [bit >> 3] |= mask;
    return fresh;
}

static bool is_new (planning_t *self, uint64_t response, size_t cell)
{
    return take_bit (self->seen, response * self->cells + cell);
}

static bool is_first (planning_t *self, uint64_t response)
{
    return take_bit (self->met, response);
}

static size_t text_bytes (const Rulemill__Conversation *text)
{
    size_t bytes = 0;
    for (size_t i = 0; text && i < text->n_turns; i++)
        bytes += strlen (text->turns [i]->role) + strlen (text->turns [i]->content);
    return bytes;
}

// What every request about a response says before the rule.
static status_t shared_bytes (planning_t *self, uint64_t prompt, uint64_t response, uint64_t *bytes, fault_t *fault)
{
    Rulemill__PromptRecord *asked = NULL;
    Rulemill__ResponseRecord *said = NULL;
    status_t status = record_get_prompt (self->kind->options.store, prompt, &asked, fault);
    if (status == OK)
        status = record_get_response (self->kind->options.store, response, &said, fault);
    *bytes = (asked ? text_bytes (asked->conversation) : 0) + (said ? text_bytes (said->response) : 0);
    rulemill__prompt_record__free_unpacked (asked, NULL);
    rulemill__response_record__free_unpacked (said, NULL);
    return status;
}

static unsigned samples_of (const Rulemill__JudgeSetup *judge)
{
    return judge->logprobs || judge->samples == 0 ? 1 : judge->samples;
}

// Of a layer's missing rules: a request for each and sample.
static void add_requests (planning_t *self, label_plan_judge_t *judges, size_t layer, uint64_t shared, size_t missing, size_t rule_bytes)
{
    const kind_label_options_t *o = &self->kind->options;
    if (o->n_judges == 0 || missing == 0)
        return;
    const Rulemill__JudgeSetup *judge = o->judges [layer % self->kind->members];
    label_plan_judge_t *plan = &judges [layer % self->kind->members];
    uint64_t requests = (uint64_t) missing * samples_of (judge);
    shared += strlen (judge->template_);
    plan->cells += missing;
    plan->calls += requests;
    plan->prompt_bytes += requests * shared + rule_bytes * samples_of (judge);
    plan->shared_bytes += (requests - 1) * shared;
}

// Of a response: the cells of these that are missing.
static void add_missing (planning_t *self, label_plan_judge_t *judges, uint64_t shared, const bool *missing)
{
    for (size_t layer = 0; layer * self->rules < self->cells; layer++) {
        size_t n = 0, bytes = 0;
        for (size_t r = 0; r < self->rules; r++)
            if (missing [layer * self->rules + r]) {
                bytes += strlen (self->kind->options.pool->rules [r].text);
                n++;
            }
        add_requests (self, judges, layer, shared, n, bytes);
    }
}

static status_t read_known (planning_t *self, uint64_t item, const Rulemill__PairRecord *pair, int side, size_t layers, fault_t *fault)
{
    Rulemill__Cells *known = NULL;
    status_t status = label_known (self->kind, item, pair, side, layers, &known, fault);
    memset (self->known, 0, self->cells * sizeof *self->known);
    for (size_t i = 0; known && i < known->n_rule; i++)
        self->known [known->rule [i]] = true;
    rulemill__cells__free_unpacked (known, NULL);
    return status;
}

// The cells that a pair needs of one side and no pair before it did. known becomes those that are missing.
static status_t add_side (planning_t *self, uint64_t item, const Rulemill__PairRecord *pair, int side, const bool *need, size_t layers,
                          fault_t *fault)
{
    uint64_t response = side == 1 ? pair->response_a : pair->response_b;
    if (response >= self->responses)
        return fault_set (fault, ERR_CORRUPT, "response %" PRIu64 " is missing from the store; restore it from a backup", response);
    uint64_t shared = 0;
    status_t status = read_known (self, item, pair, side, layers, fault);
    bool any = false, first = is_first (self, response);
    self->plan->cells_most += first ? layers * self->rules : 0;
    for (size_t i = 0; i < self->cells && status == OK; i++) {
        bool there = i < layers * self->rules, wanted = there && (need == NULL || need [i % self->rules]) && is_new (self, response, i);
        self->plan->cells_needed += wanted;
        self->plan->cells_stored += wanted && self->known [i];
        self->lacks [i] = there && !self->known [i];
        self->known [i] = wanted && !self->known [i];
        any = any || self->known [i];
    }
    self->plan->responses += any;
    if (status == OK && (any || first))
        status = shared_bytes (self, pair->prompt, response, &shared, fault);
    if (status == OK && any)
        add_missing (self, self->plan->judge, shared, self->known);
    if (status == OK && first)
        add_missing (self, self->plan->most, shared, self->lacks);
    return status;
}

static status_t add_pair (planning_t *self, const due_t *due, fault_t *fault)
{
    self->plan->pairs_identical += due->state == DUE_SELF;
    if (due->state != DUE_LEASE)
        return OK;
    self->plan->pairs_due++;
    label_kind_t *kind = self->kind;
    Rulemill__PairRecord *pair = NULL;
    status_t status = record_get_pair (kind->options.store, due->item, &pair, fault);
    if (status == OK && pair == NULL)
        status = fault_set (fault, ERR_CORRUPT, "pair %" PRIu64 " is missing from the store; restore it from a backup", due->item);
    Rulemill__LabelHow how = RULEMILL__LABEL_HOW__HOW_POLICY;
    bool later;
    if (status == OK)
        status = label_how (kind, due->item, pair->prompt, &how, &later, fault);
    uint64_t rules;
    self->plan->foreseen = self->plan->foreseen || label_foreseen (kind, how, &rules);
    size_t layers = label_layers (kind, kind->prompt_again);
    for (int side = 1; side <= 2 && status == OK; side++)
        status = add_side (self, due->item, pair, side, label_needs (kind, pair, how), layers, fault);
    rulemill__pair_record__free_unpacked (pair, NULL);
    return status;
}

static status_t walk (planning_t *self, const _Atomic bool *stop, fault_t *fault)
{
    kind_t *kind = &self->kind->kind;
    due_t *due = mem_zero (LOOK_AHEAD, sizeof *due);
    phase_t phase;
    bool found = false;
    size_t n = 0;
    status_t status = kind->class->phase (kind, &phase, &found, fault);
    for (uint64_t from = phase.low_water; status == OK && found && from < phase.end; ) {
        status = atomic_load (stop) ? fault_set (fault, ERR_STOPPED, "stopped on request")
                                    : kind->class->due (kind, &phase, from, due, LOOK_AHEAD, &n, &from, fault);
        for (size_t i = 0; i < n && status == OK; i++)
            status = add_pair (self, &due [i], fault);
    }
    n = 1;
    for (uint64_t from = 0; status == OK && found && n > 0; from = n > 0 ? due [n - 1].item + 1 : from) {
        status = kind->class->retries (kind, from, due, LOOK_AHEAD, &n, fault);
        for (size_t i = 0; i < n && status == OK; i++)
            status = add_pair (self, &due [i], fault);
    }
    free (due);
    return status;
}

status_t kind_label_plan (kind_t *kind, const _Atomic bool *stop, label_plan_t *out, fault_t *fault)
{
    label_kind_t *label = (label_kind_t *) kind;
    *out = (label_plan_t) { .made = false };
    planning_t self = { .kind = label, .plan = out, .rules = label->options.pool->count };
    self.cells = self.rules * label->layers;
    Rulemill__CorpusState *corpus = NULL;
    status_t status = record_get_corpus (label->options.store, &corpus, fault);
    if (status != OK)
        return status;
    self.responses = corpus ? corpus->responses : 0;
    rulemill__corpus_state__free_unpacked (corpus, NULL);
    self.seen = mem_zero ((size_t) (self.responses * self.cells / 8 + 1), 1);
    self.met = mem_zero ((size_t) (self.responses / 8 + 1), 1);
    self.known = mem_zero (self.cells + 1, sizeof *self.known);
    self.lacks = mem_zero (self.cells + 1, sizeof *self.lacks);
    status = walk (&self, stop, fault);
    out->made = status == OK;
    out->has_auto = kind_label_auto (kind, &out->automatic);
    free (self.seen);
    free (self.met);
    free (self.known);
    free (self.lacks);
    return status;
}
