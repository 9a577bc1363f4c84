#include "ops/spec.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "coordinator/auto_plan.h"
#include "model/adapter.h"
#include "model/selection.h"
#include "ops/config_keys.h"
#include "ops/judge_setup.h"
#include "ops/read_file.h"
#include "storage/run.h"
#include "worker/lexicon.h"

// --- the rule pool ---------------------------------------------------------

status_t spec_pool (const config_t *config, rulepool_t **out, buf_t *yaml, fault_t *fault)
{
    *out = NULL;
    const char *name = config->rules.file;
    if (name) {
        status_t status = read_file (name, LIMIT_POOL_BYTES, yaml, fault);
        return status == OK ? rulepool_parse (name, yaml->data, yaml->len, out, fault) : status;
    }
    size_t len;
    const char *text = rulepool_shipped (&len);
    buf_add (yaml, text, len);
    return rulepool_parse ("shipped rules", yaml->data, yaml->len, out, fault);
}

// --- the parts of a specification ------------------------------------------

static bool is_published (const config_t *config)
{
    return strcmp (config->judge.compat, "published") == 0;
}

scores_options_t spec_scores (const config_t *config)
{
    return (scores_options_t) {
        .path = config->judge.scores,
        .raw = is_published (config),
        .unknown_ids_ok = strcmp (config->judge.unknown_ids, "skip") == 0
    };
}

static status_t judge_identity (const config_t *config, const judge_members_t *judges, const rulepool_t *pool, digest_t *out, fault_t *fault)
{
    if (strcmp (config->judge.name, "lexicon") == 0) {
        *out = lexicon_identity (pool);
        return OK;
    }
    if (judge_is_http (config)) {
        *out = judge_members_identity (judges);
        return OK;
    }
    scores_options_t scores = spec_scores (config);
    const char **ids = mem_zero (pool->count, sizeof *ids);
    digest_t *digests = mem_zero (pool->count, sizeof *digests);
    for (size_t i = 0; i < pool->count; i++) {
        ids [i] = pool->rules [i].id;
        digests [i] = pool->rules [i].digest;
    }
    scores.rule_ids = ids;
    scores.rule_digests = digests;
    scores.n_rules = pool->count;
    status_t status = scores_identity (&scores, out, fault);
    free (ids);
    free (digests);
    return status;
}

static uint32_t micro (double value)
{
    return (uint32_t) llround (value * MICRO);
}

bool spec_costly (const config_t *config)
{
    if (strcmp (config->judge.cost, "auto") == 0)
        return judge_is_http (config);
    return strcmp (config->judge.cost, "per-rule") == 0;
}

// The settings that decide what an adapter learns.
static void write_training (const config_t *config, buf_t *out)
{
    buf_printf (out, "{\"form\":\"%s\",\"bits\":%" PRIu64 ",\"words\":%" PRIu64 ",\"chars_min\":%" PRIu64 ",\"chars_max\":%" PRIu64
                ",\"count_min\":%" PRIu64 ",\"memory_mb\":%" PRIu64 ",\"max_pairs\":%" PRIu64 ",\"cost\":%.6f,\"test_share\":%.6f,\"judged\":%" PRIu64 "}",
                config->adapter.form, config->adapter.bits, config->adapter.words, config->adapter.chars_min, config->adapter.chars_max,
                config->adapter.count_min, config->adapter.memory_mb, config->adapter.max_pairs, config->adapter.cost,
                config->adapter.test_share, config->adapter.judged);
}

static status_t set_recipe (const config_t *config, spec_t *out, fault_t *fault)
{
    buf_t training = { 0 };
    write_training (config, &training);
    auto_recipe_t recipe = {
        .costly = spec_costly (config), .training = training.data, .sample_pairs = config->automatic.sample_pairs, .sample_share = config->automatic.sample_share,
        .min_agreement = config->automatic.min_agreement, .judged_max = config->automatic.judged_max, .flat_gain = config->automatic.flat_gain,
        .accept = config->automatic.accept_adapter, .block_pairs = config->automatic.block_pairs
    };
    status_t status = config_share ("auto.audit_share", config->automatic.audit_share, &recipe.audit_share, fault);
    if (status == OK)
        auto_recipe_write (&recipe, &out->recipe);
    buf_free (&training);
    out->message.recipe = out->recipe.data ? out->recipe.data : (char *) "";
    return status;
}

