// Recorded scores: each form of line finds its responses, and nothing in a file can do more than be counted.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cell.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/ingest.h"
#include "storage/scores.h"

enum { RULES = 3 };
static const char *const rule_ids [RULES] = { "r-c", "r-a", "r-b" };

typedef struct {
    char dir [64];
    store_t *store;
    digest_t digests [RULES];
    scores_options_t options;
    scores_report_t report;
    fault_t fault;
    char path [96];
} world_t;

static int remove_one (const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void) info, (void) kind, (void) at;
    return remove (path);
}

static int setup (void **state)
{
    world_t *w = mem_zero (1, sizeof *w);
    snprintf (w->dir, sizeof w->dir, "/tmp/rulemill-scores-XXXXXX");
    if (mkdtemp (w->dir) == NULL || store_open (w->dir, &(store_options_t) { .create = true }, &w->store, &w->fault) != OK)
        return -1;
    for (size_t r = 0; r < RULES; r++)
        w->digests [r] = digest_of (rule_ids [r], strlen (rule_ids [r]));
    snprintf (w->path, sizeof w->path, "%s/scores.jsonl", w->dir);
    w->options = (scores_options_t) { .path = w->path, .rule_ids = rule_ids, .rule_digests = w->digests, .n_rules = RULES };
    // Dense numbers that do not follow the pool's order.
    uint32_t number;
    if (record_number_of (w->store, 'R', &w->digests [2], &number, &w->fault) != OK)
        return -1;
    *state = w;
    return 0;
}

