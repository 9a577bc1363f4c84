// outbox: results, kept until the coordinator has acknowledged them.
//
// Results leave as Results messages of one lease each. A final result stays until its item is settled, and so do the
// partial ones before it; after a Welcome all are sent again. One thread uses an outbox.
#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/kind.h"

enum {
    OUTBOX_BYTES_MAX = 16 * 1024 * 1024,    // full from here on: nothing more is taken from the executor
    OUTBOX_SEND_BYTES = 64 * 1024,          // unsent results are due at this many bytes,
    OUTBOX_SEND_MS = 100                    // or this long after the oldest was made
};

typedef struct outbox outbox_t;

// A result. handle is the worker's own name for the lease.
typedef struct {
    uint64_t epoch, lease, handle, item;
    bool final;
    buf_t body;             // the outbox takes it over
    worker_used_t used;
    int64_t made_ms;
} outbox_result_t;

outbox_t *outbox_new (void);
void outbox_destroy (outbox_t **outbox);

void outbox_add (outbox_t *outbox, outbox_result_t *result);
bool outbox_full (outbox_t *outbox);        // forgets partial results that were sent, oldest first, before it says so
bool outbox_empty (const outbox_t *outbox);
bool outbox_on_disk (const outbox_t *outbox);           // what is in it, partial results alone, was taken

bool outbox_due (const outbox_t *outbox, int64_t now_ms);       // is it time to send?
bool outbox_pack (outbox_t *outbox, buf_t *frame);      // the next Results frame into frame; false: nothing is unsent
void outbox_sent (outbox_t *outbox);                    // that frame was sent
uint64_t outbox_frames (const outbox_t *outbox);        // so many frames were sent; the next one has the number after it
void outbox_taken (outbox_t *outbox, uint64_t frame);   // the coordinator took the frame of this number, and those before it

// All are unsent again. What they used stays with those whose frame was not taken, where it is the same coordinator that is asked to
// take them; another one counts what was granted to them as spent.
void outbox_resend (outbox_t *outbox, bool same_coordinator);

// Forget an item's results. *handle is its lease's; false: there was no final result of it.
bool outbox_settle (outbox_t *outbox, uint64_t epoch, uint64_t lease, uint64_t item, uint64_t *handle);
void outbox_clear (outbox_t *outbox);

#endif
