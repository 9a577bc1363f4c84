// rate: how many items a second are done, of late, from counts that are looked at now and then.
//
// Smoothed over two seconds and more. A slow judge does an item a minute: until one comes, the last rate stands, and falls to one item
// in the time since when that has become a minute.
#ifndef COORDINATOR_RATE_H
#define COORDINATOR_RATE_H

#include <stdint.h>

typedef struct {
    double per_s;           // 0: nothing was done yet
    int64_t since_ms;       // when `done` was last seen to grow, or the beginning
    uint64_t done;          // then
} rate_t;

// What is done at the beginning counts for no rate.
void rate_begin (rate_t *rate, int64_t now_ms, uint64_t done);
void rate_update (rate_t *rate, int64_t now_ms, uint64_t done);

#endif
