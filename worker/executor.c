#include "worker/executor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "base/mem.h"
#include "worker/executor_parts.h"

enum { COMMAND_BYTES = 128 };       // what a command takes besides its data

void opening_free (opening_t **opening)
{
    if (!*opening)
        return;
    for (size_t i = 0; i < (*opening)->n_blobs; i++)
        free ((void *) (*opening)->blobs [i].bytes);
    free ((*opening)->blobs);
    buf_free (&(*opening)->setup);
    free (*opening);
    *opening = NULL;
}

void command_free (command_t *command)
{
    opening_free (&command->opening);
    rulemill__to_worker__free_unpacked (command->message, NULL);
    buf_free (&command->known);
    free (command->items);
    free (command);
}

void executor_event_free (executor_event_t **event)
{
    if (!*event)
        return;
    buf_free (&(*event)->body);
    free ((*event)->text);
    free (*event);
    *event = NULL;
}

// The thread gets no signals: they are for the one that waits for messages.
static int start_thread (executor_t *executor)
{
    sigset_t all, before;
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    int rc = pthread_create (&executor->thread, NULL, executor_run, executor);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    return rc;
}

status_t executor_new (executor_t **out, fault_t *fault)
{
    *out = NULL;
    executor_t *executor = mem_zero (1, sizeof *executor);
    pthread_condattr_t attr;
    pthread_condattr_init (&attr);
    pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
    pthread_cond_init (&executor->changed, &attr);
    pthread_condattr_destroy (&attr);
    pthread_mutex_init (&executor->lock, NULL);
    executor->told_idle = true;
    executor->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = executor->wake_fd < 0 ? errno : start_thread (executor);
    if (rc != 0) {
        executor_free (executor);
        return fault_set (fault, ERR_IO, "no thread for the work: %s", strerror (rc));
    }
    *out = executor;
    return OK;
}

// --- commands ---

static void remove_command (executor_t *executor, command_t *command)
{
    DL_DELETE (executor->commands, command);
    executor->n_commands--;
    executor->command_bytes -= command->bytes;
    command_free (command);
}

// Queue a command; with the lock held.
static uint64_t push_locked (executor_t *executor, command_t *command, size_t bytes)
{
    command->bytes = COMMAND_BYTES + bytes;
    command->serial = ++executor->serial;
    command->generation = executor->generation;
    uint64_t serial = command->serial;
    if (executor->n_commands >= EXECUTOR_COMMANDS_MAX || command->bytes > EXECUTOR_COMMAND_BYTES_MAX - executor->command_bytes) {
        executor->overrun = true;
        command_free (command);
        return serial;
    }
    DL_APPEND (executor->commands, command);
    executor->n_commands++;
    executor->command_bytes += command->bytes;
    pthread_cond_broadcast (&executor->changed);
    return serial;
}

static void push (executor_t *executor, command_t *command, size_t bytes)
{
    pthread_mutex_lock (&executor->lock);
    push_locked (executor, command, bytes);
    pthread_mutex_unlock (&executor->lock);
}

static command_t *command_new (command_type_t type)
{
    command_t *command = mem_zero (1, sizeof *command);
    command->type = type;
    return command;
}

// Whatever was before is not wanted any more, neither what it should do nor what it says.
static void start_over (executor_t *executor, command_t *command)
{
    pthread_mutex_lock (&executor->lock);
    while (executor->commands)
        remove_command (executor, executor->commands);
    while (executor->events) {
        executor_event_t *event = executor->events;
        DL_DELETE (executor->events, event);
        executor_event_free (&event);
    }
    executor->n_events = executor->event_bytes = 0;
    executor->generation++;
    push_locked (executor, command, 0);
    pthread_cond_broadcast (&executor->changed);
    pthread_mutex_unlock (&executor->lock);
}

void executor_open (executor_t *executor, const worker_kind_class_t *class, const void *setup, size_t setup_len,
                    const worker_blob_t *blobs, size_t n_blobs)
{
    command_t *command = command_new (COMMAND_OPEN);
    opening_t *opening = command->opening = mem_zero (1, sizeof *opening);
    opening->class = class;
    buf_add (&opening->setup, setup, setup_len);
    opening->blobs = mem_zero (n_blobs ? n_blobs : 1, sizeof *opening->blobs);
    opening->n_blobs = n_blobs;
    for (size_t i = 0; i < n_blobs; i++)
        opening->blobs [i] = (worker_blob_t) { blobs [i].digest, mem_string_n (blobs [i].bytes, blobs [i].len), blobs [i].len };
    start_over (executor, command);
}

