// The executor's thread: takes commands one by one, lets the kind go on with what is in flight in between.
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "worker/executor_parts.h"

enum { STEP_MS = 50 };      // how long a new command may wait for one step of the kind

// --- events ---

static executor_event_t *event_new (event_type_t type, uint64_t lease, const char *text)
{
    executor_event_t *event = mem_zero (1, sizeof *event);
    event->type = type;
    event->lease = lease;
    event->text = text ? mem_string (text) : NULL;
    return event;
}

static void wake (executor_t *executor)
{
    uint64_t one = 1;
    if (write (executor->wake_fd, &one, sizeof one) < 0)
        return;     // it is readable already
}

static bool is_wanted (const executor_t *executor)
{
    return !executor->quit && executor->generation == executor->open_generation;
}

// Queue an event, waiting for room; dropped when the kind that says it is not wanted any more. A result wakes the other
// thread when much has piled up: it looks several times in 100 ms anyway, and one wake-up for each result would cost more
// than a fast judge's result does.
static void emit_locked (executor_t *executor, executor_event_t *event)
{
    while (is_wanted (executor)
           && (executor->n_events >= EXECUTOR_EVENTS_MAX || executor->event_bytes >= EXECUTOR_EVENT_BYTES_MAX)) {
        wake (executor);
        pthread_cond_wait (&executor->changed, &executor->lock);
    }
    if (!is_wanted (executor)) {
        executor_event_free (&event);
        return;
    }
    DL_APPEND (executor->events, event);
    executor->n_events++;
    executor->event_bytes += event->body.len;
    if (event->type != EVENT_RESULT || executor->n_events >= EXECUTOR_EVENTS_MAX / 2
        || executor->event_bytes >= EXECUTOR_EVENT_BYTES_MAX / 16)
        wake (executor);
}

static void emit (executor_t *executor, executor_event_t *event)
{
    pthread_mutex_lock (&executor->lock);
    emit_locked (executor, event);
    pthread_mutex_unlock (&executor->lock);
}

// --- the sink ---

static void sink_result (void *ctx, uint64_t lease, uint64_t item, bool final, const void *body, size_t len, const worker_used_t *used)
{
    executor_t *executor = ctx;
    executor->progress++;
    if (len > LIMIT_MESSAGE_BYTES / 2) {
        emit (executor, event_new (EVENT_UNFIT, lease, "a result is larger than any message may be"));
        return;
    }
    executor_event_t *event = event_new (EVENT_RESULT, lease, NULL);
    event->item = item;
    event->final = final;
    if (used)
        event->used = *used;
    event->made_ms = clock_ms (NULL);
    if (len > 0)
        buf_add (&event->body, body, len);
    emit (executor, event);
}

static void sink_progress (void *ctx, bool busy, uint64_t item)
{
    executor_t *executor = ctx;
    executor->item = busy ? item : 0;
    executor->busy = busy;
    executor->progress++;
}

static void sink_give_back (void *ctx, uint64_t lease, const spend_t *need)
{
    executor_event_t *event = event_new (EVENT_GIVE_BACK, lease, NULL);
    event->needs = need != NULL;
    if (need)
        event->need = *need;
    emit (ctx, event);
}

static void sink_unfit (void *ctx, const char *reason)
{
    emit (ctx, event_new (EVENT_UNFIT, 0, reason));
}

// --- commands ---

static void close_kind (executor_t *executor)
{
    if (executor->kind)
        executor->opening->class->close (&executor->kind);
    executor->kind = NULL;
    executor->in_flight = false;
    executor->busy = executor->hungry = false;
    opening_free (&executor->opening);
}

// What the kind says while it is closed is not wanted any more; what the next one says is, from here on.
static void change_kind (executor_t *executor, command_t *command)
{
    close_kind (executor);
    executor->open_generation = command->generation;
    executor->opening = command->opening;
    command->opening = NULL;
}

static void open_kind (executor_t *executor)
{
    const opening_t *opening = executor->opening;
    worker_sink_t sink = { executor, sink_result, sink_progress, sink_give_back, sink_unfit };
    fault_t fault = { 0 };
    status_t status = opening->class->open (&executor->kind, opening->setup.data, opening->setup.len,
                                            opening->blobs, opening->n_blobs, &sink, &fault);
    if (status != OK)
        executor->kind = NULL;
    emit (executor, event_new (status == OK ? EVENT_OPENED : EVENT_UNFIT, 0, status == OK ? NULL : fault.text));
}

