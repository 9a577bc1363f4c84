#include "ops/adapter_served.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ops/adapter_check.h"
#include "ops/adapter_part.h"
#include "worker/foresight.h"

enum { IN_HAND_MAX = 1024, STEP_MS = 100 };

typedef struct {
    adapter_served_t *out;
    selection_spec_t spec;
    int8_t polarity [LIMIT_RULES];
    content_key_t *prompt_keys;     // of each pair
    size_t room;
    cell_t *a, *b;
    foresight_t *foresight;
    fault_t denied;
} asking_t;

// --- what comes --------------------------------------------------------------

static void done (void *ctx, uint64_t pair, const foreseen_t *foreseen)
{
    asking_t *self = ctx;
    adapter_served_t *out = self->out;
    if (foreseen->status == ERR_DENIED && self->denied.code == OK)
        fault_set (&self->denied, ERR_DENIED, "%s", foreseen->why);
    if (foreseen->status == OK) {
        const selection_spec_t *spec = &self->spec;
        adapter_select (foreseen->value, spec->rule_digest, spec->n_rules, spec->seed, &self->prompt_keys [pair], out->k, out->rules + pair * out->k);
        return;
    }
    out->lost++;
    free (out->why);
    out->why = mem_string (foreseen->why);
}

static bool wanted (void *ctx, uint64_t pair)
{
    (void) pair;
    return ((const asking_t *) ctx)->denied.code == OK;
}

static void used (void *ctx, uint64_t pair, const usage_t *usage)
{
    (void) ctx;
    (void) pair;
    (void) usage;
}

// --- asking ------------------------------------------------------------------

static void make_room (asking_t *self)
{
    adapter_served_t *out = self->out;
    if (out->n < self->room)
        return;
    self->room = self->room ? 2 * self->room : 1024;
    out->rules = mem_resize (out->rules, self->room * out->k * sizeof *out->rules);
    self->prompt_keys = mem_resize (self->prompt_keys, self->room * sizeof *self->prompt_keys);
}

static void count_selected (asking_t *self, const judged_t *judged)
{
    selected_t selected;
    content_key_t pair_key = adapter_key (&judged->item->pair->key);
    adapter_cells (judged->a, self->spec.n_rules, self->a);
    adapter_cells (judged->b, self->spec.n_rules, self->b);
    selection_label (&self->spec, &self->prompt_keys [self->out->n], &pair_key, self->a, self->b, &selected);
    for (size_t i = 0; i < selected.n_rules; i++)
        self->out->frequency [selected.rule [i]] += 1;
}

static void ask (asking_t *self, const judged_t *judged)
{
    const dataset_item_t *item = judged->item;
    adapter_served_t *out = self->out;
    make_room (self);
    memset (out->rules + out->n * out->k, 0xFF, out->k * sizeof *out->rules);
    self->prompt_keys [out->n] = adapter_key (&item->prompt->key);
    count_selected (self, judged);
    foresight_ask (self->foresight, out->n++, item->prompt->conversation, item->a->response, item->b->response);
    while (foresight_in_hand (self->foresight) >= IN_HAND_MAX)
        foresight_step (self->foresight, STEP_MS);
}

static status_t ask_all (asking_t *self, const opened_t *opened, fault_t *fault)
{
    judged_walk_t *walk = adapter_pairs (opened->store, opened->run, opened->digests, opened->pool->count);
    const judged_t *judged = NULL;
    status_t status;
    while ((status = judged_walk_next (walk, &judged, fault)) == OK && judged && self->denied.code == OK)
        ask (self, judged);
    judged_walk_destroy (&walk);
    while (status == OK && foresight_in_hand (self->foresight) > 0)
        foresight_step (self->foresight, STEP_MS);
    if (status == OK && self->denied.code != OK) {
        *fault = self->denied;
        return fault->code;
    }
    for (size_t r = 0; r < self->spec.n_rules && self->out->n > 0; r++)
        self->out->frequency [r] /= (float) self->out->n;
    return status;
}

status_t adapter_served_ask (const adapter_setup_t *setup, const opened_t *opened, adapter_served_t *out, fault_t *fault)
{
    *out = (adapter_served_t) { .setup = setup };
    status_t status = adapter_check (&setup->message, opened->pool, fault);
    if (status != OK)
        return status;
    asking_t self = { .out = out };
    size_t n = opened->pool->count;
    self.spec = adapter_selection (opened->run->spec, opened->pool, opened->digests, self.polarity);
    out->k = self.spec.top < n ? self.spec.top : n;
    out->frequency = mem_zero (n, sizeof *out->frequency);
    self.a = mem_zero (n, sizeof *self.a);
    self.b = mem_zero (n, sizeof *self.b);
    const foresight_sink_t sink = { .done = done, .wanted = wanted, .used = used, .ctx = &self };
    int64_t began_ms = clock_ms (NULL);
    status = foresight_open (&setup->message, n, self.spec.seed, &sink, &self.foresight, fault);
    if (status == OK)
        status = ask_all (&self, opened, fault);
    out->seconds = (double) (clock_ms (NULL) - began_ms) / 1000;
    foresight_close (&self.foresight);
    free (self.prompt_keys);
    free (self.a);
    free (self.b);
    return status;
}

void adapter_served_clear (adapter_served_t *served)
{
    free (served->rules);
    free (served->frequency);
    free (served->why);
    *served = (adapter_served_t) { 0 };
}

const uint32_t *adapter_served_rules (const adapter_served_t *served, size_t i)
{
    const uint32_t *rules = served->rules + i * served->k;
    return i < served->n && rules [0] != UINT32_MAX ? rules : NULL;
}
