// rng: a seeded generator that is passed in, never global.
//
// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit word of state, every value
// the same on every machine.
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

typedef struct { uint64_t state; } rng_t;

// The next 64 bits; a number in [0, n) without bias (n > 0); one in [0, 1) with 53 bits.
uint64_t rng_next (rng_t *rng);
uint64_t rng_below (rng_t *rng, uint64_t n);
double rng_unit (rng_t *rng);

// A standard normal value (Box-Muller, the cosine half).
double rng_normal (rng_t *rng);

#endif
