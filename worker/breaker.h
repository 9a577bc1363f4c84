// breaker: stop asking a server that does not answer, and notice when it does again.
//
//   closed ──failures in a row──> open ──time is up──> half-open ──probe answered──> closed
//                                  ^                        │
//                                  └──── probe failed ──────┘   (open for twice as long, up to a limit)
//
// Where nobody could even be reached the limit is a short one: trying again costs nothing there. A probe that is not answered for
// the longest time that it stays open is not waited for any longer: another is sent beside it.
// Source: Nygard, "Release It!", 2007. Times are milliseconds of the caller's clock.
#ifndef WORKER_BREAKER_H
#define WORKER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    unsigned failures_to_open;
    int64_t open_first_ms, open_max_ms, unreachable_max_ms;
} breaker_options_t;

typedef struct {
    breaker_options_t options;
    unsigned failures;          // in a row
    bool open;                  // open or half-open
    bool probing;               // half-open, and a probe is under way
    int64_t probe_ms;           // since then
    int64_t until_ms, open_ms;  // open until; how long this time
} breaker_t;

void breaker_init (breaker_t *breaker, const breaker_options_t *options);

// May a request be sent? *wait_ms: when to ask again, -1: when the probe has ended.
bool breaker_allows (const breaker_t *breaker, int64_t now_ms, int64_t *wait_ms);

// One is sent.
void breaker_sent (breaker_t *breaker, int64_t now_ms);

// It has ended: answered, failed, or with nothing learnt. answered returns true where that closed it. unreachable: there was
// nobody to send it to.
bool breaker_answered (breaker_t *breaker);
void breaker_failed (breaker_t *breaker, bool unreachable, int64_t now_ms);
void breaker_void (breaker_t *breaker);

#endif
