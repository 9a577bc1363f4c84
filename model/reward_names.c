#include "model/reward_names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef struct { uint32_t index; float weight; } candidate_t;

typedef struct { reward_name_t name; int64_t votes; } slot_t;

struct reward_names {
    features_spec_t spec;
    uint16_t *slot_of;              // of each dimension: 1 + slot, 0: not watched for
    slot_t slots [REWARD_NAMES_MAX];
    size_t n;
};

// Larger weights first.
static int compare_weights (const void *x, const void *y)
{
    float a = fabsf (((const candidate_t *) x)->weight), b = fabsf (((const candidate_t *) y)->weight);
    return a < b ? 1 : a > b ? -1 : (((const candidate_t *) x)->index > ((const candidate_t *) y)->index) * 2 - 1;
}

reward_names_t *reward_names_new (const features_spec_t *spec, const float *weights)
{
    size_t dimensions = reward_dimensions (spec) - REWARD_LENGTHS, n = 0;
    reward_names_t *names = mem_zero (1, sizeof *names);
    names->spec = *spec;
    names->slot_of = mem_zero (dimensions, sizeof *names->slot_of);
    candidate_t *candidates = mem_new (dimensions * sizeof *candidates);
    for (size_t i = 0; i < dimensions; i++)
        if (weights [i] != 0)
            candidates [n++] = (candidate_t) { (uint32_t) i, weights [i] };
    if (n > 1)
        qsort (candidates, n, sizeof *candidates, compare_weights);
    for (size_t i = 0; i < n && i < REWARD_NAMES_MAX; i++) {
        names->slots [i].name.index = candidates [i].index;
        names->slot_of [candidates [i].index] = (uint16_t) (i + 1);
        names->n = i + 1;
    }
    free (candidates);
    return names;
}

static void vote (slot_t *slot, const char *text, size_t len)
{
    if (slot->votes == 0) {
        memcpy (slot->name.text, text, len);
        slot->name.text [len] = '\0';
        slot->votes = 1;
    } else if (strlen (slot->name.text) == len && memcmp (slot->name.text, text, len) == 0)
        slot->votes++;
    else
        slot->votes--;
}

void reward_names_watch (void *ctx, uint32_t index, const char *text, size_t len)
{
    reward_names_t *names = ctx;
    if (len > REWARD_NAME_BYTES_MAX || memchr (text, '\0', len))
        return;
    for (uint32_t block = 0; block < REWARD_BLOCKS; block++) {
        uint16_t slot = names->slot_of [(block << names->spec.bits) + index];
        if (slot)
            vote (&names->slots [slot - 1], text, len);
    }
}

static int compare_indices (const void *x, const void *y)
{
    uint32_t a = ((const reward_name_t *) x)->index, b = ((const reward_name_t *) y)->index;
    return (a > b) - (a < b);
}

size_t reward_names_end (reward_names_t **names, reward_name_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < (*names)->n; i++)
        if ((*names)->slots [i].name.text [0])
            out [n++] = (*names)->slots [i].name;
    if (n > 1)
        qsort (out, n, sizeof *out, compare_indices);
    free ((*names)->slot_of);
    free (*names);
    *names = NULL;
    return n;
}
