// breaker: stop asking a server that does not answer, and notice when it does again.
//
//   closed ──failures in a row──> open ──time is up──> half-open ──probe answered──> closed
//                                  ^                        │
//                                  └──── probe failed ──────┘   (open for twice as long, up to a limit)
//
// Source: Nygard, "Release It!", 2007. Times are milliseconds of the caller's clock.
#ifndef WORKER_BREAKER_H
#define WORKER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    unsigned failures_to_open;
    int64_t open_first_ms, open_max_ms;
    unsigned failures;          // in a row
    bool open;                  // open or half-open
    bool probing;               // half-open, and the one probe is under way
    int64_t until_ms, open_ms;  // open until; how long this time
} breaker_t;

void breaker_init (breaker_t *breaker, unsigned failures_to_open, unsigned open_first_ms, unsigned open_max_ms);

// May a request be sent? *wait_ms: when to ask again, -1: when the probe has ended.
bool breaker_allows (const breaker_t *breaker, int64_t now_ms, int64_t *wait_ms);

// One is sent.
void breaker_sent (breaker_t *breaker);

// It has ended: answered, failed, or with nothing learnt. answered returns true where that closed it.
bool breaker_answered (breaker_t *breaker);
void breaker_failed (breaker_t *breaker, int64_t now_ms);
void breaker_void (breaker_t *breaker);

#endif
