#include "base/rng.h"

#include <assert.h>
#include <math.h>

uint64_t rng_next (rng_t *rng)
{
    uint64_t z = rng->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint64_t rng_below (rng_t *rng, uint64_t n)
{
    assert (n > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t value;
    do
        value = rng_next (rng);
    while (value >= limit);
    return value % n;
}

double rng_unit (rng_t *rng)
{
    return (double) (rng_next (rng) >> 11) * 0x1p-53;
}

double rng_normal (rng_t *rng)
{
    double radius = sqrt (-2.0 * log (1.0 - rng_unit (rng)));
    return radius * cos (6.283185307179586 * rng_unit (rng));
}
