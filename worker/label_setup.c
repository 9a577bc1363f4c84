#include "worker/label_setup.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "worker/kind_label.h"

static const worker_blob_t *find_blob (const ProtobufCBinaryData *digest, const worker_blob_t *blobs, size_t n_blobs)
{
    for (size_t i = 0; i < n_blobs && digest->len == DIGEST_BYTES; i++)
        if (memcmp (blobs [i].digest.b, digest->data, DIGEST_BYTES) == 0)
            return &blobs [i];
    return NULL;
}

static status_t read_pool (label_setup_t *setup, const worker_blob_t *blobs, size_t n_blobs, fault_t *fault)
{
    const worker_blob_t *blob = find_blob (&setup->message->pool_blob, blobs, n_blobs);
    if (blob == NULL)
        return fault_set (fault, ERR_FORMAT, "the setup names a rule pool that did not come with it");
    status_t status = rulepool_parse ("the run's rule pool", blob->bytes, blob->len, &setup->pool, fault);
    if (status != OK)
        return status;
    const ProtobufCBinaryData *digest = &setup->message->spec->pool;
    if (digest->len != DIGEST_BYTES || memcmp (digest->data, setup->pool->digest.b, DIGEST_BYTES) != 0)
        return fault_set (fault, ERR_MISMATCH, "the rule pool is not the one that the run was named by; "
                          "use the same version of rulemill on both sides");
    return OK;
}

static status_t read_fixed (label_setup_t *setup, fault_t *fault)
{
    const Rulemill__RunSpec *spec = setup->message->spec;
    if (spec->n_fixed_rules > LIMIT_RULES)
        return fault_set (fault, ERR_LIMIT, "the run has %zu fixed rules; the most is %d", spec->n_fixed_rules, LIMIT_RULES);
    setup->fixed = mem_zero (spec->n_fixed_rules + 1, sizeof *setup->fixed);
    for (size_t i = 0; i < spec->n_fixed_rules; i++) {
        int index = rulepool_find (setup->pool, spec->fixed_rules [i]);
        if (index < 0)
            return fault_set (fault, ERR_USAGE, "the fixed rule \"%.64s\" is not in the rule pool \"%s\"",
                              spec->fixed_rules [i], setup->pool->name);
        setup->fixed [i] = (uint32_t) index;
    }
    setup->select.fixed = setup->fixed;
    setup->select.n_fixed = spec->n_fixed_rules;
    return OK;
}

// Numbers of each rule, which stand in the message for as long as the setup does.
static status_t read_weights (label_setup_t *setup, fault_t *fault)
{
    const Rulemill__RunSpec *spec = setup->message->spec;
    size_t n = setup->pool->count;
    bool good = !policy_wants_weights (setup->select.policy) || spec->n_rule_weight == n;
    for (size_t i = 0; i < spec->n_rule_weight; i++)
        good = good && spec->rule_weight [i] <= MICRO;
    good = good && (!policy_wants_redundancy (setup->select.policy) || spec->redundancy.len == n * (n - 1) / 2);
    for (size_t i = 0; i < spec->redundancy.len; i++)
        good = good && spec->redundancy.data [i] <= 100;
    if (!good)
        return fault_set (fault, ERR_FORMAT, "the run's rule weights do not fit its rule pool");
    static const uint8_t none = 0;
    setup->select.rule_weight = spec->rule_weight;
    setup->select.redundancy = spec->redundancy.len ? spec->redundancy.data : &none;   // of a pool of one rule
    return OK;
}

static void read_rules (label_setup_t *setup)
{
    const rulepool_t *pool = setup->pool;
    setup->polarity = mem_zero (pool->count + 1, sizeof *setup->polarity);
    setup->rule_digest = mem_zero (pool->count + 1, sizeof *setup->rule_digest);
    for (size_t i = 0; i < pool->count; i++) {
        setup->polarity [i] = (int8_t) pool->rules [i].polarity;
        setup->rule_digest [i] = pool->rules [i].digest;
    }
    setup->select.polarity = setup->polarity;
    setup->select.rule_digest = setup->rule_digest;
    setup->select.n_rules = pool->count;
}

