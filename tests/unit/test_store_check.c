// A store that is read through: what is counted, and what is found.
#include "dataset_fixture.h"

#include "storage/store_check.h"

static void good (fixture_t *f, const Rulemill__RunRecord *run, uint64_t pairs, uint64_t labels)
{
    store_check_t read;
    fault_t fault = { 0 };
    if (store_check (f->store, run, &read, &fault) != OK)
        fail_msg ("%s", fault.text);
    assert_int_equal (read.pairs, pairs);
    assert_int_equal (read.labels, labels);
    assert_true (read.records > pairs && read.bytes > read.records);
}

static void bad (fixture_t *f)
{
    store_check_t read;
    fault_t fault = { 0 };
    assert_int_equal (store_check (f->store, f->run, &read, &fault), ERR_CORRUPT);
    assert_true (fault.text [0] != '\0');
    fixture_free (f);
}

// Spoil or drop the last record of a table, and look again.
static void spoil (store_table_t table, const char *value)
{
    fixture_t *f = fixture_filled ();
    store_iter_t *iter = store_iter_new (f->store, table, "", 0, NULL, 0);
    buf_t key = { 0 };
    for (; store_iter_valid (iter); store_iter_next (iter)) {
        size_t len;
        const uint8_t *at = store_iter_key (iter, &len);
        buf_clear (&key);
        buf_add (&key, (const char *) at, len);
    }
    store_iter_destroy (&iter);
    assert_true (key.len > 0);
    if (value)
        store_batch_put (f->batch, table, key.data, key.len, value, strlen (value));
    else
        store_batch_delete (f->batch, table, key.data, key.len);
    fault_t fault = { 0 };
    assert_int_equal (store_commit (f->store, f->batch, &fault), OK);
    buf_free (&key);
    bad (f);
}

static void all_is_counted (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    good (f, f->run, 9, 8);
    good (f, NULL, 0, 0);
    fixture_free (f);
}

static void what_is_no_record_is_found (void **state)
{
    (void) state;
    static const store_table_t tables [] = { TABLE_TEXTS, TABLE_PAIRS, TABLE_ROWS, TABLE_DUPLICATES, TABLE_REJECTS, TABLE_LABELS };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        spoil (tables [i], "\xFF\xFF\xFF");
}

static void what_is_missing_is_found (void **state)
{
    (void) state;
    spoil (TABLE_TEXTS, NULL);
    spoil (TABLE_ROWS, NULL);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (all_is_counted),
        cmocka_unit_test (what_is_no_record_is_found),
        cmocka_unit_test (what_is_missing_is_found),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
