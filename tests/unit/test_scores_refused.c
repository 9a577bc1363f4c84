// Scores that can't be read, name what is not there, or come again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/scores_world.h"

static void test_bad_lines (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    static const char *const bad [] = {
        "not json", "[1]", "{}", "{\"id\":null}", "{\"id\":[]}", "{\"id\":\"one\"}", "{\"id\":\"one\",\"response\":0}",
        "{\"id\":\"one\",\"response\":-1,\"cells\":[0,0,0]}", "{\"id\":\"one\",\"response\":2,\"cells\":[0,0,0]}",
        "{\"id\":\"one\",\"response\":99999999999,\"cells\":[0,0,0]}", "{\"id\":\"one\",\"response\":0.5,\"cells\":[0,0,0]}",
        "{\"id\":\"one\",\"response\":0,\"cells\":[0,0]}", "{\"id\":\"one\",\"response\":0,\"cells\":[0,0,0,0]}",
        "{\"id\":\"one\",\"response\":0,\"cells\":[0,0,1.5]}", "{\"id\":\"one\",\"response\":0,\"cells\":[0,0,\"1\"]}",
        "{\"id\":\"one\",\"response\":0,\"cells\":[0,0,1e999]}", "{\"id\":\"one\",\"response\":0,\"cells\":[0,0,[1,2]]}",
        "{\"id\":\"one\",\"response\":0,\"cells\":[0,0,[0,0,0,0,0]]}", "{\"id\":\"one\",\"response\":0,\"cells\":[0,0,[-1,1,1]]}",
        "{\"id\":\"one\",\"response\":0,\"cells\":{\"r-a\":{}}}", "{\"id\":\"one\",\"response\":0,\"cells\":\"x\"}",
        "{\"id\":\"one\",\"responses\":[[0,0,0]]}", "{\"id\":\"one\",\"responses\":{}}", "{\"id\":\"one\",\"responses\":[[0,0,0],[0]]}",
        "{\"id\":\"list\",\"chosen\":[0,0,0],\"rejected\":[0,0,0]}", "{\"id\":\"one\",\"chosen\":[0,0,0]}",
        "{\"id\":\"list\",\"scoresA\":[0,0,0],\"scoresB\":[0,0,0]}", "{\"id\":\"list\",\"i\":-1,\"j\":0,\"scoresA\":[0,0,0],\"scoresB\":[0,0,0]}",
        "{\"id\":\"one\",\"scoresA\":[0,0,0]}", "{\"id\":\"one\",\"scoresA\":[0,0,0],\"scoresB\":[0,0,0],\"relevance\":[0,0,2]}",
        "{\"id\":\"one\",\"scoresA\":[0,0,0],\"scoresB\":[0,0,0],\"relevance\":[0]}",
        "{\"response_key\":\"xyz\",\"cells\":[0,0,0]}", "{\"response_key\":7,\"cells\":[0,0,0]}", "{\"id\":\"one\",\"id\":\"one\"}",
        "\xFF",
    };
    enum { BAD = sizeof bad / sizeof *bad };
    buf_t lines = { 0 };
    for (size_t i = 0; i < BAD; i++)
        buf_printf (&lines, "%s\n", bad [i]);
    // Bad lines alone are the wrong file.
    assert_int_equal (import (w, lines.data), ERR_FORMAT);
    assert_non_null (strstr (w->fault.text, "wrong file"));
    buf_add_str (&lines, "{\"id\":\"list\",\"response\":0,\"cells\":[0.5,0.5,0.5]}");
    import_ok (w, lines.data);
    assert_int_equal (w->report.lines, BAD + 1);
    assert_int_equal (w->report.bad_lines, BAD);
    assert_int_equal (w->report.cells, 3);
    assert_non_null (strstr (w->report.first_problem, "scores.jsonl:1: "));
    expect_response (w, response_of (w, 0, 1), "- - - ");
    expect_response (w, response_of (w, 2, 1), "500000/1000000/1000000 500000/1000000/1000000 500000/1000000/1000000 ");
    buf_free (&lines);
}

