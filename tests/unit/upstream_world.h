// upstream_world: servers and workers in simulated time, to see what worker/upstream does of a minute in a moment.
//
// Servers serve `places (t)` requests at a time, each for delay_ms (with jitter where given), and refuse or queue the rest.
// Workers have endless work: they choose, take, and come back after a backoff, as worker/asks does. Deterministic.
#ifndef TESTS_UNIT_UPSTREAM_WORLD_H
#define TESTS_UNIT_UPSTREAM_WORLD_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "worker/upstream.h"

enum { WORLD_SERVERS = 2, WORLD_WORKERS = 4, WORLD_EVENTS = 65536, WORLD_QUEUE = 16384, SAY_MS = 2 };

typedef unsigned places_fn (int64_t t_ms);

typedef struct { int64_t at_ms, began_ms; uint64_t order; unsigned worker, server; enum { ENDED, WAKE, RETRY } type; upstream_result_t result; } event_t;

typedef struct {
    places_fn *places;
    int64_t delay_ms;
    double jitter;                  // 1: exponential service times of that mean, 0: all alike
    double crowd;                   // so many in service double the time of each, as in a batch; 0: never
    bool queues;                    // else 429
    int64_t retry_after_ms;         // with a 429; -1: none
    int64_t dead_from_ms, dead_to_ms;
    unsigned serving, most_serving;
    event_t queue [WORLD_QUEUE];
    unsigned head, tail;
    uint64_t died;                  // requests in service were lost, so their ends are void
} fake_t;

typedef struct {
    int64_t now_ms;
    event_t *heap;
    size_t n;
    uint64_t order;
    rng_t rng;
    fake_t servers [WORLD_SERVERS];
    upstream_t *workers [WORLD_WORKERS];
    int64_t wake_ms [WORLD_WORKERS];
    unsigned n_servers, n_workers;
    int64_t from_ms;                // what is counted from here on
    unsigned sent, served, refused, failed;
    double delay_sum_ms;
    unsigned served_by [WORLD_SERVERS];
    uint64_t request_tokens;
} world_t;

static inline int64_t world_clock (void *ctx)
{
    return ((world_t *) ctx)->now_ms;
}

// --- events ----------------------------------------------------------------------