// An adapter of another pool foresees by what is like its rules, which may be nothing.
static void say_strangers (const char *path, const adapter_t *adapter, const rulepool_t *pool)
{
    adapter_rule_t *rules = mem_new ((pool->count + 1) * sizeof *rules);
    for (size_t i = 0; i < pool->count; i++)
        rules [i] = (adapter_rule_t) { &pool->rules [i].digest, pool->rules [i].text };
    adapter_reader_t *reader = adapter_reader_new (adapter, rules, pool->count);
    if (adapter_strangers (reader) > 0)
        log_warn ("%s has not learnt %zu of the pool's %zu rules and foresees them by what is like them; rulemill adapter eval DIR %s says "
                  "how well", path, adapter_strangers (reader), pool->count, path);
    adapter_reader_destroy (&reader);
    free (rules);
}

// Rules of another pool than the shipped one mostly have no phrases, and then every pair is a tie.
static void say_without_phrases (const rulepool_t *pool)
{
    size_t n = 0;
    for (size_t i = 0; i < pool->count; i++)
        n += pool->rules [i].speaks_for.count + pool->rules [i].speaks_against.count == 0;
    if (n > 0)
        log_warn ("judge lexicon has no phrases for %zu of the pool's %zu rules, and so no opinion on them; name another judge, or write phrases "
                  "(rulemill rules show ID)", n, pool->count);
}

static status_t set_adapter (const config_t *config, const rulepool_t *pool, spec_t *out, fault_t *fault)
{
    adapter_t *adapter = NULL;
    status_t status = read_file (config->policy.adapter, LIMIT_ADAPTER_BYTES, &out->adapter_file, fault);
    if (status == OK)
        status = adapter_open (config->policy.adapter, out->adapter_file.data, out->adapter_file.len, &adapter, fault);
    if (status == OK) {
        out->adapter = adapter_digest (adapter);
        out->message.judged = (uint32_t) adapter_judged (adapter, out->message.top);
        out->message.adapter = (ProtobufCBinaryData) { DIGEST_BYTES, out->adapter.b };
        say_strangers (config->policy.adapter, adapter, pool);
    }
    adapter_destroy (&adapter);
    return status;
}

static void set_served (const adapter_setup_t *adapter, spec_t *out)
{
    out->adapter = adapter->identity;
    out->message.adapter = (ProtobufCBinaryData) { DIGEST_BYTES, out->adapter.b };
    out->message.adapter_model = adapter->message.model;
}

// What only one policy takes is refused with another.
static status_t check_policy (const config_t *config, fault_t *fault)
{
    bool adapter = strcmp (config->policy.name, "adapter") == 0, automatic = strcmp (config->policy.name, "auto") == 0;
    bool served = adapter_is_served (config);
    if (adapter && config->policy.adapter == NULL && !served)
        return fault_set (fault, ERR_USAGE, "policy adapter needs a Rule Adapter: --adapter FILE, which rulemill adapter train DIR --out FILE makes, "
                          "or --adapter URL of one that is served");
    if (config->policy.adapter && served)
        return fault_set (fault, ERR_USAGE, "policy.adapter names a file, adapter.urls a served adapter; take one out");
    if (automatic && served)
        return fault_set (fault, ERR_USAGE, "a served adapter (--adapter URL) is for --policy adapter; auto trains its own. Take one of them out");
    if (!adapter && served)
        return fault_set (fault, ERR_USAGE, "a served adapter (--adapter URL) is for --policy adapter, not %s; take it out", config->policy.name);
    if (!adapter && config->policy.adapter)
        return fault_set (fault, ERR_USAGE, "policy.adapter (--adapter) is for --policy adapter, not %s; take it out", config->policy.name);
    static const char *const asked [] = { "adapter.model", "adapter.text_bytes_max", "adapter.batch", "adapter.requests_per_minute" };
    for (size_t i = 0; i < sizeof asked / sizeof *asked && !served; i++)
        if (config_given (config, asked [i]))
            return fault_set (fault, ERR_USAGE, "%s is for a served adapter; give its URL with --adapter, or take it out", asked [i]);
    static const char *const keys [] = { "auto.sample_pairs", "auto.sample_share", "auto.min_agreement", "auto.judged_max", "auto.flat_gain", "auto.audit_share",
                                         "auto.accept_adapter", "auto.block_pairs", "judge.cost" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !automatic; i++)
        if (config_given (config, keys [i]))
            return fault_set (fault, ERR_USAGE, "%s is for --policy auto, not %s; take it out", keys [i], config->policy.name);
    return OK;
}

