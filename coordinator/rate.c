#include "coordinator/rate.h"

#include <stdbool.h>

enum { FIRST_MS = 250, EVERY_MS = 2000, IDLE_MS = 60 * 1000 };

void rate_begin (rate_t *rate, int64_t now_ms, uint64_t done)
{
    *rate = (rate_t) { .since_ms = now_ms, .done = done };
}

void rate_update (rate_t *rate, int64_t now_ms, uint64_t done)
{
    int64_t passed_ms = now_ms - rate->since_ms;
    bool first = rate->per_s <= 0, grew = done > rate->done;
    if (passed_ms < (!grew ? IDLE_MS : first ? FIRST_MS : EVERY_MS))
        return;
    double per_s = (grew ? (double) (done - rate->done) : 1) * 1000.0 / (double) passed_ms;
    if (!grew) {
        if (per_s < rate->per_s)
            rate->per_s = per_s;
        return;
    }
    rate->per_s = first ? per_s : 0.5 * rate->per_s + 0.5 * per_s;
    rate->since_ms = now_ms;
    rate->done = done;
}
