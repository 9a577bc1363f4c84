// From files to numbered pairs: duplicates, limits, interruptions, growth, refusals.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/ingest_fixture.h"

// --- what is stored --------------------------------------------------------

static void test_records (void **state)
{
    fixture_t *f = *state;
    put_file (f, "a.jsonl", "{\"id\": \"r1\", \"prompt\": \"p\", \"chosen\": \"x\", \"rejected\": \"y\", \"chosen_model\": \"m\", \"source\": \"s\", \"k\": 1}\n"
                       "\n"
                       "{\"prompt\": \"p\", \"chosen\": \"y\", \"rejected\": \"x\"}\n"
                       "{\"prompt\": \"p\", \"response_a\": \"x\", \"response_b\": \"y\", \"preference\": \"tie\"}\n"
                       "{\"prompt\": \"p\", \"response_a\": \"z\", \"response_b\": \"z\"}\n"
                       "{\"prompt\": \"q\", \"chosen\": \"x\"}\n");
    taken (f, f->one, "a.jsonl");
    counts (f, 5, 1, 2, 2);
    store_t *store = open_store (f, f->one);
    Rulemill__PairRecord *pair;
    assert_int_equal (record_get_pair (store, 0, &pair, &f->fault), OK);
    assert_int_equal (pair->response_a, 0);
    assert_int_equal (pair->response_b, 1);
    assert_int_equal (pair->given, RULEMILL__SIDE__SIDE_A);
    assert_string_equal (pair->model_a, "m");
    assert_int_equal (pair->place->row, 1);
    rulemill__pair_record__free_unpacked (pair, NULL);
    assert_int_equal (record_get_pair (store, 1, &pair, &f->fault), OK);
    assert_int_equal (pair->response_a, pair->response_b);
    assert_int_equal (pair->place->row, 5);
    rulemill__pair_record__free_unpacked (pair, NULL);
    Rulemill__RowRecord *row;
    assert_int_equal (record_get_row (store, 0, 1, &row, &f->fault), OK);
    assert_string_equal (row->id, "r1");
    assert_string_equal (row->source, "s");
    assert_string_equal (row->meta, "{\"k\":1}");
    rulemill__row_record__free_unpacked (row, NULL);
    assert_int_equal (record_get_row (store, 0, 3, &row, &f->fault), OK);
    assert_string_equal (row->id, "a.jsonl:3");
    rulemill__row_record__free_unpacked (row, NULL);
    store_iter_t *iter = record_walk_duplicates (store, 0);
    for (int n = 0; n < 2; n++, store_iter_next (iter)) {
        place_t place;
        assert_int_equal (record_duplicate_at (iter, &place), 0);
        Rulemill__DuplicateRecord *duplicate = record_read_duplicate (iter, &f->fault);
        assert_int_equal (place.row, n == 0 ? 3 : 4);
        assert_int_equal (duplicate->swapped, n == 0);
        assert_int_equal (duplicate->given, n == 0 ? RULEMILL__SIDE__SIDE_B : RULEMILL__SIDE__SIDE_TIE);
        rulemill__duplicate_record__free_unpacked (duplicate, NULL);
    }
    assert_false (store_iter_valid (iter));
    store_iter_destroy (&iter);
    iter = record_walk_rejects (store);
    assert_true (store_iter_valid (iter));
    assert_int_equal (record_place_at (iter).row, 6);
    Rulemill__RejectRecord *reject = record_read_reject (iter, &f->fault);
    assert_string_equal (reject->reason, "missing-field");
    rulemill__reject_record__free_unpacked (reject, NULL);
    store_iter_destroy (&iter);
    store_close (&store);
}

// The keys of all pairs, sorted by their order in the store.
static size_t pair_keys (fixture_t *f, const char *dir, content_key_t *out, size_t max, Rulemill__Side *given)
{
    store_t *store = open_store (f, dir);
    store_iter_t *iter = record_walk_pairs (store, 0);
    size_t n = 0;
    for (; store_iter_valid (iter) && n < max; store_iter_next (iter), n++) {
        Rulemill__PairRecord *pair = record_read_pair (iter, &f->fault);
        assert_true (pair->listed && pair->place->i < pair->place->j);
        memcpy (out [n].b, pair->key.data, KEY_BYTES);
        given [n] = pair->given;
        rulemill__pair_record__free_unpacked (pair, NULL);
    }
    store_iter_destroy (&iter);
    store_close (&store);
    return n;
}

