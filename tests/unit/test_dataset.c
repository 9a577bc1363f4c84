// A run's labels as rows: columns, formats, splits, filters, cells.

#include <math.h>

#include "tests/unit/dataset_files.h"

#include "storage/dataset_keep.h"
#include "storage/dataset_text.h"
#include "storage/dataset_view.h"

// --- rows ------------------------------------------------------------------

static void test_labelled_rows (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    dataset_report_t report = export_ok (f, &options);
    assert_int_equal (report.train, 4);
    assert_int_equal (report.validation, 0);
    lines_t lines = read_lines (report.path, "train.jsonl");

    const json_value_t *row = line_at (&lines, 0);
    expect_columns (row, PART_TRAIN, FORMAT_EXPLICIT);
    expect_text (row, "id", "r1#0-1");
    expect_text (item (json_get (row, "prompt"), 0), "content", "How do I \"bake\"\xE2\x80\xA8 bread?");
    expect_text (item (json_get (row, "chosen"), 0), "content", "Use flour.");
    expect_text (item (json_get (row, "rejected"), 0), "role", "assistant");
    expect_text (row, "score_chosen", "0.5");           // (0.9 + 0.1 + 0.5) / 3
    expect_text (row, "score_rejected", "-0.1");        // (0 - 0.8 + 0.5) / 3
    expect_text (row, "score_margin", "0.6");
    expect_text (item (json_get (row, "rules"), 1), "id", "no");
    expect_text (item (json_get (row, "rules"), 1), "score_chosen", "-0.1");
    expect_text (item (json_get (row, "rules"), 1), "score_rejected", "0.8");
    expect_text (row, "n_rules", "3");
    expect_text (row, "given_preference", NULL);
    expect_text (row, "chosen_model", "m0");
    expect_text (row, "adapter", NULL);
    expect_text (row, "source", NULL);
    expect_text (row, "meta", "{\"lang\":\"en\",\"n\":3,\"ok\":true,\"x\":null}");
    assert_null (json_get (row, "margin"));

    // Label's A is the stored B: response 2 is chosen, and halves are rounded away from zero.
    row = line_at (&lines, 1);
    expect_text (row, "id", "r1#0-2");
    expect_text (item (json_get (row, "chosen"), 0), "content", "Flour, water, salt.");
    expect_text (row, "score_chosen", "0.35");
    expect_text (row, "score_rejected", "0.250001");
    expect_text (row, "score_margin", "0.1");
    expect_text (row, "chosen_model", NULL);
    expect_text (row, "rejected_model", "m0");
    expect_text (item (json_get (row, "rules"), 0), "score_chosen", "0.7");

    // Outcome B, swapped: the stored A is chosen; one vote for it, one of a duplicate against it.
    row = line_at (&lines, 3);
    expect_text (row, "id", "r3");
    expect_text (item (json_get (row, "prompt"), 1), "content", "Hi");
    expect_text (item (json_get (row, "chosen"), 0), "content", "Hello!");
    expect_text (json_get (row, "given_preference"), "chosen", "1");
    expect_text (json_get (row, "given_preference"), "rejected", "1");
    expect_text (row, "source", "hh");
    assert_null (line_at (&lines, 4));
    free_lines (&lines);
    fixture_free (f);
}

static void test_side_files (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    dataset_report_t report = export_ok (f, &options);

    lines_t lines = read_lines (report.path, "ties.jsonl");
    const json_value_t *row = line_at (&lines, 0);
    expect_columns (row, PART_TIES, FORMAT_EXPLICIT);
    expect_text (row, "id", "r5");
    expect_text (row, "reason", "identical");
    expect_text (row, "score_a", NULL);
    expect_text (row, "score_margin", NULL);
    row = line_at (&lines, 1);
    expect_text (row, "id", "r9");
    expect_text (row, "reason", "margin");
    expect_text (item (json_get (row, "response_b"), 0), "content", "other one");
    expect_text (row, "score_a", "0.050001");           // swapped: the label's B is the stored A
    expect_text (row, "score_b", "0.05");
    expect_text (json_get (row, "given_preference"), "tie", "1");
    assert_null (line_at (&lines, 2));
    free_lines (&lines);

    lines = read_lines (report.path, "duplicates.jsonl");
    row = line_at (&lines, 0);
    expect_columns (row, PART_DUPLICATES, FORMAT_EXPLICIT);
    expect_text (row, "id", "r4");
    expect_text (row, "pair_id", "r3");
    assert_true (json_is (json_get (row, "swapped"), JSON_TRUE));
    expect_text (row, "given_preference", "b");
    expect_text (row, "line", "4");
    free_lines (&lines);

    lines = read_lines (report.path, "quarantine.jsonl");
    static const char *const want [3] [4] = {
        { "row", "2", "not-json", NULL }, { "pair", "6", "not-judged", "r6" }, { "excluded", "7", "excluded", "r7" }
    };
    for (size_t i = 0; i < 3; i++) {
        row = line_at (&lines, i);
        expect_columns (row, PART_QUARANTINE, FORMAT_EXPLICIT);
        expect_text (row, "kind", want [i] [0]);
        expect_text (row, "line", want [i] [1]);
        expect_text (row, "reason", want [i] [2]);
        expect_text (row, "id", want [i] [3]);
        expect_text (row, "file", "corpus.jsonl");
    }
    expect_text (line_at (&lines, 1), "detail", "three workers died on it");
    assert_null (line_at (&lines, 3));
    free_lines (&lines);
    fixture_free (f);
}

