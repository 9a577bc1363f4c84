// From a configuration to the specification of a run: what belongs to it, and contradictions.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "model/selection.h"
#include "ops/spec.h"
#include "storage/run.h"

// The digest of the run that assignments (ended by NULL) ask for, or the message of a refusal.
static status_t build (digest_t *digest, fault_t *fault, ...)
{
    config_t *config = config_new ();
    rulepool_t *pool = NULL;
    buf_t yaml = { 0 };
    status_t status = OK;
    va_list args;
    va_start (args, fault);
    const char *next;
    while (status == OK && (next = va_arg (args, const char *)))
        status = config_assign (config, next, fault);
    va_end (args);
    if (status == OK)
        status = spec_pool (config, &pool, &yaml, fault);
    spec_t spec = { .weights = { 0 } };
    if (status == OK)
        status = spec_build (config, NULL, NULL, pool, &spec, fault);
    if (status == OK)
        *digest = run_digest (&spec.message);
    spec_clear (&spec);
    rulepool_destroy (&pool);
    buf_free (&yaml);
    config_destroy (&config);
    return status;
}

static bool same (const char *one, const char *other)
{
    digest_t a, b;
    fault_t fault = { 0 };
    if (build (&a, &fault, one, NULL) != OK || build (&b, &fault, other, NULL) != OK)
        fail_msg ("%s", fault.text);
    return digest_equal (&a, &b);
}

static void refused (const char *part, const char *one, const char *other)
{
    digest_t digest;
    fault_t fault = { 0 };
    assert_int_equal (build (&digest, &fault, one, other, NULL), ERR_USAGE);
    if (strstr (fault.text, part) == NULL)
        fail_msg ("\"%s\" lacks \"%s\"", fault.text, part);
}

static void test_what_names_a_run (void **state)
{
    (void) state;
    assert_true (same ("policy.top=5", "run.seed=1"));                  // both are the defaults
    assert_false (same ("policy.top=5", "policy.top=4"));
    assert_false (same ("run.seed=1", "run.seed=2"));
    assert_false (same ("run.tie_margin=0", "run.tie_margin=0.000001"));
    assert_false (same ("policy.name=exhaustive", "policy.name=discrepancy"));
    assert_true (same ("workers=1", "workers=9"));
    assert_true (same ("export.format=text", "export.format=implicit"));
}

// k says nothing where all rules are used.
static void test_what_a_policy_ignores (void **state)
{
    (void) state;
    digest_t a, b;
    fault_t fault = { 0 };
    assert_int_equal (build (&a, &fault, "policy.name=all", "policy.top=3", NULL), OK);
    assert_int_equal (build (&b, &fault, "policy.name=all", "policy.top=9", NULL), OK);
    assert_true (digest_equal (&a, &b));
}

static void test_contradictions (void **state)
{
    (void) state;
    refused ("--judge replay", "judge.scores=x.jsonl", "workers=1");
    refused ("--judge replay", "judge.compat=published", "workers=1");
    refused ("needs rules", "policy.name=fixed", "workers=1");
    refused ("take it out", "policy.fixed=[declines-violent-instructions]", "policy.name=random");
    refused ("did you mean declines-violent-instructions?", "policy.fixed=[declines-violent-instruction]", "policy.name=fixed");
    refused ("twice", "policy.fixed=[declines-violent-instructions, declines-violent-instructions]", "policy.name=fixed");
    refused ("exhaustive", "policy.weight_relevance=2", "policy.name=all");
}

static void test_published (void **state)
{
    (void) state;
    config_t *config = config_new ();
    fault_t fault = { 0 };
    assert_int_equal (config_assign (config, "judge.compat=published", &fault), OK);
    assert_int_equal (config_assign (config, "judge.name=replay", &fault), OK);
    rulepool_t *pool = NULL;
    buf_t yaml = { 0 };
    assert_int_equal (spec_pool (config, &pool, &yaml, &fault), OK);
    spec_t spec;
    assert_int_equal (spec_build (config, NULL, NULL, pool, &spec, &fault), OK);
    assert_string_equal (spec.message.ties, "b");
    assert_string_equal (spec.message.orientation, "stored");
    assert_int_equal (spec.message.tie_margin, 0);
    assert_int_equal (spec.message.weight_discrepancy, MICRO / 2);
    assert_true (spec_scores (config).raw);

    assert_int_equal (config_assign (config, "run.orientation=hashed", &fault), OK);
    spec_clear (&spec);
    assert_int_equal (spec_build (config, NULL, NULL, pool, &spec, &fault), ERR_USAGE);
    spec_clear (&spec);
    rulepool_destroy (&pool);
    buf_free (&yaml);
    config_destroy (&config);
}

static void test_pool_files (void **state)
{
    (void) state;
    digest_t digest;
    fault_t fault = { 0 };
    assert_int_equal (build (&digest, &fault, "rules.file=/no/such/rules.yaml", NULL), ERR_USAGE);
    assert_non_null (strstr (fault.text, "/no/such/rules.yaml: No such file"));
    assert_int_equal (build (&digest, &fault, "rules.file=/tmp", NULL), ERR_USAGE);
    assert_true (same ("rules.file=" SOURCE_DIR "/model/rules.yaml", "workers=1"));
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_what_names_a_run),
        cmocka_unit_test (test_what_a_policy_ignores),
        cmocka_unit_test (test_contradictions),
        cmocka_unit_test (test_published),
        cmocka_unit_test (test_pool_files),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
