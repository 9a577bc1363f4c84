// Seeded choices that are pure functions of content: which way round a pair stands, which groups a cut takes.
#include <assert.h>
#include <math.h>
#include <string.h>

#include "model/selection.h"

enum { PURPOSE_MAX = 64 };

uint64_t group_hash (uint64_t seed, const char *purpose, const content_key_t *group_key)
{
    uint8_t bytes [PURPOSE_MAX + 1 + KEY_BYTES];
    size_t len = strlen (purpose);
    assert (len <= PURPOSE_MAX);
    memcpy (bytes, purpose, len + 1);
    memcpy (bytes + len + 1, group_key->b, KEY_BYTES);
    return hash64 (seed, bytes, len + 1 + KEY_BYTES);
}

bool orientation_swapped (uint64_t seed, const content_key_t *pair_key)
{
    return group_hash (seed, "orientation", pair_key) & 1;
}

bool group_in_share (uint64_t seed, const char *purpose, const content_key_t *group_key, double share)
{
    if (!(share > 0))
        return false;
    return share >= 1 || group_hash (seed, purpose, group_key) < (uint64_t) ldexp (share, 64);
}
