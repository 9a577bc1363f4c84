// Stores side by side: pairs, duplicates and rejects come in the order of places, whichever store they are in.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "storage/dataset_merge.h"
#include "tests/unit/folder_fixture.h"

enum { STORES = 3, RUN = 4 };

typedef struct {
    folder_fixture_t folder;
    store_t *store [STORES];
    uint64_t pairs [STORES];
    Rulemill__RunRecord run;
    dataset_source_t sources [STORES];
    buf_t told;             // what came, in words
} world_t;

static int set_up (void **state)
{
    world_t *w = mem_zero (1, sizeof *w);
    folder_fixture_make (&w->folder);
    rulemill__run_record__init (&w->run);
    w->run.number = RUN;
    for (int s = 0; s < STORES; s++) {
        char *dir = mem_printf ("%s/%d", w->folder.path, s);
        fault_t fault;
        if (store_open (dir, &(store_options_t) { .create = true }, &w->store [s], &fault) != OK)
            fail_msg ("%s", fault.text);
        w->sources [s] = (dataset_source_t) { w->store [s], &w->run, "part" };
        free (dir);
    }
    *state = w;
    return 0;
}

static int tear_down (void **state)
{
    world_t *w = *state;
    for (int s = 0; s < STORES; s++)
        store_close (&w->store [s]);
    folder_fixture_remove (&w->folder);
    buf_free (&w->told);
    free (w);
    return 0;
}

static void write_batch (store_t *store, store_batch_t *batch)
{
    fault_t fault;
    if (store_write (store, batch, &fault) != OK)
        fail_msg ("%s", fault.text);
    store_batch_destroy (&batch);
}

// A pair of prompt `prompt` in a row of its own, or with the row's others.
static void add_pair (world_t *w, int s, uint64_t row, uint32_t i, uint32_t j, uint64_t prompt)
{
    store_batch_t *batch = store_batch_new (w->store [s]);
    uint8_t key [KEY_BYTES] = { (uint8_t) row, (uint8_t) i, (uint8_t) j };
    char id [16];
    snprintf (id, sizeof id, "r%u", (unsigned) row);
    Rulemill__RowRecord record = RULEMILL__ROW_RECORD__INIT;
    record.id = id;
    record_put_row (batch, 0, row, &record);
    Rulemill__Place place = RULEMILL__PLACE__INIT;
    place.row = row;
    place.i = i;
    place.j = j;
    Rulemill__PairRecord pair = RULEMILL__PAIR_RECORD__INIT;
    pair.key = (ProtobufCBinaryData) { KEY_BYTES, key };
    pair.place = &place;
    pair.prompt = prompt;
    pair.listed = j > 1;
    record_put_pair (batch, w->pairs [s]++, &pair);
    write_batch (w->store [s], batch);
}

static void add_duplicate (world_t *w, int s, uint64_t pair, uint64_t row)
{
    store_batch_t *batch = store_batch_new (w->store [s]);
    char id [16];
    snprintf (id, sizeof id, "d%u", (unsigned) row);
    Rulemill__RowRecord record = RULEMILL__ROW_RECORD__INIT;
    record.id = id;
    record_put_row (batch, 0, row, &record);
    record_put_duplicate (batch, pair, (place_t) { .row = row, .j = 1 }, &(Rulemill__DuplicateRecord) RULEMILL__DUPLICATE_RECORD__INIT);
    write_batch (w->store [s], batch);
}

static void add_reject (world_t *w, int s, uint32_t input, uint64_t row, uint32_t place)
{
    store_batch_t *batch = store_batch_new (w->store [s]);
    record_put_reject (batch, (place_t) { input, row, place, place }, &(Rulemill__RejectRecord) RULEMILL__REJECT_RECORD__INIT);
    write_batch (w->store [s], batch);
}

static status_t on_duplicate (void *ctx, const dataset_item_t *pair, place_t place, const Rulemill__RowRecord *row,
                              const Rulemill__DuplicateRecord *duplicate, fault_t *fault)
{
    (void) fault;
    assert_non_null (duplicate);
    assert_int_equal (place.j, 1);
    buf_printf (&((world_t *) ctx)->told, "%s=%s ", row->id, pair->id);
    return OK;
}

