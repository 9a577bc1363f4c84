// worker_loop: the network thread's state, for the worker's files alone:
//
//   worker.c          what a worker process does around its loop
//   worker_loop.c     one turn of it: timers, results out, wants, draining
//   worker_handle.c   what the coordinator says
//   worker_say.c      what is said to the coordinator
//   worker_events.c   what the executor says
//
// Phases follow PROTOCOL.md, "A worker's life":
//
//   GREETING -> FETCHING blobs -> OPENING the kind -> WORKING -> DRAINING -> SETTLING -> OVER
//
// Whether a Hello is unanswered is another matter than the phase: it is said again after every reconnection, and what
// is in hand goes on meanwhile.
#ifndef WORKER_WORKER_LOOP_H
#define WORKER_WORKER_LOOP_H

#include "base/digest.h"
#include "worker/blobs.h"
#include "worker/executor.h"
#include "worker/holding.h"
#include "worker/outbox.h"
#include "worker/worker.h"

typedef enum { PHASE_GREETING, PHASE_FETCHING, PHASE_OPENING, PHASE_WORKING, PHASE_DRAINING, PHASE_SETTLING, PHASE_OVER } phase_t;

enum {
    WORKER_LEASES_MAX = 16,         // held at a time; the coordinator gives no more
    HELLO_EVERY_MS = 1000,
    WAITING_AFTER_MS = 5000,        // when a log line says that it waits
    RENEW_AFTER_MS = 30000,         // without an answer: another connection
    BLOB_AGAIN_MS = 5000,           // an unanswered BlobGet is said again
    SETTLE_MS = 5000,               // how long a drained worker waits for its last Ack
    TURN_MS = 50,                   // the longest wait in one turn
    TURN_FRAMES = 64,               // the most messages taken in one turn
    BEAT_MS_MIN = 20,
    BEAT_MS_MAX = 60000,
    HUNGRY_MS = 250,                // one that could do more asks for another lease, this often at most,
    LEASES_MORE_MS = 60000,         // and for one less again when it was not hungry for so long
    LEASES_KEPT_MAX = 64,           // more are not asked for while so many are undone or unacknowledged
    BAD_BATCHES_MAX = 3             // in a row, then the worker is unfit
};

typedef struct {
    worker_options_t options;       // with the defaults filled in
    spoke_t *spoke;
    executor_t *executor;
    outbox_t *outbox;
    blobs_t *blobs;
    holding_t holding;
    fault_t *fault;                 // the caller's
    uint64_t sender;                // random, of this process
    status_t outcome;               // once the phase is OVER
    phase_t phase;
    unsigned turns_interrupted;     // interrupts that were acted on

    // the connection
    bool connected;                 // since the start or the last renewal
    bool hello_waiting;             // a Hello is to be said, or was said and not answered
    bool told_waiting;
    bool hello_sent;                // at least once since it waits or was renewed
    int64_t waiting_since_ms, hello_ms, renewed_ms;
    int64_t heard_ms, beat_sent_ms, blob_asked_ms;
    unsigned long malformed;        // frames that could not be read

    // what the coordinator said in its Welcome
    bool welcomed;
    uint64_t epoch;
    int64_t beat_ms;
    digest_t run;
    char *kind;
    buf_t setup;

    // what it may send
    unsigned leases_wanted;
    unsigned leases_more;           // than the options say, for one that is hungry
    int64_t more_ms;                // when that last changed
    int64_t credit_left;            // bytes; a batch may take it below zero

    // the work
    unsigned bad_batches;           // in a row
    uint64_t idle_at;               // the executor had nothing to do after this serial number
    uint64_t drained_at;            // DRAINING until idle_at reaches it
    int64_t settling_since_ms;

    buf_t in, out;
} worker_loop_t;

// worker_loop.c
status_t loop_run (worker_loop_t *loop);
void loop_end (worker_loop_t *loop, status_t outcome, const char *format, ...) PRINTF_LIKE (3, 4);   // with OK: no text needed
void loop_drain (worker_loop_t *loop);
void loop_stop (worker_loop_t *loop);           // at once
void loop_hello_again (worker_loop_t *loop);
void loop_give_back (worker_loop_t *loop, held_lease_t *lease, const spend_t *need, bool in_flight);    // what is not done of it
void loop_violation (worker_loop_t *loop, held_lease_t *lease, const char *what);   // give a lease back that can't be worked on
unsigned worker_interrupts (void);              // worker.c: calls of worker_interrupt

// worker_handle.c: one frame, loop->in
void handle_frame (worker_loop_t *loop);

// worker_events.c: all that the executor has to say, as far as the outbox has room
void take_events (worker_loop_t *loop);

// worker_say.c; false: it could not be sent now
bool say_hello (worker_loop_t *loop);
bool say_blob_get (worker_loop_t *loop, const digest_t *digest, uint64_t offset);
bool say_want (worker_loop_t *loop, unsigned leases, uint32_t credit_bytes);
bool say_beat (worker_loop_t *loop);
bool say_results (worker_loop_t *loop);         // all that are unsent
void say_return (worker_loop_t *loop, const held_lease_t *lease, const spend_t *need, bool in_flight);     // need: NULL, none
void say_bye (worker_loop_t *loop, const char *reason);
void say_unfit (worker_loop_t *loop, const char *reason);       // and ends the loop

#endif
