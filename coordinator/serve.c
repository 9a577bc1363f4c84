#include "coordinator/serve.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/serve_parts.h"

enum { TICK_MS = 250, BLOBS_MAX = 16, FDS_MAX = 32, DRAIN_MS = 15000, BYE_MS = 3000, TURN_MESSAGES = 64, COMMAND_TURN_MS = 20 };

int64_t serve_now (const serve_t *serve)
{
    return clock_ms (&serve->options.clock);
}

void serve_fail (serve_t *serve, const fault_t *fault)
{
    if (serve->fatal.code == OK)
        serve->fatal = *fault;
}

serve_t *serve_new (const serve_options_t *options)
{
    serve_t *serve = mem_zero (1, sizeof *serve);
    serve->options = *options;
    serve_options_t *o = &serve->options;
    o->beat_ms = o->beat_ms ? o->beat_ms : 1000;
    o->hang_ms = o->hang_ms ? o->hang_ms : 300000;
    o->attempts_max = o->attempts_max ? o->attempts_max : 3;
    o->window = o->window ? o->window : 262144;
    for (int u = 0; u < SPEND_UNITS; u++)
        o->budget.unit [u] = o->budget.unit [u] ? o->budget.unit [u] : SPEND_NO_LIMIT;
    RAND_bytes ((unsigned char *) &serve->epoch, sizeof serve->epoch);
    serve->batch = store_batch_new (o->store);
    serve->leases = leases_new (o->attempts_max);
    serve->blobs = mem_zero (BLOBS_MAX, sizeof *serve->blobs);
    return serve;
}

void serve_destroy (serve_t **self)
{
    serve_t *serve = *self;
    if (serve == NULL)
        return;
    work_end_phase (serve);
    results_free (serve);
    peers_free (serve);
    children_end (&serve->children, BYE_MS);
    leases_destroy (&serve->leases);
    store_batch_destroy (&serve->batch);
    buf_free (&serve->setup);
    buf_free (&serve->blob);
    buf_free (&serve->frame);
    free (serve->blobs);
    free (serve);
    *self = NULL;
}

void serve_state (const serve_t *serve, serve_state_t *out)
{
    *out = (serve_state_t) {
        .workers = HASH_COUNT (serve->peers), .leases = (unsigned) leases_active (serve->leases),
        .items_done = serve->items_done, .position = serve->told.position, .end = serve->phase.end,
        .workers_died = serve->workers_died, .leases_lost = serve->leases_lost,
        .messages_refused = serve->messages_refused + hub_denied (serve->options.hub), .workers_unfit = serve->workers_unfit, .unfit = serve->unfit,
        .draining = serve->stop, .spent = serve->told.spent, .reserved = serve->told.reserved, .lacking = serve->lacking
    };
}

void serve_stop (serve_t *serve, bool now)
{
    if (!serve->stop)
        serve->drain_since_ms = serve_now (serve);
    serve->stop_now = serve->stop_now || now;
    if (serve->stop && !now)
        return;
    serve->stop = true;
    Rulemill__Drain drain = RULEMILL__DRAIN__INIT;
    drain.now = now;
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_DRAIN;
    message.drain = &drain;
    peers_tell (serve, &message);
}

void serve_retry (serve_t *serve)
{
    serve->retry_open = true;
    serve->retry_from = 0;
}

// --- messages --------------------------------------------------------------

static void give_back (serve_t *serve, peer_t *peer, const Rulemill__Return *message)
{
    lease_t *lease = message->epoch == serve->epoch ? leases_find (serve->leases, message->lease) : NULL;
    if (lease == NULL || lease->holder != peer)
        return;
    const spend_t need = wire_read_spend (message->need);
    if (message->need)
        grant_wanting (serve, lease, &need);
    work_end_lease (serve, lease, message->in_flight ? END_LOST : END_RETURNED, false, 0);
}

// Where one before it was lost on its way, it is sent again with that one after a Hello.
static void take_results (serve_t *serve, peer_t *peer, const Rulemill__Results *results)
{
    peer_id_t from = peer->id;
    if (results->frame != 0 && results->frame != peer->frame + 1) {
        who_are_you (serve, &from);
        return;
    }
    if (results->frame != 0)
        peer->frame = peer->taken = results->frame;
    results_take (serve, &from, peer, results);
}