static void test_unknown_ids (void **state)
{
    world_t *w = *state;
    corpus (w, plain_rows);
    static const char lines [] = "{\"id\":\"one\",\"response\":0,\"cells\":[0,0,0]}\n"
                                 "{\"id\":\"nobody\",\"response\":0,\"cells\":[0,0,0]}\n"
                                 "{\"id\":99,\"response\":0,\"cells\":[0,0,0]}\n"
                                 "{\"response_key\":\"00000000000000000000000000000000\",\"cells\":[0,0,0]}\n";
    assert_int_equal (import (w, lines), ERR_NOT_FOUND);
    assert_non_null (strstr (w->fault.text, "scores.jsonl:2: the corpus has no row \"nobody\""));
    w->options.unknown_ids_ok = true;
    import_ok (w, lines);
    assert_int_equal (w->report.unknown_ids, 3);
    assert_int_equal (w->report.cells, 3);
    w->options.unknown_ids_ok = false;                  // what was skipped then is no good now
    assert_int_equal (import (w, NULL), ERR_NOT_FOUND);
}

static void test_ambiguous_ids (void **state)
{
    world_t *w = *state;
    corpus (w, "{\"id\":\"same\",\"prompt\":\"p\",\"chosen\":\"1\",\"rejected\":\"2\"}\n"
               "{\"id\":\"same\",\"prompt\":\"q\",\"chosen\":\"3\",\"rejected\":\"4\"}\n"
               "{\"id\":\"other\",\"prompt\":\"r\",\"chosen\":\"5\",\"rejected\":\"6\"}\n");
    import_ok (w, "{\"id\":\"same\",\"response\":0,\"cells\":[0,0,0]}\n{\"id\":\"other\",\"response\":0,\"cells\":[0,0,0]}\n");
    assert_int_equal (w->report.ambiguous_ids, 1);
    assert_non_null (strstr (w->report.first_problem, "several rows \"same\""));
    expect_response (w, response_of (w, 0, 1), "- - - ");
    expect_response (w, response_of (w, 2, 1), "0/1000000/1000000 0/1000000/1000000 0/1000000/1000000 ");
}

// Scores of rows that were set aside are no error: the corpus has these rows.
static void test_rows_set_aside (void **state)
{
    world_t *w = *state;
    corpus (w, "{\"id\":\"bad\",\"prompt\":\"p\",\"chosen\":\"\",\"rejected\":\"2\"}\n"
               "{\"prompt\":\"p\",\"chosen\":\"1\"}\n"
               "{\"id\":\"half\",\"prompt\":\"q\",\"responses\":[\"a\",\"\",\"c\"]}\n");
    import_ok (w, "{\"id\":\"bad\",\"response\":0,\"cells\":[0,0,0]}\n"
                  "{\"id\":1,\"response\":0,\"cells\":[0,0,0]}\n"
                  "{\"id\":\"corpus.jsonl:2\",\"response\":0,\"cells\":[0,0,0]}\n"
                  "{\"id\":\"half\",\"responses\":[[1,1,1],[0,0,0],[-1,-1,-1]]}\n");
    assert_int_equal (w->report.unknown_ids + w->report.ambiguous_ids + w->report.bad_lines, 0);
    assert_int_equal (w->report.cells, 6);
    expect_response (w, response_of (w, 0, 2), "-1000000/1000000/1000000 -1000000/1000000/1000000 -1000000/1000000/1000000 ");
}

static void test_once (void **state)
{
    world_t *w = *state;
    static const char lines [] = "{\"id\":\"one\",\"response\":0,\"cells\":[0.5,0.5,0.5]}\nbroken\n"
                                 "{\"id\":\"late\",\"response\":0,\"cells\":[0.5,0.5,0.5]}\n";
    corpus (w, plain_rows);
    w->options.unknown_ids_ok = true;
    import_ok (w, lines);
    scores_report_t first = w->report;
    import_ok (w, NULL);                                // says the same again
    assert_memory_equal (&first, &w->report, sizeof first);
    char *longer = mem_printf ("%s%s", plain_rows, "{\"id\":\"late\",\"prompt\":\"t\",\"chosen\":\"8\",\"rejected\":\"9\"}\n");
    corpus (w, longer);
    import_ok (w, NULL);
    assert_int_equal (w->report.unknown_ids, 0);
    assert_int_equal (w->report.conflicts, 0);
    expect_response (w, response_of (w, 6, 1), "500000/1000000/1000000 500000/1000000/1000000 500000/1000000/1000000 ");
    free (longer);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        WORLD_TEST (test_bad_lines),
        WORLD_TEST (test_unknown_ids),
        WORLD_TEST (test_ambiguous_ids),
        WORLD_TEST (test_rows_set_aside),
        WORLD_TEST (test_once),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
