#include "tests/unit/scores_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char *const rule_ids [RULES] = { "r-c", "r-a", "r-b" };
const char plain_rows [] =
    "{\"id\":\"one\",\"prompt\":\"p\",\"chosen\":\"good\",\"rejected\":\"bad\"}\n"
    "{\"id\":2,\"prompt\":\"q\",\"response_a\":\"x\",\"response_b\":\"y\",\"preference\":\"b\"}\n"
    "{\"id\":\"list\",\"prompt\":\"r\",\"responses\":[\"a0\",\"a1\",\"a2\"]}\n"
    "{\"prompt\":\"s\",\"chosen\":\"c\",\"rejected\":\"d\"}\n";

static int remove_one (const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void) info, (void) kind, (void) at;
    return remove (path);
}

int scores_world_set_up (void **state)
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

int scores_world_tear_down (void **state)
{
    world_t *w = *state;
    store_close (&w->store);
    nftw (w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free (w);
    return 0;
}

void write_text (const char *path, const char *text)
{
    FILE *file = fopen (path, "wb");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
}

void corpus (world_t *w, const char *text)
{
    char path [128];
    snprintf (path, sizeof path, "%s/corpus.jsonl", w->dir);
    write_text (path, text);
    const char *paths [] = { path };
    ingest_options_t options = { .paths = paths, .n_paths = 1, .dir = w->dir, .pairs = PAIRS_ALL, .bad_share_max = 1 };
    ingest_progress_t progress = { 0 };
    status_t status = ingest_run (w->store, &options, &progress, &w->fault);
    if (status)
        print_error ("%s\n", w->fault.text);
    assert_int_equal (status, OK);
}

status_t import (world_t *w, const char *lines)
{
    if (lines)
        write_text (w->path, lines);
    w->fault = (fault_t) { 0 };
    return scores_import (w->store, &w->options, NULL, &w->report, &w->fault);
}

void import_ok (world_t *w, const char *lines)
{
    status_t status = import (w, lines);
    if (status)
        print_error ("%s\n", w->fault.text);
    assert_int_equal (status, OK);
}

uint32_t judge (world_t *w)
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

void expect_response (world_t *w, uint64_t response, const char *want)
{
    Rulemill__Cells *cells;
    assert_int_equal (record_get_cells (w->store, response, judge (w), &cells, &w->fault), OK);
    expect_cells (w, cells, want);
    if (cells)
        rulemill__cells__free_unpacked (cells, NULL);
}

void expect_pair (world_t *w, uint64_t pair, int side, const char *want)
{
    Rulemill__Cells *cells;
    assert_int_equal (record_get_pair_cells (w->store, pair, judge (w), side, &cells, &w->fault), OK);
    expect_cells (w, cells, want);
    if (cells)
        rulemill__cells__free_unpacked (cells, NULL);
}

uint64_t response_of (world_t *w, uint64_t pair, int side)
{
    Rulemill__PairRecord *record;
    assert_int_equal (record_get_pair (w->store, pair, &record, &w->fault), OK);
    assert_non_null (record);
    uint64_t number = side == 1 ? record->response_a : record->response_b;
    rulemill__pair_record__free_unpacked (record, NULL);
    return number;
}
