// What the answers of vLLM's pooling routes mean, and what is wrong with a served adapter's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ops/adapter_check.h"
#include "worker/pooled.h"

static pooled_outcome_t read_as (pooled_route_t route, const char *body, size_t n, size_t width, double *value, char why [256])
{
    json_doc_t *doc = json_doc_new ();
    why [0] = '\0';
    pooled_outcome_t outcome = pooled_answer (route, doc, body, strlen (body), n, width, value, why);
    json_doc_destroy (&doc);
    return outcome;
}

static void test_routes (void **state)
{
    (void) state;
    pooled_route_t route;
    assert_true (pooled_route_of ("http://h:8001/classify", &route) && route == POOLED_CLASSIFY);
    assert_true (pooled_route_of ("/pooling", &route) && route == POOLED_POOLING);
    assert_true (pooled_route_of ("http://h/x/score", &route) && route == POOLED_SCORE);
    static const char *const none [] = { "", "classify", "http://h", "http://h/classify/", "http://h/v1", "http://h/classifyx" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false (pooled_route_of (none [i], &route));
}

static void test_values (void **state)
{
    (void) state;
    double value [6];
    char why [256];
    static const char out_of_order [] = "{\"data\":[{\"index\":1,\"probs\":[4,5,6],\"label\":\"x\"},{\"index\":0,\"probs\":[1,-2.5,3e-2]}]}";
    assert_int_equal (read_as (POOLED_CLASSIFY, out_of_order, 2, 3, value, why), POOLED_READ);
    static const double wanted [] = { 1, -2.5, 0.03, 4, 5, 6 };
    assert_memory_equal (value, wanted, sizeof wanted);
    assert_int_equal (read_as (POOLED_POOLING, "{\"data\":[{\"data\":[1,2]}]}", 1, 2, value, why), POOLED_READ);
    assert_int_equal (read_as (POOLED_POOLING, "{\"data\":[{\"data\":[[[7,8]]]}]}", 1, 2, value, why), POOLED_READ);
    assert_true (value [0] == 7 && value [1] == 8);
    // a pool of one rule
    assert_int_equal (read_as (POOLED_CLASSIFY, "{\"data\":[{\"probs\":[0.5]}]}", 1, 1, value, why), POOLED_READ);
    assert_int_equal (read_as (POOLED_POOLING, "{\"data\":[{\"data\":[[0.5]]}]}", 1, 1, value, why), POOLED_READ);
}

static void test_other_widths (void **state)
{
    (void) state;
    double value [6];
    char why [256];
    static const char *const bad [] = {
        "{\"data\":[{\"probs\":[]}]}", "{\"data\":[{\"probs\":[1]}]}", "{\"data\":[{\"probs\":[1,2,3]}]}", "{\"data\":[{\"probs\":[[1,2],[3,4]]}]}",
        "{\"data\":[{\"probs\":[[1],[2]]}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal (read_as (POOLED_CLASSIFY, bad [i], 1, 2, value, why), POOLED_OTHER_WIDTH);
        assert_non_null (strstr (why, "2 numbers are wanted"));
    }
    assert_int_equal (read_as (POOLED_CLASSIFY, "{\"data\":[{\"probs\":[1,2]}]}", 1, 1, value, why), POOLED_OTHER_WIDTH);
}

static void test_unreadable (void **state)
{
    (void) state;
    double value [6];
    char why [256];
    static const char *const bad [] = {
        "", "null", "[]", "{}", "<html>", "{\"data\":5}", "{\"data\":[]}", "{\"data\":[5]}", "{\"data\":[{}]}", "{\"data\":[{\"probs\":[1,2]",
        "{\"data\":[{\"probs\":[1,2]},{\"probs\":[1,2]}]}", "{\"data\":[{\"index\":1,\"probs\":[1,2]}]}", "{\"data\":[{\"index\":\"0\",\"probs\":[1,2]}]}",
        "{\"data\":[{\"index\":-1,\"probs\":[1,2]}]}", "{\"data\":[{\"probs\":[1,null]}]}", "{\"data\":[{\"probs\":[1,\"2\"]}]}",
        "{\"data\":[{\"probs\":[1,1e999]}]}", "{\"data\":[{\"probs\":[NaN,1]}]}", "{\"data\":[{\"probs\":\"high\"}]}", "{\"data\":[{\"probs\":0.5}]}",
        "{\"data\":[{\"data\":[1,2]}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal (read_as (POOLED_CLASSIFY, bad [i], 1, 2, value, why), POOLED_UNREADABLE);
        assert_true (why [0] != '\0' && strchr (why, '\n') == NULL);
    }
    static const char twice [] = "{\"data\":[{\"index\":0,\"probs\":[1,2]},{\"index\":0,\"probs\":[1,2]}]}";
    assert_int_equal (read_as (POOLED_CLASSIFY, twice, 2, 2, value, why), POOLED_UNREADABLE);
}

static const char yaml [] =
    "version: 1\nname: two\nrules:\n"
    "  - {id: one, text: The response is one., category: c, polarity: 1, lexicon: {for: [a], against: [b]}}\n"
    "  - {id: two, text: The response is two., category: c, polarity: 1, lexicon: {for: [c], against: [d]}}\n";

static void check (const rulepool_t *pool, const char *body, const char *said)
{
    fault_t fault = { 0 };
    status_t status = adapter_check_answer ("http://h/classify", body, strlen (body), pool, &fault);
    assert_int_equal (status, said ? ERR_USAGE : OK);
    if (said && strstr (fault.text, said) == NULL)
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, said);
}

static void test_is_it_the_adapter (void **state)
{
    (void) state;
    rulepool_t *pool;
    fault_t fault = { 0 };
    assert_int_equal (rulepool_parse ("two", yaml, sizeof yaml - 1, &pool, &fault), OK);
    check (pool, "{\"data\":[{\"probs\":[0.1,0.9]},{\"probs\":[0.2,0.8]}]}", NULL);
    check (pool, "{\"data\":[{\"probs\":[0.1,0.9],\"label\":\"two\"},{\"probs\":[0.8,0.2],\"label\":\"one\"}]}", NULL);
    check (pool, "{\"data\":[{\"probs\":[0.1,0.9],\"label\":\"LABEL_0\"},{\"probs\":[0.8,0.2],\"label\":null}]}", NULL);
    check (pool, "{\"data\":[{\"index\":1,\"probs\":[0.1,0.9],\"label\":\"two\"},{\"index\":0,\"probs\":[0.8,0.2],\"label\":\"one\"}]}", NULL);
    check (pool, "{\"data\":[{\"probs\":[0.1,0.9],\"label\":\"one\"},{\"probs\":[0.8,0.2],\"label\":\"two\"}]}", "another order of rules");
    check (pool, "{\"data\":[{\"probs\":[1,2,3]},{\"probs\":[1,2,3]}]}", "one output for each rule of the pool \"two\" (2)");
    check (pool, "{\"data\":[{\"probs\":[1,2]}]}", "can't be read");
    check (pool, "", "can't be read");
    rulepool_destroy (&pool);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_routes),
        cmocka_unit_test (test_values),
        cmocka_unit_test (test_other_widths),
        cmocka_unit_test (test_unreadable),
        cmocka_unit_test (test_is_it_the_adapter),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
