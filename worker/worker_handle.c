#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/wire.h"
#include "worker/worker_loop.h"

// --- hello and its answers ---

static bool is_same_run (const worker_loop_t *loop, const Rulemill__Welcome *welcome)
{
    return loop->welcomed && memcmp (welcome->run.data, loop->run.b, DIGEST_BYTES) == 0
        && strcmp (welcome->kind, loop->kind) == 0 && welcome->setup.len == loop->setup.len
        && (loop->setup.len == 0 || memcmp (welcome->setup.data, loop->setup.data, loop->setup.len) == 0);
}

// The same run again: what is finished is sent once more, what is not is the coordinator's since our Hello.
static void resume (worker_loop_t *loop, bool same_coordinator, uint64_t taken)
{
    for (held_lease_t *lease = loop->holding.leases; lease; lease = lease->next)
        if (!lease->dropped)
            holding_drop (&loop->holding, lease, executor_revoke (loop->executor, lease->handle));
    if (same_coordinator)
        outbox_taken (loop->outbox, taken);         // the Ack that said so may be lost
    outbox_resend (loop->outbox, same_coordinator);
    executor_share (loop->executor, 0);         // it is told anew
    (void) say_results (loop);      // before a Want: what we are given next is to be sent with what we have judged
}

// Another run, or the first: nothing of the old one is of use.
static void begin_run (worker_loop_t *loop, const Rulemill__Welcome *welcome)
{
    char hex [DIGEST_HEX + 1];
    executor_close (loop->executor);
    outbox_clear (loop->outbox);
    holding_clear (&loop->holding);
    blobs_need (loop->blobs, welcome->blobs, welcome->n_blobs);
    memcpy (loop->run.b, welcome->run.data, DIGEST_BYTES);
    free (loop->kind);
    loop->kind = mem_string (welcome->kind);
    buf_clear (&loop->setup);
    buf_add (&loop->setup, welcome->setup.data, welcome->setup.len);
    loop->welcomed = true;
    loop->blob_asked_ms = 0;
    loop->bad_batches = 0;
    if (loop->phase < PHASE_DRAINING)
        loop->phase = PHASE_FETCHING;
    else
        loop->drained_at = 0;
    hex_encode (loop->run.b, DIGEST_BYTES, hex);
    log_info ("worker %u of %s, run %.12s", welcome->worker, loop->options.endpoint.address, hex);
}

static void handle_welcome (worker_loop_t *loop, const Rulemill__Welcome *welcome)
{
    bool same = is_same_run (loop, welcome);
    if (!loop->hello_waiting && same && welcome->epoch == loop->epoch)
        return;         // the answer to a Hello that was said twice
    if (welcome->protocol < PROTOCOL_MIN || welcome->protocol > PROTOCOL_MAX) {
        loop_end (loop, ERR_MISMATCH, "%s speaks protocol %u, this worker %d to %d; use the same version of rulemill on both sides",
                  loop->options.endpoint.address, welcome->protocol, PROTOCOL_MIN, PROTOCOL_MAX);
        return;
    }
    bool same_coordinator = welcome->epoch == loop->epoch;
    loop->epoch = welcome->epoch;
    int64_t beat_ms = welcome->beat_ms > 0 ? welcome->beat_ms : 1000;
    loop->beat_ms = beat_ms < BEAT_MS_MIN ? BEAT_MS_MIN : beat_ms > BEAT_MS_MAX ? BEAT_MS_MAX : beat_ms;
    loop->beat_sent_ms = 0;
    loop->hello_waiting = false;
    loop->leases_wanted = 0;
    loop->credit_left = 0;
    if (same)
        resume (loop, same_coordinator, welcome->taken);
    else
        begin_run (loop, welcome);
}

static void handle_refuse (worker_loop_t *loop, const Rulemill__Refuse *refuse)
{
    bool mismatch = refuse->reason == RULEMILL__REFUSE_REASON__REFUSE_VERSION
                 || refuse->reason == RULEMILL__REFUSE_REASON__REFUSE_MALFORMED;
    loop_end (loop, mismatch ? ERR_MISMATCH : ERR_DENIED, "%s refuses this worker: %s", loop->options.endpoint.address,
              refuse->text [0] ? refuse->text : "it does not say why");
}

