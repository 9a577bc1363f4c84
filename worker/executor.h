// executor: the thread that runs the task kind, so that signs of life do not wait for the work.
//
// Commands go in and events come out, through two queues and nothing else. Neither thread ever waits for the other
// to read a command; the executor waits where its events are not taken, and that slows the work down to what the
// coordinator can take. Commands are bounded by what the worker asked for: a coordinator that sends much more fills
// the queue, and then executor_overrun says so and the worker gives up.
#ifndef WORKER_EXECUTOR_H
#define WORKER_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "proto/wire.pb-c.h"
#include "worker/kind.h"

enum {
    EXECUTOR_COMMANDS_MAX = 65536,
    EXECUTOR_COMMAND_BYTES_MAX = 128 * 1024 * 1024,
    EXECUTOR_EVENTS_MAX = 4096,
    EXECUTOR_EVENT_BYTES_MAX = 4 * 1024 * 1024
};

typedef struct executor executor_t;

typedef enum {
    EVENT_OPENED,       // the kind is open
    EVENT_UNFIT,        // it can't be opened, or can do no more: text says why
    EVENT_RESULT,
    EVENT_BATCH,        // a batch was begun, or the last thing in flight has ended: a good moment to send results
    EVENT_GIVE_BACK,    // the lease is to be given back; needs: for want of `need`
    EVENT_BAD_LEASE,    // a batch or a stale item of it can't be worked on: text says why
    EVENT_IDLE          // nothing is queued or in flight after the command with this serial number
} event_type_t;

typedef struct executor_event executor_event_t;
struct executor_event {
    event_type_t type;
    uint64_t lease;     // handle
    uint64_t item;
    bool final;
    buf_t body;
    worker_used_t used;
    bool needs;
    spend_t need;
    int64_t made_ms;
    uint64_t serial;
    char *text;
    executor_event_t *prev, *next;
};

// Start the thread, without a kind.
status_t executor_new (executor_t **out, fault_t *fault) MUST_USE;

// --- commands; each has a serial number ---

// Close the kind that is open, forget its commands and events, and open another one. Everything is copied.
void executor_open (executor_t *executor, const worker_kind_class_t *class, const void *setup, size_t setup_len,
                    const worker_blob_t *blobs, size_t n_blobs);
void executor_close (executor_t *executor);         // the first two of these alone

// A batch under the handle of its lease; the message, whose body is a Batch, is the executor's from here on.
// grant: what the lease may use, known before its first batch.
void executor_batch (executor_t *executor, uint64_t lease, const spend_t *grant, Rulemill__ToWorker *message);
void executor_again (executor_t *executor, uint64_t lease, uint64_t item, const void *known, size_t len);
void executor_share (executor_t *executor, unsigned workers);       // how many share the job's limits
void executor_settled (executor_t *executor, const uint64_t *items, size_t n);

// Drop what is not begun of a lease; returns the serial number after which nothing of it is queued.
uint64_t executor_revoke (executor_t *executor, uint64_t lease);

// --- what it says ---

// The next event, freed with executor_event_free; NULL where there is none.
executor_event_t *executor_next (executor_t *executor);
void executor_event_free (executor_event_t **event);
int executor_wake_fd (const executor_t *executor);      // readable when events should be looked at soon
void executor_woken (executor_t *executor);             // looked at: not readable any more

// What it is doing: for the Beat; and whether it could do more at once.
typedef struct { bool busy, hungry; uint64_t item, progress; } executor_state_t;
executor_state_t executor_state (executor_t *executor);
bool executor_overrun (executor_t *executor);

// End the thread. One that hangs in its work for longer than wait_ms is left behind, and frees what it uses when it
// comes to its end: false.
bool executor_destroy (executor_t **executor, int wait_ms);

#endif
