// Which way round a pair stands: a seeded choice that is a pure function of content.
#include "model/selection.h"

bool orientation_swapped (uint64_t seed, const content_key_t *pair_key)
{
    return group_hash (seed, "orientation", pair_key) & 1;
}