static void dispatch (serve_t *serve, const peer_id_t *from, const char *user, const Rulemill__ToCoordinator *message)
{
    if (message->body_case == RULEMILL__TO_COORDINATOR__BODY_HELLO) {
        if (!serve->stop)
            peer_hello (serve, from, user, message->hello);
        return;
    }
    peer_t *peer = peer_find (serve, from);
    if (peer == NULL || strcmp (peer->user, user) != 0) {
        who_are_you (serve, from);
        return;
    }
    peer->heard_ms = serve_now (serve);
    switch (message->body_case) {
    case RULEMILL__TO_COORDINATOR__BODY_BLOB_GET: peer_blob (serve, peer, message->blob_get); break;
    case RULEMILL__TO_COORDINATOR__BODY_WANT: work_want (serve, peer, message->want); break;
    case RULEMILL__TO_COORDINATOR__BODY_RESULTS: take_results (serve, peer, message->results); break;
    case RULEMILL__TO_COORDINATOR__BODY_BEAT: peer_beat (serve, peer, message->beat); break;
    case RULEMILL__TO_COORDINATOR__BODY_GIVE_BACK: give_back (serve, peer, message->give_back); break;
    case RULEMILL__TO_COORDINATOR__BODY_BYE: peer_lost (serve, peer, false, message->bye->reason); break;
    case RULEMILL__TO_COORDINATOR__BODY_UNFIT: peer_unfit (serve, peer, message->unfit->reason); break;
    default: break;
    }
}

static void take_frame (serve_t *serve, const peer_id_t *from, const char *user, const buf_t *frame)
{
    Rulemill__ToCoordinator *message;
    fault_t fault = { 0 };
    if (wire_unpack_to_coordinator (frame->data, frame->len, &message, &fault) != OK) {
        log_debug ("a message was dropped: %s", fault.text);
        if (peer_find (serve, from))
            serve->messages_refused++;
        else
            peer_refuse (serve, from, RULEMILL__REFUSE_REASON__REFUSE_MALFORMED, fault.text);
        return;
    }
    dispatch (serve, from, user, message);
    rulemill__to_coordinator__free_unpacked (message, NULL);
}

// --- the loop --------------------------------------------------------------

static void child_died (void *ctx, pid_t pid, const char *how)
{
    serve_t *serve = ctx;
    peer_t *peer = peer_find_pid (serve, (uint32_t) pid);
    if (peer)
        peer_lost (serve, peer, true, how);
    else if (!serve->stop)
        log_warn ("worker process %d ended with %s before it had begun", (int) pid, how);
}

static void tick (serve_t *serve)
{
    int64_t now = serve_now (serve);
    if (now - serve->tick_ms < TICK_MS)
        return;
    // After the loop itself stood still, what the workers said meanwhile may not have been read yet.
    bool stood_still = now - serve->tick_ms > 2 * TICK_MS + (int64_t) serve->options.beat_ms;
    serve->tick_ms = now;
    if (stood_still)
        peers_forgive (serve);
    else
        peers_check (serve);
    share_tell (serve);
    if (serve->children && !serve->stop && !children_step (serve->children, now, child_died, serve)) {
        fault_t fault = { 0 };
        fault_set (&fault, ERR_USAGE, "no worker can do this work: %s", *serve->unfit ? serve->unfit : "each ended as soon as it was started");
        results_flush (serve);          // what they finished before is kept
        serve_fail (serve, &fault);
    }
    if (serve->options.tick && serve->options.tick (serve->options.ctx) && !serve->stop)
        serve_stop (serve, false);
}

static void start_workers (serve_t *serve)
{
    if (serve->children == NULL && serve->options.start && leases_pending (serve->leases) > 0 && !serve->stop && !serve->budget_out) {
        serve->children = serve->options.start (serve->options.ctx);
        serve->options.start = NULL;
    }
}

// Receive what is there, at most so much that commits and timers are not kept waiting.
static void receive (serve_t *serve, int timeout_ms)
{
    int fds [FDS_MAX];
    size_t n_fds = serve->options.fds ? serve->options.fds (serve->options.ctx, fds, FDS_MAX) : 0;
    for (int i = 0; i < TURN_MESSAGES && serve->fatal.code == OK; i++) {
        peer_id_t from;
        char user [KEY_TEXT];
        bool got = false;
        fault_t fault = { 0 };
        status_t status = hub_receive (serve->options.hub, i == 0 ? timeout_ms : 0, fds, n_fds, &got, &from, user, &serve->frame, &fault);
        if (status != OK) {
            serve_fail (serve, &fault);
            return;
        }
        if (!got)
            return;
        take_frame (serve, &from, user, &serve->frame);
        if (serve->pending >= LIMIT_COMMIT_RECORDS || store_batch_bytes (serve->batch) > LIMIT_MESSAGE_BYTES)
            return;
    }
}

static void turn (serve_t *serve)
{
    bool again = !serve->stop && work_look (serve);
    start_workers (serve);
    int timeout_ms = again ? 0 : serve->pending > 0 ? LIMIT_COMMIT_MS : TICK_MS;
    receive (serve, timeout_ms);
    if (serve->options.turn)
        serve->options.turn (serve->options.ctx);
    results_flush_if_due (serve);
    work_hand_out (serve);
    tick (serve);
}

// Is the loop to go on in this phase?
static bool goes_on (serve_t *serve)
{
    if (serve->fatal.code != OK || serve->stop_now)
        return false;
    if (serve->stop || serve->budget_out) {
        bool late = serve->stop && serve_now (serve) - serve->drain_since_ms > DRAIN_MS;
        return leases_active (serve->leases) > 0 && !late;
    }
    return work_left (serve);
}