static status_t on_reject (void *ctx, store_t *store, place_t place, const Rulemill__RejectRecord *reject, fault_t *fault)
{
    (void) reject;
    (void) fault;
    world_t *w = ctx;
    int s = 0;
    while (w->store [s] != store)
        s++;
    buf_printf (&w->told, "x%u.%u.%u@%d ", place.input, (unsigned) place.row, place.i, s);
    return OK;
}

static const char *merged (world_t *w, size_t n, bool all)
{
    const dataset_merge_options_t options = { WALK_NO_TEXTS, all ? on_duplicate : NULL, all ? on_reject : NULL, w };
    dataset_merge_t *merge = dataset_merge_new (w->sources, n, &options);
    const dataset_item_t *item;
    fault_t fault = { 0 };
    uint64_t order = 0;
    buf_clear (&w->told);
    while (dataset_merge_next (merge, &item, &fault) == OK && item) {
        assert_int_equal (item->order, order++);
        assert_int_equal (item->prompt_id, item->pair->prompt * n + item->source);
        buf_printf (&w->told, "%s@%u#%u ", item->id, (unsigned) item->source, (unsigned) item->number);
    }
    assert_int_equal (fault.code, OK);
    assert_null (item);
    assert_int_equal (dataset_merge_next (merge, &item, &fault), OK);       // and stays at the end
    assert_null (item);
    dataset_merge_destroy (&merge);
    return w->told.data ? w->told.data : "";
}

static void test_places_decide (void **state)
{
    world_t *w = *state;
    add_pair (w, 0, 2, 0, 1, 0);
    add_pair (w, 0, 9, 0, 1, 1);
    add_pair (w, 1, 1, 0, 2, 0);
    add_pair (w, 1, 1, 1, 2, 0);
    add_pair (w, 1, 8, 0, 1, 1);
    add_duplicate (w, 1, 0, 12);
    add_duplicate (w, 0, 0, 11);
    add_reject (w, 0, 0, 1, 3);     // a response of a row before it, or of the same
    add_reject (w, 1, 0, 3, 0);
    add_reject (w, 2, 0, 4, 0);
    add_reject (w, 0, 0, 5, 0);
    add_reject (w, 2, 1, 1, 0);
    add_reject (w, 0, 1, 2, 0);
    assert_string_equal (merged (w, 3, true), "d12=r1#0-2 r1#0-2@1#0 r1#1-2@1#1 x0.1.3@0 d11=r2 r2@0#0 x0.3.0@1 x0.4.0@2 x0.5.0@0 "
                                              "r8@1#2 r9@0#1 x1.1.0@2 x1.2.0@0 ");
    assert_string_equal (merged (w, 3, false), "r1#0-2@1#0 r1#1-2@1#1 r2@0#0 r8@1#2 r9@0#1 ");
    assert_string_equal (merged (w, 1, true), "x0.1.3@0 d11=r2 r2@0#0 x0.5.0@0 r9@0#1 x1.2.0@0 ");
}

static void test_nothing_to_merge (void **state)
{
    world_t *w = *state;
    assert_string_equal (merged (w, 3, true), "");
    add_reject (w, 1, 0, 7, 0);
    add_reject (w, 2, 0, 6, 0);
    assert_string_equal (merged (w, 3, true), "x0.6.0@2 x0.7.0@1 ");
}

// What is missing of a store is told, not passed over.
static void test_a_store_without_its_row (void **state)
{
    world_t *w = *state;
    add_pair (w, 0, 1, 0, 1, 0);
    add_pair (w, 1, 2, 0, 1, 0);
    store_batch_t *batch = store_batch_new (w->store [1]);
    store_batch_delete_all (batch, TABLE_ROWS);
    write_batch (w->store [1], batch);
    const dataset_merge_options_t options = { .depth = WALK_NO_TEXTS };
    dataset_merge_t *merge = dataset_merge_new (w->sources, STORES, &options);
    const dataset_item_t *item;
    fault_t fault = { 0 };
    assert_int_equal (dataset_merge_next (merge, &item, &fault), OK);
    assert_string_equal (item->id, "r1");
    assert_int_equal (dataset_merge_next (merge, &item, &fault), ERR_CORRUPT);
    assert_null (item);
    dataset_merge_destroy (&merge);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test_setup_teardown (test_places_decide, set_up, tear_down),
        cmocka_unit_test_setup_teardown (test_nothing_to_merge, set_up, tear_down),
        cmocka_unit_test_setup_teardown (test_a_store_without_its_row, set_up, tear_down)
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
