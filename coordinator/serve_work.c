#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/serve_parts.h"

enum { LEASE_FIRST = 64, LEASE_MIN = 16, LEASE_LARGEST = 4096, LOOK_MAX = 16384, COPY_AGE_MS = 2000, RESERVE_PAUSE_MS = 10000 };

// --- what is done ----------------------------------------------------------

static stray_t *stray_find (serve_t *serve, uint64_t item)
{
    stray_t *stray;
    HASH_FIND (hh, serve->strays, &item, sizeof item, stray);
    return stray;
}

static void stray_add (serve_t *serve, uint64_t item, bool final)
{
    stray_t *stray = mem_zero (1, sizeof *stray);
    stray->item = item;
    stray->final = final;
    HASH_ADD (hh, serve->strays, item, sizeof stray->item, stray);
}

static void stray_drop (serve_t *serve, stray_t *stray)
{
    HASH_DEL (serve->strays, stray);
    free (stray);
}

bool work_is_done (serve_t *serve, uint64_t item)
{
    stray_t *stray = stray_find (serve, item);
    return stray ? stray->final : window_done (&serve->window, item);
}

void work_set_done (serve_t *serve, uint64_t item)
{
    stray_t *stray = stray_find (serve, item);
    if (!serve->in_phase)
        return;                             // a late result, between phases: the kind alone remembers it
    if (stray && item < serve->window.cursor)
        stray_drop (serve, stray);          // taken up again, and done again
    else if (stray)
        stray->final = true;
    else if (item >= serve->window.cursor)
        stray_add (serve, item, true);
    if (item >= serve->window.low && item < serve->window.cursor)
        window_set_done (&serve->window, item);
}

// --- what is due -----------------------------------------------------------

// Look further where all that was looked at is leased. False: there is nothing more to look at, or no room.
static bool look_ahead (serve_t *serve)
{
    window_slide (&serve->window);
    uint64_t room = window_room (&serve->window);
    if (serve->ahead_next >= serve->phase.end || room == 0)
        return false;
    fault_t fault = { 0 };
    serve->ahead_at = serve->ahead_n = 0;
    size_t max = room < AHEAD_MAX ? (size_t) room : AHEAD_MAX;
    kind_t *kind = serve->options.kind;
    if (kind->class->due (kind, &serve->phase, serve->ahead_next, serve->ahead, max, &serve->ahead_n, &serve->ahead_next, &fault) != OK) {
        serve_fail (serve, &fault);
        return false;
    }
    return serve->ahead_n > 0;
}

// Pass one looked-at item under the cursor; true: it is to be leased.
static bool take_under_cursor (serve_t *serve, const due_t *due)
{
    window_advance_cursor (&serve->window, due->item + 1);
    stray_t *early = stray_find (serve, due->item);
    if (early || due->state == DUE_NOT) {
        if (early)
            stray_drop (serve, early);
        window_set_done (&serve->window, due->item);
        return false;
    }
    if (due->state == DUE_SELF) {
        results_settle_self (serve, due->item);
        return false;
    }
    return true;
}

// Make about `want` items pending, whole groups, from the corpus in its order. Looks at a bounded number of items.
static void fill_pending (serve_t *serve, size_t want)
{
    due_t *items = mem_new (2 * (size_t) LEASE_LARGEST * sizeof *items);
    size_t n = 0, max = 2 * (size_t) LEASE_LARGEST;
    for (size_t looked = 0; looked < LOOK_MAX && n < max && serve->fatal.code == OK; looked++) {
        if (serve->ahead_at == serve->ahead_n && !look_ahead (serve))
            break;
        const due_t *due = &serve->ahead [serve->ahead_at];
        if (n >= want && (due->state != DUE_LEASE || due->group != items [n - 1].group))
            break;
        serve->ahead_at++;
        if (take_under_cursor (serve, due))
            items [n++] = *due;
    }
    if (n > 0)
        leases_add (serve->leases, items, n);
    free (items);
}

