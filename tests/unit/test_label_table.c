// What a labelling worker holds: responses that the judge can't answer for some rules, items that wait for them, leases without calls left.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "worker/label_table.h"

enum { CELLS = 6 };

typedef struct {
    label_table_t table;
    label_lease_t *lease;
    label_response_t *a, *b;
    label_item_t *item;
} fixture_t;

static int begin (void **state)
{
    static fixture_t f;
    const content_key_t key = { { 1 } };
    f = (fixture_t) { .table = { .n_cells = CELLS } };
    f.lease = label_lease_get (&f.table, 7);
    f.a = label_response_new (&f.table, f.lease, 1, &key);
    f.b = label_response_new (&f.table, f.lease, 2, &key);
    f.item = label_item_new (&f.table, f.lease, 100, f.a, f.b);
    *state = &f;
    return 0;
}

static int end (void **state)
{
    fixture_t *f = *state;
    label_table_free (&f->table);
    return 0;
}

static void failed (fixture_t *f, label_response_t *response, uint32_t cell, const char *why, const char *raw)
{
    label_response_failed (&f->table, response, &(label_unanswered_t) { cell, why, raw, false });
}

static void test_cells_without_an_answer (void **state)
{
    fixture_t *f = *state;
    failed (f, f->a, 3, "first", "raw");
    assert_non_null (f->a->unanswered);
    assert_true (f->a->unanswered [2]);
    assert_false (f->a->unanswered [3]);
    assert_string_equal (f->a->raw, "raw");
    failed (f, f->a, CELLS, "last", NULL);                // the reason is that of the last one
    assert_true (f->a->unanswered [2] && f->a->unanswered [CELLS - 1]);
    assert_string_equal (f->a->failure, "last");
    assert_null (f->a->raw);
}

static void test_a_response_without_any (void **state)
{
    fixture_t *f = *state;
    failed (f, f->a, 1, "one rule", NULL);
    failed (f, f->a, 0, "all of it", NULL);
    assert_null (f->a->unanswered);
    assert_string_equal (f->a->failure, "all of it");
    failed (f, f->a, 2, "one rule", NULL);                // no more can be known of it
    assert_null (f->a->unanswered);
    assert_string_equal (f->a->failure, "all of it");
    failed (f, f->b, CELLS + 1, "a cell that there is not", NULL);
    assert_null (f->b->unanswered);
    assert_non_null (f->b->failure);
}

// A response is asked about while an item waits for it that its other one does not set aside.
static void test_who_is_wanted (void **state)
{
    fixture_t *f = *state;
    assert_true (label_response_wanted (f->a));
    failed (f, f->b, 2, "one rule", NULL);                // which the item may not need
    assert_true (label_response_wanted (f->a));
    f->item->doomed = true;
    assert_false (label_response_wanted (f->a));
    f->item->doomed = false;
    failed (f, f->b, 0, "all of it", NULL);
    assert_false (label_response_wanted (f->a));
    assert_true (label_response_wanted (f->b));
}

static void test_a_lease_without_calls (void **state)
{
    fixture_t *f = *state;
    assert_false (label_lease_is_out (f->lease));       // nobody said yet
    const spend_t none = spend_of (0, SPEND_NO_LIMIT, SPEND_NO_LIMIT), bound = spend_of (1, 10, 0);
    label_lease_grant (f->lease, &none);
    assert_true (label_lease_is_out (f->lease));
    assert_true (f->lease->over);
    assert_int_equal (f->lease->need.unit [SPEND_CALLS], 1);
    label_lease_t *other = label_lease_get (&f->table, 8);
    const spend_t one = spend_of (1, SPEND_NO_LIMIT, SPEND_NO_LIMIT);
    label_lease_grant (other, &one);
    assert_false (label_lease_is_out (other));
    assert_int_equal (label_lease_leave (other, &bound), JUDGE_MAY);
    assert_false (label_lease_is_out (other));          // what is in flight may come back
    label_lease_used (other, &(judge_used_t) { .bound = bound, .spent = bound });
    assert_true (label_lease_is_out (other));
    label_lease_rest (&f->table, other);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test_setup_teardown (test_cells_without_an_answer, begin, end),
        cmocka_unit_test_setup_teardown (test_a_response_without_any, begin, end),
        cmocka_unit_test_setup_teardown (test_who_is_wanted, begin, end),
        cmocka_unit_test_setup_teardown (test_a_lease_without_calls, begin, end),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