static int by_key (const void *a, const void *b)
{
    return memcmp (a, b, KEY_BYTES);
}

static void test_chosen_pairs_do_not_depend_on_order (void **state)
{
    fixture_t *f = *state;
    f->options.pairs_max = 4;
    f->options.seed = 7;
    put_file (f, "a.jsonl", "{\"prompt\": \"p\", \"responses\": [\"a\", \"b\", \"c\", \"d\", \"e\"]}\n");
    put_file (f, "b.jsonl", "{\"prompt\": \"p\", \"responses\": [\"e\", \"c\", \"a\", \"b\", \"d\"]}\n");
    taken (f, f->one, "a.jsonl");
    taken (f, f->two, "b.jsonl");
    content_key_t one [20], two [20];
    Rulemill__Side given [20];
    assert_int_equal (pair_keys (f, f->one, one, 20, given), 4);
    assert_int_equal (pair_keys (f, f->two, two, 20, given), 4);
    qsort (one, 4, sizeof *one, by_key);
    qsort (two, 4, sizeof *two, by_key);
    assert_memory_equal (one, two, 4 * sizeof *one);
}

static void test_best_vs_rest (void **state)
{
    fixture_t *f = *state;
    f->options.pairs = PAIRS_BEST_VS_REST;
    put_file (f, "a.jsonl", "{\"prompt\": \"p\", \"responses\": [\"a\", \"b\", \"\", \"c\"], \"scores\": [1, 3, 9, 3]}\n"
                       "{\"prompt\": \"q\", \"responses\": [\"a\", \"b\"]}\n");
    taken (f, f->one, "a.jsonl");
    counts (f, 2, 1, 2, 0);
    content_key_t keys [4];
    Rulemill__Side given [4];
    assert_int_equal (pair_keys (f, f->one, keys, 4, given), 2);
    assert_int_equal (given [0], RULEMILL__SIDE__SIDE_B);
    assert_int_equal (given [1], RULEMILL__SIDE__SIDE_TIE);
    // Of the first row the third response alone is set aside, of the second all.
    store_t *store = open_store (f, f->one);
    store_iter_t *iter = record_walk_rejects (store);
    place_t place = record_place_at (iter);
    assert_true (place.row == 1 && place.i == 2 && place.j == 2);
    store_iter_next (iter);
    place = record_place_at (iter);
    assert_true (place.row == 2 && place.i == 0 && place.j == 0);
    store_iter_destroy (&iter);
    store_close (&store);
}

static void test_all_pairs (void **state)
{
    fixture_t *f = *state;
    f->options.pairs = PAIRS_ALL;
    put_file (f, "a.jsonl", "{\"prompt\": \"p\", \"responses\": [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"a\"]}\n");
    taken (f, f->one, "a.jsonl");
    // 28 pairs of places, of which six stand twice ("a" with each other) and one is "a" with itself.
    counts (f, 1, 0, 22, 6);
}

// --- real files ------------------------------------------------------------

static void check_real (fixture_t *f, const char *name, uint64_t rows, uint64_t rejected, uint64_t prompts)
{
    char *path = mem_printf ("%s/../shared/data/%s", SOURCE_DIR, name), *link = path_of (f, name);
    bool there = access (path, R_OK) == 0 && symlink (path, link) == 0;
    free (path);
    free (link);
    if (!there)
        skip ();
    taken (f, f->one, name);
    counts (f, rows, rejected, rows - rejected, 0);
    store_t *store = open_store (f, f->one);
    Rulemill__CorpusState *corpus;
    assert_int_equal (record_get_corpus (store, &corpus, &f->fault), OK);
    assert_true (corpus->complete);
    assert_int_equal (corpus->inputs [0]->rows, rows);
    assert_int_equal (corpus->prompts, prompts);
    rulemill__corpus_state__free_unpacked (corpus, NULL);
    store_close (&store);
}

static void test_real_transcripts (void **state)
{
    check_real (*state, "hh-harmless-base-test.jsonl.gz", 2312, 4, 2306);
}

static void test_real_pairs (void **state)
{
    check_real (*state, "coconot-pref.jsonl.gz", 927, 0, 919);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        INGEST_TEST (test_records),
        INGEST_TEST (test_chosen_pairs_do_not_depend_on_order),
        INGEST_TEST (test_best_vs_rest),
        INGEST_TEST (test_all_pairs),
        INGEST_TEST (test_real_transcripts),
        INGEST_TEST (test_real_pairs),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