static void test_report (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    dataset_progress_t progress = { 0 };
    dataset_report_t report;
    fault_t fault;
    assert_int_equal (dataset_export (f->store, f->run, &options, &progress, &report, &fault), OK);
    assert_int_equal (progress.pairs_total, 9);
    assert_int_equal (progress.pairs_done, 9);
    assert_int_equal (report.ties, 2);
    assert_int_equal (report.tie_identical, 1);
    assert_int_equal (report.tie_margin, 1);
    assert_int_equal (report.duplicates, 1);
    assert_int_equal (report.quarantined, 2);
    assert_int_equal (report.excluded, 1);
    assert_int_equal (report.longer, 4);
    assert_int_equal (report.shorter, 0);
    assert_int_equal (report.votes_split, 1);
    assert_int_equal (report.votes_tied, 1);
    assert_int_equal (report.votes_agree + report.votes_disagree, 0);
    fixture_free (f);
}

static void test_formats (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    for (int format = FORMAT_IMPLICIT; format <= FORMAT_REWARDBENCH; format++) {
        options.format = (dataset_format_t) format;
        dataset_report_t report = export_ok (f, &options);
        lines_t lines = read_lines (report.path, "train.jsonl");
        const json_value_t *row = line_at (&lines, 3);
        expect_columns (row, PART_TRAIN, options.format);
        if (format == FORMAT_TEXT) {
            expect_text (row, "prompt", "\n\nSystem: Be nice.\n\nHuman: Hi\n\nAssistant:");
            expect_text (row, "chosen", " Hello!");
        } else {
            assert_int_equal (json_get (row, "chosen")->count, 3);
            expect_text (item (json_get (row, "chosen"), 0), "role", "system");
            expect_text (item (json_get (row, "rejected"), 2), "content", "Go.");
        }
        if (format == FORMAT_REWARDBENCH) {
            expect_text (row, "subset", "hh");
            expect_text (line_at (&lines, 0), "prompt", "How do I \"bake\"\xE2\x80\xA8 bread?");
        }
        free_lines (&lines);
    }
    fixture_free (f);
}

static void test_transcript_of_other_roles (void **state)
{
    (void) state;
    Rulemill__Turn turn [2] = { RULEMILL__TURN__INIT, RULEMILL__TURN__INIT }, *list [2] = { &turn [0], &turn [1] };
    turn [0].role = "tool";
    turn [0].content = "42";
    turn [1].role = "assistant";
    turn [1].content = "It is 42.";
    Rulemill__Conversation response = RULEMILL__CONVERSATION__INIT;
    response.n_turns = 2;
    response.turns = list;
    buf_t out = { 0 };
    assert_false (text_begins_with_assistant (&response));
    text_write_reply (&response, false, &out);
    assert_string_equal (out.data, "\n\nTool: 42\n\nAssistant: It is 42.");
    buf_free (&out);
}

static void test_means (void **state)
{
    (void) state;
    assert_int_equal (dataset_mean (5, 2), 3);
    assert_int_equal (dataset_mean (-5, 2), -3);
    assert_int_equal (dataset_mean (4, 3), 1);
    assert_int_equal (dataset_mean (5, 3), 2);
    assert_int_equal (dataset_mean (-4, 3), -1);
    assert_int_equal (dataset_mean (0, 7), 0);
    assert_int_equal (dataset_mean (-1000000, 1), -1000000);
}

// --- splits and filters ----------------------------------------------------