// What workers must know may be another thing in this phase. They hold no lease between phases; each says Hello when it is asked who it
// is, and is welcomed with the new setup.
static void renew_setup (serve_t *serve)
{
    buf_t setup = { 0 };
    kind_t *kind = serve->options.kind;
    kind->class->setup (kind, &setup);
    serve->n_blobs = kind->class->blobs (kind, serve->blobs, BLOBS_MAX);
    bool same = setup.len == serve->setup.len && (setup.len == 0 || memcmp (setup.data, serve->setup.data, setup.len) == 0);
    buf_free (&serve->setup);
    serve->setup = setup;
    peer_t *peer, *next;
    if (!same)
        HASH_ITER (hh, serve->peers, peer, next) {
            peer_id_t id = peer->id;
            peer_lost (serve, peer, false, "what it must know has changed");
            who_are_you (serve, &id);
        }
}

static status_t run_phase (serve_t *serve, fault_t *fault)
{
    renew_setup (serve);
    status_t status = work_begin_phase (serve, fault);
    if (status != OK)
        return status;
    while (goes_on (serve))
        turn (serve);
    if (serve->fatal.code == OK && !serve->stop && !serve->budget_out) {
        // The mark reaches the end even where the last items were not due.
        kind_t *kind = serve->options.kind;
        serve->phase.low_water = serve->window.low;
        kind->class->before_write (kind, serve->batch, &serve->phase);
    }
    work_take_back (serve);
    results_flush (serve);
    work_end_phase (serve);
    if (serve->fatal.code != OK) {
        *fault = serve->fatal;
        return fault->code;
    }
    if (serve->own_unfit)
        return fault_set (fault, ERR_USAGE, "no worker can do this work: %s", serve->unfit);
    if (serve->stop)
        return fault_set (fault, ERR_STOPPED, "stopped on request; run the same command again to go on");
    if (serve->budget_out)
        return fault_set (fault, ERR_LIMIT, "the budget is used up; raise it and run the same command again to go on");
    return OK;
}

// What the kind wants done when a phase has ended, in a process of its own; workers are answered meanwhile.
static status_t run_command (serve_t *serve, const char *const *argv, fault_t *fault)
{
    pid_t pid;
    int exit_code = 0;
    status_t status = children_command (serve->options.program, argv, &pid, fault);
    if (status != OK)
        return status;
    while (!children_command_done (pid, &exit_code)) {
        if (serve->stop || serve->fatal.code != OK)
            children_command_stop (pid, serve->stop_now || serve->fatal.code != OK);
        receive (serve, COMMAND_TURN_MS);
        if (serve->options.turn)
            serve->options.turn (serve->options.ctx);
        results_flush_if_due (serve);
        tick (serve);
    }
    results_flush (serve);
    if (serve->fatal.code != OK) {
        *fault = serve->fatal;
        return fault->code;
    }
    if (serve->stop && exit_code != 0)
        return fault_set (fault, ERR_STOPPED, "stopped on request; run the same command again to go on");
    if (exit_code != 0)
        return fault_set (fault, ERR_IO, "%s, run at the end of phase \"%s\", ended with exit code %d", argv [0], serve->phase.name, exit_code);
    return OK;
}

static void say_finished (serve_t *serve, const char *reason)
{
    Rulemill__Finished finished = RULEMILL__FINISHED__INIT;
    finished.reason = (char *) (uintptr_t) reason;
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_FINISHED;
    message.finished = &finished;
    peers_tell (serve, &message);
}

status_t serve_run (serve_t *serve, fault_t *fault)
{
    kind_t *kind = serve->options.kind;
    status_t status = OK;
    bool found = true;
    serve->reserve_after_ms = serve_now (serve) + serve->options.reconcile_ms;
    while (status == OK) {
        status = kind->class->phase (kind, &serve->phase, &found, fault);
        if (status != OK || !found)
            break;
        status = run_phase (serve, fault);
        const char *const *command = status == OK ? kind->class->phase_end (kind, &serve->phase) : NULL;
        if (command)
            status = run_command (serve, command, fault);
    }
    if (!serve->stop_now)
        say_finished (serve, status == OK ? "the run is complete" : "the coordinator stops");
    return status;
}

void serve_idle (hub_t *hub, int timeout_ms, const int *fds, size_t n_fds)
{
    peer_id_t from;
    char user [KEY_TEXT];
    buf_t frame = { 0 };
    bool got = false;
    fault_t fault = { 0 };
    if (hub_receive (hub, timeout_ms, fds, n_fds, &got, &from, user, &frame, &fault) != OK)
        usleep (1000 * (unsigned) timeout_ms);
    if (got) {
        Rulemill__Who who = RULEMILL__WHO__INIT;
        Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
        message.body_case = RULEMILL__TO_WORKER__BODY_WHO;
        message.who = &who;
        buf_clear (&frame);
        wire_pack_to_worker (&message, &frame);
        if (hub_send (hub, &from, &frame, &fault) != OK)
            log_debug ("a waiting worker could not be answered: %s", fault.text);
    }
    buf_free (&frame);
}
