#include "worker/worker_loop.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker/kind.h"

// --- ends ---

void loop_end (worker_loop_t *loop, status_t outcome, const char *format, ...)
{
    if (loop->phase == PHASE_OVER)
        return;         // the first reason is the one that matters
    char text [FAULT_TEXT_MAX];
    va_list args;
    va_start (args, format);
    vsnprintf (text, sizeof text, format, args);
    va_end (args);
    loop->phase = PHASE_OVER;
    loop->outcome = outcome == OK ? OK : fault_set (loop->fault, outcome, "%s", text);
}

// in_flight: the executor may be at work on them.
static void give_back_all (worker_loop_t *loop, bool in_flight)
{
    for (held_lease_t *lease = loop->holding.leases; lease; lease = lease->next)
        if (held_is_working (lease) && lease->epoch == loop->epoch)
            say_return (loop, lease, NULL, in_flight);
}

void loop_stop (worker_loop_t *loop)
{
    (void) say_results (loop);      // as far as it goes without waiting
    give_back_all (loop, true);
    say_bye (loop, "stopped at once");
    loop_end (loop, ERR_STOPPED, "stopped at once; what was not finished goes to others");
}

void loop_drain (worker_loop_t *loop)
{
    if (loop->phase >= PHASE_DRAINING)
        return;
    if (loop->phase < PHASE_WORKING) {
        loop_stop (loop);
        return;
    }
    log_info ("finishing what is in hand");
    loop->phase = PHASE_DRAINING;
    // not dropped: what is undone of them in the end is given back
    for (held_lease_t *lease = loop->holding.leases; lease; lease = lease->next)
        if (!lease->dropped)
            loop->drained_at = executor_revoke (loop->executor, lease->handle);
}

static void settle_down (worker_loop_t *loop, int64_t now)
{
    if (loop->phase == PHASE_DRAINING && loop->idle_at >= loop->drained_at) {
        loop->phase = PHASE_SETTLING;
        loop->settling_since_ms = now;
    }
    if (loop->phase != PHASE_SETTLING)
        return;
    if (!loop->hello_waiting)
        (void) say_results (loop);
    if (!outbox_on_disk (loop->outbox) && now - loop->settling_since_ms < SETTLE_MS)
        return;
    if (!outbox_on_disk (loop->outbox))
        log_warn ("%s has not acknowledged the last results; they may have to be computed again", loop->options.endpoint.address);
    give_back_all (loop, false);
    say_bye (loop, "drained");
    loop_end (loop, ERR_STOPPED, "stopped; what was not finished goes to others");
}

void loop_give_back (worker_loop_t *loop, held_lease_t *lease, const spend_t *need, bool in_flight)
{
    // a Hello gives back all leases, and says which frames there are: none may come between it and its answer
    if (!loop->hello_waiting) {
        (void) say_results (loop);
        say_return (loop, lease, need, in_flight);
    }
    holding_drop (&loop->holding, lease, executor_revoke (loop->executor, lease->handle));
}

void loop_violation (worker_loop_t *loop, held_lease_t *lease, const char *what)
{
    log_error ("lease %llu is given back: %s", (unsigned long long) lease->lease, what);
    loop_give_back (loop, lease, NULL, true);
    if (++loop->bad_batches >= BAD_BATCHES_MAX)
        say_unfit (loop, what);
}

// --- timers ---

void loop_hello_again (worker_loop_t *loop)
{
    if (loop->hello_waiting)
        return;         // it is being said already
    loop->hello_waiting = true;
    loop->told_waiting = loop->hello_sent = false;
    loop->waiting_since_ms = loop->renewed_ms = clock_ms (NULL);
    loop->hello_ms = 0;
}

// Nobody has answered for long: the coordinator may hold our routing id for a connection that is dead.
static void renew (worker_loop_t *loop, int64_t now)
{
    fault_t fault = { 0 };
    if (!loop->hello_sent || now - loop->renewed_ms < RENEW_AFTER_MS)
        return;
    loop->renewed_ms = now;
    loop->hello_sent = loop->connected = false;
    if (spoke_renew (loop->spoke, &fault) != OK)
        loop_end (loop, ERR_IO, "%s", fault.text);
}

static void keep_greeting (worker_loop_t *loop, int64_t now)
{
    if (spoke_connected_anew (loop->spoke)) {
        loop_hello_again (loop);
        loop->hello_ms = 0;
        loop->connected = true;
    }
    if (!loop->hello_waiting)
        return;
    // not before the handshake: a Hello of then would be followed by another one at once
    if (loop->connected && now - loop->hello_ms >= HELLO_EVERY_MS && say_hello (loop)) {
        loop->hello_ms = now;
        loop->hello_sent = true;
    }
    if (!loop->told_waiting && now - loop->waiting_since_ms >= WAITING_AFTER_MS) {
        const char *trouble = spoke_trouble (loop->spoke);
        log_info ("waiting for %s%s%s", loop->options.endpoint.address, *trouble ? ": " : "", trouble);
        loop->told_waiting = true;
    }
    renew (loop, now);
}