static void handle_blob (worker_loop_t *loop, const Rulemill__Blob *blob)
{
    fault_t fault = { 0 };
    if (loop->phase != PHASE_FETCHING)
        return;
    loop->blob_asked_ms = 0;        // the next chunk is asked for at once
    if (blobs_take (loop->blobs, blob, &fault) != OK)
        say_unfit (loop, fault.text);
}

// --- leases ---

static void handle_lease (worker_loop_t *loop, const Rulemill__Lease *message)
{
    if (message->epoch != loop->epoch || loop->phase < PHASE_WORKING || loop->hello_waiting)
        return;         // from before our last Hello, which gave it back
    if (holding_find (&loop->holding, message->epoch, message->lease))
        return;
    bool too_many = loop->leases_wanted == 0;
    held_lease_t *lease = holding_add (&loop->holding, message->epoch, message->lease, message->items);
    lease->grant = message->grant ? wire_read_spend (message->grant) : spend_unlimited ();
    if (loop->leases_wanted > 0)
        loop->leases_wanted--;
    if (loop->phase > PHASE_WORKING) {
        say_return (loop, lease, NULL, false);
        holding_drop (&loop->holding, lease, 0);
    } else if (too_many) {
        loop_violation (loop, lease, "it is one more than was asked for");
    }
}

static const char *take_items (worker_loop_t *loop, held_lease_t *lease, const Rulemill__Batch *batch)
{
    if (lease->last)
        return "a batch comes after the last one";
    if (batch->n_items > lease->announced - lease->received)
        return "it has more items than it was announced with";
    for (size_t i = 0; i < batch->n_items; i++)
        if (!held_take (&loop->holding, lease, batch->items [i]->item, batch->items [i]->body.len))
            return "it has an item twice";
    lease->last = batch->last;
    return NULL;
}

// True: the message went to the executor.
static bool handle_batch (worker_loop_t *loop, Rulemill__ToWorker *message)
{
    const Rulemill__Batch *batch = message->batch;
    if (batch->epoch != loop->epoch || loop->hello_waiting)
        return false;
    int64_t bytes = 0, credit = loop->credit_left;
    for (size_t i = 0; i < batch->n_items; i++)
        bytes += (int64_t) batch->items [i]->body.len;
    loop->credit_left -= bytes;
    held_lease_t *lease = holding_find (&loop->holding, batch->epoch, batch->lease);
    if (!lease || loop->phase != PHASE_WORKING)
        return false;       // on its way when the lease ended
    const char *wrong = bytes > 0 && credit <= 0 ? "a batch comes without credit" : take_items (loop, lease, batch);
    if (wrong) {
        loop_violation (loop, lease, wrong);
        return false;
    }
    if (batch->n_items == 0)
        return false;
    executor_batch (loop->executor, lease->handle, &lease->grant, message);
    if (spend_is_limited (&lease->grant))
        lease->grant = (spend_t) { 0 };         // given once, should the kind have forgotten the lease by the next batch
    return true;
}

// An item whose result is on disk, or that is to be computed again. False: nothing is known of a result of it.
static bool settle (worker_loop_t *loop, const Rulemill__Ack *ack, uint64_t item, held_lease_t **lease)
{
    uint64_t handle;
    if (!outbox_settle (loop->outbox, ack->epoch, ack->lease, item, &handle))
        return false;
    *lease = holding_by_handle (&loop->holding, handle);
    if (*lease && (*lease)->unacked > 0)
        (*lease)->unacked--;
    return true;
}

static void handle_stale (worker_loop_t *loop, const Rulemill__Ack *ack, uint64_t *settled, size_t *n)
{
    for (size_t i = 0; i < ack->n_stale; i++) {
        const Rulemill__Stale *stale = ack->stale [i];
        held_lease_t *lease = NULL;
        if (!settle (loop, ack, stale->item, &lease))
            continue;
        if (lease && held_has (lease, stale->item) && loop->phase == PHASE_WORKING) {
            held_undo (lease, stale->item);
            executor_again (loop->executor, lease->handle, stale->item, stale->known.data, stale->known.len);
        } else if (!holding_waits_for (&loop->holding, stale->item)) {
            settled [(*n)++] = stale->item;     // its lease is gone, and it will be leased again
        }
    }
}

