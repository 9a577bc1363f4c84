#include "worker/bucket.h"

#include <math.h>

static const double MINUTE_MS = 60000;

void bucket_init (bucket_t *bucket, double per_minute, int64_t now_ms)
{
    *bucket = (bucket_t) { .now_ms = now_ms };
    if (!(per_minute > 0))
        return;
    // What may come at once is a small part of a minute's, and is taken off what flows in meanwhile.
    bucket->most = fmax (1, per_minute / 600);
    bucket->balance = bucket->most;
    bucket->per_ms = (per_minute >= 10 ? per_minute - bucket->most : per_minute) / MINUTE_MS;
}

int64_t bucket_wait_ms (bucket_t *bucket, int64_t now_ms)
{
    if (bucket->per_ms <= 0)
        return 0;
    bucket->balance = fmin (bucket->most, bucket->balance + bucket->per_ms * (double) (now_ms - bucket->now_ms));
    bucket->now_ms = now_ms;
    double missing = 1 - bucket->balance;
    return missing <= 1e-9 ? 0 : (int64_t) ceil (fmin (missing / bucket->per_ms, 1e12));
}

void bucket_take (bucket_t *bucket, double units)
{
    if (bucket->per_ms > 0)
        bucket->balance = fmin (bucket->most, bucket->balance - units);
}

void bucket_rate (bucket_t *bucket, double per_minute, int64_t now_ms)
{
    (void) bucket_wait_ms (bucket, now_ms);     // what has come in until now
    double balance = bucket->balance;
    bucket_init (bucket, per_minute, now_ms);
    bucket->balance = fmin (balance, bucket->most);
}
