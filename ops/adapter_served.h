// adapter_served: what a served Rule Adapter foresees of the pairs of a run that were judged by every rule.
#ifndef OPS_ADAPTER_SERVED_H
#define OPS_ADAPTER_SERVED_H

#include "ops/adapter_setup.h"
#include "ops/cmd.h"

typedef struct {
    const adapter_setup_t *setup;   // borrowed
    size_t n, k;                    // pairs, in the order of adapter_pairs (ops/adapter_part.h); rules of each
    uint32_t *rules;                // n * k, best first; of a pair that it can't foresee all UINT32_MAX
    float *frequency;               // of each rule of the pool: the share of the pairs for which exhaustive selection picks it
    size_t lost;                    // pairs that it can't foresee
    char *why;                      // of the last one; NULL: there is none
    double seconds;                 // that asking took
} adapter_served_t;

// Ask about every pair of the open run that was judged by every rule, after adapter_check. 16 + 4 * k bytes of memory for each pair.
// ERR_USAGE with the mend, ERR_DENIED where the server refuses; what was filled must be cleared also after a fault.
status_t adapter_served_ask (const adapter_setup_t *setup, const opened_t *opened, adapter_served_t *out, fault_t *fault) MUST_USE;
void adapter_served_clear (adapter_served_t *served);

// The rules of pair number i; NULL where it can't foresee them.
const uint32_t *adapter_served_rules (const adapter_served_t *served, size_t i);

#endif