static void begin_batch (executor_t *executor, const command_t *command)
{
    const Rulemill__Batch *batch = command->message->batch;
    if (executor->opening->class->grant)
        executor->opening->class->grant (executor->kind, command->lease, &command->grant);
    size_t n = batch->n_items;
    uint64_t *items = mem_new ((n ? n : 1) * sizeof *items);
    const void **bodies = mem_new ((n ? n : 1) * sizeof *bodies);
    size_t *lens = mem_new ((n ? n : 1) * sizeof *lens);
    for (size_t i = 0; i < n; i++) {
        items [i] = batch->items [i]->item;
        bodies [i] = batch->items [i]->body.data;
        lens [i] = batch->items [i]->body.len;
    }
    fault_t fault = { 0 };
    status_t status = executor->opening->class->begin (executor->kind, command->lease, items, bodies, lens, n, &fault);
    free (items);
    free (bodies);
    free (lens);
    executor->in_flight = true;     // step will tell
    emit (executor, event_new (status == OK ? EVENT_BATCH : EVENT_BAD_LEASE, command->lease, status == OK ? NULL : fault.text));
}

static void compute_again (executor_t *executor, const command_t *command)
{
    fault_t fault = { 0 };
    status_t status = executor->opening->class->again (executor->kind, command->lease, command->item,
                                                       command->known.data, command->known.len, &fault);
    executor->in_flight = true;
    if (status != OK)
        emit (executor, event_new (EVENT_BAD_LEASE, command->lease, fault.text));
}

static void run_command (executor_t *executor, command_t *command)
{
    if (command->type == COMMAND_OPEN || command->type == COMMAND_CLOSE) {
        change_kind (executor, command);
        if (executor->opening)
            open_kind (executor);
    } else if (executor->kind == NULL)
        return;                     // it could not be opened
    else if (command->type == COMMAND_BATCH)
        begin_batch (executor, command);
    else if (command->type == COMMAND_AGAIN)
        compute_again (executor, command);
    else if (command->type == COMMAND_REVOKE)
        executor->opening->class->revoke (executor->kind, command->lease);
    else if (command->type == COMMAND_SHARE) {
        if (executor->opening->class->share)
            executor->opening->class->share (executor->kind, command->workers);
    } else
        for (size_t i = 0; i < command->n_items; i++)
            executor->opening->class->settled (executor->kind, command->items [i]);
    executor->progress++;
}

static void step (executor_t *executor, bool more_waiting)
{
    const worker_kind_class_t *class = executor->opening->class;
    executor->in_flight = class->step (executor->kind, more_waiting ? 0 : STEP_MS);
    executor->hungry = executor->in_flight && class->hungry && class->hungry (executor->kind);
    if (executor->in_flight)
        return;
    executor->busy = false;
    emit (executor, event_new (EVENT_BATCH, 0, NULL));
}

// --- the thread ---

static command_t *pop_locked (executor_t *executor)
{
    command_t *command = executor->commands;
    if (!command)
        return NULL;
    DL_DELETE (executor->commands, command);
    executor->n_commands--;
    executor->command_bytes -= command->bytes;
    executor->told_idle = false;
    return command;
}

// The next command; NULL: there is none, but something is in flight. False: the end.
static bool next_command (executor_t *executor, command_t **command, bool *more_waiting)
{
    pthread_mutex_lock (&executor->lock);
    while (!executor->quit && !executor->commands && !executor->in_flight) {
        if (!executor->told_idle) {
            executor->told_idle = true;
            executor_event_t *event = event_new (EVENT_IDLE, 0, NULL);
            event->serial = executor->done_serial;
            emit_locked (executor, event);
            continue;               // the lock was perhaps let go
        }
        pthread_cond_wait (&executor->changed, &executor->lock);
    }
    *command = executor->quit ? NULL : pop_locked (executor);
    *more_waiting = executor->commands != NULL;
    bool go_on = !executor->quit;
    pthread_mutex_unlock (&executor->lock);
    return go_on;
}

void *executor_run (void *arg)
{
    executor_t *executor = arg;
    command_t *command;
    bool more_waiting;
    while (next_command (executor, &command, &more_waiting)) {
        if (command) {
            run_command (executor, command);
            executor->done_serial = command->serial;
            command_free (command);
        }
        if (executor->in_flight)
            step (executor, more_waiting);
    }
    close_kind (executor);
    pthread_mutex_lock (&executor->lock);
    executor->ended = true;
    bool abandoned = executor->abandoned;
    pthread_cond_broadcast (&executor->changed);
    pthread_mutex_unlock (&executor->lock);
    if (abandoned)
        executor_free (executor);
    return NULL;
}
