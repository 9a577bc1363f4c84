// scripted_worker: a worker that a test drives message by message, over a real socket.
//
// It runs in threads of its own, where cmocka's assertions can't: what must hold is checked with must (), which ends the program.
#ifndef TESTS_UNIT_SCRIPTED_WORKER_H
#define TESTS_UNIT_SCRIPTED_WORKER_H

#include <stdio.h>
#include <stdlib.h>

#include "proto/endpoint.h"
#include "proto/wire.h"

typedef struct {
    spoke_t *spoke;
    uint64_t epoch;
    uint64_t sender, frame;         // sender 0: its results have no numbers
    uint64_t lease;                 // the last one announced
    uint64_t grant;                 // its calls; 0: no limit
    Rulemill__ToWorker *message;    // the last one received
    uint64_t items [4096];          // of the last batch
    size_t n_items;
} scripted_t;

#define must(what) ((what) ? (void) 0 : must_failed (#what, __FILE__, __LINE__))

static inline void must_failed (const char *what, const char *file, int line)
{
    fprintf (stderr, "%s:%d: a scripted worker expected %s\n", file, line, what);
    abort ();
}

#define SAY(script, field, CASE, ...) do { \
        Rulemill__ToCoordinator say_message = RULEMILL__TO_COORDINATOR__INIT; \
        say_message.body_case = RULEMILL__TO_COORDINATOR__BODY_##CASE; \
        say_message.field = __VA_ARGS__; \
        scripted_say (script, &say_message); \
    } while (0)

void scripted_say_frame (scripted_t *script, const buf_t *frame);
void scripted_say (scripted_t *script, const Rulemill__ToCoordinator *message);

// The next message; NULL after timeout_ms.
Rulemill__ToWorker *scripted_next (scripted_t *script, int timeout_ms);

// Read until a message of this type comes; false after timeout_ms.
bool scripted_await (scripted_t *script, Rulemill__ToWorker__BodyCase type, int timeout_ms);
void scripted_hello (scripted_t *script);
void scripted_want (scripted_t *script, uint32_t leases, uint32_t credit);
void scripted_beat (scripted_t *script, bool busy, uint64_t item, uint64_t progress);
void scripted_result_body (scripted_t *script, uint64_t lease, uint64_t item, const void *body, size_t len, uint64_t spent);
void scripted_result (scripted_t *script, uint64_t lease, uint64_t item, uint64_t spent);

// The result is on disk.
void scripted_await_ack (scripted_t *script, uint64_t item);
void scripted_give_back (scripted_t *script, uint64_t lease);
void scripted_bye (scripted_t *script);

// A lease, all of its items in one batch.
void scripted_take_lease (scripted_t *script);
void scripted_open (scripted_t *script, const char *address);
void scripted_close (scripted_t *script);

#endif
