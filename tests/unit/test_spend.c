// Amounts of calls, tokens and cost; what a lease may use of its grant; amounts as people write them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ops/number.h"
#include "worker/label_table.h"

static void equal (spend_t a, spend_t b)
{
    assert_memory_equal (&a, &b, sizeof a);
}

static void amounts_stop_at_their_ends (void **state)
{
    (void) state;
    spend_t sum = spend_of (1, UINT64_MAX - 1, 3);
    const spend_t more = spend_of (2, 5, 0);
    spend_add (&sum, &more);
    equal (sum, spend_of (3, UINT64_MAX, 3));
    spend_t rest = spend_of (5, SPEND_NO_LIMIT, 1);
    const spend_t taken = spend_of (2, 100, 7);
    spend_take (&rest, &taken);
    equal (rest, spend_of (3, SPEND_NO_LIMIT, 0));
    assert_true (spend_is_limited (&rest));
    rest = spend_unlimited ();
    assert_false (spend_is_limited (&rest));
    assert_true (spend_covers (&rest, &sum));
    assert_false (spend_covers (&sum, &rest));
    assert_int_equal (product_u64 (3, 5), 15);
    assert_true (product_u64 (UINT64_MAX / 2, 3) == UINT64_MAX);
}

static void cost_is_exact (void **state)
{
    (void) state;
    const prices_t prices = { 150000, 75000, 600000 };
    assert_int_equal (prices_cost (&prices, 1000, 400, 10), 600ull * 150000 + 400ull * 75000 + 10ull * 600000);
    assert_int_equal (prices_cost (&prices, 10, 400, 0), 10ull * 75000);     // no more comes from the cache than there is
    assert_int_equal (prices_bound (&prices, 1000, 10), 1000ull * 150000 + 10ull * 600000);
    const prices_t odd = { 1, 2, 0 };
    assert_int_equal (prices_bound (&odd, 7, 100), 14);                     // a cache that costs more
    assert_true (prices_cost (&prices, UINT64_MAX, 0, 0) == UINT64_MAX);
}

static void a_lease_uses_its_grant_and_no_more (void **state)
{
    (void) state;
    label_table_t table = { .n_cells = 1 };
    label_lease_t *lease = label_lease_get (&table, 1);
    const spend_t grant = spend_of (3, 1000, SPEND_NO_LIMIT), again = spend_of (9, 9000, 9), bound = spend_of (1, 400, 77);
    label_lease_grant (lease, &grant);
    label_lease_grant (lease, &again);              // with its second batch
    assert_int_equal (label_lease_leave (lease, &bound), JUDGE_MAY);
    assert_int_equal (label_lease_leave (lease, &bound), JUDGE_MAY);
    assert_int_equal (label_lease_leave (lease, &bound), JUDGE_LATER);      // two are in flight, and may leave enough
    const judge_used_t cheap = { .bound = bound, .spent = spend_of (1, 100, 20), .usage = { .calls = 1, .prompt_tokens = 100 } };
    label_lease_used (lease, &cheap);
    equal (lease->left, spend_of (1, 500, SPEND_NO_LIMIT));
    assert_int_equal (label_lease_leave (lease, &bound), JUDGE_MAY);
    assert_int_equal (label_lease_leave (lease, &bound), JUDGE_LATER);
    const judge_used_t unsent = { .bound = bound }, whole = { .bound = bound, .spent = bound };
    label_lease_used (lease, &unsent);              // no place was free: nothing is used
    equal (lease->left, spend_of (1, 500, SPEND_NO_LIMIT));
    label_lease_used (lease, &whole);
    assert_int_equal (label_lease_leave (lease, &bound), JUDGE_MAY);
    label_lease_used (lease, &whole);
    assert_false (lease->over);
    assert_int_equal (label_lease_leave (lease, &bound), JUDGE_MAY_NOT);
    assert_true (lease->over);
    equal (lease->need, bound);
    equal (lease->unsaid.spent, spend_of (3, 900, 174));
    assert_int_equal (lease->unsaid.usage.calls, 1);
    label_table_free (&table);
}

static void what_a_server_counts_beyond_the_bound_is_spent (void **state)
{
    (void) state;
    label_table_t table = { .n_cells = 1 };
    label_lease_t *lease = label_lease_get (&table, 1);
    const spend_t grant = spend_of (5, 500, 0), bound = spend_of (1, 400, 0);
    label_lease_grant (lease, &grant);
    assert_int_equal (label_lease_leave (lease, &bound), JUDGE_MAY);
    const judge_used_t dear = { .bound = bound, .spent = spend_of (1, 700, 0) };
    label_lease_used (lease, &dear);
    equal (lease->left, spend_of (4, 0, 0));
    equal (lease->unsaid.spent, spend_of (1, 700, 0));
    label_table_free (&table);
}

static void refused (const char *text, unsigned decimals)
{
    fault_t fault = { 0 };
    uint64_t value = 77;
    assert_int_equal (number_decimal ("x", text, decimals, 1000, &value, &fault), ERR_USAGE);
    assert_int_equal (value, 77);
    assert_memory_equal (fault.text, "x", 1);
}

static void amounts_are_read_exactly (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    uint64_t value;
    assert_int_equal (number_decimal ("x", "0.15", 6, 1000, &value, &fault), OK);
    assert_int_equal (value, 150000);
    assert_int_equal (number_decimal ("x", "1000.0", 6, 1000, &value, &fault), OK);
    assert_int_equal (value, 1000000000);
    assert_int_equal (number_decimal ("x", "7", 0, 1000, &value, &fault), OK);
    assert_int_equal (value, 7);
    assert_int_equal (number_decimal ("x", "0.000000000001", 12, 10, &value, &fault), OK);
    assert_int_equal (value, 1);
    refused ("1000.1", 6);
    refused ("1001", 6);
    refused ("0.1234567", 6);
    refused ("", 6);
    refused (".5", 6);
    refused ("5.", 6);
    refused ("-1", 6);
    refused ("1e3", 6);
    refused ("12345678901234567890", 6);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (amounts_stop_at_their_ends),
        cmocka_unit_test (cost_is_exact),
        cmocka_unit_test (a_lease_uses_its_grant_and_no_more),
        cmocka_unit_test (what_a_server_counts_beyond_the_bound_is_spent),
        cmocka_unit_test (amounts_are_read_exactly),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