// Items that are to be taken up again, a slice at a time.
static void fill_retries (serve_t *serve)
{
    if (!serve->retry_open || HASH_COUNT (serve->strays) > 0)
        return;
    due_t items [RETRY_SLICE], lease [RETRY_SLICE];
    size_t n = 0, n_lease = 0;
    fault_t fault = { 0 };
    kind_t *kind = serve->options.kind;
    if (kind->class->retries (kind, serve->retry_from, items, RETRY_SLICE, &n, &fault) != OK) {
        serve_fail (serve, &fault);
        return;
    }
    serve->retry_open = n > 0;
    for (size_t i = 0; i < n; i++) {
        serve->retry_from = items [i].item + 1;
        if (items [i].state == DUE_NOT || !work_is_done (serve, items [i].item))
            continue;                       // not to be done, or at work already in the corpus's order
        stray_add (serve, items [i].item, false);
        if (items [i].state == DUE_LEASE)
            lease [n_lease++] = items [i];
        else if (items [i].state == DUE_SELF)
            results_settle_self (serve, items [i].item);
    }
    if (n_lease > 0)
        leases_add (serve->leases, lease, n_lease);
}

// Is there something in the corpus's order that was not leased yet?
static bool work_is_ahead (const serve_t *serve)
{
    return serve->ahead_at < serve->ahead_n || serve->ahead_next < serve->phase.end;
}

bool work_look (serve_t *serve)
{
    if (leases_pending (serve->leases) == 0 && work_is_ahead (serve))
        fill_pending (serve, LEASE_FIRST);
    if (leases_pending (serve->leases) == 0 && !work_is_ahead (serve))
        fill_retries (serve);
    grant_check_end (serve);
    return leases_pending (serve->leases) == 0 && work_is_ahead (serve) && window_room (&serve->window) > 0;
}

bool work_left (serve_t *serve)
{
    window_slide (&serve->window);
    return serve->window.low < serve->phase.end || serve->retry_open || HASH_COUNT (serve->strays) > 0;
}

status_t work_begin_phase (serve_t *serve, fault_t *fault)
{
    uint64_t size = serve->options.window;
    window_init (&serve->window, serve->phase.low_water, size);
    serve->ahead_at = serve->ahead_n = 0;
    serve->ahead_next = serve->phase.low_water;
    serve->retry_from = 0;
    serve->retry_open = true;
    serve->in_phase = true;
    status_t status = budget_open (&serve->budget, serve->options.store, serve->options.run_number, &serve->options.budget, fault);
    if (serve->options.no_calls)
        serve->budget.limit.unit [SPEND_CALLS] = serve->budget.spent.unit [SPEND_CALLS];
    results_on_disk (serve);
    return status;
}

void work_take_back (serve_t *serve)
{
    while (leases_oldest (serve->leases)) {
        lease_t *lease = leases_oldest (serve->leases);
        work_revoke (serve, lease);
        work_end_lease (serve, lease, END_LOST, false, 0);
    }
}

void work_end_phase (serve_t *serve)
{
    if (!serve->in_phase)
        return;
    work_take_back (serve);
    leases_forget (serve->leases);
    window_free (&serve->window);
    stray_t *stray, *next;
    HASH_ITER (hh, serve->strays, stray, next)
        stray_drop (serve, stray);
    serve->in_phase = false;
}

// --- leases ----------------------------------------------------------------

void work_revoke (serve_t *serve, const lease_t *lease)
{
    Rulemill__Revoke revoke = RULEMILL__REVOKE__INIT;
    revoke.epoch = serve->epoch;
    revoke.lease = lease->number;
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_REVOKE;
    message.revoke = &revoke;
    peer_try (serve, lease->holder, &message);
}

// About a second of work, or what fills the places of a worker that waits for a server, so that a lost lease costs little and a granted one is worth its message.
static size_t lease_size (const serve_t *serve, const peer_t *peer)
{
    size_t least = serve->options.kind->class->lease_min;
    double size = peer->rate > 0 ? peer->rate : LEASE_FIRST;
    least = least > LEASE_MIN ? least : LEASE_MIN;
    return size < (double) least ? least : size > LEASE_LARGEST ? LEASE_LARGEST : (size_t) size;
}

uint64_t work_cost (void *ctx, const due_t *due)
{
    serve_t *serve = ctx;
    kind_t *kind = serve->options.kind;
    uint64_t cost = due->cost;
    fault_t fault = { 0 };
    if (kind->class->cost && kind->class->cost (kind, due->item, &cost, &fault) != OK)
        serve_fail (serve, &fault);
    return cost;
}