static void handle_ack (worker_loop_t *loop, const Rulemill__Ack *ack)
{
    uint64_t *settled = mem_new ((ack->n_items + ack->n_stale + 1) * sizeof *settled);
    size_t n = 0;
    outbox_taken (loop->outbox, ack->frame);
    for (size_t i = 0; i < ack->n_items; i++) {
        held_lease_t *lease = NULL;
        if (!settle (loop, ack, ack->items [i], &lease))
            continue;
        loop->bad_batches = 0;
        // the kind knows items by their number alone: not while it computes the same one for another lease
        if (!holding_waits_for (&loop->holding, ack->items [i]))
            settled [n++] = ack->items [i];
    }
    handle_stale (loop, ack, settled, &n);
    if (n > 0)
        executor_settled (loop->executor, settled, n);
    free (settled);
}

static void handle_revoke (worker_loop_t *loop, const Rulemill__Revoke *revoke)
{
    held_lease_t *lease = holding_find (&loop->holding, revoke->epoch, revoke->lease);
    if (!lease)
        return;
    log_debug ("lease %llu is revoked", (unsigned long long) revoke->lease);
    holding_drop (&loop->holding, lease, executor_revoke (loop->executor, lease->handle));
}

static void handle_share (worker_loop_t *loop, const Rulemill__Share *share)
{
    if (loop->welcomed && !loop->hello_waiting)
        executor_share (loop->executor, share->workers);
}

// --- the end ---

static void handle_drain (worker_loop_t *loop, const Rulemill__Drain *drain)
{
    log_info ("the coordinator asks to stop");
    if (drain->now)
        loop_stop (loop);
    else
        loop_drain (loop);
}

static void handle_finished (worker_loop_t *loop, const Rulemill__Finished *finished)
{
    log_info ("no more work: %s", finished->reason [0] ? finished->reason : "the run is complete");
    say_bye (loop, "finished");
    loop_end (loop, OK, "finished");
}

void handle_frame (worker_loop_t *loop)
{
    Rulemill__ToWorker *message;
    fault_t fault = { 0 };
    if (wire_unpack_to_worker (loop->in.data, loop->in.len, &message, &fault) != OK) {
        if (loop->malformed++ == 0)
            log_warn ("%s sends %s; dropped, and so are others like it", loop->options.endpoint.address, fault.text);
        return;
    }
    loop->heard_ms = clock_ms (NULL);
    bool taken = false;
    switch (message->body_case) {
    case RULEMILL__TO_WORKER__BODY_WELCOME: handle_welcome (loop, message->welcome); break;
    case RULEMILL__TO_WORKER__BODY_REFUSE: handle_refuse (loop, message->refuse); break;
    case RULEMILL__TO_WORKER__BODY_BLOB: handle_blob (loop, message->blob); break;
    case RULEMILL__TO_WORKER__BODY_LEASE: handle_lease (loop, message->lease); break;
    case RULEMILL__TO_WORKER__BODY_BATCH: taken = handle_batch (loop, message); break;
    case RULEMILL__TO_WORKER__BODY_ACK: handle_ack (loop, message->ack); break;
    case RULEMILL__TO_WORKER__BODY_REVOKE: handle_revoke (loop, message->revoke); break;
    case RULEMILL__TO_WORKER__BODY_WHO: loop_hello_again (loop); break;
    case RULEMILL__TO_WORKER__BODY_DRAIN: handle_drain (loop, message->drain); break;
    case RULEMILL__TO_WORKER__BODY_FINISHED: handle_finished (loop, message->finished); break;
    case RULEMILL__TO_WORKER__BODY_SHARE: handle_share (loop, message->share); break;
    default: break;
    }
    if (!taken)
        rulemill__to_worker__free_unpacked (message, NULL);
}