static inline bool sooner (const event_t *a, const event_t *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static inline void world_add (world_t *w, event_t event)
{
    if (w->n == WORLD_EVENTS)
        abort ();
    event.order = w->order++;
    size_t i = w->n++;
    for (; i > 0 && sooner (&event, &w->heap [(i - 1) / 2]); i = (i - 1) / 2)
        w->heap [i] = w->heap [(i - 1) / 2];
    w->heap [i] = event;
}

static inline event_t world_next (world_t *w)
{
    event_t first = w->heap [0], last = w->heap [--w->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < w->n; i = child) {
        if (child + 1 < w->n && sooner (&w->heap [child + 1], &w->heap [child]))
            child++;
        if (!sooner (&w->heap [child], &last))
            break;
        w->heap [i] = w->heap [child];
    }
    w->heap [i] = last;
    return first;
}

// --- servers -----------------------------------------------------------------------

static inline bool is_dead (const world_t *w, const fake_t *s)
{
    return w->now_ms >= s->dead_from_ms && w->now_ms < s->dead_to_ms;
}

static inline void start_serving (world_t *w, fake_t *s, event_t event)
{
    s->serving++;
    s->most_serving = s->serving > s->most_serving ? s->serving : s->most_serving;
    double factor = s->jitter > 0 ? 1 - s->jitter - s->jitter * log (1 - rng_unit (&w->rng)) : 1;
    if (s->crowd > 0)
        factor *= 1 + s->serving / s->crowd;
    event.at_ms = w->now_ms + 1 + (int64_t) llround (factor * (double) s->delay_ms);
    event.result = UPSTREAM_OK;
    world_add (w, event);
}

static inline void send_to (world_t *w, unsigned worker, unsigned server)
{
    fake_t *s = &w->servers [server];
    event_t event = { .type = ENDED, .began_ms = w->now_ms, .worker = worker, .server = server, .at_ms = w->now_ms + SAY_MS };
    if (w->now_ms >= w->from_ms)
        w->sent++;
    if (is_dead (w, s)) {
        event.result = UPSTREAM_UNREACHABLE;
        world_add (w, event);
    }
    else if (s->serving < s->places (w->now_ms))
        start_serving (w, s, event);
    else if (s->queues && s->tail - s->head < WORLD_QUEUE)
        s->queue [s->tail++ % WORLD_QUEUE] = event;
    else {
        event.result = UPSTREAM_OVERLOADED;
        world_add (w, event);
    }
}

// --- workers -------------------------------------------------------------------------

static inline void wake_at (world_t *w, unsigned worker, int64_t at_ms)
{
    if (w->wake_ms [worker] > w->now_ms && w->wake_ms [worker] <= at_ms)
        return;
    w->wake_ms [worker] = at_ms;
    world_add (w, (event_t) { .type = WAKE, .at_ms = at_ms, .worker = worker });
}

static inline void pump (world_t *w, unsigned worker)
{
    int64_t wait_ms, soonest_ms = 100;
    for (int e; (e = upstream_choose (w->workers [worker])) >= 0; ) {
        if (!upstream_take (w->workers [worker], (size_t) e, w->request_tokens, &wait_ms)) {
            if (wait_ms >= 0)
                wake_at (w, worker, w->now_ms + (wait_ms ? wait_ms : 1));
            return;
        }
        send_to (w, worker, (unsigned) e);
    }
    for (size_t e = 0; e < w->n_servers; e++)
        if (!upstream_take (w->workers [worker], e, w->request_tokens, &wait_ms)) {
            if (wait_ms > 0 && wait_ms < soonest_ms)
                soonest_ms = wait_ms;
        }
        else
            send_to (w, worker, (unsigned) e);
    wake_at (w, worker, w->now_ms + soonest_ms);
}

static inline void request_ended (world_t *w, const event_t *event)
{
    fake_t *s = &w->servers [event->server];
    upstream_result_t result = event->result;
    if (result == UPSTREAM_OK) {
        s->serving--;
        if (event->began_ms < s->dead_from_ms && w->now_ms >= s->dead_from_ms)
            result = UPSTREAM_FAILED;       // it died meanwhile
        if (s->head != s->tail && s->serving < s->places (w->now_ms))
            start_serving (w, s, s->queue [s->head++ % WORLD_QUEUE]);
    }
    bool counts = w->now_ms >= w->from_ms;
    double seconds = (double) (w->now_ms - event->began_ms) / 1e3;
    w->served += counts && result == UPSTREAM_OK;
    w->served_by [event->server] += counts && result == UPSTREAM_OK;
    w->delay_sum_ms += counts && result == UPSTREAM_OK ? seconds * 1e3 : 0;
    w->refused += counts && result == UPSTREAM_OVERLOADED;
    w->failed += counts && result == UPSTREAM_FAILED;
    upstream_ended (w->workers [event->worker], event->server, result, seconds, w->request_tokens,
                    result == UPSTREAM_OVERLOADED ? s->retry_after_ms : -1, -1, -1, -1, -1);
    if (result != UPSTREAM_OK) {
        int64_t wait_ms = upstream_backoff_ms (w->workers [event->worker], 1, 10);
        world_add (w, (event_t) { .type = RETRY, .at_ms = w->now_ms + wait_ms, .worker = event->worker });
    }
    pump (w, event->worker);
}

// --- the world --------------------------------------------------------------------------

static inline world_t *world_new (unsigned n_servers, unsigned n_workers, upstream_options_t options)
{
    world_t *w = mem_zero (1, sizeof *w);
    w->heap = mem_zero (WORLD_EVENTS, sizeof *w->heap);
    w->rng.state = 1;
    w->n_servers = n_servers;
    w->n_workers = n_workers;
    for (unsigned s = 0; s < n_servers; s++) {
        w->servers [s].retry_after_ms = -1;
        w->servers [s].dead_from_ms = w->servers [s].dead_to_ms = INT64_MAX;
    }
    options.clock = (clock_source_t) { .now_ms = world_clock, .ctx = w };
    for (unsigned k = 0; k < n_workers; k++) {
        options.seed = k + 1;
        w->workers [k] = upstream_new (&options, NULL, n_servers);
    }
    return w;
}

static inline void world_free (world_t *w)
{
    for (unsigned k = 0; k < w->n_workers; k++)
        upstream_destroy (&w->workers [k]);
    free (w->heap);
    free (w);
}

// Run until to_ms; what happens from from_ms on is counted.
static inline void world_run (world_t *w, int64_t from_ms, int64_t to_ms)
{
    w->from_ms = from_ms;
    w->sent = w->served = w->refused = w->failed = 0;
    w->delay_sum_ms = 0;
    memset (w->served_by, 0, sizeof w->served_by);
    for (unsigned k = 0; k < w->n_workers; k++)
        pump (w, k);
    while (w->n > 0 && w->heap [0].at_ms <= to_ms) {
        event_t event = world_next (w);
        w->now_ms = event.at_ms;
        if (event.type == ENDED)
            request_ended (w, &event);
        else
            pump (w, event.worker);
    }
    w->now_ms = to_ms;
}

// What the places allow from from_ms to to_ms: served requests.
static inline double world_ideal (const world_t *w, int64_t from_ms, int64_t to_ms)
{
    double sum = 0;
    for (unsigned s = 0; s < w->n_servers; s++)
        for (int64_t t = from_ms; t < to_ms; t++)
            if (t < w->servers [s].dead_from_ms || t >= w->servers [s].dead_to_ms)
                sum += (double) w->servers [s].places (t) / (double) w->servers [s].delay_ms;
    return sum;
}

#endif