static lease_t *next_lease (serve_t *serve, peer_t *peer)
{
    int64_t now = serve_now (serve);
    size_t size = lease_size (serve, peer);
    if (leases_pending (serve->leases) < size && work_is_ahead (serve))
        fill_pending (serve, size);
    const lease_price_t limited = { .units = grant_calls (serve), .cost = work_cost, .ctx = serve };
    const lease_price_t *price = budget_is_limited (&serve->budget) ? &limited : NULL;
    lease_t *lease = leases_grant (serve->leases, size, price, peer, now);
    if (lease == NULL && !work_is_ahead (serve)) {
        fill_retries (serve);
        lease = leases_grant (serve->leases, size, price, peer, now);
        if (lease == NULL && serve->options.kind->class->second_copies)
            lease = leases_copy (serve->leases, peer, COPY_AGE_MS, now);
    }
    return lease;
}

static Rulemill__Spend announced_grant (const serve_t *serve, const lease_t *lease)
{
    spend_t grant = lease->grant;
    for (int u = 0; u < SPEND_UNITS; u++)
        if (serve->budget.limit.unit [u] == SPEND_NO_LIMIT)
            grant.unit [u] = SPEND_NO_LIMIT;
    return wire_spend (&grant);
}

static bool announce (serve_t *serve, peer_t *peer, const lease_t *lease)
{
    Rulemill__Lease body = RULEMILL__LEASE__INIT;
    body.epoch = serve->epoch;
    body.lease = lease->number;
    body.attempt = lease->attempt;
    body.items = (uint32_t) lease->n;
    Rulemill__Spend grant = announced_grant (serve, lease);
    if (budget_is_limited (&serve->budget))
        body.grant = &grant;
    body.hang_ms = serve->options.hang_ms;
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_LEASE;
    message.lease = &body;
    return peer_send (serve, peer, &message);
}

// Give one lease to a peer that waits; false: there is none to give.
static bool give_lease (serve_t *serve, peer_t *peer)
{
    lease_t *lease = next_lease (serve, peer);
    if (lease == NULL)
        return false;
    DL_APPEND2 (peer->leases, lease, peer_prev, peer_next);
    peer->n_leases++;
    fault_t fault = { 0 };
    lease->grant = budget_is_limited (&serve->budget) ? grant_for (serve, lease) : (spend_t) { { 0 } };
    status_t status = budget_reserve (&serve->budget, &lease->grant, &fault);
    if (status != OK) {
        lease->grant = (spend_t) { { 0 } };
        work_end_lease (serve, lease, END_RETURNED, false, 0);
        if (status != ERR_LIMIT) {
            log_warn ("no budget could be reserved: %s; trying again every %d s", fault.text, RESERVE_PAUSE_MS / 1000);
            serve->reserve_after_ms = serve_now (serve) + RESERVE_PAUSE_MS;
        }
        return false;
    }
    if (--peer->wants == 0)
        work_unqueue (serve, peer);
    if (announce (serve, peer, lease))
        work_pump (serve, peer);
    return true;
}

void work_hand_out (serve_t *serve)
{
    if (serve_now (serve) < serve->reserve_after_ms)
        return;
    bool given = true;
    while (given && serve->waiting && !serve->stop && !serve->budget_out && serve->fatal.code == OK)
        given = give_lease (serve, serve->waiting);
    // A second copy can't go to the holder of the first: whoever is behind it in the queue asks next.
    peer_t *first = serve->waiting;
    if (!given && first && first->wait_next && serve->options.kind->class->second_copies) {
        work_unqueue (serve, first);
        work_queue (serve, first);
    }
}

void work_queue (serve_t *serve, peer_t *peer)
{
    if (peer->wants == 0 || peer->hung || peer->waiting)
        return;
    DL_APPEND2 (serve->waiting, peer, wait_prev, wait_next);
    peer->waiting = true;
}

void work_unqueue (serve_t *serve, peer_t *peer)
{
    if (!peer->waiting)
        return;
    DL_DELETE2 (serve->waiting, peer, wait_prev, wait_next);
    peer->waiting = false;
}

void work_want (serve_t *serve, peer_t *peer, const Rulemill__Want *want)
{
    unsigned room = PEER_LEASES_MAX - (peer->n_leases < PEER_LEASES_MAX ? peer->n_leases : PEER_LEASES_MAX);
    unsigned wants = want->leases < PEER_LEASES_MAX ? peer->wants + want->leases : PEER_LEASES_MAX;
    peer->wants = wants < room ? wants : room;
    peer->credit += want->credit_bytes;
    if (peer->credit > PEER_CREDIT_MAX)
        peer->credit = PEER_CREDIT_MAX;
    work_queue (serve, peer);
    work_pump (serve, peer);
}

typedef struct { serve_t *serve; } end_ctx_t;

