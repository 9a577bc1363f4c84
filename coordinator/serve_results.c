#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/serve_parts.h"

enum { FULL_DISK_PAUSE_MS = 1000, FULL_DISK_WORD_MS = 10000 };

// --- receipts --------------------------------------------------------------

static receipt_t *receipt_new (const peer_id_t *to, const Rulemill__Results *results)
{
    receipt_t *receipt = mem_zero (1, sizeof *receipt);
    receipt->to = *to;
    receipt->epoch = results->epoch;
    receipt->lease = results->lease;
    receipt->frame = results->frame;
    receipt->items = mem_new (results->n_results * sizeof *receipt->items);
    return receipt;
}

static void receipt_add_stale (receipt_t *receipt, uint64_t item, buf_t *known)
{
    receipt->stale = mem_resize (receipt->stale, (receipt->n_stale + 1) * sizeof *receipt->stale);
    receipt->stale [receipt->n_stale].item = item;
    receipt->stale [receipt->n_stale++].known = *known;
    *known = (buf_t) { 0 };
}

static void receipt_free (receipt_t *receipt)
{
    for (size_t i = 0; i < receipt->n_stale; i++)
        buf_free (&receipt->stale [i].known);
    free (receipt->stale);
    free (receipt->items);
    free (receipt);
}

static void receipt_send (serve_t *serve, const receipt_t *receipt)
{
    peer_t *peer = peer_find (serve, &receipt->to);
    if (peer == NULL)
        return;
    Rulemill__Stale *stale = mem_new (receipt->n_stale * sizeof *stale);
    Rulemill__Stale **list = mem_new (receipt->n_stale * sizeof *list);
    for (size_t i = 0; i < receipt->n_stale; i++) {
        stale [i] = (Rulemill__Stale) RULEMILL__STALE__INIT;
        stale [i].item = receipt->stale [i].item;
        stale [i].known = (ProtobufCBinaryData) { receipt->stale [i].known.len, (uint8_t *) receipt->stale [i].known.data };
        list [i] = &stale [i];
    }
    Rulemill__Ack ack = RULEMILL__ACK__INIT;
    ack.epoch = receipt->epoch;
    ack.lease = receipt->lease;
    ack.frame = receipt->frame;
    ack.items = receipt->items;
    ack.n_items = receipt->n_items;
    ack.stale = list;
    ack.n_stale = receipt->n_stale;
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_ACK;
    message.ack = &ack;
    peer_send (serve, peer, &message);
    free (list);
    free (stale);
}

void results_free (serve_t *serve)
{
    receipt_t *receipt, *next;
    LL_FOREACH_SAFE (serve->receipts, receipt, next)
        receipt_free (receipt);
    serve->receipts = serve->receipts_last = NULL;
}

// --- into the batch --------------------------------------------------------

static void entered (serve_t *serve)
{
    if (serve->pending++ == 0)
        serve->pending_since_ms = serve_now (serve);
}

static void finished (serve_t *serve, uint64_t item)
{
    work_set_done (serve, item);
    serve->items_done++;
    entered (serve);
}

void results_settle_self (serve_t *serve, uint64_t item)
{
    fault_t fault = { 0 };
    kind_t *kind = serve->options.kind;
    if (kind->class->settle (kind, serve->batch, item, &fault) != OK)
        serve_fail (serve, &fault);
    else
        finished (serve, item);
}

void results_quarantine (serve_t *serve, uint64_t item, const char *reason)
{
    fault_t fault = { 0 };
    kind_t *kind = serve->options.kind;
    log_warn ("item %" PRIu64 " is set aside: %s", item, reason);
    if (kind->class->quarantine (kind, serve->batch, item, reason, &fault) != OK)
        serve_fail (serve, &fault);
    else
        finished (serve, item);
}

