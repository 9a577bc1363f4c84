// Which cells a pair needs, and which of them the store has.
#include <stdlib.h>

#include "base/mem.h"
#include "coordinator/kind_label_parts.h"

static status_t read_fixed (label_kind_t *self, fault_t *fault)
{
    const Rulemill__RunSpec *spec = self->options.run->spec;
    self->fixed = mem_zero (spec->n_fixed_rules + 1, sizeof *self->fixed);
    for (size_t i = 0; i < spec->n_fixed_rules; i++) {
        int index = rulepool_find (self->options.pool, spec->fixed_rules [i]);
        if (index < 0 || i >= LIMIT_RULES)
            return fault_set (fault, ERR_CORRUPT, "the run's fixed rule \"%.64s\" is not in its rule pool; restore the store from a backup",
                              spec->fixed_rules [i]);
        self->fixed [i] = (uint32_t) index;
    }
    return OK;
}

status_t label_need_open (label_kind_t *self, fault_t *fault)
{
    const Rulemill__RunSpec *spec = self->options.run->spec;
    const rulepool_t *pool = self->options.pool;
    int policy = policy_find (spec->policy);
    if (policy < 0)
        return OK;          // a policy with phases of its own says what it needs
    status_t status = read_fixed (self, fault);
    if (status != OK)
        return status;
    self->polarity = mem_zero (pool->count + 1, sizeof *self->polarity);
    self->rule_digest = mem_zero (pool->count + 1, sizeof *self->rule_digest);
    self->need = mem_zero (pool->count + 1, sizeof *self->need);
    for (size_t i = 0; i < pool->count; i++) {
        self->polarity [i] = (int8_t) pool->rules [i].polarity;
        self->rule_digest [i] = pool->rules [i].digest;
    }
    self->select = (selection_spec_t) {
        .policy = (policy_t) policy, .top = spec->top, .seed = spec->seed, .fixed = self->fixed, .n_fixed = spec->n_fixed_rules, .rule_weight = spec->rule_weight, .redundancy = spec->redundancy.data,
        .polarity = self->polarity, .rule_digest = self->rule_digest, .n_rules = pool->count
    };
    return OK;
}

void label_need_close (label_kind_t *self)
{
    free (self->fixed);
    free (self->polarity);
    free (self->rule_digest);
    free (self->need);
}

const bool *label_needs (label_kind_t *self, const Rulemill__PairRecord *pair, Rulemill__LabelHow how)
{
    uint64_t foreseen;
    if (self->need && label_foreseen (self, how, &foreseen)) {
        for (size_t r = 0; r < self->options.pool->count; r++)
            self->need [r] = r < foreseen;
        return self->need;
    }
    const content_key_t none = { { 0 } };
    content_key_t key = label_key (&pair->key);
    if (self->need)
        selection_need (&self->select, &none, &key, self->need);
    return self->need;
}

status_t label_price (label_kind_t *self, uint64_t item, const Rulemill__PairRecord *pair, uint64_t *cost, fault_t *fault)
{
    Rulemill__LabelHow how;
    bool later;
    status_t seen = label_how (self, item, pair->prompt, &how, &later, fault);
    if (seen != OK)
        return seen;
    uint64_t foreseen;
    if (label_foreseen (self, how, &foreseen)) {
        *cost = 2 * foreseen * label_layers (self, self->prompt_again);     // which of the stored cells help is not known here
        return OK;
    }
    const bool *need = label_needs (self, pair, how);
    size_t needed = 0, rules = self->options.pool->count, layers = label_layers (self, self->prompt_again);
    for (size_t r = 0; r < rules; r++)
        needed += need == NULL || need [r];
    *cost = 2 * needed * layers;
    for (int side = 1; side <= 2; side++) {
        Rulemill__Cells *known = NULL;
        status_t status = label_known (self, item, pair, side, layers, &known, fault);
        if (status != OK)
            return status;
        for (size_t i = 0; known && i < known->n_rule; i++)
            *cost -= need == NULL || need [known->rule [i] % rules];
        if (known)
            rulemill__cells__free_unpacked (known, NULL);
    }
    return OK;
}
