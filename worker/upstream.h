// upstream: the endpoints of a judge, and when each may be asked.
//
// No input or output: it is told what happened and says what may happen next, by the clock that it is given. For
// each endpoint it keeps
//   places       how many requests may be in flight: up while throughput grows, down on 429, 503, time-outs and added delay
//                (worker/places.h);
//   pauses       Retry-After and x-ratelimit-* are obeyed;
//   a breaker    closed, open after repeated failures (refusals count where there is the least number of places), half-open with
//                one probe at a time;
//   weight       its share of requests while it answers; where weights differ, none runs far ahead of its share.
// For all together: requests and tokens a minute (token buckets; this worker's part of the job's limits), and a retry budget, so
// that retries are at most a share of first tries and ten a second; those beyond it wait for their turn. Backoff is exponential
// with full jitter (Brooker, "Exponential Backoff And Jitter", 2015); a request that waits holds no place.
#ifndef WORKER_UPSTREAM_H
#define WORKER_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rng.h"

typedef struct {
    unsigned places_min, places_first, places_max;      // 0: 1, 8, 1024
    double requests_per_minute, tokens_per_minute;      // of the whole job; 0: no limit
    double retry_share;                                 // 0: 0.2 of first tries, plus ten at once and in each second
    unsigned backoff_first_ms, backoff_max_ms;          // 0: 250, 60000
    unsigned failures_to_open;                          // 0: 5 in a row
    unsigned open_ms, open_max_ms;                      // 0: 1000, doubling while probes fail to 10000
    unsigned unreachable_ms;                            // 0: 2000; the same where nobody is there
    uint64_t seed;
    clock_source_t clock;
} upstream_options_t;

typedef struct upstream upstream_t;

upstream_t *upstream_new (const upstream_options_t *options, const double *weights, size_t n_endpoints);
void upstream_destroy (upstream_t **upstream);

// So many workers, this one included, share the limits of the job from now on (at first this one alone has them). 0: it has no part
// in them; where there are limits nothing may be sent then.
void upstream_share (upstream_t *upstream, unsigned workers);

// The endpoint that a new response should be judged at (its rules stay there): the one with the most free places by weight
// among those whose breaker is closed or that may be probed, and that are not ahead of their share. -1: none can take one now.
int upstream_choose (upstream_t *upstream);
int upstream_choose_but (upstream_t *upstream, int avoid);      // not this one, and by no share; -1: as above

// May endpoint e be sent a request of about `tokens` tokens now? If so a place is taken. *wait_ms: when to ask again (-1: when a
// request there has ended). tokens are put down until the request ends.
bool upstream_take (upstream_t *upstream, size_t e, uint64_t tokens, int64_t *wait_ms);

typedef enum {
    UPSTREAM_OK,
    UPSTREAM_OVERLOADED,            // 429, 503, 529
    UPSTREAM_FAILED,                // 5xx, broken, timed out
    UPSTREAM_UNREACHABLE,           // nobody there: it was not even sent
    UPSTREAM_REFUSED,               // 4xx that another try would not mend: says nothing of its health (seconds 0: never sent)
    UPSTREAM_STALE                  // a kept connection was gone: tried again at once, counts for nothing
} upstream_result_t;

// A request that took a place has ended; tokens: what it used, or the estimate again. retry_after_ms -1: none. The ratelimit figures as in http_answer_t.
void upstream_ended (upstream_t *upstream, size_t e, upstream_result_t result, double seconds, uint64_t tokens,
                     int64_t retry_after_ms, int64_t requests_left, int64_t requests_reset_ms, int64_t tokens_left, int64_t tokens_reset_ms);

// After how long is another try allowed (backoff and retry budget; counts as a retry)? try, the one that failed, counts from 1.
// -1: no more tries.
int64_t upstream_backoff_ms (upstream_t *upstream, unsigned try, unsigned tries_max);

bool upstream_is_open (const upstream_t *upstream, size_t e);       // its breaker: work there should move
unsigned upstream_places (const upstream_t *upstream, size_t e);
unsigned upstream_places_all (const upstream_t *upstream);      // of those endpoints that may be asked now
unsigned upstream_busy (const upstream_t *upstream, size_t e);

#endif