// Weights and k where the policy uses them, and otherwise values that do not make it another run.
static void set_policy (const config_t *config, const rulepool_t *pool, Rulemill__RunSpec *spec)
{
    int policy = policy_find (config->policy.name);
    spec->policy = config->policy.name;
    if (policy >= 0 && policy_has_value ((policy_t) policy)) {
        spec->weight_relevance = micro (config->policy.weight_relevance);
        spec->weight_discrepancy = micro (config->policy.weight_discrepancy);
    } else if (policy == POLICY_DISCREPANCY)
        spec->weight_discrepancy = MICRO;
    spec->top = (uint32_t) config->policy.top;
    if (policy == POLICY_ALL)
        spec->top = (uint32_t) pool->count;
    if (policy == POLICY_FIXED) {
        spec->top = (uint32_t) config->policy.fixed.count;
        spec->n_fixed_rules = config->policy.fixed.count;
        spec->fixed_rules = config->policy.fixed.items;
    }
}

static status_t set_weights (const config_t *config, const rulepool_t *pool, spec_t *out, fault_t *fault)
{
    status_t status = policy_weights_load (config->policy.weights, pool, &out->weights, fault);
    int policy = policy_find (config->policy.name);
    if (status == OK && policy_wants_weights ((policy_t) policy)) {
        out->message.n_rule_weight = pool->count;
        out->message.rule_weight = out->weights.weight;
    }
    if (status == OK && policy_wants_redundancy ((policy_t) policy))
        out->message.redundancy = (ProtobufCBinaryData) { pool->count * (pool->count - 1) / 2, out->weights.redundancy };
    return status;
}

void spec_clear (spec_t *spec)
{
    policy_weights_free (&spec->weights);
    buf_free (&spec->adapter_file);
    buf_free (&spec->recipe);
}

static status_t check_rule (const rulepool_t *pool, const config_names_t *fixed, size_t n, fault_t *fault)
{
    const char *id = fixed->items [n];
    for (size_t i = 0; i < n; i++)
        if (strcmp (fixed->items [i], id) == 0)
            return fault_set (fault, ERR_USAGE, "policy.fixed: rule \"%s\" is given twice; keep one", id);
    if (rulepool_find (pool, id) >= 0)
        return OK;
    const char **names = mem_zero (pool->count, sizeof *names);
    for (size_t i = 0; i < pool->count; i++)
        names [i] = pool->rules [i].id;
    const char *near = nearest_name (id, names, pool->count);
    if (near)
        fault_set (fault, ERR_USAGE, "policy.fixed: the pool has no rule \"%.64s\"; did you mean %s?", id, near);
    else
        fault_set (fault, ERR_USAGE, "policy.fixed: the pool has no rule \"%.64s\"; see rulemill rules list", id);
    free (names);
    return ERR_USAGE;
}

static status_t check_fixed (const config_t *config, const rulepool_t *pool, fault_t *fault)
{
    const config_names_t *fixed = &config->policy.fixed;
    bool wanted = strcmp (config->policy.name, "fixed") == 0;
    if (wanted && fixed->count == 0)
        return fault_set (fault, ERR_USAGE, "policy fixed needs rules: --set policy.fixed=[RULE, ...]");
    if (!wanted && fixed->count > 0)
        return fault_set (fault, ERR_USAGE, "policy.fixed is for --policy fixed, not %s; take it out", config->policy.name);
    status_t status = OK;
    for (size_t i = 0; i < fixed->count && status == OK; i++)
        status = check_rule (pool, fixed, i, fault);
    return status;
}

