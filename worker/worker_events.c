#include "base/log.h"
#include "worker/worker_loop.h"

static void take_result (worker_loop_t *loop, executor_event_t *event)
{
    held_lease_t *lease = holding_by_handle (&loop->holding, event->lease);
    if (!lease) {
        log_debug ("a result of a lease that was dropped long ago");
        return;
    }
    // of a dropped lease everything is welcome: somebody may yet be spared the work
    if (!lease->dropped && event->final && !held_done (&loop->holding, lease, event->item)) {
        log_debug ("a second result of item %llu", (unsigned long long) event->item);
        return;
    }
    lease->unacked += event->final;
    outbox_result_t result = {
        .epoch = lease->epoch, .lease = lease->lease, .handle = lease->handle, .item = event->item,
        .final = event->final, .body = event->body, .used = event->used, .made_ms = event->made_ms,
    };
    event->body = (buf_t) { 0 };
    outbox_add (loop->outbox, &result);
}

static void take_event (worker_loop_t *loop, executor_event_t *event)
{
    held_lease_t *lease;
    switch (event->type) {
    case EVENT_OPENED:
        if (loop->phase == PHASE_OPENING)
            loop->phase = PHASE_WORKING;
        break;
    case EVENT_UNFIT:
        say_unfit (loop, event->text);
        break;
    case EVENT_RESULT:
        take_result (loop, event);
        break;
    case EVENT_BATCH:
        if (!loop->hello_waiting)
            (void) say_results (loop);      // what can't be sent now is due later
        break;
    case EVENT_GIVE_BACK:
        lease = holding_by_handle (&loop->holding, event->lease);
        if (lease && !lease->dropped)
            loop_give_back (loop, lease, event->needs ? &event->need : NULL, false);
        break;
    case EVENT_BAD_LEASE:
        lease = holding_by_handle (&loop->holding, event->lease);
        if (lease && !lease->dropped)
            loop_violation (loop, lease, event->text);
        break;
    case EVENT_IDLE:
        loop->idle_at = event->serial;
        break;
    }
}

void take_events (worker_loop_t *loop)
{
    executor_woken (loop->executor);
    while (loop->phase != PHASE_OVER && !outbox_full (loop->outbox)) {
        executor_event_t *event = executor_next (loop->executor);
        if (!event)
            break;
        take_event (loop, event);
        executor_event_free (&event);
    }
    holding_sweep (&loop->holding, loop->idle_at);
}