// n prompts with two pairs each, 50 prompts apart; the margin of pair p is (p * 7 % 31) / 31.
static void fill_many (fixture_t *f, uint64_t n)
{
    char text [32];
    for (uint64_t round = 0; round < 2; round++)
        for (uint64_t i = 0; i < n; i++) {
            snprintf (text, sizeof text, "q%u", (unsigned) i);
            uint64_t p = round == 0 ? add_prompt (f, i, TURNS ("user", text)) : i;
            snprintf (text, sizeof text, "row%u", (unsigned) f->row + 1);
            add_row (f, text, i % 2 ? "odd" : "", i % 3 ? "{\"k\":1.50}" : "");
            pair_t pair = { .prompt = p, .a = add_response (f, p, "yes"), .b = add_response (f, p, "no"), .j = 1 };
            uint64_t number = add_pair (f, &pair);
            add_label (f, number, RULEMILL__OUTCOME__OUTCOME_A, false, 1, SCORES ((int32_t) (number * 7 % 31) * 10000 + 10000), SCORES (0), 0);
        }
    save (f);
}

static void test_split_by_group (void **state)
{
    (void) state;
    fixture_t *f = fixture_new ();
    fill_many (f, 1000);
    dataset_options_t options = options_of (f);
    options.validation_share = 0.2;
    dataset_report_t report = export_ok (f, &options);
    assert_int_equal (report.train + report.validation, 2000);
    assert_true (report.validation > 300 && report.validation < 500);
    assert_int_equal (report.validation % 2, 0);        // both pairs of a prompt go the same way

    lines_t lines = read_lines (report.path, "validation.jsonl");
    const json_value_t *row = line_at (&lines, 0);
    char *first = mem_string (item (json_get (row, "prompt"), 0)->child->next->text);
    bool again = false;
    for (size_t i = 1; (row = line_at (&lines, i)) != NULL; i++)
        again = again || strcmp (item (json_get (row, "prompt"), 0)->child->next->text, first) == 0;
    assert_true (again);
    free (first);
    free_lines (&lines);

    options.validation_share = 1;
    report = export_ok (f, &options);
    assert_int_equal (report.validation, 2000);
    assert_false (exists (report.path, "train.jsonl"));
    fixture_free (f);
}

static void test_where (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    static const struct { const char *where; uint64_t left; } cases [] = {
        { "source=hh", 1 }, { "source=", 3 }, { "lang=en", 3 }, { "lang=de", 1 }, { "n=3.0", 3 }, { "ok=true", 3 },
        { "x=null", 3 }, { "x=", 4 }, { "n_rules=2", 2 }, { "score_margin=0.60", 1 }, { "rules=calm", 1 },
        { "chosen_model=m0", 1 }, { "id=r3", 1 }, { "selected_by=random", 0 }
    };
    uint64_t ties = export_ok (f, &options).ties;       // are filtered too
    assert_true (ties > 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        options.where = &cases [i].where;
        options.n_where = 1;
        dataset_report_t report = export_ok (f, &options);
        if (report.train != cases [i].left || report.filtered != 4 - cases [i].left + ties - report.ties)
            fail_msg ("%s: %d", cases [i].where, (int) report.train);
    }
    const char *both [] = { "lang=en", "n_rules=3" };
    options.where = both;
    options.n_where = 2;
    dataset_report_t report = export_ok (f, &options);
    assert_int_equal (report.train, 1);
    assert_int_equal (report.ties, 0);
    assert_false (exists (report.path, "ties.jsonl"));
    const char *bad [] = { "sourc=hh" };
    options.where = bad;
    options.n_where = 1;
    expect_usage (f, &options, "did you mean \"source\"");
    bad [0] = "novalue";
    expect_usage (f, &options, "key=value");
    bad [0] = "prompt=x";
    expect_usage (f, &options, "can't be compared");
    bad [0] = "source=\xFF";
    expect_usage (f, &options, "UTF-8");
    options = options_of (f);
    options.validation_share = NAN;
    expect_usage (f, &options, "between 0 and 1");
    fixture_free (f);
}

static void test_min_margin_and_max_per_prompt (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    options.min_margin = 600000;                        // margins 0.6, 0.1, 1.25, 1.75
    dataset_report_t report = export_ok (f, &options);
    assert_int_equal (report.train, 3);
    options.min_margin = 0;
    options.max_per_prompt = 1;
    report = export_ok (f, &options);
    assert_int_equal (report.train, 2);
    assert_int_equal (report.filtered, 2);
    lines_t lines = read_lines (report.path, "train.jsonl");
    expect_text (line_at (&lines, 0), "id", "r1#1-2");
    free_lines (&lines);
    const char *where [] = { "n_rules=3" };             // chosen among those that the other conditions leave
    options.where = where;
    options.n_where = 1;
    report = export_ok (f, &options);
    lines = read_lines (report.path, "train.jsonl");
    expect_text (line_at (&lines, 0), "id", "r1#0-1");
    assert_null (line_at (&lines, 1));
    free_lines (&lines);
    fixture_free (f);
}

