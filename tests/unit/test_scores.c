// Recorded scores: each form of line finds its responses, and nothing in a file can do more than be counted.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/scores_world.h"

static void test_by_side (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    import_ok (w, "{\"id\":\"one\",\"chosen\":{\"r-a\":0.5,\"r-c\":[0.2,0.7,0.1]},\"rejected\":[null,-1,[1,1,2,0.25]]}\n"
                  "{\"id\":2,\"chosen\":[1,1,1],\"rejected\":[-1,-1,-1]}\n");
    assert_int_equal (w->report.lines, 2);
    assert_int_equal (w->report.cells, 10);
    assert_int_equal (w->report.conflicts + w->report.bad_lines + w->report.unknown_rules, 0);
    expect_response (w, response_of (w, 0, 1), "-500000/900000/1000000 500000/1000000/1000000 - ");
    expect_response (w, response_of (w, 0, 2), "- -1000000/1000000/1000000 0/500000/250000 ");
    expect_response (w, response_of (w, 1, 2), "1000000/1000000/1000000 1000000/1000000/1000000 1000000/1000000/1000000 ");
    expect_response (w, response_of (w, 1, 1), "-1000000/1000000/1000000 -1000000/1000000/1000000 -1000000/1000000/1000000 ");
}

static void test_by_place (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    import_ok (w, "{\"id\":\"list\",\"responses\":[[0,0,0],null,[1,1,1]]}\n"
                  "\n"
                  "{\"id\":\"list\",\"response\":1,\"cells\":{\"r-a\":0.25}}\n"
                  "{\"id\":\"one\",\"response\":1,\"cells\":{\"r-a\":-0.25}}\n");
    assert_int_equal (w->report.lines, 3);
    expect_response (w, response_of (w, 2, 1), "0/1000000/1000000 0/1000000/1000000 0/1000000/1000000 ");
    expect_response (w, response_of (w, 2, 2), "- 250000/1000000/1000000 - ");
    expect_response (w, response_of (w, 4, 2), "1000000/1000000/1000000 1000000/1000000/1000000 1000000/1000000/1000000 ");
    expect_response (w, response_of (w, 0, 2), "- -250000/1000000/1000000 - ");
}

static void test_by_content (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    Rulemill__ResponseRecord *record;
    assert_int_equal (record_get_response (w->store, 3, &record, &w->fault), OK);
    char hex [KEY_HEX + 1];
    hex_encode (record->key.data, record->key.len, hex);
    rulemill__response_record__free_unpacked (record, NULL);
    char *line = mem_printf ("{\"response_key\":\"%s\",\"cells\":{\"r-b\":[0.1,0.2,0.7,0.5],\"nobody\":1,\"r-\\u0000\":1}}\n", hex);
    import_ok (w, line);
    assert_int_equal (w->report.unknown_rules, 2);
    expect_response (w, 3, "- - -100000/300000/500000 ");
    free (line);
}

// The pair's own scores; of a list, the two in either order; relevance is the mean of both sides.
static void test_by_pair (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    import_ok (w, "{\"id\":\"one\",\"scoresA\":[0.5,0,1],\"scoresB\":[-0.5,null,-1],\"relevance\":[0.8,0.5,0.0000015]}\n"
                  "{\"id\":\"list\",\"i\":2,\"j\":0,\"scoresA\":[1,1,1],\"scoresB\":[0,0,0]}\n"
                  "{\"id\":\"one\",\"i\":null,\"j\":null,\"scoresA\":[0.5,0,1],\"scoresB\":[-0.5,null,-1],\"relevance\":null}\n");
    expect_pair (w, 0, 1, "500000/800000/1000000 0/500000/1000000 1000000/1/1000000 ");
    expect_pair (w, 0, 2, "-500000/800000/1000000 - -1000000/2/1000000 ");
    expect_pair (w, 3, 2, "1000000/1000000/1000000 1000000/1000000/1000000 1000000/1000000/1000000 ");
    expect_pair (w, 3, 1, "0/1000000/1000000 0/1000000/1000000 0/1000000/1000000 ");
    expect_pair (w, 2, 1, "- - - ");
    assert_int_equal (w->report.conflicts, 5);          // the last line's relevance is another
}

static void test_numbers_as_names (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    import_ok (w, "{\"id\":3,\"chosen\":[1,1,1],\"rejected\":[0,0,0]}\n"
                  "{\"id\":\"corpus.jsonl:4\",\"chosen\":[1,1,1],\"rejected\":[0,0,0]}\n"
                  "{\"id\":\"2\",\"response\":0,\"cells\":[0,0,0]}\n");
    assert_int_equal (w->report.unknown_ids + w->report.ambiguous_ids + w->report.conflicts, 0);
    expect_response (w, response_of (w, 5, 1), "1000000/1000000/1000000 1000000/1000000/1000000 1000000/1000000/1000000 ");
    expect_response (w, response_of (w, 1, 1), "0/1000000/1000000 0/1000000/1000000 0/1000000/1000000 ");
}

