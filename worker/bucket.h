// bucket: so much a minute, and no more.
//
// A token bucket that may go into debt: a cost is allowed as soon as there is a whole unit, and what it takes beyond the balance is
// waited for by all that come after it. So large requests are not starved by small ones, and over any minute the limit is passed
// by at most one request. Not threadsafe.
#ifndef WORKER_BUCKET_H
#define WORKER_BUCKET_H

#include <stdint.h>

typedef struct {
    double per_ms;              // 0: no limit
    double balance, most;
    int64_t now_ms;
} bucket_t;

// No more than per_minute units in any minute. 0 or less: no limit.
void bucket_init (bucket_t *bucket, double per_minute, int64_t now_ms);

// Another rate from now on; a debt stays one.
void bucket_rate (bucket_t *bucket, double per_minute, int64_t now_ms);

// Milliseconds until a request may be sent; 0: now.
int64_t bucket_wait_ms (bucket_t *bucket, int64_t now_ms);

// Take units out; a negative count gives back.
void bucket_take (bucket_t *bucket, double units);

#endif
