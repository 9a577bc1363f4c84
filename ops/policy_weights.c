#include "ops/policy_weights.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/selection.h"
#include "ops/read_file.h"

enum { FILE_BYTES_MAX = 16 * 1024 * 1024 };

// --- reading ---------------------------------------------------------------

static const json_value_t *find_rule (const json_value_t *rules, const char *id, size_t *place)
{
    *place = 0;
    for (const json_value_t *rule = rules->child; rule; rule = rule->next, ++*place)
        if (json_equals (json_get (rule, "id"), id))
            return rule;
    return NULL;
}

static status_t bad (const char *path, const char *id, const char *what, fault_t *fault)
{
    return fault_set (fault, ERR_FORMAT, "%s: rule %s: %s; write the file anew with rulemill report --weights", path, id, what);
}

static status_t read_weight (const char *path, const json_value_t *rule, const char *id, uint32_t *out, fault_t *fault)
{
    double weight;
    if (!json_double (json_get (rule, "weight"), &weight) || weight < 0 || weight > 1)
        return bad (path, id, "\"weight\" should be a number from 0 to 1", fault);
    *out = (uint32_t) llround (weight * MICRO);
    return OK;
}

// The rule at `place` of the file tells of those before it: which of the pool they are stands in index.
static status_t read_redundancy (const char *path, const json_value_t *rule, const char *id, size_t r, const int *index, size_t place,
                                 uint8_t *out, fault_t *fault)
{
    const json_value_t *list = json_get (rule, "redundancy");
    if (!json_is (list, JSON_ARRAY) || list->count != place)
        return bad (path, id, "\"redundancy\" should have a number for each rule before this one", fault);
    size_t at = 0;
    for (const json_value_t *one = list->child; one; one = one->next, at++) {
        int64_t percent;
        if (!json_int (one, &percent) || percent < 0 || percent > 100)
            return bad (path, id, "\"redundancy\" should hold whole numbers from 0 to 100", fault);
        if (index [at] >= 0)
            out [selection_place (r, (size_t) index [at])] = (uint8_t) percent;
    }
    return OK;
}

static status_t read_rules (const char *path, const json_value_t *rules, const rulepool_t *pool, policy_weights_t *out, fault_t *fault)
{
    int *index = mem_zero (rules->count + 1, sizeof *index);        // in the pool, of the file's rules
    const json_value_t *rule = rules->child;
    for (size_t i = 0; rule; rule = rule->next, i++) {
        const json_value_t *id = json_get (rule, "id");
        index [i] = json_is (id, JSON_STRING) ? rulepool_find (pool, id->text) : -1;
    }
    status_t status = OK;
    for (size_t r = 0; r < pool->count && status == OK; r++) {
        size_t place;
        const char *id = pool->rules [r].id;
        rule = find_rule (rules, id, &place);
        if (rule == NULL)
            status = fault_set (fault, ERR_USAGE, "%s has no weight for the rule %s; write the file anew from a run with this pool", path, id);
        else if (index [place] != (int) r)
            status = bad (path, id, "stands twice", fault);
        if (status == OK)
            status = read_weight (path, rule, id, &out->weight [r], fault);
        if (status == OK)
            status = read_redundancy (path, rule, id, r, index, place, out->redundancy, fault);
    }
    free (index);
    return status;
}

status_t policy_weights_load (const char *path, const rulepool_t *pool, policy_weights_t *out, fault_t *fault)
{
    size_t n = pool->count;
    *out = (policy_weights_t) { mem_zero (n + 1, sizeof *out->weight), mem_zero (n * n / 2 + 1, 1) };
    buf_t text = { 0 };
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root, *rules;
    int64_t version;
    status_t status = read_file (path, FILE_BYTES_MAX, &text, fault);
    if (status == OK && json_parse (doc, text.data, text.len, &root, fault) != OK)
        status = fault_prefix (fault, "%s", path);
    if (status == OK && (!json_int (json_get (root, "version"), &version) || version != 1))
        status = fault_set (fault, ERR_FORMAT, "%s: no rule weights of version 1; write them with rulemill report DIR --weights FILE", path);
    rules = status == OK ? json_get (root, "rules") : NULL;
    if (status == OK && !json_is (rules, JSON_ARRAY))
        status = fault_set (fault, ERR_FORMAT, "%s: \"rules\" should be a list", path);
    if (status == OK)
        status = read_rules (path, rules, pool, out, fault);
    json_doc_destroy (&doc);
    buf_free (&text);
    return status;
}

void policy_weights_free (policy_weights_t *weights)
{
    free (weights->weight);
    free (weights->redundancy);
    *weights = (policy_weights_t) { 0 };
}
