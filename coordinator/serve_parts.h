// serve_parts: what the files of serve share. Nobody else includes it.
//
//   serve.c          the loop, phases, timers, draining
//   serve_peers.c    who is there, hello and goodbye, blobs, the lost
//   serve_work.c     finding what is due, granting leases, sending batches
//   serve_share.c    how many workers share what a job may use at a time
//   serve_grant.c    what a lease may spend
//   serve_results.c  results into a batch, group commit, acknowledgements
#ifndef COORDINATOR_SERVE_PARTS_H
#define COORDINATOR_SERVE_PARTS_H

#include "base/limits.h"
#include "coordinator/budget.h"
#include "coordinator/leases.h"
#include "coordinator/serve.h"
#include "coordinator/window.h"
#include "proto/wire.h"

enum { AHEAD_MAX = 1024, PEER_LEASES_MAX = 16, PEER_CREDIT_MAX = 64 * 1024 * 1024, HOST_MAX = 64, RETRY_SLICE = 256, GONE_MAX = LIMIT_PEERS };

// A worker that was welcomed.
typedef struct peer peer_t;
struct peer {
    peer_id_t id;
    char user [KEY_TEXT];           // its public key, "" without CURVE
    uint32_t number;
    uint32_t pid;
    char host [HOST_MAX];
    int64_t heard_ms;               // its last sign of life
    unsigned wants;                 // leases that it would take
    int64_t credit;                 // bytes that may still be sent to it
    lease_t *leases;                // oldest first
    unsigned n_leases;
    uint64_t sender;                // its process, whatever its connection; 0: not told
    uint64_t frame;                 // of Results: the next one has the number after it
    uint64_t taken;                 // the last one taken of it
    bool busy;                      // as its last Beat said
    bool hung;                      // gets nothing more until it moves
    uint64_t item, progress;
    int64_t worked_ms;              // when it last held a lease
    unsigned sharing;               // as it was last told; 0: nothing
    double rate;                    // items a second, smoothed; 0: unknown
    bool waiting;                   // in the queue of those that want leases
    peer_t *wait_prev, *wait_next;
    UT_hash_handle hh;
};

// A sender that was given up: which frame was the last one taken of it.
typedef struct {
    uint64_t sender, taken;
    UT_hash_handle hh;
} gone_t;

// What is to be acknowledged to one sender once the batch is on disk.
typedef struct receipt receipt_t;
struct receipt {
    peer_id_t to;
    uint64_t epoch, lease, frame;
    uint64_t *items;
    size_t n_items;
    struct { uint64_t item; buf_t known; } *stale;
    size_t n_stale;
    receipt_t *next;
};

// An item out of the window's order: taken up again (below the mark), or final before it was looked at (beyond the cursor).
typedef struct {
    uint64_t item;
    bool final;
    UT_hash_handle hh;
} stray_t;

// Figures as they stand on disk.
typedef struct {
    uint64_t position;
    spend_t spent, reserved;
} told_t;

struct serve {
    serve_options_t options;
    uint64_t epoch;
    uint32_t next_worker;
    phase_t phase;
    bool in_phase;

    // work
    window_t window;
    leases_t *leases;
    due_t ahead [AHEAD_MAX];        // looked at but not yet leased
    size_t ahead_at, ahead_n;
    uint64_t ahead_next;            // where looking goes on
    stray_t *strays;
    uint64_t retry_from;            // where to look for items to take up again
    bool retry_open;                // there may be some
    budget_t budget;
    spend_t recent;                 // what calls used lately
    spend_t need;                   // the bound of a request for which a lease's grant was too small; 0: not known
    told_t told;                    // what a kill can't take back
    bool budget_out;
    spend_unit_t lacking;           // why
    int64_t reserve_after_ms;       // no lease before then: a full disk, or workers may come back

    // peers
    peer_t *peers;
    peer_t *waiting;                // first in, first served
    gone_t *gone;                   // oldest first, GONE_MAX at most
    children_t *children;
    buf_t setup;
    digest_t *blobs;
    size_t n_blobs;
    buf_t blob;                     // the one asked for last
    digest_t blob_digest;

    buf_t frame;                    // the one being read