static bool done_for_lease (void *ctx, uint64_t item)
{
    return work_is_done (((end_ctx_t *) ctx)->serve, item);
}

static void quarantine_for_lease (void *ctx, uint64_t item, unsigned deaths)
{
    char reason [128];
    snprintf (reason, sizeof reason, "%u workers died or hung with it in hand", deaths);
    results_quarantine (((end_ctx_t *) ctx)->serve, item, reason);
}

void work_end_lease (serve_t *serve, lease_t *lease, lease_end_t how, bool has_hand, uint64_t hand)
{
    peer_t *peer = lease->holder;
    DL_DELETE2 (peer->leases, lease, peer_prev, peer_next);
    peer->n_leases--;
    // A holder that is lost, or may still be at work, can have spent all of its grant once it had an item.
    bool unknown = (how == END_KILLED || how == END_LOST) && lease->sent > 0;
    budget_release (&serve->budget, &lease->grant, unknown);
    if (how == END_DONE) {
        double seconds = (double) (serve_now (serve) - lease->granted_ms) / 1000.0 + 0.001;
        double rate = (double) lease->n / seconds;
        peer->rate = peer->rate > 0 ? 0.5 * peer->rate + 0.5 * rate : rate;
    }
    end_ctx_t ctx = { serve };
    leases_end (serve->leases, &lease, how, has_hand, hand, done_for_lease, quarantine_for_lease, &ctx);
}

// --- batches ---------------------------------------------------------------

// Pack items of a lease into one message, up to the batch's size; false: the store failed.
static bool pack_batch (serve_t *serve, lease_t *lease, Rulemill__Item *items, buf_t *bodies, size_t max, size_t *n)
{
    kind_t *kind = serve->options.kind;
    size_t bytes = 0;
    *n = 0;
    for (; *n < max && lease->sent < lease->n; lease->sent++) {
        const due_t *due = &lease->items [lease->sent];
        if (work_is_done (serve, due->item)) {
            lease_set_final (lease, lease->sent);       // an earlier holder's result came late: none will come from this one
            continue;
        }
        fault_t fault = { 0 };
        buf_clear (&bodies [*n]);
        if (kind->class->body (kind, due->item, *n == 0, &bodies [*n], &fault) != OK) {
            serve_fail (serve, &fault);
            return false;
        }
        if (*n > 0 && bytes + bodies [*n].len > LIMIT_BATCH_BYTES)
            break;                                      // it begins the next batch
        items [*n] = (Rulemill__Item) RULEMILL__ITEM__INIT;
        items [*n].item = due->item;
        bytes += bodies [(*n)++].len;
    }
    for (size_t i = 0; i < *n; i++)
        items [i].body = (ProtobufCBinaryData) { bodies [i].len, (uint8_t *) bodies [i].data };
    return true;
}

enum { BATCH_ITEMS = 512 };

static bool send_batch (serve_t *serve, peer_t *peer, lease_t *lease, Rulemill__Item *items, buf_t *bodies)
{
    size_t n;
    if (!pack_batch (serve, lease, items, bodies, BATCH_ITEMS, &n))
        return false;
    Rulemill__Item *list [BATCH_ITEMS];
    for (size_t i = 0; i < n; i++) {
        list [i] = &items [i];
        peer->credit -= (int64_t) items [i].body.len;
    }
    Rulemill__Batch batch = RULEMILL__BATCH__INIT;
    batch.epoch = serve->epoch;
    batch.lease = lease->number;
    batch.items = list;
    batch.n_items = n;
    batch.last = lease->sent == lease->n;
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_BATCH;
    message.batch = &batch;
    return peer_send (serve, peer, &message);
}

void work_pump (serve_t *serve, peer_t *peer)
{
    Rulemill__Item items [BATCH_ITEMS];
    buf_t *bodies = NULL;
    bool alive = true;
    for (lease_t *lease = peer->leases, *next; alive && lease; lease = next) {
        next = lease->peer_next;
        if (bodies == NULL && lease->sent < lease->n)
            bodies = mem_zero (BATCH_ITEMS, sizeof *bodies);
        while (alive && lease->sent < lease->n && peer->credit > 0)
            alive = send_batch (serve, peer, lease, items, bodies);
        if (alive && lease->left == 0)
            work_end_lease (serve, lease, END_DONE, false, 0);
    }
    for (size_t i = 0; bodies && i < BATCH_ITEMS; i++)
        buf_free (&bodies [i]);
    free (bodies);
}