void executor_close (executor_t *executor)
{
    start_over (executor, command_new (COMMAND_CLOSE));
}

void executor_batch (executor_t *executor, uint64_t lease, const spend_t *grant, Rulemill__ToWorker *message)
{
    size_t bytes = 0;
    for (size_t i = 0; i < message->batch->n_items; i++)
        bytes += message->batch->items [i]->body.len + sizeof (Rulemill__Item);
    command_t *command = command_new (COMMAND_BATCH);
    command->lease = lease;
    command->grant = *grant;
    command->message = message;
    push (executor, command, bytes);
}

void executor_again (executor_t *executor, uint64_t lease, uint64_t item, const void *known, size_t len)
{
    command_t *command = command_new (COMMAND_AGAIN);
    command->lease = lease;
    command->item = item;
    buf_add (&command->known, known, len);
    push (executor, command, len);
}

void executor_share (executor_t *executor, unsigned workers)
{
    command_t *command = command_new (COMMAND_SHARE);
    command->workers = workers;
    push (executor, command, 0);
}

void executor_settled (executor_t *executor, const uint64_t *items, size_t n)
{
    command_t *command = command_new (COMMAND_SETTLED);
    command->items = mem_new ((n ? n : 1) * sizeof *items);
    memcpy (command->items, items, n * sizeof *items);
    command->n_items = n;
    push (executor, command, n * sizeof *items);
}

uint64_t executor_revoke (executor_t *executor, uint64_t lease)
{
    command_t *command, *next;
    pthread_mutex_lock (&executor->lock);
    DL_FOREACH_SAFE (executor->commands, command, next)
        if (command->lease == lease && (command->type == COMMAND_BATCH || command->type == COMMAND_AGAIN))
            remove_command (executor, command);
    command = command_new (COMMAND_REVOKE);
    command->lease = lease;
    uint64_t serial = push_locked (executor, command, 0);
    pthread_mutex_unlock (&executor->lock);
    return serial;
}

// --- events ---

executor_event_t *executor_next (executor_t *executor)
{
    pthread_mutex_lock (&executor->lock);
    executor_event_t *event = executor->events;
    if (event) {
        DL_DELETE (executor->events, event);
        executor->n_events--;
        executor->event_bytes -= event->body.len;
        pthread_cond_broadcast (&executor->changed);
    }
    pthread_mutex_unlock (&executor->lock);
    return event;
}

int executor_wake_fd (const executor_t *executor)
{
    return executor->wake_fd;
}

void executor_woken (executor_t *executor)
{
    uint64_t n;
    while (read (executor->wake_fd, &n, sizeof n) < 0 && errno == EINTR)
        continue;
}

executor_state_t executor_state (executor_t *executor)
{
    return (executor_state_t) { executor->busy, executor->hungry, executor->item, executor->progress };
}

bool executor_overrun (executor_t *executor)
{
    pthread_mutex_lock (&executor->lock);
    bool overrun = executor->overrun;
    pthread_mutex_unlock (&executor->lock);
    return overrun;
}

// --- the end ---

void executor_free (executor_t *executor)
{
    while (executor->commands)
        remove_command (executor, executor->commands);
    executor_event_t *event, *next;
    DL_FOREACH_SAFE (executor->events, event, next)
        executor_event_free (&event);
    if (executor->wake_fd >= 0)
        close (executor->wake_fd);
    pthread_cond_destroy (&executor->changed);
    pthread_mutex_destroy (&executor->lock);
    free (executor);
}

static bool wait_for_end (executor_t *executor, int wait_ms)
{
    struct timespec until;
    clock_gettime (CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long) (wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock (&executor->lock);
    executor->quit = true;
    executor->generation++;
    pthread_cond_broadcast (&executor->changed);
    int rc = 0;
    while (!executor->ended && rc == 0)
        rc = pthread_cond_timedwait (&executor->changed, &executor->lock, &until);
    bool ended = executor->ended;
    executor->abandoned = !ended;
    if (!ended)
        pthread_detach (executor->thread);
    pthread_mutex_unlock (&executor->lock);
    return ended;
}

bool executor_destroy (executor_t **out, int wait_ms)
{
    executor_t *executor = *out;
    *out = NULL;
    if (!executor)
        return true;
    if (!wait_for_end (executor, wait_ms))
        return false;
    pthread_join (executor->thread, NULL);
    executor_free (executor);
    return true;
}