// The lease that a message of the present epoch names, and the item's place in it.
static lease_t *lease_of (serve_t *serve, const Rulemill__Results *results, uint64_t item, size_t *place)
{
    lease_t *lease = results->epoch == serve->epoch ? leases_find (serve->leases, results->lease) : NULL;
    if (lease == NULL)
        return NULL;
    *place = lease_place (lease, item);
    return *place < lease->n ? lease : NULL;
}

// Results from beyond the cursor are remembered one by one: of leases of an earlier epoch, at most a window full.
static bool is_too_early (serve_t *serve, uint64_t item)
{
    return item >= serve->window.cursor && serve->in_phase && HASH_COUNT (serve->strays) >= serve->window.size;
}

// What a result says was spent. That of a lease that is not known any more was lost with its grant, unless it had none.
static void take_spent (serve_t *serve, lease_t *lease, const Rulemill__Results *results, const Rulemill__Result *result)
{
    spend_t spent = wire_read_spend (result->spent), none = { { 0 } };
    kind_t *kind = serve->options.kind;
    if (lease)
        lease->has_spent = lease->has_spent || !spend_is_zero (&spent);
    for (int u = 0; u < SPEND_UNITS && lease == NULL && results->epoch == serve->epoch; u++)
        if (serve->budget.limit.unit [u] != SPEND_NO_LIMIT)
            spent.unit [u] = 0;
    budget_spend (&serve->budget, lease ? &lease->grant : &none, &spent);
    grant_learn (serve, &spent);
    const usage_t usage = wire_read_usage (result->usage);
    if (!usage_is_zero (&usage) && kind->class->used) {
        kind->class->used (kind, &usage);
        serve->used = true;
    }
}

static void take_late (serve_t *serve, const Rulemill__Result *result)
{
    fault_t fault = { 0 };
    kind_t *kind = serve->options.kind;
    if (kind->class->late && kind->class->late (kind, serve->batch, result->item, result->body.data, result->body.len, &fault) != OK)
        serve_fail (serve, &fault);
}

static void end_if_done (serve_t *serve, lease_t *lease, size_t place)
{
    if (lease && lease_set_final (lease, place))
        work_end_lease (serve, lease, END_DONE, false, 0);
}

// What can't be taken: no fault of its sender where the job was started again since, and may ask something else of the item.
static bool take_unfit (serve_t *serve, const Rulemill__Results *results, const Rulemill__Result *result, receipt_t *receipt)
{
    if (results->epoch == serve->epoch)
        return false;
    take_late (serve, result);
    if (result->final)
        receipt_add_stale (receipt, result->item, &(buf_t) { 0 });
    entered (serve);
    return true;
}

// One result. False: it can't be read, and neither can its sender be trusted.
static bool take_one (serve_t *serve, const Rulemill__Results *results, const Rulemill__Result *result, receipt_t *receipt)
{
    if (result->item >= (serve->phase.items ? serve->phase.items : serve->phase.end))
        return false;
    size_t place = 0;
    lease_t *lease = lease_of (serve, results, result->item, &place);
    take_spent (serve, lease, results, result);
    if (result->final && is_too_early (serve, result->item)) {
        take_late (serve, result);
        receipt_add_stale (receipt, result->item, &(buf_t) { 0 });      // it is leased when its turn comes
        return true;
    }
    if (work_is_done (serve, result->item)) {
        take_late (serve, result);
        if (result->final)
            receipt->items [receipt->n_items++] = result->item;
        end_if_done (serve, lease, place);
        return true;
    }
    verdict_t verdict = VERDICT_BAD;
    buf_t known = { 0 };
    fault_t fault = { 0 };
    kind_t *kind = serve->options.kind;
    status_t status = kind->class->commit (kind, serve->batch, result->item, result->final, result->body.data, result->body.len,
                                           &verdict, &known, &fault);
    if (status != OK) {
        serve_fail (serve, &fault);
        return true;
    }
    if (verdict == VERDICT_FINAL) {
        finished (serve, result->item);
        receipt->items [receipt->n_items++] = result->item;
        end_if_done (serve, lease, place);
    }
    else if (verdict == VERDICT_STALE)
        receipt_add_stale (receipt, result->item, &known);
    buf_free (&known);
    if (verdict == VERDICT_BAD)
        return take_unfit (serve, results, result, receipt);
    entered (serve);
    return true;
}

