// A seeded sample of the prompts, where a limit asks for one: which they are, and how many of the pairs are theirs.
#include <stdlib.h>

#include "base/mem.h"
#include "coordinator/kind_label_parts.h"

static uint64_t final_pairs (const Rulemill__RunCounts *counts)
{
    return counts->labelled + counts->quarantined;
}

// A retry forgets labels that were counted, and takes up pairs beyond the sample.
static uint64_t done_by (const label_asked_t *asked, const Rulemill__RunCounts *counts)
{
    uint64_t sum = asked->done + final_pairs (counts), done = sum > asked->final_then ? sum - asked->final_then : 0;
    return done < asked->pairs ? done : asked->pairs;
}

// --- what the store knows of it ----------------------------------------------

status_t label_limit_open (label_kind_t *self, fault_t *fault)
{
    Rulemill__LimitRecord *record = NULL;
    if (self->options.limit == 0)
        return OK;
    status_t status = record_get_limit (self->options.store, self->run, &record, fault);
    if (status == OK && record && record->limit == self->options.limit) {
        self->asked.prompts = record->prompts;
        self->asked.threshold = record->threshold;
        if (record->final == final_pairs (&self->counts)) {
            self->asked.end = record->end;
            self->asked.counted = record->counted_threshold;
            self->asked.pairs = record->pairs;
            self->asked.done = record->done;
            self->asked.final_then = record->final;
        }
    }
    rulemill__limit_record__free_unpacked (record, NULL);
    return status;
}

void label_limit_put (const label_kind_t *self, store_batch_t *batch)
{
    const label_asked_t *asked = &self->asked;
    if (self->options.limit == 0 || (asked->prompts == 0 && asked->end == 0))
        return;
    Rulemill__LimitRecord record = RULEMILL__LIMIT_RECORD__INIT;
    record.limit = self->options.limit;
    record.prompts = asked->prompts;
    record.threshold = asked->threshold;
    record.end = asked->end;
    record.counted_threshold = asked->counted;
    record.pairs = asked->pairs;
    record.done = done_by (asked, &self->counts);
    record.final = final_pairs (&self->counts);
    record_put_limit (batch, self->run, &record);
}

// --- the sample ------------------------------------------------------------

static void sift_down (uint64_t *heap, size_t n, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n)
            return;
        if (child + 1 < n && heap [child + 1] > heap [child])
            child++;
        if (heap [at] >= heap [child])
            return;
        uint64_t swap = heap [at];
        heap [at] = heap [child];
        heap [child] = swap;
        at = child;
    }
}

// Keep the `limit` smallest values seen in a heap whose root is the largest of them.
static void keep_smallest (uint64_t *heap, size_t *n, size_t limit, uint64_t value)
{
    if (*n < limit) {
        heap [(*n)++] = value;
        if (*n == limit)
            for (size_t i = limit / 2; i-- > 0; )
                sift_down (heap, limit, i);
    }
    else if (value < heap [0]) {
        heap [0] = value;
        sift_down (heap, limit, 0);
    }
}

// By a walk over all prompts.
static status_t draw (label_kind_t *self, uint64_t *threshold, fault_t *fault)
{
    size_t limit = (size_t) self->options.limit, n = 0;
    uint64_t *heap = mem_new (limit * sizeof *heap);
    store_iter_t *iter = store_iter_new (self->options.store, TABLE_TEXTS, "P", 1, NULL, 0);
    status_t status = OK;
    for (; status == OK && store_iter_valid (iter); store_iter_next (iter)) {
        size_t len;
        const uint8_t *bytes = store_iter_value (iter, &len);
        Rulemill__PromptRecord *prompt = rulemill__prompt_record__unpack (NULL, len, bytes);
        if (prompt == NULL) {
            status = fault_set (fault, ERR_CORRUPT, "a prompt in the store can't be read; restore it from a backup");
            break;
        }
        keep_smallest (heap, &n, limit, label_limit_hash (self, prompt));
        rulemill__prompt_record__free_unpacked (prompt, NULL);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    *threshold = n < limit ? UINT64_MAX : heap [0];
    free (heap);
    return status;
}

status_t label_limit_threshold (label_kind_t *self, uint64_t *threshold, fault_t *fault)
{
    label_asked_t *asked = &self->asked;
    *threshold = UINT64_MAX;
    if (self->options.limit >= self->prompts)
        return OK;
    status_t status = asked->prompts == self->prompts ? OK : draw (self, &asked->threshold, fault);
    asked->prompts = status == OK ? self->prompts : 0;
    *threshold = asked->threshold;
    return status;
}

// --- its pairs -------------------------------------------------------------

// One pair of the walk; labels walks along.
static status_t count_pair (label_kind_t *self, store_iter_t *pairs, store_iter_t *labels, fault_t *fault)
{
    uint64_t item = record_pair_at (pairs);
    Rulemill__PairRecord *pair = record_read_pair (pairs, fault);
    if (pair == NULL)
        return fault->code;
    status_t status = label_look_at_prompt (self, pair->prompt, fault);
    rulemill__pair_record__free_unpacked (pair, NULL);
    if (status != OK || !self->prompt_due)
        return status;
    self->asked.pairs++;
    self->asked.done += label_at (labels, item);
    return OK;
}

status_t label_limit_count (label_kind_t *self, uint64_t end, fault_t *fault)
{
    label_asked_t *asked = &self->asked;
    if (self->options.dry || (asked->counted == self->threshold && asked->end == end))
        return OK;
    asked->counted = self->threshold;
    asked->end = end;
    asked->pairs = asked->done = 0;
    asked->final_then = final_pairs (&self->counts);
    if (self->threshold == UINT64_MAX)
        return OK;
    store_iter_t *pairs = record_walk_pairs (self->options.store, 0);
    store_iter_t *labels = record_walk_labels (self->options.store, self->run, 0);
    status_t status = OK;
    for (; status == OK && store_iter_valid (pairs) && record_pair_at (pairs) < end; store_iter_next (pairs))
        status = count_pair (self, pairs, labels, fault);
    if (status == OK)
        status = store_iter_status (pairs, fault);
    if (status == OK)
        status = store_iter_status (labels, fault);
    store_iter_destroy (&labels);
    store_iter_destroy (&pairs);
    return status;
}

bool kind_label_limited (const kind_t *kind, uint64_t *done, uint64_t *pairs)
{
    const label_kind_t *self = (const label_kind_t *) kind;
    if (self->options.limit == 0 || self->asked.pairs == 0)
        return false;
    *pairs = self->asked.pairs;
    *done = done_by (&self->asked, &self->written);
    return true;
}
