// Which rows are of which part, and what ingest makes of the others.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/ingest_fixture.h"

static void read_as (const char *text, uint32_t number, uint32_t of)
{
    corpus_part_t part;
    fault_t fault = { 0 };
    assert_int_equal (corpus_part_read ("--part", text, &part, &fault), OK);
    assert_int_equal (part.number, number);
    assert_int_equal (part.of, of);
    buf_t back = { 0 };
    corpus_part_write (part, &back);
    corpus_part_member (part, &back);
    assert_non_null (strstr (back.data, text));
    buf_free (&back);
}

static void refused_as (const char *text, const char *words)
{
    corpus_part_t part;
    fault_t fault = { 0 };
    assert_int_equal (corpus_part_read ("--part", text, &part, &fault), ERR_USAGE);
    assert_non_null (strstr (fault.text, words));
    assert_non_null (strstr (fault.text, "--part"));
}

static void test_reading (void **state)
{
    (void) state;
    read_as ("1/1", 1, 1);
    read_as ("2/4", 2, 4);
    read_as ("256/256", 256, 256);
    static const char *const odd [] = { "", "/", "1", "1/", "/4", "1/0", "a/b", "1/4x", "1 /4", " 1/4", "-1/4", "+1/4", "1/4/2", "1,4", "1/99999999999999999999" };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        refused_as (odd [i], "is not i/N");
    refused_as ("0/4", "counted from 1 to 4");
    refused_as ("5/4", "counted from 1 to 4");
    refused_as ("1/257", "at most");
    refused_as ("999999999/999999999", "at most");
}

static Rulemill__Conversation *prompt_of (const char *first, const char *second)
{
    static Rulemill__Turn turns [2];
    static Rulemill__Turn *list [2] = { &turns [0], &turns [1] };
    static Rulemill__Conversation conversation;
    for (int t = 0; t < 2; t++) {
        turns [t] = (Rulemill__Turn) RULEMILL__TURN__INIT;
        turns [t].role = "user";
        turns [t].content = (char *) (uintptr_t) (t ? second : first);
    }
    conversation = (Rulemill__Conversation) RULEMILL__CONVERSATION__INIT;
    conversation.turns = list;
    conversation.n_turns = second ? 2 : 1;
    return &conversation;
}

// Every row is of one part, whatever their number, and each part has its share.
static void test_each_row_is_of_one_part (void **state)
{
    (void) state;
    enum { ROWS = 3000 };
    static const uint32_t cuts [] = { 1, 2, 3, 7, 255, 256 };
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        uint32_t n = cuts [c], rows [256] = { 0 };
        for (int r = 0; r < (n <= 7 ? ROWS : 100); r++) {
            char text [32];
            snprintf (text, sizeof text, "Question %d", r);
            int read = 0, unread = 0;
            for (uint32_t i = 1; i <= n; i++) {
                corpus_part_t part = { i, n };
                bool has = corpus_part_has (part, 1, prompt_of (text, NULL));
                assert_int_equal (has, corpus_part_has (part, 1, prompt_of (text, "More of it")));    // conversations that begin alike
                read += has;
                rows [i - 1] += has;
                unread += corpus_part_has_unread (part, (uint64_t) r + 1);
            }
            assert_int_equal (read, 1);
            assert_int_equal (unread, 1);
        }
        for (uint32_t i = 0; n <= 7 && i < n; i++)
            assert_in_range (rows [i], ROWS / n * 85 / 100, ROWS / n * 115 / 100);
    }
}

static void test_a_whole_corpus_has_every_row (void **state)
{
    (void) state;
    assert_true (corpus_part_has ((corpus_part_t) { 0 }, 1, prompt_of ("Question", NULL)));
    assert_true (corpus_part_has_unread ((corpus_part_t) { 0 }, 17));
    assert_int_equal (corpus_part_of (NULL).of, 0);
}

static void test_the_seed_cuts (void **state)
{
    (void) state;
    int moved = 0;
    for (int r = 0; r < 200; r++) {
        char text [32];
        snprintf (text, sizeof text, "Question %d", r);
        corpus_part_t part = { 1, 2 };
        moved += corpus_part_has (part, 1, prompt_of (text, NULL)) != corpus_part_has (part, 2, prompt_of (text, NULL));
    }
    assert_in_range (moved, 60, 140);
}

// --- ingest ----------------------------------------------------------------

typedef struct { uint64_t rows, rejected, pairs, duplicates, passed, unusable; corpus_part_t part; } held_t;

