#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "worker/kind_label_parts.h"
#include "worker/label_batch.h"

// --- batches -------------------------------------------------------------------------

static void begin_item (worker_kind_t *kind, label_batch_t *batch, uint64_t number, label_body_t *body)
{
    label_response_t *a = label_response_find (batch->lease, body->response [0]);
    label_response_t *b = label_response_find (batch->lease, body->response [1]);
    label_item_t *item = label_item_new (&kind->table, batch->lease, number, a, b);
    item->prompt_key = body->prompt_key;
    item->pair_key = body->pair_key;
    item->swapped = body->swapped;
    item->again = body->again;
    for (int side = 0; side < 2; side++) {
        item->known [side] = body->known [side];
        body->known [side] = NULL;
    }
    kind_label_foresee (kind, body, item);
    kind->sink.progress (kind->sink.ctx, true, number);
    if (kind_label_try (kind, item))
        return;
    kind_label_ask (kind, a);
    kind_label_ask (kind, b);
    kind_label_work_answers (kind);
}

static void label_grant (worker_kind_t *kind, uint64_t number, const spend_t *grant)
{
    label_lease_grant (label_lease_get (&kind->table, number), grant);
}

static status_t label_begin (worker_kind_t *kind, uint64_t lease, const uint64_t *items, const void *const *bodies,
                             const size_t *lens, size_t n, fault_t *fault)
{
    label_batch_t batch;
    label_batch_open (&batch, &kind->table, &kind->setup, lease, n);
    status_t status = label_batch_read (&batch, bodies, lens, n, fault);
    for (size_t i = 0; i < n && status == OK; i++)
        begin_item (kind, &batch, items [i], &batch.bodies [i]);
    label_batch_close (&batch, status == OK, kind->judge.class->costly);
    kind_label_show_rest (kind);
    return status;
}

// --- the rest of the class -------------------------------------------------------------

static status_t label_again (worker_kind_t *kind, uint64_t lease, uint64_t number, const void *known, size_t len, fault_t *fault)
{
    label_item_t *item = label_item_find (&kind->table, number);
    if (item == NULL || item->lease->number != lease || item->side [0] == NULL)
        return fault_set (fault, ERR_NOT_FOUND, "nothing is kept of item %llu of lease %llu to compute it again",
                          (unsigned long long) number, (unsigned long long) lease);
    Rulemill__Cells *stored [2];
    status_t status = label_known_read (stored, known, len, kind->table.n_cells, fault);
    if (status != OK)
        return status;
    for (int side = 0; side < 2; side++)
        item->known [side] = label_known_merge (item->known [side], stored [side], kind->table.n_cells);
    bool waits = !kind_label_try (kind, item);
    if (waits && item->labelled)
        return fault_set (fault, ERR_NOT_FOUND, "item %llu lacks cells; it has to be leased again", (unsigned long long) number);
    return OK;
}

static void label_settled (worker_kind_t *kind, uint64_t number)
{
    label_item_t *item = label_item_find (&kind->table, number);
    if (item)
        label_item_drop (&kind->table, &item);
}

// A question whose request is on its way ends when that has come; its next rule is not asked.
static void label_revoke (worker_kind_t *kind, uint64_t lease)
{
    label_item_t *item, *next;
    HASH_ITER (hh, kind->table.items, item, next)
        if (item->lease->number == lease)
            item->lease->revoked = true;
    kind_label_drop_items (kind, lease);
}

enum { UNKNOWN_MS = 10 };       // how late a judge may be that does not tell what it waits for

// Until the judge or the served adapter has something to do: at a socket, or by a timer of its own.
static void step_both (worker_kind_t *kind, int timeout_ms)
{
    size_t before = foresight_in_hand (kind->foresight);
    bool alone = kind->in_flight == 0;
    foresight_step (kind->foresight, alone ? timeout_ms : 0);
    if (alone)
        return;
    judge_step (&kind->judge, 0);
    if (foresight_in_hand (kind->foresight) != before || kind->table.answered)
        return;
    const judge_class_t *class = kind->judge.class;
    bool tells = class->fd && class->timer_ms;
    int64_t wait_ms = clock_sooner (foresight_timer_ms (kind->foresight), tells ? class->timer_ms (&kind->judge) : UNKNOWN_MS);
    struct pollfd fds [2] = { { .fd = foresight_fd (kind->foresight), .events = POLLIN } };
    if (tells)
        fds [1] = (struct pollfd) { .fd = class->fd (&kind->judge), .events = POLLIN };
    poll (fds, 1 + tells, (int) clock_sooner (timeout_ms, wait_ms));
}

static bool label_step (worker_kind_t *kind, int timeout_ms)
{
    if (kind_label_rests (kind))
        return false;
    if (foresight_in_hand (kind->foresight) == 0)
        judge_step (&kind->judge, timeout_ms);
    else
        step_both (kind, timeout_ms);
    kind_label_work_answers (kind);
    kind_label_show_rest (kind);
    return !kind_label_rests (kind);
}

static void label_share (worker_kind_t *kind, unsigned workers)
{
    judge_share (&kind->judge, workers);
    foresight_share (kind->foresight, workers);
}

static bool label_hungry (const worker_kind_t *kind)
{
    return judge_hungry (&kind->judge) && foresight_hungry (kind->foresight);
}

static void label_close (worker_kind_t **out)
{
    worker_kind_t *kind = *out;
    if (kind == NULL)
        return;
    judge_close (&kind->judge);
    foresight_close (&kind->foresight);
    label_table_forget_questions (&kind->table);
    free (kind->unfit);
    label_table_free (&kind->table);
    label_setup_free (&kind->setup);
    free (kind->need);
    for (int side = 0; side < 2; side++) {
        free (kind->stored [side]);
        free (kind->cells [side]);
        free (kind->combined [side]);
    }
    buf_free (&kind->body);
    free (kind);
    *out = NULL;
}

static status_t label_open (worker_kind_t **out, const void *setup, size_t setup_len, const worker_blob_t *blobs, size_t n_blobs,
                            const worker_sink_t *sink, fault_t *fault)
{
    worker_kind_t *kind = mem_zero (1, sizeof *kind);
    kind->sink = *sink;
    status_t status = label_setup_read (&kind->setup, setup, setup_len, blobs, n_blobs, fault);
    if (status == OK)
        status = kind_label_foresee_open (kind, fault);
    const judge_sink_t answers = kind_label_sink (kind);
    if (status == OK)
        status = judge_open (&kind->judge, kind->setup.message, kind->setup.pool, &answers, fault);
    if (status != OK) {
        foresight_close (&kind->foresight);
        label_setup_free (&kind->setup);
        free (kind);
        return status;
    }
    label_share (kind, 0);              // until it is told
    size_t n = kind->table.n_cells = label_layers_cells (&kind->setup.layers);
    kind->need = mem_zero (n, sizeof (bool));
    for (int side = 0; side < 2; side++) {
        kind->stored [side] = mem_zero (n, sizeof (bool));
        kind->cells [side] = mem_zero (n, sizeof (cell_t));
        kind->combined [side] = mem_zero (kind->setup.pool->count, sizeof (cell_t));
    }
    *out = kind;
    return OK;
}

const worker_kind_class_t worker_kind_label = {
    .name = "label", .open = label_open, .grant = label_grant, .share = label_share, .begin = label_begin, .again = label_again, .settled = label_settled,
    .revoke = label_revoke, .step = label_step, .hungry = label_hungry, .close = label_close,
};
