#include <string.h>

#include "base/mem.h"
#include "model/adapter.h"
#include "worker/kind_label_parts.h"
#include "worker/label_result.h"

void kind_label_foresee (worker_kind_t *kind, const label_body_t *body, label_item_t *item)
{
    const label_response_t *a = item->side [0], *b = item->side [1];
    item->how = body->how;
    if (!label_setup_foresees (&kind->setup, body->how) || a == b)
        return;
    size_t most = label_choice_judged (kind->setup.choice);
    item->chosen = mem_new ((most > kind->setup.select.top ? most : kind->setup.select.top) * sizeof *item->chosen);
    item->n_chosen = body->n_chosen;
    if (body->n_chosen > 0)
        memcpy (item->chosen, body->chosen, body->n_chosen * sizeof *item->chosen);
    else if (kind->foresight) {
        item->foreseeing = true;        // as it may have been for a lease that was revoked: that answer is its own
        if (!foresight_has (kind->foresight, item->number))
            foresight_ask (kind->foresight, item->number, a->prompt->text, a->text, b->text);
    } else {
        item->n_chosen = label_choice_foresee (kind->setup.choice, body->adapter, &body->prompt_key, a->prompt->text, a->text, b->text,
                                               item->chosen);
        item->adapter = 1 + body->adapter;
    }
}

// --- what a served adapter says ------------------------------------------------------

// The item that waits for it; NULL where it was dropped meanwhile.
static label_item_t *foreseeing (const worker_kind_t *kind, uint64_t number)
{
    label_item_t *item = label_item_find (&kind->table, number);
    return item && item->foreseeing ? item : NULL;
}

static bool wanted (void *ctx, uint64_t number)
{
    const worker_kind_t *kind = ctx;
    const label_item_t *item = foreseeing (kind, number);
    return item && kind->unfit == NULL && !item->lease->revoked && !item->lease->over;
}

// Its lease is another's by now: whatever is known of it has been said.
static void let_go (worker_kind_t *kind, label_item_t *item)
{
    if (!usage_is_zero (&item->lease->unsaid.usage)) {
        buf_clear (&kind->body);
        kind_label_send (kind, item, false);
    }
    label_item_drop (&kind->table, &item);
}

static void forgotten (void *ctx, uint64_t number)
{
    worker_kind_t *kind = ctx;
    label_item_t *item = foreseeing (kind, number);
    if (item && item->lease->revoked)
        let_go (kind, item);
}

// Where the item waits for it no more, or is gone, it is told at once, with whichever there is.
static void used (void *ctx, uint64_t number, const usage_t *usage)
{
    worker_kind_t *kind = ctx;
    label_item_t *waits = foreseeing (kind, number), *item = waits ? waits : label_item_find (&kind->table, number);
    item = item ? item : kind->table.items;
    if (item == NULL)
        return;
    usage_add (&item->lease->unsaid.usage, usage);
    if (waits)
        return;
    buf_clear (&kind->body);
    kind_label_send (kind, item, false);
}

// The rules are sent before anything is judged by them, so that the next worker judges by the same.
static void choose (worker_kind_t *kind, label_item_t *item, const float *value)
{
    const selection_spec_t *spec = &kind->setup.select;
    item->n_chosen = adapter_select (value, spec->rule_digest, spec->n_rules, spec->seed, &item->prompt_key, spec->top, item->chosen);
    buf_clear (&kind->body);
    label_result_chosen (item->chosen, item->n_chosen, &kind->body);
    kind_label_send (kind, item, false);
}

// A choice that was under way when its lease ended is kept for whoever has the pair next.
static void come_late (worker_kind_t *kind, label_item_t *item, const foreseen_t *foreseen)
{
    item->foreseeing = false;
    if (foreseen->status == OK)
        choose (kind, item, foreseen->value);
    let_go (kind, item);
}

static void done (void *ctx, uint64_t number, const foreseen_t *foreseen)
{
    worker_kind_t *kind = ctx;
    label_item_t *item = foreseeing (kind, number);
    if (foreseen->status == ERR_DENIED && kind->unfit == NULL)
        kind->unfit = mem_string (foreseen->why);
    if (item && item->lease->revoked) {
        come_late (kind, item, foreseen);
        return;
    }
    if (item == NULL || foreseen->status == ERR_DENIED)
        return;
    label_response_t *a = item->side [0], *b = item->side [1];
    item->foreseeing = false;
    kind->sink.progress (kind->sink.ctx, true, number);
    if (foreseen->status == OK)
        choose (kind, item, foreseen->value);
    else {
        item->failure = mem_string (foreseen->why);
        item->too_long = foreseen->too_long;
    }
    if (kind_label_try (kind, item))
        return;
    kind_label_ask (kind, a);
    kind_label_ask (kind, b);
}

status_t kind_label_foresee_open (worker_kind_t *kind, fault_t *fault)
{
    const Rulemill__LabelSetup *setup = kind->setup.message;
    if (setup->served_adapter == NULL)
        return OK;
    const foresight_sink_t sink = { .done = done, .wanted = wanted, .forgotten = forgotten, .used = used, .ctx = kind };
    return foresight_open (setup->served_adapter, kind->setup.pool->count, setup->spec->seed, &sink, &kind->foresight, fault);
}