static void mind_silence (worker_loop_t *loop, int64_t now)
{
    int64_t silent_ms = now - loop->heard_ms;
    if (silent_ms > loop->options.silence_ms) {
        const char *trouble = spoke_trouble (loop->spoke);
        loop_end (loop, ERR_IO, "nothing heard from %s for %lld s; %s", loop->options.endpoint.address, (long long) silent_ms / 1000,
                  *trouble ? trouble : "check that the coordinator runs and that the address is right");
    } else if (silent_ms > loop->options.silence_ms / 2) {
        // one that has nothing to say need not be gone: a Hello is always answered
        loop_hello_again (loop);
    }
}

static void beat (worker_loop_t *loop, int64_t now)
{
    if (loop->welcomed && !loop->hello_waiting && now - loop->beat_sent_ms >= loop->beat_ms && say_beat (loop))
        loop->beat_sent_ms = now;
}

// --- work ---

static void open_kind (worker_loop_t *loop)
{
    const worker_kind_class_t *class = worker_kind_find (loop->kind);
    if (!class) {
        char text [256];
        snprintf (text, sizeof text, "this rulemill " RULEMILL_VERSION " knows no task kind \"%.64s\"; use the coordinator's version", loop->kind);
        say_unfit (loop, text);
        return;
    }
    size_t n;
    worker_blob_t *blobs = blobs_list (loop->blobs, &n);
    executor_open (loop->executor, class, loop->setup.data, loop->setup.len, blobs, n);
    free (blobs);
    loop->phase = PHASE_OPENING;
}

static void fetch (worker_loop_t *loop, int64_t now)
{
    digest_t digest;
    uint64_t offset;
    if (loop->phase != PHASE_FETCHING || loop->hello_waiting)
        return;
    if (!blobs_next (loop->blobs, &digest, &offset))
        open_kind (loop);
    else if (now - loop->blob_asked_ms >= BLOB_AGAIN_MS && say_blob_get (loop, &digest, offset))
        loop->blob_asked_ms = now;
}

// How many leases it holds at a time: more while the kind could do more at once than it has items for.
static unsigned leases_wished (worker_loop_t *loop)
{
    int64_t now = clock_ms (NULL);
    unsigned room = WORKER_LEASES_MAX - loop->options.leases_max;
    if (executor_state (loop->executor).hungry) {
        if (loop->leases_wanted == 0 && loop->leases_more < room && now - loop->more_ms >= HUNGRY_MS) {
            loop->leases_more++;
            loop->more_ms = now;
        }
    } else if (loop->leases_more > 0 && now - loop->more_ms >= LEASES_MORE_MS) {
        loop->leases_more--;
        loop->more_ms = now;
    }
    return loop->options.leases_max + loop->leases_more;
}

static void want (worker_loop_t *loop)
{
    if (loop->phase != PHASE_WORKING || loop->hello_waiting)
        return;
    size_t has = holding_working (&loop->holding) + loop->leases_wanted;
    bool room = loop->holding.n < LEASES_KEPT_MAX || holding_working (&loop->holding) == loop->holding.n;
    unsigned wished = leases_wished (loop);
    unsigned leases = room && has < wished ? wished - (unsigned) has : 0;
    int64_t credit = (int64_t) loop->options.credit_bytes - loop->credit_left - (int64_t) loop->holding.bytes;
    credit = credit < 0 ? 0 : credit > UINT32_MAX ? UINT32_MAX : credit;
    if (leases == 0 && credit < loop->options.credit_bytes / 4)
        return;
    if (!say_want (loop, leases, (uint32_t) credit))
        return;
    loop->leases_wanted += leases;
    loop->credit_left += credit;
}

static void send_due (worker_loop_t *loop, int64_t now)
{
    if (!loop->hello_waiting && outbox_due (loop->outbox, now))
        (void) say_results (loop);
}

static void mind_interrupts (worker_loop_t *loop)
{
    unsigned calls = worker_interrupts ();
    if (calls == loop->turns_interrupted)
        return;
    loop->turns_interrupted = calls;
    if (calls > 1)
        loop_stop (loop);
    else
        loop_drain (loop);
}

// --- the loop ---

static void receive (worker_loop_t *loop)
{
    fault_t fault = { 0 };
    for (int i = 0; i < TURN_FRAMES && loop->phase != PHASE_OVER; i++) {
        bool got;
        status_t status = spoke_receive (loop->spoke, i == 0 ? TURN_MS : 0, executor_wake_fd (loop->executor), &got, &loop->in, &fault);
        if (status != OK)
            loop_end (loop, status, "%s", fault.text);
        if (status != OK || !got)
            return;
        handle_frame (loop);
    }
}

// What is to be done at this time, whatever comes.
static void turn (worker_loop_t *loop)
{
    int64_t now = clock_ms (NULL);
    mind_interrupts (loop);
    take_events (loop);
    keep_greeting (loop, now);
    mind_silence (loop, now);
    beat (loop, now);
    fetch (loop, now);
    send_due (loop, now);
    want (loop);
    settle_down (loop, now);
    if (executor_overrun (loop->executor))
        loop_end (loop, ERR_LIMIT, "%s sends far more than was asked for; gave up", loop->options.endpoint.address);
}

status_t loop_run (worker_loop_t *loop)
{
    loop->heard_ms = clock_ms (NULL);
    loop_hello_again (loop);
    while (loop->phase != PHASE_OVER) {
        turn (loop);
        if (loop->phase != PHASE_OVER)
            receive (loop);
    }
    return loop->outcome;
}
