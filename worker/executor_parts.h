// executor_parts: the executor's inside, for executor.c (its face towards the network thread) and executor_run.c
// (the thread itself) alone.
#ifndef WORKER_EXECUTOR_PARTS_H
#define WORKER_EXECUTOR_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "worker/executor.h"

typedef enum { COMMAND_OPEN, COMMAND_CLOSE, COMMAND_BATCH, COMMAND_AGAIN, COMMAND_SHARE, COMMAND_SETTLED, COMMAND_REVOKE } command_type_t;

// What a kind is opened with; it may keep pointers into it until it is closed.
typedef struct {
    const worker_kind_class_t *class;
    buf_t setup;
    worker_blob_t *blobs;           // their bytes are owned too
    size_t n_blobs;
} opening_t;

typedef struct command command_t;
struct command {
    command_type_t type;
    uint64_t serial, generation;    // as of when it was given
    uint64_t lease, item;           // lease: handle
    opening_t *opening;             // OPEN
    spend_t grant;                  // BATCH
    Rulemill__ToWorker *message;    // BATCH
    unsigned workers;               // SHARE
    buf_t known;                    // AGAIN
    uint64_t *items;                // SETTLED
    size_t n_items;
    size_t bytes;                   // about what it takes
    command_t *prev, *next;
};

struct executor {
    pthread_t thread;
    int wake_fd;

    // under the lock
    pthread_mutex_t lock;
    pthread_cond_t changed;         // a command, room for events, the end
    command_t *commands;
    size_t n_commands, command_bytes;
    executor_event_t *events;
    size_t n_events, event_bytes;
    uint64_t serial;                // of the last command given
    uint64_t generation;            // of the kind whose events are wanted; raised by open and close
    bool overrun, quit, ended;
    bool abandoned;                 // nobody waits for the end: the thread frees all this

    // read by both, written by the executor's thread
    _Atomic bool busy, hungry;
    _Atomic uint64_t item, progress;

    // the executor's thread alone
    opening_t *opening;
    worker_kind_t *kind;
    bool in_flight;
    bool told_idle;
    uint64_t open_generation;       // of the kind that is open
    uint64_t done_serial;           // of the last command done
};

void *executor_run (void *executor);            // the thread
void executor_free (executor_t *executor);      // with what is queued
void command_free (command_t *command);
void opening_free (opening_t **opening);

#endif