// A row that repeats a pair the other way round names the same responses.
static void test_duplicates (void **state)
{
    world_t *w = *state;
    corpus (w, "{\"id\":\"one\",\"prompt\":\"p\",\"chosen\":\"good\",\"rejected\":\"bad\"}\n"
               "{\"id\":\"two\",\"prompt\":\"p\",\"chosen\":\"bad\",\"rejected\":\"good\"}\n"
               "{\"id\":\"three\",\"prompt\":\"p\",\"responses\":[\"new\",\"bad\",\"good\"]}\n");
    import_ok (w, "{\"id\":\"two\",\"chosen\":[0.5,0.5,0.5],\"rejected\":[0,0,0]}\n"
                  "{\"id\":\"three\",\"responses\":[[1,1,1],[0.5,0.5,0.5],[0,0,0]]}\n"
                  "{\"id\":\"two\",\"scoresA\":[1,1,1],\"scoresB\":[-1,-1,-1]}\n"
                  "{\"id\":\"three\",\"i\":1,\"j\":2,\"scoresA\":[1,1,1],\"scoresB\":[-1,-1,-1]}\n"
                  "{\"id\":\"three\",\"i\":2,\"j\":1,\"scoresA\":[-1,-1,-1],\"scoresB\":[1,1,1]}\n");
    assert_int_equal (w->report.conflicts, 0);
    assert_int_equal (w->report.bad_lines, 0);
    expect_response (w, response_of (w, 0, 1), "0/1000000/1000000 0/1000000/1000000 0/1000000/1000000 ");
    expect_response (w, response_of (w, 0, 2), "500000/1000000/1000000 500000/1000000/1000000 500000/1000000/1000000 ");
    expect_pair (w, 0, 2, "1000000/1000000/1000000 1000000/1000000/1000000 1000000/1000000/1000000 ");
    expect_pair (w, 0, 1, "-1000000/1000000/1000000 -1000000/1000000/1000000 -1000000/1000000/1000000 ");
}

static void test_first_wins (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    import_ok (w, "{\"id\":\"one\",\"response\":0,\"cells\":{\"r-a\":0.5}}\n"
                  "{\"id\":\"one\",\"response\":0,\"cells\":{\"r-a\":-0.5,\"r-b\":1}}\n"
                  "{\"id\":\"one\",\"response\":0,\"cells\":{\"r-a\":0.5,\"r-c\":0}}\n");
    assert_int_equal (w->report.conflicts, 1);
    expect_response (w, response_of (w, 0, 1), "0/1000000/1000000 500000/1000000/1000000 1000000/1000000/1000000 ");
}

// Odd scores keep their value and can still be told as probabilities.
static void test_odd_scores (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    import_ok (w, "{\"id\":\"one\",\"response\":0,\"cells\":[0.333333,-0.000001,0.999999]}\n");
    expect_response (w, response_of (w, 0, 1), "333333/999999/1000000 -1/999999/1000000 999999/999999/1000000 ");
}

static void test_raw (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    digest_t normal, raw;
    write_text (w->path, "{\"id\":\"one\",\"response\":0,\"cells\":[[0.6,0.3,0.2],0.333333,[0.1,0.05,0]]}\n");
    assert_int_equal (scores_identity (&w->options, &normal, &w->fault), OK);
    w->options.raw = true;
    assert_int_equal (scores_identity (&w->options, &raw, &w->fault), OK);
    assert_false (digest_equal (&normal, &raw));
    import_ok (w, NULL);
    expect_response (w, response_of (w, 0, 1), "300000/800000/1000000 333333/1000000/1000000 50000/1000000/150000 ");
    Rulemill__Cells *cells;
    assert_int_equal (record_get_cells (w->store, response_of (w, 0, 1), judge (w), &cells, &w->fault), OK);
    assert_true (cells->raw);
    rulemill__cells__free_unpacked (cells, NULL);
}

static void test_identity (void **state)
{
    world_t *w = *state;
    digest_t a, b;
    write_text (w->path, "x");
    assert_int_equal (scores_identity (&w->options, &a, &w->fault), OK);
    write_text (w->path, "y");
    assert_int_equal (scores_identity (&w->options, &b, &w->fault), OK);
    assert_false (digest_equal (&a, &b));
    w->options.n_rules--;
    assert_int_equal (scores_identity (&w->options, &a, &w->fault), OK);
    assert_false (digest_equal (&a, &b));
    unlink (w->path);
    assert_int_equal (scores_identity (&w->options, &a, &w->fault), ERR_IO);
    assert_int_equal (import (w, NULL), ERR_IO);
    assert_int_equal (import (w, "{}"), ERR_NOT_FOUND);         // no corpus yet
}

