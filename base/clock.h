// clock: monotonic time that tests can replace.
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

// A source of milliseconds that never go back.
typedef int64_t clock_fn (void *ctx);

typedef struct {
    clock_fn *now_ms;   // NULL: the system's CLOCK_MONOTONIC
    void *ctx;          // handed to now_ms
} clock_source_t;

// Milliseconds of the given source; NULL or a zeroed source is the system's clock.
int64_t clock_ms (const clock_source_t *source);

// The sooner of two times to wait, in milliseconds, of which a negative one is never.
int64_t clock_sooner (int64_t a_ms, int64_t b_ms);

// Seconds since 1970 for reports (never for anything that decides a label).
int64_t clock_wall_s (void);

// "2026-01-31T12:00:00Z" into out (21 bytes).
void clock_iso8601 (int64_t wall_s, char *out);

#endif