// A key that was given but that the rest of the configuration makes meaningless is refused, not ignored.
static status_t check_contradictions (const config_t *config, fault_t *fault)
{
    bool replay = strcmp (config->judge.name, "replay") == 0;
    if (is_published (config) && config_given (config, "run.orientation") && strcmp (config->run.orientation, "stored") != 0)
        return fault_set (fault, ERR_USAGE, "judge.compat published means run.orientation stored; take one of them out");
    if (is_published (config) && config_given (config, "run.tie_margin") && config->run.tie_margin > 0)
        return fault_set (fault, ERR_USAGE, "judge.compat published means run.tie_margin 0; take one of them out");
    if (is_published (config) && !replay)
        return fault_set (fault, ERR_USAGE, "judge.compat published is for --judge replay");
    if (config->judge.scores && !replay)
        return fault_set (fault, ERR_USAGE, "judge.scores (--scores) is for --judge replay; the %s judge makes its own",
                          config->judge.name);
    static const char *const asked [] = { "judge.urls", "judge.model", "judge.template", "judge.extra", "budget.max_calls",
                                          "budget.max_tokens", "budget.max_cost" };
    for (size_t i = 0; i < sizeof asked / sizeof *asked && !judge_is_http (config); i++)
        if (config_given (config, asked [i]))
            return fault_set (fault, ERR_USAGE, "%s is for a judge behind HTTP, not for %s; add --judge URL or take it out",
                              asked [i], config->judge.name);
    bool weights = config_given (config, "policy.weight_relevance") || config_given (config, "policy.weight_discrepancy");
    int policy = policy_find (config->policy.name);
    if (weights && (policy < 0 || !policy_has_value ((policy_t) policy)))
        return fault_set (fault, ERR_USAGE, "weights are for --policy exhaustive and those like it; %s has none", config->policy.name);
    bool wanted = policy >= 0 && (policy_wants_weights ((policy_t) policy) || policy_wants_redundancy ((policy_t) policy));
    if (wanted && config->policy.weights == NULL)
        return fault_set (fault, ERR_USAGE, "policy %s needs what earlier labels showed of the rules: rulemill report DIR --weights FILE, then "
                          "--set policy.weights=FILE", config->policy.name);
    if (!wanted && config->policy.weights)
        return fault_set (fault, ERR_USAGE, "policy.weights is for --policy entropy and diverse, not %s; take it out", config->policy.name);
    return OK;
}

static void set_run (const config_t *config, Rulemill__RunSpec *spec)
{
    static char stored [] = "stored", b [] = "b", tie [] = "tie", quarantine [] = "quarantine";
    bool published = is_published (config), replay = strcmp (config->judge.name, "replay") == 0;
    spec->seed = config->run.seed;
    spec->tie_margin = published ? 0 : micro (config->run.tie_margin);
    spec->orientation = published ? stored : config->run.orientation;
    spec->ties = published ? b : tie;
    spec->missing = replay ? config->judge.missing : quarantine;
}

status_t spec_build (const config_t *config, judge_members_t *judges, const adapter_setup_t *adapter, const rulepool_t *pool, spec_t *out,
                     fault_t *fault)
{
    rulemill__run_spec__init (&out->message);
    out->weights = (policy_weights_t) { 0 };
    out->adapter_file = out->recipe = (buf_t) { 0 };
    status_t status = check_contradictions (config, fault);
    if (status == OK)
        status = check_policy (config, fault);
    if (status == OK)
        status = judge_panel_check (config, fault);
    if (status == OK)
        status = check_fixed (config, pool, fault);
    if (status == OK)
        status = judge_identity (config, judges, pool, &out->judge_identity, fault);
    if (status != OK)
        return status;

    Rulemill__RunSpec *spec = &out->message;
    out->pool = pool->digest;
    spec->method = METHOD_VERSION;
    spec->pool = (ProtobufCBinaryData) { DIGEST_BYTES, out->pool.b };
    spec->judge = config->judge.name;
    spec->judge_identity = (ProtobufCBinaryData) { DIGEST_BYTES, out->judge_identity.b };
    if (judges)
        judge_members_describe (judges, spec);
    set_policy (config, pool, spec);
    set_run (config, spec);
    if (strcmp (config->policy.name, "auto") == 0)
        status = set_recipe (config, out, fault);
    else if (adapter)
        set_served (adapter, out);
    else if (config->policy.adapter)
        status = set_adapter (config, pool, out, fault);
    else if (config->policy.weights)
        status = set_weights (config, pool, out, fault);
    if (status == OK && strcmp (config->judge.name, "lexicon") == 0)
        say_without_phrases (pool);
    return status;
}