// Spilling in small pieces chooses what sorting at once chooses.
static void test_keep_spills (void **state)
{
    (void) state;
    enum { N = 10000 };
    fault_t fault;
    for (uint64_t most = 1; most <= 3; most++) {
        dataset_keep_t *whole = dataset_keep_new (most, "/tmp", 0), *pieces = dataset_keep_new (most, "/tmp", 37);
        for (uint64_t pair = 0; pair < N; pair++) {
            uint64_t prompt = pair * 2654435761u % 1777, margin = pair * 40503 % 11;
            assert_int_equal (dataset_keep_add (whole, prompt, (int64_t) margin, pair, &fault), OK);
            assert_int_equal (dataset_keep_add (pieces, prompt, (int64_t) margin, pair, &fault), OK);
        }
        assert_int_equal (dataset_keep_choose (whole, &fault), OK);
        assert_int_equal (dataset_keep_choose (pieces, &fault), OK);
        uint64_t kept = 0;
        for (uint64_t pair = 0; pair < N; pair++) {
            assert_int_equal (dataset_keep_has (whole, pair), dataset_keep_has (pieces, pair));
            kept += dataset_keep_has (whole, pair);
        }
        assert_int_equal (kept, most * 1777);
        assert_false (dataset_keep_has (whole, N + 5));
        dataset_keep_destroy (&whole);
        dataset_keep_destroy (&pieces);
    }
    dataset_keep_t *none = dataset_keep_new (1, "/tmp", 0);
    assert_int_equal (dataset_keep_choose (none, &fault), OK);
    assert_false (dataset_keep_has (none, 0));
    dataset_keep_destroy (&none);
}

// --- cells -----------------------------------------------------------------

static void test_cells_need_cells (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    options.responses = true;
    dataset_report_t report;
    fault_t fault = { 0 };
    assert_int_equal (dataset_export (f->store, f->run, &options, NULL, &report, &fault), ERR_NOT_FOUND);
    assert_non_null (strstr (fault.text, "stores no scores here"));
    fixture_free (f);
}

static void test_cells_and_responses (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    add_cells (f, 0, 300000, 700000, false);
    add_cells (f, 1, -300001, 700000, false);           // odd together: halves of 1e-6
    add_cells (f, 3, 900000, 100000, true);
    save (f);
    dataset_options_t options = options_of (f);
    options.responses = options.cells = true;
    dataset_report_t report = export_ok (f, &options);

    lines_t lines = read_lines (report.path, "cells.jsonl");
    assert_non_null (strstr (lines.text.data, "\"kind\":[0.5,0.2,0.3,1.0],\"no\":[0.2,0.5,0.3,0.99]}"));
    assert_non_null (strstr (lines.text.data, "\"kind\":[0.1999995,0.5000005,0.3,1.0]"));
    assert_non_null (strstr (lines.text.data, "\"kind\":[0.9,0.0,0.9,1.0],\"no\":[0.0,0.9,0.9,0.99]}"));
    expect_columns (line_at (&lines, 0), PART_CELLS, FORMAT_EXPLICIT);
    assert_null (line_at (&lines, 3));
    free_lines (&lines);

    lines = read_lines (report.path, "responses.jsonl");
    const json_value_t *row = line_at (&lines, 1);
    expect_columns (row, PART_RESPONSES, FORMAT_EXPLICIT);
    expect_text (json_get (row, "scores"), "kind", "-0.300001");
    expect_text (json_get (row, "scores"), "calm", NULL);
    expect_text (json_get (row, "relevance"), "no", "0.7");
    expect_text (row, "split", "train");
    free_lines (&lines);

    lines = read_lines (report.path, "pair_cells.jsonl");
    row = line_at (&lines, 0);
    expect_columns (row, PART_PAIR_CELLS, FORMAT_EXPLICIT);
    expect_text (row, "id", "r1");
    expect_text (row, "j", "1");
    assert_string_equal (item (json_get (row, "scoresA"), 0)->text, "0.3");
    assert_string_equal (item (json_get (row, "scoresB"), 1)->text, "0.300001");
    assert_true (json_is (item (json_get (row, "relevance"), 2), JSON_NULL));
    row = line_at (&lines, 3);
    expect_text (row, "id", "r3");
    expect_text (row, "i", NULL);
    assert_null (line_at (&lines, 4));
    free_lines (&lines);
    fixture_free (f);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_labelled_rows),
        cmocka_unit_test (test_side_files),
        cmocka_unit_test (test_report),
        cmocka_unit_test (test_formats),
        cmocka_unit_test (test_transcript_of_other_roles),
        cmocka_unit_test (test_means),
        cmocka_unit_test (test_split_by_group),
        cmocka_unit_test (test_where),
        cmocka_unit_test (test_min_margin_and_max_per_prompt),
        cmocka_unit_test (test_keep_spills),
        cmocka_unit_test (test_cells_need_cells),
        cmocka_unit_test (test_cells_and_responses)
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