// Rows of other parts of which the store knows what they are called.
static uint64_t rows_named (store_t *store)
{
    uint64_t rows = 0, hashes [PASSED_NAMES_MAX];
    store_iter_t *iter = record_walk_passed (store);
    for (; store_iter_valid (iter); store_iter_next (iter), rows++)
        assert_in_range (record_read_passed (iter, hashes), 1, PASSED_NAMES_MAX);
    store_iter_destroy (&iter);
    return rows;
}

static held_t held_by (fixture_t *f, const char *dir)
{
    store_t *store = open_store (f, dir);
    Rulemill__CorpusState *corpus = NULL;
    assert_int_equal (record_get_corpus (store, &corpus, &f->fault), OK);
    held_t held = { .rows = corpus->rows_read, .rejected = corpus->rows_rejected, .pairs = corpus->pairs, .duplicates = corpus->duplicates,
                    .part = corpus_part_of (corpus) };
    held.passed = corpus_part_passed (corpus, &held.unusable);
    assert_int_equal (rows_named (store), held.passed);
    rulemill__corpus_state__free_unpacked (corpus, NULL);
    store_close (&store);
    return held;
}

static void make_dir (fixture_t *f, char out [80], const char *name, int number)
{
    snprintf (out, 80, "%s/%s-%d", f->folder, name, number);
    assert_int_equal (mkdir (out, 0700), 0);
}

// The halves of a corpus: each row is counted in one and passed over in the other.
static void halves (fixture_t *f, const char *names, held_t *one, held_t *two)
{
    f->options.part = (corpus_part_t) { 1, 2 };
    taken (f, f->one, names);
    *one = held_by (f, f->one);
    f->options.part = (corpus_part_t) { 2, 2 };
    taken (f, f->two, names);
    *two = held_by (f, f->two);
    assert_int_equal (one->rows, two->passed);
    assert_int_equal (two->rows, one->passed);
    assert_int_equal (one->rejected, two->unusable);
    assert_int_equal (two->rejected, one->unusable);
}

static void test_ingest_takes_its_rows (void **state)
{
    fixture_t *f = *state;
    buf_t rows = { 0 };
    add_rows (&rows, 0, 60);
    buf_add_str (&rows, "no row\nno row\nno row\n");
    add_rows (&rows, 30, 60);
    put_file (f, "rows.jsonl", rows.data);
    buf_free (&rows);
    held_t one, two;
    halves (f, "rows.jsonl", &one, &two);
    assert_int_equal (one.rows + two.rows, 93);
    assert_int_equal (one.rejected + two.rejected, 3);
    assert_int_equal (one.pairs + two.pairs, 60);
    assert_int_equal (one.duplicates + two.duplicates, 30);
    assert_true (one.pairs > 10 && two.pairs > 10);
    assert_int_equal (two.part.number, 2);
    f->options.part = (corpus_part_t) { 1, 2 };
    refused (f, f->two, "rows.jsonl", ERR_MISMATCH, "part: 2/2, asked for is 1/2");
    refused (f, f->two, "", ERR_MISMATCH, "part: 2/2, asked for is 1/2");
    f->options.part = (corpus_part_t) { 0 };
    taken (f, f->two, "");
}

// The row that is cut off goes from the part of its number to the part of its prompt when it is whole.
static void test_a_torn_row_finds_its_part (void **state)
{
    fixture_t *f = *state;
    for (int n = 0; n < 4; n++) {
        char name [32], head [64];
        snprintf (name, sizeof name, "torn-%d.jsonl", n);
        snprintf (head, sizeof head, "{\"prompt\": \"Torn %d\", \"chosen\": \"A\", ", n);
        make_dir (f, f->one, "one", n);
        make_dir (f, f->two, "two", n);
        buf_t rows = { 0 };
        add_rows (&rows, 0, 20 + n % 2);
        buf_add_str (&rows, head);
        put_file (f, name, rows.data);
        buf_free (&rows);
        held_t one, two;
        halves (f, name, &one, &two);
        assert_int_equal (one.rejected + two.rejected, 1);
        uint64_t pairs = one.pairs + two.pairs;
        append_file (f, name, "\"rejected\": \"B\"}\n");
        halves (f, name, &one, &two);
        assert_int_equal (one.rejected + two.rejected, 0);
        assert_int_equal (one.pairs + two.pairs, pairs + 1);
        assert_int_equal (one.rows + two.rows, 21 + n % 2);
    }
}