    // commit
    store_batch_t *batch;
    size_t pending;                 // results in it
    int64_t pending_since_ms;
    bool used;                      // something that no record in it tells of: the kind's counts are to be written all the same
    receipt_t *receipts, *receipts_last;

    bool stop, stop_now;
    int64_t drain_since_ms;
    int64_t tick_ms;
    char unfit [FAULT_TEXT_MAX];    // what the last unfit worker said
    bool own_unfit;                 // it was one of our own: we stop
    uint64_t items_done, workers_unfit, workers_died, leases_lost, messages_refused;
    fault_t fatal;                  // the store failed: the loop ends
};

int64_t serve_now (const serve_t *serve);
void serve_fail (serve_t *serve, const fault_t *fault);     // remember the first fatal fault

// serve_peers.c
peer_t *peer_find (serve_t *serve, const peer_id_t *id);
peer_t *peer_find_pid (serve_t *serve, uint32_t pid);
void peer_hello (serve_t *serve, const peer_id_t *id, const char *user, const Rulemill__Hello *hello);
void peer_blob (serve_t *serve, peer_t *peer, const Rulemill__BlobGet *get);
void peer_beat (serve_t *serve, peer_t *peer, const Rulemill__Beat *beat);
void peer_unfit (serve_t *serve, peer_t *peer, const char *reason);            // frees it, too
void peer_lost (serve_t *serve, peer_t *peer, bool killed, const char *why);   // frees it
void peers_check (serve_t *serve);                          // silent and hung ones
void peers_forgive (serve_t *serve);                        // after the loop itself stood still
void peers_tell (serve_t *serve, Rulemill__ToWorker *message);
void peer_try (serve_t *serve, peer_t *peer, const Rulemill__ToWorker *message);   // and never mind if it is lost on that
bool peer_send (serve_t *serve, peer_t *peer, Rulemill__ToWorker *message);    // false: it was lost on that
void peer_refuse (serve_t *serve, const peer_id_t *id, Rulemill__RefuseReason reason, const char *text);
void peers_free (serve_t *serve);
void who_are_you (serve_t *serve, const peer_id_t *from);   // say Hello again

// serve_work.c
void work_want (serve_t *serve, peer_t *peer, const Rulemill__Want *want);
void work_hand_out (serve_t *serve);                        // leases to those that wait
void work_pump (serve_t *serve, peer_t *peer);              // batches as far as credit goes
void work_end_lease (serve_t *serve, lease_t *lease, lease_end_t how, bool has_hand, uint64_t hand);
bool work_is_done (serve_t *serve, uint64_t item);
void work_set_done (serve_t *serve, uint64_t item);
bool work_look (serve_t *serve);                            // keep something pending; true: look again at once
bool work_left (serve_t *serve);                            // not every item of the phase is done
void work_revoke (serve_t *serve, const lease_t *lease);
status_t work_begin_phase (serve_t *serve, fault_t *fault) MUST_USE;
void work_take_back (serve_t *serve);                       // all leases that are out
void work_end_phase (serve_t *serve);
void work_queue (serve_t *serve, peer_t *peer);             // into the queue of those that want leases, if it does
void work_unqueue (serve_t *serve, peer_t *peer);

uint64_t work_cost (void *serve, const due_t *due);         // what an item costs by now

// serve_share.c
void share_tell (serve_t *serve);                           // where the number has changed

// serve_grant.c
void grant_learn (serve_t *serve, const spend_t *spent);    // what calls use
uint64_t grant_calls (const serve_t *serve);                // that the items of a new lease may need; 0: nothing can be granted now
spend_t grant_for (const serve_t *serve, const lease_t *lease);
void grant_check_end (serve_t *serve);                      // is nothing left, and nothing to come back?
void grant_wanting (serve_t *serve, const lease_t *lease, const spend_t *need);    // it comes back for want of need

// serve_results.c
void results_take (serve_t *serve, const peer_id_t *from, peer_t *peer, const Rulemill__Results *results);
void results_settle_self (serve_t *serve, uint64_t item);
void results_quarantine (serve_t *serve, uint64_t item, const char *reason);
void results_flush_if_due (serve_t *serve);
void results_flush (serve_t *serve);
void results_on_disk (serve_t *serve);                      // where it stands has been written: it may be told
void results_free (serve_t *serve);

#endif