static void test_in_the_rows (void **state)
{
    world_t *w = *state;
    w->options.path = NULL;
    corpus (w, "{\"id\":\"one\",\"prompt\":\"p\",\"chosen\":\"good\",\"rejected\":\"bad\",\"scoresA\":[1,0,0.5],\"scoresB\":[0,-1,0],\"relevance\":[0.5,0.5,0.5]}\n"
               "{\"id\":\"two\",\"prompt\":\"q\",\"chosen\":\"good\",\"rejected\":\"bad\"}\n"
               "{\"id\":\"turned\",\"prompt\":\"p\",\"chosen\":\"bad\",\"rejected\":\"good\",\"scoresA\":[0,-1,0],\"scoresB\":[1,0,0.5],\"relevance\":[0.5,0.5,0.5]}\n"
               "{\"id\":\"list\",\"prompt\":\"r\",\"responses\":[\"a\",\"b\"],\"scoresA\":[0,0,0],\"scoresB\":[0,0,0]}\n");
    import_ok (w, NULL);
    assert_int_equal (w->report.lines, 3);
    assert_int_equal (w->report.bad_lines, 1);
    assert_int_equal (w->report.conflicts, 0);
    expect_pair (w, 0, 1, "1000000/500000/1000000 0/500000/1000000 500000/500000/1000000 ");
    expect_pair (w, 0, 2, "0/500000/1000000 -1000000/500000/1000000 0/500000/1000000 ");
    expect_pair (w, 1, 1, "- - - ");
}

static void test_none_in_the_rows (void **state)
{
    world_t *w = *state;
    w->options.path = NULL;
    corpus (w, plain_rows);
    assert_int_equal (import (w, NULL), ERR_FORMAT);
}

static void test_packed_and_stopped (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    static const char line [] = "{\"id\":\"one\",\"response\":0,\"cells\":[0.5,0.5,0.5]}\n";
    snprintf (w->path, sizeof w->path, "%s/scores.jsonl.gz", w->dir);
    gzFile file = gzopen (w->path, "wb");
    gzwrite (file, line, sizeof line - 1);
    gzclose (file);
    _Atomic bool stop = true;
    assert_int_equal (scores_import (w->store, &w->options, &stop, &w->report, &w->fault), ERR_STOPPED);
    import_ok (w, NULL);
    expect_response (w, response_of (w, 0, 1), "500000/1000000/1000000 500000/1000000/1000000 500000/1000000/1000000 ");
    write_text (w->path, "not gzip");
    assert_int_equal (import (w, NULL), ERR_FORMAT);
}

// What was exported as [p_yes, p_no, p_irrelevant, mass] is the same cell again.
static void test_round_trip (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    rng_t rng = { 3 };
    buf_t lines = { 0 }, want = { 0 };
    buf_add_str (&lines, "{\"id\":\"one\",\"response\":0,\"cells\":[");
    for (int r = 0; r < RULES; r++) {
        cell_value_t c = cell_value_from_probabilities (rng_unit (&rng), rng_unit (&rng), rng_unit (&rng));
        int32_t yes, no, irrelevant;
        assert_true (cell_value_probabilities (&c, &yes, &no, &irrelevant));
        const int32_t parts [] = { yes, no, irrelevant, (int32_t) c.mass };
        for (int n = 0; n < 4; n++) {
            buf_add_char (&lines, n ? ',' : '[');
            json_write_micro (&lines, parts [n]);
        }
        buf_add_str (&lines, r < RULES - 1 ? "]," : "]");
        buf_printf (&want, "%d/%u/%u ", c.score, c.relevance, c.mass);
    }
    buf_add_str (&lines, "]}\n");
    import_ok (w, lines.data);
    expect_response (w, response_of (w, 0, 1), want.data);
    buf_free (&lines);
    buf_free (&want);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        WORLD_TEST (test_by_side),
        WORLD_TEST (test_by_place),
        WORLD_TEST (test_by_content),
        WORLD_TEST (test_by_pair),
        WORLD_TEST (test_numbers_as_names),
        WORLD_TEST (test_duplicates),
        WORLD_TEST (test_first_wins),
        WORLD_TEST (test_odd_scores),
        WORLD_TEST (test_raw),
        WORLD_TEST (test_identity),
        WORLD_TEST (test_in_the_rows),
        WORLD_TEST (test_none_in_the_rows),
        WORLD_TEST (test_packed_and_stopped),
        WORLD_TEST (test_round_trip),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
