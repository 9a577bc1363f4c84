// Runs: their names change with everything that decides a label and with nothing else.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/run.h"

static int remove_one (const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void) info, (void) kind, (void) at;
    return remove (path);
}

static void remove_tree (const char *path)
{
    nftw (path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static uint8_t bytes_1 [32] = { 1, 0xAB }, bytes_2 [32] = { 2 };

static Rulemill__RunSpec example (void)
{
    Rulemill__RunSpec spec = RULEMILL__RUN_SPEC__INIT;
    spec.method = METHOD_VERSION;
    spec.pool = (ProtobufCBinaryData) { 32, bytes_1 };
    spec.judge = "lexicon";
    spec.judge_identity = (ProtobufCBinaryData) { 32, bytes_2 };
    spec.policy = "exhaustive";
    spec.weight_relevance = 1000000;
    spec.weight_discrepancy = 500000;
    spec.top = 5;
    spec.seed = 1;
    spec.orientation = "hashed";
    spec.ties = "tie";
    spec.missing = "quarantine";
    return spec;
}

static void test_describe (void **state)
{
    (void) state;
    Rulemill__RunSpec spec = example ();
    buf_t text = { 0 };
    run_describe (&spec, &text);
    assert_non_null (strstr (text.data, "method: 1\nrules: 01ab00"));
    assert_non_null (strstr (text.data, "\npolicy: exhaustive\nweight_relevance: 1.0\nweight_discrepancy: 0.5\ntop: 5\nfixed_rules: (none)\n"));
    assert_non_null (strstr (text.data, "\nexclude: (none)\nrecipe: (none)\nadapter: (none)\n"));
    buf_free (&text);
}

#define EXPECT_OTHER(change) \
    do { \
        Rulemill__RunSpec s = example (); \
        change; \
        digest_t other = run_digest (&s); \
        assert_false (digest_equal (&base, &other)); \
    } while (0)

static void test_digest (void **state)
{
    (void) state;
    Rulemill__RunSpec spec = example ();
    digest_t base = run_digest (&spec), again = run_digest (&spec);
    assert_true (digest_equal (&base, &again));
    EXPECT_OTHER (s.method = 2);
    EXPECT_OTHER (s.pool.data = bytes_2);
    EXPECT_OTHER (s.judge = "replay");
    EXPECT_OTHER (s.judge_identity.data = bytes_1);
    EXPECT_OTHER (s.policy = "all");
    EXPECT_OTHER (s.weight_relevance = 1);
    EXPECT_OTHER (s.weight_discrepancy = 1);
    EXPECT_OTHER (s.top = 6);
    EXPECT_OTHER (s.seed = 2);
    EXPECT_OTHER (s.tie_margin = 1);
    EXPECT_OTHER (s.orientation = "stored");
    EXPECT_OTHER (s.ties = "b");
    EXPECT_OTHER (s.missing = "irrelevant");
    EXPECT_OTHER (s.recipe = "x");
    EXPECT_OTHER (s.adapter = ((ProtobufCBinaryData) { 32, bytes_1 }));
}

// Texts that would look alike without quotes do not name one run; the order of benchmark files names no other.
static void test_injective (void **state)
{
    (void) state;
    char *one [] = { "a, b" }, *two [] = { "a", "b" }, *turned [] = { "b", "a" }, *none [] = { "(none)" };
    Rulemill__RunSpec spec = example (), other = example ();
    spec.fixed_rules = one, spec.n_fixed_rules = 1;
    other.fixed_rules = two, other.n_fixed_rules = 2;
    digest_t a = run_digest (&spec), b = run_digest (&other);
    assert_false (digest_equal (&a, &b));
    other.fixed_rules = turned;
    a = run_digest (&other);
    assert_false (digest_equal (&a, &b));
    spec.fixed_rules = none;
    other.n_fixed_rules = 0;
    a = run_digest (&spec), b = run_digest (&other);
    assert_false (digest_equal (&a, &b));
    spec = example (), other = example ();
    spec.recipe = "x\ntop: 9";
    a = run_digest (&spec);
    other.recipe = "x";
    b = run_digest (&other);
    assert_false (digest_equal (&a, &b));

    ProtobufCBinaryData files [] = { { 32, bytes_1 }, { 32, bytes_2 } }, swapped [] = { { 32, bytes_2 }, { 32, bytes_1 } };
    spec = example (), other = example ();
    spec.exclude = files, spec.n_exclude = 2;
    other.exclude = swapped, other.n_exclude = 2;
    a = run_digest (&spec), b = run_digest (&other);
    assert_true (digest_equal (&a, &b));
}

static void test_difference (void **state)
{
    (void) state;
    Rulemill__RunSpec stored = example (), asked = example ();
    buf_t text = { 0 };
    run_difference (&stored, "in the store", &asked, "asked for", &text);
    assert_int_equal (text.len, 0);
    asked.seed = 2;
    asked.weight_relevance = 0;
    asked.judge = "re play";
    run_difference (&stored, "in the store", &asked, "asked for", &text);
    assert_string_equal (text.data, "judge: lexicon in the store, \"re play\" asked for\n"
                                    "weight_relevance: 1.0 in the store, 0.0 asked for\n"
                                    "seed: 1 in the store, 2 asked for\n");
    buf_clear (&text);
    asked.policy = "random";                // the weights follow from it
    run_difference (&stored, "in the store", &asked, "asked for", &text);
    assert_null (strstr (text.data, "weight_relevance"));
    assert_non_null (strstr (text.data, "random asked for\n"));
    buf_free (&text);
}

static void test_difference_of_recipes (void **state)
{
    (void) state;
    Rulemill__RunSpec stored = example (), asked = example ();
    buf_t text = { 0 };
    stored.recipe = "{\"costly\":true,\"judged_max\":20,\"accept\":false,\"training\":{\"form\":\"cells\",\"bits\":16}}";
    asked.recipe = "{\"costly\":true,\"judged_max\":30,\"accept\":true,\"training\":{\"form\":\"rank\",\"bits\":16,\"judged\":7}}";
    run_difference (&stored, "in the store", &asked, "asked for", &text);
    assert_string_equal (text.data, "auto.judged_max: 20 in the store, 30 asked for\n"
                                    "auto.accept_adapter: no in the store, yes asked for\n"
                                    "adapter.form: cells in the store, rank asked for\n"
                                    "adapter.judged: (none) in the store, 7 asked for\n");
    buf_clear (&text);
    stored.recipe = "";
    run_difference (&stored, "in the store", &asked, "asked for", &text);
    assert_non_null (strstr (text.data, "recipe: (none) in the store, "));
    buf_free (&text);
}

static void test_name (void **state)
{
    (void) state;
    digest_t digest = { { 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD } };
    char name [20];
    run_name (&digest, name);
    assert_string_equal (name, "run-0123456789ab");
}

static void put_run (store_t *store, uint32_t number, uint8_t first, uint8_t second)
{
    fault_t fault = { 0 };
    uint8_t digest [32] = { first, second };
    Rulemill__RunSpec spec = example ();
    Rulemill__RunRecord run = RULEMILL__RUN_RECORD__INIT;
    run.number = number;
    run.digest = (ProtobufCBinaryData) { 32, digest };
    run.spec = &spec;
    store_batch_t *batch = store_batch_new (store);
    record_put_run (batch, &run);
    record_put_last_run (batch, number);
    assert_int_equal (store_commit (store, batch, &fault), OK);
    store_batch_destroy (&batch);
}

static void expect_found (store_t *store, const char *text, uint32_t number)
{
    fault_t fault = { 0 };
    Rulemill__RunRecord *run;
    assert_int_equal (run_find (store, text, &run, &fault), OK);
    assert_int_equal (run->number, number);
    rulemill__run_record__free_unpacked (run, NULL);
}

static void expect_refused (store_t *store, const char *text, status_t status, const char *says)
{
    fault_t fault = { 0 };
    Rulemill__RunRecord *run;
    assert_int_equal (run_find (store, text, &run, &fault), status);
    assert_null (run);
    assert_non_null (strstr (fault.text, says));
}

static void test_find (void **state)
{
    (void) state;
    char dir [] = "/tmp/rulemill-run-XXXXXX";
    fault_t fault = { 0 };
    store_t *store;
    assert_non_null (mkdtemp (dir));
    assert_int_equal (store_open (dir, &(store_options_t) { .create = true }, &store, &fault), OK);
    expect_refused (store, NULL, ERR_NOT_FOUND, "no runs yet");
    expect_refused (store, "abcd", ERR_NOT_FOUND, "no runs yet");
    put_run (store, 0, 0xAB, 0xCD);
    put_run (store, 1, 0xAB, 0xCE);
    put_run (store, 2, 0x12, 0x34);
    put_run (store, 300, 0xFF, 0xFF);
    expect_found (store, NULL, 300);
    expect_found (store, "abcd", 0);
    expect_found (store, "run-ABCE00", 1);
    expect_found (store, "run-123400000000", 2);
    expect_found (store, "ffff", 300);
    expect_refused (store, "abc", ERR_NOT_FOUND, "at least 4");
    expect_refused (store, "9999", ERR_NOT_FOUND, "run-123400000000");
    expect_refused (store, "nonsense", ERR_NOT_FOUND, "there are:");
    expect_refused (store, "", ERR_NOT_FOUND, "there are:");
    store_close (&store);
    remove_tree (dir);
}

static void test_ambiguous (void **state)
{
    (void) state;
    char dir [] = "/tmp/rulemill-run-XXXXXX";
    fault_t fault = { 0 };
    store_t *store;
    assert_non_null (mkdtemp (dir));
    assert_int_equal (store_open (dir, &(store_options_t) { .create = true }, &store, &fault), OK);
    uint8_t one [32] = { 0xAB, 0xCD, 1 }, two [32] = { 0xAB, 0xCD, 2 };
    uint8_t *digests [] = { one, two };
    store_batch_t *batch = store_batch_new (store);
    for (uint32_t n = 0; n < 2; n++) {
        Rulemill__RunSpec spec = example ();
        Rulemill__RunRecord run = RULEMILL__RUN_RECORD__INIT;
        run.number = n;
        run.digest = (ProtobufCBinaryData) { 32, digests [n] };
        run.spec = &spec;
        record_put_run (batch, &run);
    }
    assert_int_equal (store_write (store, batch, &fault), OK);
    expect_refused (store, "abcd", ERR_USAGE, "give more digits");
    expect_found (store, "abcd02", 1);
    store_batch_clear (batch);
    // A record without its specification, as nothing of ours writes.
    Rulemill__RunRecord bare = RULEMILL__RUN_RECORD__INIT;
    bare.number = 7;
    bare.digest = (ProtobufCBinaryData) { 32, bytes_1 };
    record_put_run (batch, &bare);
    record_put_last_run (batch, 7);
    assert_int_equal (store_write (store, batch, &fault), OK);
    expect_refused (store, NULL, ERR_CORRUPT, "specification");
    expect_refused (store, "abcd02", ERR_CORRUPT, "specification");
    store_batch_destroy (&batch);
    store_close (&store);
    remove_tree (dir);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_describe), cmocka_unit_test (test_digest), cmocka_unit_test (test_injective),
        cmocka_unit_test (test_difference),
        cmocka_unit_test (test_difference_of_recipes), cmocka_unit_test (test_name), cmocka_unit_test (test_find),
        cmocka_unit_test (test_ambiguous),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