static status_t read_spec (label_setup_t *setup, fault_t *fault)
{
    const Rulemill__RunSpec *spec = setup->message->spec;
    if (spec->method != LABEL_METHOD)
        return fault_set (fault, ERR_MISMATCH, "the run computes labels by method %u, this program by method %d; "
                          "use the same version of rulemill on both sides", spec->method, LABEL_METHOD);
    int policy = policy_find (spec->policy);
    if (policy < 0) {
        const char *nearest = nearest_name (spec->policy, policy_names (), POLICY_COUNT);
        return fault_set (fault, ERR_USAGE, "unknown policy \"%.64s\"; %s \"%s\"", spec->policy,
                          nearest ? "did you mean" : "the default is", nearest ? nearest : policy_name (POLICY_EXHAUSTIVE));
    }
    bool ties_to_b = strcmp (spec->ties, "b") == 0;
    if (!ties_to_b && strcmp (spec->ties, "tie") != 0)
        return fault_set (fault, ERR_USAGE, "ties can't be \"%.64s\"; use \"tie\" or \"b\"", spec->ties);
    if (spec->top < 1 || spec->top > LIMIT_RULES)
        return fault_set (fault, ERR_USAGE, "top is %u, but must be from 1 to %d", spec->top, LIMIT_RULES);
    setup->policy = (policy_t) policy;
    setup->select.policy = setup->policy == POLICY_ADAPTER || setup->policy == POLICY_AUTO ? POLICY_EXHAUSTIVE : setup->policy;
    setup->select.weight_relevance = spec->weight_relevance;
    setup->select.weight_discrepancy = spec->weight_discrepancy;
    setup->select.top = spec->top;
    setup->select.seed = spec->seed;
    setup->select.tie_margin = spec->tie_margin;
    setup->select.ties_to_b = ties_to_b;
    return OK;
}

// A run's adapter is a file or it is served.
static status_t check_served (const label_setup_t *setup, fault_t *fault)
{
    const Rulemill__LabelSetup *message = setup->message;
    bool named = *message->spec->adapter_model != '\0';
    if (named == (message->served_adapter != NULL) && (!named || (message->n_adapter == 0 && setup->policy == POLICY_ADAPTER)))
        return OK;
    return fault_set (fault, ERR_FORMAT, "the setup contradicts itself in whether the run's adapter is served");
}

status_t label_setup_read (label_setup_t *setup, const void *bytes, size_t len, const worker_blob_t *blobs, size_t n_blobs,
                           fault_t *fault)
{
    *setup = (label_setup_t) { .message = rulemill__label_setup__unpack (NULL, len, bytes) };
    status_t status = OK;
    if (setup->message == NULL || setup->message->spec == NULL)
        status = fault_set (fault, ERR_FORMAT, "the setup of the labelling kind can't be read");
    if (status == OK)
        status = read_spec (setup, fault);
    if (status == OK)
        status = read_pool (setup, blobs, n_blobs, fault);
    if (status == OK) {
        read_rules (setup);
        status = read_fixed (setup, fault);
        if (status == OK)
            status = read_weights (setup, fault);
    }
    if (status == OK)
        status = label_layers_read (&setup->layers, setup->message, setup->pool->count, fault);
    if (status == OK)
        status = check_served (setup, fault);
    if (status == OK)
        status = label_choice_open (setup->message, setup->pool, &setup->select, blobs, n_blobs, &setup->choice, fault);
    if (status != OK)
        label_setup_free (setup);
    return status;
}

void label_setup_free (label_setup_t *setup)
{
    if (setup->message)
        rulemill__label_setup__free_unpacked (setup->message, NULL);
    label_choice_close (&setup->choice);
    rulepool_destroy (&setup->pool);
    free (setup->polarity);
    free (setup->rule_digest);
    free (setup->fixed);
    *setup = (label_setup_t) { 0 };
}

bool label_setup_foresees (const label_setup_t *setup, Rulemill__LabelHow how)
{
    return setup->policy == POLICY_ADAPTER || how == RULEMILL__LABEL_HOW__HOW_ADAPTER || how == RULEMILL__LABEL_HOW__HOW_AUDIT;
}