static void test_a_barren_file_is_taken_back (void **state)
{
    fixture_t *f = *state;
    buf_t rows = { 0 };
    add_rows (&rows, 0, 40);
    put_file (f, "rows.jsonl", rows.data);
    put_file (f, "barren.jsonl", "no row\nno row\nno row\n");
    put_file (f, "one.jsonl", "{\"prompt\": \"Only one\", \"chosen\": \"A\", \"rejected\": \"B\"}\n");
    buf_free (&rows);
    held_t one, two;
    halves (f, "rows.jsonl barren.jsonl", &one, &two);
    assert_int_equal (one.rejected + two.rejected, 3);
    halves (f, "rows.jsonl", &one, &two);
    assert_int_equal (one.rejected + two.rejected, 0);
    assert_int_equal (one.rows + two.rows, 40);
    halves (f, "rows.jsonl one.jsonl", &one, &two);
    // Its row is of one part alone, and yet in neither part it was for nothing.
    f->options.part = (corpus_part_t) { 1, 2 };
    refused (f, f->one, "rows.jsonl", ERR_MISMATCH, "one.jsonl is missing");
    f->options.part = (corpus_part_t) { 2, 2 };
    refused (f, f->two, "rows.jsonl", ERR_MISMATCH, "one.jsonl is missing");
}

static void test_bad_rows_are_judged_over_all (void **state)
{
    fixture_t *f = *state;
    buf_t rows = { 0 };
    add_rows (&rows, 0, 7);
    buf_add_str (&rows, "no row\nno row\nno row\n");
    put_file (f, "rows.jsonl", rows.data);
    buf_free (&rows);
    f->options.bad_share_max = 0.29;
    for (uint32_t i = 1; i <= 5; i++) {
        f->options.part = (corpus_part_t) { i, 5 };
        char dir [80];
        make_dir (f, dir, "part", (int) i);
        refused (f, dir, "rows.jsonl", ERR_FORMAT, "3 of 10 rows can't be used");
        assert_non_null (strstr (f->fault.text, "(first: "));
        assert_non_null (strstr (f->fault.text, "rows.jsonl:8: "));
        refused (f, dir, "rows.jsonl", ERR_FORMAT, "rows.jsonl:8: ");     // again, from what the store has
    }
}

// A file whose beginning has changed is found out by its bytes, in whichever part its rows are.
static void test_a_changed_file_is_refused (void **state)
{
    fixture_t *f = *state;
    buf_t rows = { 0 };
    add_rows (&rows, 0, 20);
    put_file (f, "rows.jsonl", rows.data);
    held_t one, two;
    halves (f, "rows.jsonl", &one, &two);
    buf_clear (&rows);
    add_rows (&rows, 100, 125);
    put_file (f, "rows.jsonl", rows.data);
    buf_free (&rows);
    f->options.part = (corpus_part_t) { 1, 2 };
    refused (f, f->one, "rows.jsonl", ERR_MISMATCH, "has changed since it was read, from row");
}

// One row has changed: its own part says which, the other that it is none of its own.
static void test_a_row_of_another_part_has_changed (void **state)
{
    fixture_t *f = *state;
    buf_t rows = { 0 };
    add_rows (&rows, 0, 20);
    put_file (f, "rows.jsonl", rows.data);
    held_t one, two;
    halves (f, "rows.jsonl", &one, &two);
    char *changed = strstr (rows.data, "\"x7\"");
    assert_non_null (changed);
    changed [1] = 'X';
    put_file (f, "rows.jsonl", rows.data);
    buf_free (&rows);
    int named = 0, told = 0;
    for (uint32_t part = 1; part <= 2; part++) {
        f->options.part = (corpus_part_t) { part, 2 };
        refused (f, part == 1 ? f->one : f->two, "rows.jsonl", ERR_MISMATCH, "has changed since it was read");
        named += strstr (f->fault.text, "from row 8 on") != NULL;
        told += strstr (f->fault.text, "rows of this part say the same") != NULL;
    }
    assert_int_equal (named, 1);
    assert_int_equal (told, 1);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_reading),
        cmocka_unit_test (test_each_row_is_of_one_part),
        cmocka_unit_test (test_a_whole_corpus_has_every_row),
        cmocka_unit_test (test_the_seed_cuts),
        INGEST_TEST (test_ingest_takes_its_rows),
        INGEST_TEST (test_a_torn_row_finds_its_part),
        INGEST_TEST (test_a_barren_file_is_taken_back),
        INGEST_TEST (test_bad_rows_are_judged_over_all),
        INGEST_TEST (test_a_changed_file_is_refused),
        INGEST_TEST (test_a_row_of_another_part_has_changed)
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
