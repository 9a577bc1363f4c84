#include "base/clock.h"

#include <stddef.h>
#include <time.h>

int64_t clock_ms (const clock_source_t *source)
{
    if (source && source->now_ms)
        return source->now_ms (source->ctx);
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_sooner (int64_t a_ms, int64_t b_ms)
{
    return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

int64_t clock_wall_s (void)
{
    return (int64_t) time (NULL);
}

void clock_iso8601 (int64_t wall_s, char *out)
{
    time_t t = (time_t) wall_s;
    struct tm parts;
    gmtime_r (&t, &parts);
    strftime (out, 21, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