void results_take (serve_t *serve, const peer_id_t *from, peer_t *peer, const Rulemill__Results *results)
{
    receipt_t *receipt = receipt_new (from, results);
    bool good = true;
    for (size_t i = 0; good && i < results->n_results && serve->fatal.code == OK; i++)
        good = take_one (serve, results, results->results [i], receipt);
    if (serve->receipts_last)
        serve->receipts_last->next = receipt;
    else
        serve->receipts = receipt;
    serve->receipts_last = receipt;
    entered (serve);
    if (!good) {
        peer_refuse (serve, from, RULEMILL__REFUSE_REASON__REFUSE_MALFORMED, "a result could not be read; use the same version of rulemill on both sides");
        peer_lost (serve, peer, true, "it sent a result that could not be read");
    }
    if (results->epoch != serve->epoch)
        results_flush (serve);          // what its sender is given next is to be sent with it
}

// --- onto the disk ---------------------------------------------------------

static void acknowledge (serve_t *serve)
{
    receipt_t *all = serve->receipts, *receipt, *next;
    serve->receipts = serve->receipts_last = NULL;
    LL_FOREACH_SAFE (all, receipt, next) {
        receipt_send (serve, receipt);
        receipt_free (receipt);
    }
}

// Write, and where the disk is full write again until there is room or we are told to stop. The workers wait meanwhile.
static bool write_batch (serve_t *serve)
{
    fault_t fault = { 0 };
    int64_t said_ms = 0;
    bool stood_still = false;
    while (store_commit (serve->options.store, serve->batch, &fault) != OK) {
        bool asked = serve->options.tick && serve->options.tick (serve->options.ctx);
        if (fault.code != ERR_IO || serve->stop_now || (asked && stood_still)) {
            serve_fail (serve, &fault);
            return false;
        }
        if (said_ms == 0 || serve_now (serve) - said_ms > FULL_DISK_WORD_MS) {
            log_warn ("results can't be written: %s; nothing is lost, trying again every second; make room, or stop with Ctrl-C", fault.text);
            said_ms = serve_now (serve);
        }
        stood_still = true;
        usleep (FULL_DISK_PAUSE_MS * 1000);
    }
    if (stood_still) {
        log_info ("results can be written again");
        peers_forgive (serve);
    }
    return true;
}

void results_on_disk (serve_t *serve)
{
    serve->told = (told_t) { serve->phase.low_water, serve->budget.spent, serve->budget.reserved };
}

void results_flush (serve_t *serve)
{
    if (serve->fatal.code != OK)
        return;
    kind_t *kind = serve->options.kind;
    if (store_batch_count (serve->batch) > 0 || serve->budget.dirty || serve->used) {
        if (serve->in_phase) {
            window_slide (&serve->window);
            serve->phase.low_water = serve->window.low;
        }
        kind->class->before_write (kind, serve->batch, &serve->phase);
        if (serve->budget.dirty)
            budget_put (&serve->budget, serve->batch);
        if (!write_batch (serve))
            return;
        store_batch_clear (serve->batch);
        serve->used = false;
        kind->class->after_write (kind);
        results_on_disk (serve);
    }
    serve->pending = 0;
    acknowledge (serve);
}

void results_flush_if_due (serve_t *serve)
{
    if (serve->pending >= LIMIT_COMMIT_RECORDS
        || (serve->pending > 0 && serve_now (serve) - serve->pending_since_ms >= LIMIT_COMMIT_MS)
        || store_batch_bytes (serve->batch) > LIMIT_MESSAGE_BYTES)
        results_flush (serve);
}
