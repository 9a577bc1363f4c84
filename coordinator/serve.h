// serve: the event loop that hands out work, takes results, commits them and acknowledges.
//
// It speaks proto/PROTOCOL.md on a hub, knows the work only through a kind (kind.h), and never waits for a peer. What it
// does for one result does not grow with the corpus or the number of workers.
#ifndef COORDINATOR_SERVE_H
#define COORDINATOR_SERVE_H

#include "base/clock.h"
#include "coordinator/children.h"
#include "coordinator/kind.h"
#include "proto/endpoint.h"

typedef struct serve serve_t;

typedef struct {
    store_t *store;             // outlives it
    hub_t *hub;                 // outlives it
    kind_t *kind;               // outlives it
    digest_t run;               // what workers are told they work for
    uint32_t run_number;        // names the budget's record
    unsigned beat_ms, hang_ms;  // 0: 1000, 300000
    unsigned attempts_max;      // 0: 3
    uint32_t window;            // items; 0: 262144
    unsigned reconcile_ms;      // no lease before then: workers of an earlier start bring what they did meanwhile; 0: at once
    spend_t budget;             // 0 in a unit: no limit
    bool no_calls;              // the budget is what is spent already
    // Start local workers; called once, when there is first something to lease. NULL: none of its own. The answer is
    // owned by serve from then on.
    children_t *(*start) (void *ctx);
    const program_t *program;   // outlives it; what commands at the end of a phase run. NULL: they say it themselves
    clock_source_t clock;       // zeroed: the system's

    // Called about four times a second; true asks to drain.
    bool (*tick) (void *ctx);
    // Descriptors to wake up for besides, and what to do in each turn of the loop.
    size_t (*fds) (void *ctx, int *fds, size_t max);
    void (*turn) (void *ctx);
    void *ctx;
} serve_options_t;

// Where it stands; position and budget as of the last commit.
typedef struct {
    unsigned workers, leases;
    uint64_t items_done;            // final results since the start
    uint64_t position, end;         // low-water mark and end of the phase
    uint64_t workers_died, leases_lost, messages_refused;
    uint64_t workers_unfit;
    const char *unfit;              // what the last unfit worker said, "" where none was; lives as long as serve
    bool draining;
    spend_t spent, reserved;        // of the budget
    spend_unit_t lacking;           // which limit ended it with ERR_LIMIT
} serve_state_t;

serve_t *serve_new (const serve_options_t *options);
void serve_state (const serve_t *serve, serve_state_t *out);

// Work through all phases. OK: nothing is due any more. ERR_STOPPED: drained, or told to stop by serve_stop. ERR_LIMIT: the
// budget is used up. ERR_USAGE: a worker of our own, and so each of them, can't do
// this work (what it said). Others: the store failed.
status_t serve_run (serve_t *serve, fault_t *fault) MUST_USE;

// Drain (finish and commit what is in hand), or stop at once. Takes effect at the next turn of the loop.
void serve_stop (serve_t *serve, bool now);

// Take up items that the kind's retries now offer.
void serve_retry (serve_t *serve);

// Wait for one turn without work, in the stages before: workers that say Hello are answered with Who, so that they
// know that somebody is there and say it again later.
void serve_idle (hub_t *hub, int timeout_ms, const int *fds, size_t n_fds);

// The store, the hub and the kind stay the caller's.
void serve_destroy (serve_t **serve);

#endif