static int teardown (void **state)
{
    world_t *w = *state;
    store_close (&w->store);
    nftw (w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free (w);
    return 0;
}

static void write_file (const char *path, const char *text)
{
    FILE *file = fopen (path, "wb");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
}

static void corpus (world_t *w, const char *text)
{
    char path [128];
    snprintf (path, sizeof path, "%s/corpus.jsonl", w->dir);
    write_file (path, text);
    const char *paths [] = { path };
    ingest_options_t options = { .paths = paths, .n_paths = 1, .dir = w->dir, .pairs = PAIRS_ALL, .bad_share_max = 1 };
    ingest_progress_t progress = { 0 };
    status_t status = ingest_run (w->store, &options, &progress, &w->fault);
    if (status)
        print_error ("%s\n", w->fault.text);
    assert_int_equal (status, OK);
}

static status_t import (world_t *w, const char *lines)
{
    if (lines)
        write_file (w->path, lines);
    w->fault = (fault_t) { 0 };
    return scores_import (w->store, &w->options, NULL, &w->report, &w->fault);
}

static void import_ok (world_t *w, const char *lines)
{
    status_t status = import (w, lines);
    if (status)
        print_error ("%s\n", w->fault.text);
    assert_int_equal (status, OK);
}

static uint32_t judge (world_t *w)
{
    digest_t identity;
    uint32_t number;
    assert_int_equal (scores_identity (&w->options, &identity, &w->fault), OK);
    assert_int_equal (record_number_of (w->store, 'J', &identity, &number, &w->fault), OK);
    return number;
}

// "score/relevance/mass" of each rule in the pool's order, "-" where there is none.
static void expect_cells (world_t *w, const Rulemill__Cells *cells, const char *want)
{
    buf_t got = { 0 };
    for (size_t r = 0; r < RULES; r++) {
        uint32_t number;
        assert_int_equal (record_number_of (w->store, 'R', &w->digests [r], &number, &w->fault), OK);
        size_t at = 0;
        while (cells && at < cells->n_rule && cells->rule [at] != number)
            at++;
        if (cells && at < cells->n_rule)
            buf_printf (&got, "%d/%u/%u ", cells->score [at], cells->relevance [at], cells->mass [at]);
        else
            buf_add_str (&got, "- ");
    }
    for (size_t n = 1; cells && n < cells->n_rule; n++)
        assert_true (cells->rule [n - 1] < cells->rule [n]);
    assert_string_equal (got.data, want);
    buf_free (&got);
}

static void expect_response (world_t *w, uint64_t response, const char *want)
{
    Rulemill__Cells *cells;
    assert_int_equal (record_get_cells (w->store, response, judge (w), &cells, &w->fault), OK);
    expect_cells (w, cells, want);
    if (cells)
        rulemill__cells__free_unpacked (cells, NULL);
}

static void expect_pair (world_t *w, uint64_t pair, int side, const char *want)
{
    Rulemill__Cells *cells;
    assert_int_equal (record_get_pair_cells (w->store, pair, judge (w), side, &cells, &w->fault), OK);
    expect_cells (w, cells, want);
    if (cells)
        rulemill__cells__free_unpacked (cells, NULL);
}

static uint64_t response_of (world_t *w, uint64_t pair, int side)
{
    Rulemill__PairRecord *record;
    assert_int_equal (record_get_pair (w->store, pair, &record, &w->fault), OK);
    assert_non_null (record);
    uint64_t number = side == 1 ? record->response_a : record->response_b;
    rulemill__pair_record__free_unpacked (record, NULL);
    return number;
}

static const char plain [] =
    "{\"id\":\"one\",\"prompt\":\"p\",\"chosen\":\"good\",\"rejected\":\"bad\"}\n"
    "{\"id\":2,\"prompt\":\"q\",\"response_a\":\"x\",\"response_b\":\"y\",\"preference\":\"b\"}\n"
    "{\"id\":\"list\",\"prompt\":\"r\",\"responses\":[\"a0\",\"a1\",\"a2\"]}\n"
    "{\"prompt\":\"s\",\"chosen\":\"c\",\"rejected\":\"d\"}\n";

static void test_by_side (void **state)
{
    world_t *w = *state;
    corpus (w, plain);
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
    corpus (w, plain);
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
    corpus (w, plain);
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
    corpus (w, plain);
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
    corpus (w, plain);
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
    corpus (w, plain);
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
    corpus (w, plain);
    import_ok (w, "{\"id\":\"one\",\"response\":0,\"cells\":[0.333333,-0.000001,0.999999]}\n");
    expect_response (w, response_of (w, 0, 1), "333333/999999/1000000 -1/999999/1000000 999999/999999/1000000 ");
}

static void test_raw (void **state)
{
    world_t *w = *state;
    corpus (w, plain);
    digest_t normal, raw;
    write_file (w->path, "{\"id\":\"one\",\"response\":0,\"cells\":[[0.6,0.3,0.2],0.333333,[0.1,0.05,0]]}\n");
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

static void test_bad_lines (void **state)
{
    world_t *w = *state;
    corpus (w, plain);
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
    corpus (w, plain);
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
    corpus (w, plain);
    w->options.unknown_ids_ok = true;
    import_ok (w, lines);
    scores_report_t first = w->report;
    import_ok (w, NULL);                                // says the same again
    assert_memory_equal (&first, &w->report, sizeof first);
    char *longer = mem_printf ("%s%s", plain, "{\"id\":\"late\",\"prompt\":\"t\",\"chosen\":\"8\",\"rejected\":\"9\"}\n");
    corpus (w, longer);
    import_ok (w, NULL);
    assert_int_equal (w->report.unknown_ids, 0);
    assert_int_equal (w->report.conflicts, 0);
    expect_response (w, response_of (w, 6, 1), "500000/1000000/1000000 500000/1000000/1000000 500000/1000000/1000000 ");
    free (longer);
}

static void test_identity (void **state)
{
    world_t *w = *state;
    digest_t a, b;
    write_file (w->path, "x");
    assert_int_equal (scores_identity (&w->options, &a, &w->fault), OK);
    write_file (w->path, "y");
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
    corpus (w, plain);
    assert_int_equal (import (w, NULL), ERR_FORMAT);
}

static void test_packed_and_stopped (void **state)
{
    world_t *w = *state;
    corpus (w, plain);
    static const char line [] = "{\"id\":\"one\",\"response\":0,\"cells\":[0.5,0.5,0.5]}\n";
    snprintf (w->path, sizeof w->path, "%s/scores.jsonl.gz", w->dir);
    gzFile file = gzopen (w->path, "wb");
    gzwrite (file, line, sizeof line - 1);
    gzclose (file);
    _Atomic bool stop = true;
    assert_int_equal (scores_import (w->store, &w->options, &stop, &w->report, &w->fault), ERR_STOPPED);
    import_ok (w, NULL);
    expect_response (w, response_of (w, 0, 1), "500000/1000000/1000000 500000/1000000/1000000 500000/1000000/1000000 ");
    write_file (w->path, "not gzip");
    assert_int_equal (import (w, NULL), ERR_FORMAT);
}

// What was exported as [p_yes, p_no, p_irrelevant, mass] is the same cell again.
static void test_round_trip (void **state)
{
    world_t *w = *state;
    corpus (w, plain);
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
#define TEST(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests [] = {
        TEST (test_by_side), TEST (test_by_place), TEST (test_by_content), TEST (test_by_pair), TEST (test_numbers_as_names),
        TEST (test_duplicates), TEST (test_first_wins), TEST (test_odd_scores), TEST (test_raw), TEST (test_bad_lines),
        TEST (test_unknown_ids), TEST (test_ambiguous_ids), TEST (test_rows_set_aside), TEST (test_once), TEST (test_identity),
        TEST (test_in_the_rows), TEST (test_none_in_the_rows), TEST (test_packed_and_stopped), TEST (test_round_trip),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
