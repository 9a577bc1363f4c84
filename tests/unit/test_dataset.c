// A run's labels as files: rows, types, splits, filters, manifest, signature, and how a folder takes its place.

#include <limits.h>
#include <math.h>

#include "tests/unit/dataset_fixture.h"

#include "storage/dataset_keep.h"
#include "storage/dataset_schema.h"
#include "storage/dataset_text.h"
#include "storage/dataset_view.h"

// --- helpers ---------------------------------------------------------------

static dataset_options_t options_of (const fixture_t *f)
{
    return (dataset_options_t) {
        .dir = f->dir, .rules = fixture_rules, .rule_digests = f->rule_digest, .n_rules = FIXTURE_RULES,
        .judge_note = "a baseline for tests"
    };
}

static dataset_report_t export_ok (fixture_t *f, const dataset_options_t *options)
{
    dataset_report_t report;
    fault_t fault = { 0 };
    if (dataset_export (f->store, f->run, options, NULL, &report, &fault) != OK)
        fail_msg ("%s", fault.text);
    return report;
}

static bool exists (const char *folder, const char *name)
{
    char *path = mem_printf ("%s/%s", folder, name);
    bool found = access (path, F_OK) == 0;
    free (path);
    return found;
}

static buf_t slurp (const char *folder, const char *name)
{
    char *path = mem_printf ("%s/%s", folder, name);
    FILE *file = fopen (path, "rb");
    if (file == NULL)
        fail_msg ("%s is missing", path);
    buf_t out = { 0 };
    char block [4096];
    size_t n;
    buf_reserve (&out, 1);
    while (file && (n = fread (block, 1, sizeof block, file)) > 0)
        buf_add (&out, block, n);
    if (file)
        fclose (file);
    free (path);
    return out;
}

// The n-th line of a file, from 0, parsed; NULL behind the last one.
typedef struct { buf_t text; json_doc_t *doc; } lines_t;

static lines_t read_lines (const char *folder, const char *name)
{
    return (lines_t) { slurp (folder, name), json_doc_new () };
}

static const json_value_t *line_at (lines_t *lines, size_t n)
{
    const char *at = lines->text.data, *end = at + lines->text.len;
    for (; n > 0 && at < end; n--)
        at = strchr (at, '\n') + 1;
    if (at >= end)
        return NULL;
    const json_value_t *root;
    fault_t fault;
    if (json_parse (lines->doc, at, (size_t) (strchr (at, '\n') - at), &root, &fault) != OK)
        fail_msg ("%s", fault.text);
    return root;
}

static void free_lines (lines_t *lines)
{
    buf_free (&lines->text);
    json_doc_destroy (&lines->doc);
}

static void expect_text (const json_value_t *row, const char *key, const char *text)
{
    const json_value_t *value = json_get (row, key);
    if (text == NULL ? !json_is (value, JSON_NULL)
                     : value == NULL || (value->type != JSON_STRING && value->type != JSON_NUMBER) || strcmp (value->text, text) != 0)
        fail_msg ("%s: %s instead of %s", key, value && value->text ? value->text : json_type_name (value), text ? text : "null");
}

// The columns in a row, against those that the card names.
static void expect_columns (const json_value_t *row, dataset_part_t part, dataset_format_t format)
{
    const json_value_t *member = row->child;
    const char *meaning, *name;
    for (size_t i = 0; (name = dataset_column (part, format, i, &meaning)) != NULL; i++, member = member->next) {
        assert_non_null (member);
        assert_string_equal (member->key, name);
        assert_non_null (meaning);
    }
    assert_null (member);
}

static const json_value_t *item (const json_value_t *list, size_t n)
{
    const json_value_t *at = list ? list->child : NULL;
    while (at && n-- > 0)
        at = at->next;
    return at;
}

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

static void expect_usage (fixture_t *f, const dataset_options_t *options, const char *words)
{
    dataset_report_t report;
    fault_t fault = { 0 };
    assert_int_equal (dataset_export (f->store, f->run, options, NULL, &report, &fault), ERR_USAGE);
    if (strstr (fault.text, words) == NULL)
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, words);
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
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        options.where = &cases [i].where;
        options.n_where = 1;
        dataset_report_t report = export_ok (f, &options);
        if (report.train != cases [i].left || report.filtered != 4 - cases [i].left)
            fail_msg ("%s: %d", cases [i].where, (int) report.train);
    }
    const char *both [] = { "lang=en", "n_rules=3" };
    options.where = both;
    options.n_where = 2;
    assert_int_equal (export_ok (f, &options).train, 1);
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

// --- card and manifest -----------------------------------------------------

static void test_card (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    dataset_report_t report = export_ok (f, &options);
    buf_t card = slurp (report.path, "README.md");
    assert_int_equal (strncmp (card.data, "---\n", 4), 0);
    assert_non_null (strstr (card.data, "- config_name: default\n  data_files:\n  - split: train\n    path: train.jsonl\n- config"));
    assert_non_null (strstr (card.data, "  - name: given_preference\n    struct:\n    - name: chosen\n      dtype: int64\n"));
    assert_non_null (strstr (card.data, "  - name: prompt\n    list:\n    - name: role\n      dtype: string\n"));
    assert_non_null (strstr (card.data, "a baseline for tests"));
    assert_null (strstr (card.data, "validation.jsonl"));
    assert_null (strstr (card.data, "responses.jsonl"));
    buf_free (&card);
    fixture_free (f);
}

static void test_manifest (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    dataset_report_t report = export_ok (f, &options);
    buf_t text = slurp (report.path, "manifest.json");
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root;
    fault_t fault;
    assert_int_equal (json_parse (doc, text.data, text.len, &root, &fault), OK);
    assert_null (strstr (text.data, "somebody"));       // no folder of this machine
    assert_null (strstr (text.data, "1234567"));        // no time
    expect_text (json_get (root, "judge"), "name", "replay");
    expect_text (json_get (root, "counts"), "train", "4");
    expect_text (json_get (root, "counts"), "unlabelled_pairs", "1");
    expect_text (json_get (root, "spec"), "policy", "exhaustive");
    expect_text (item (json_get (root, "inputs"), 0), "name", "corpus.jsonl");
    expect_text (item (json_get (root, "rules"), 1), "polarity", "-1");
    expect_text (root, "seed", "11");
    const json_value_t *files = json_get (root, "files");
    assert_int_equal (files->count, 5);
    expect_text (item (files, 0), "name", "train.jsonl");
    expect_text (item (files, 0), "rows", "4");
    expect_text (item (files, 4), "name", "README.md");
    json_doc_destroy (&doc);
    buf_free (&text);
    fixture_free (f);
}

static void test_same_bytes_again (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    dataset_report_t report = export_ok (f, &options);
    static const char *const names [] = { "manifest.json", "README.md", "train.jsonl", "quarantine.jsonl" };
    buf_t before [4];
    for (int i = 0; i < 4; i++)
        before [i] = slurp (report.path, names [i]);
    report = export_ok (f, &options);
    for (int i = 0; i < 4; i++) {
        buf_t after = slurp (report.path, names [i]);
        assert_int_equal (after.len, before [i].len);
        assert_memory_equal (after.data, before [i].data, after.len);
        buf_free (&after);
        buf_free (&before [i]);
    }
    fixture_free (f);
}

// --- the folder ------------------------------------------------------------

static void write_to (const char *folder, const char *name, const char *text)
{
    char *path = mem_printf ("%s/%s", folder, name);
    FILE *file = fopen (path, "wb");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
    free (path);
}

static void test_link_and_leftovers (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    dataset_report_t report = export_ok (f, &options);
    char *link = mem_printf ("%s/dataset", f->dir), target [256] = "";
    assert_true (readlink (link, target, sizeof target - 1) > 0);
    assert_int_equal (strncmp (target, "run-", 4), 0);
    assert_true (exists (link, "train.jsonl"));

    char *aside = mem_printf ("%s.new", report.path);
    assert_false (exists (aside, ""));
    assert_int_equal (mkdir (aside, 0777), 0);          // an export died here
    write_to (aside, "train.jsonl", "half");
    export_ok (f, &options);
    assert_false (exists (aside, ""));

    const char *no_rows [] = { "id=nobody" };           // a later export without these files leaves none of the old ones
    options.where = no_rows;
    options.n_where = 1;
    export_ok (f, &options);
    assert_false (exists (link, "train.jsonl"));
    free (aside);
    free (link);
    fixture_free (f);
}

static void test_strangers_are_safe (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    char *out = mem_printf ("%s/mine", f->dir);
    options.out = out;
    assert_int_equal (mkdir (out, 0777), 0);
    export_ok (f, &options);                            // empty: fine
    assert_false (exists (f->dir, "dataset"));          // no link for a folder of the user's
    export_ok (f, &options);
    write_to (out, "thesis.txt", "years of work");
    expect_usage (f, &options, "thesis.txt");
    assert_true (exists (out, "thesis.txt"));
    assert_true (exists (out, "train.jsonl"));

    char *readme = mem_printf ("%s/project", f->dir);
    assert_int_equal (mkdir (readme, 0777), 0);
    write_to (readme, "README.md", "my project");
    options.out = readme;
    expect_usage (f, &options, "manifest.json");
    write_to (f->dir, "plain", "");
    char *plain = mem_printf ("%s/plain", f->dir);
    options.out = plain;
    expect_usage (f, &options, "no folder");
    free (plain);
    free (readme);
    free (out);
    fixture_free (f);
}

static void test_stop_leaves_the_old_one (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    dataset_report_t report = export_ok (f, &options), second;
    dataset_progress_t progress = { .stop = true };
    options.format = FORMAT_TEXT;
    fault_t fault;
    assert_int_equal (dataset_export (f->store, f->run, &options, &progress, &second, &fault), ERR_STOPPED);
    lines_t lines = read_lines (report.path, "train.jsonl");
    assert_true (json_is (json_get (line_at (&lines, 0), "prompt"), JSON_ARRAY));
    free_lines (&lines);
    char *aside = mem_printf ("%s.new", report.path);
    assert_false (exists (aside, ""));
    free (aside);
    fixture_free (f);
}

static void test_corrupt_references (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    pair_t pair = { .prompt = 999, .a = 0, .b = 1, .j = 1 };
    add_row (f, "bad", "", "");
    uint64_t number = add_pair (f, &pair);
    add_label (f, number, RULEMILL__OUTCOME__OUTCOME_A, false, 1, SCORES (2), SCORES (1), 0);
    save (f);
    dataset_options_t options = options_of (f);
    dataset_report_t report;
    fault_t fault = { 0 };
    assert_int_equal (dataset_export (f->store, f->run, &options, NULL, &report, &fault), ERR_CORRUPT);
    assert_non_null (strstr (fault.text, "prompt 999"));
    options.n_rules = 2;                                // a pool that is not the run's
    assert_int_equal (dataset_export (f->store, f->run, &options, NULL, &report, &fault), ERR_CORRUPT);
    assert_non_null (strstr (fault.text, "names rule 2"));
    fixture_free (f);
}

// --- verify ----------------------------------------------------------------

static void verify_says (const char *folder, const char *key, const char *words, const char *summary_words)
{
    buf_t problems = { 0 }, summary = { 0 };
    fault_t fault = { 0 };
    if (dataset_verify (folder, key, &problems, &summary, &fault) != OK)
        fail_msg ("%s", fault.text);
    const char *found = problems.data ? problems.data : "";
    if (words ? strstr (found, words) == NULL : *found != '\0')
        fail_msg ("problems \"%s\" instead of \"%s\"", found, words ? words : "none");
    if (summary_words && (summary.data == NULL || strstr (summary.data, summary_words) == NULL))
        fail_msg ("summary \"%s\" without \"%s\"", summary.data ? summary.data : "", summary_words);
    buf_free (&problems);
    buf_free (&summary);
}

static void test_verify (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    for (int zstd = 0; zstd < 2; zstd++) {
        options.zstd = zstd;
        dataset_report_t report = export_ok (f, &options);
        verify_says (report.path, NULL, NULL, "all as the manifest says\nnot signed");
        const char *name = zstd ? "train.jsonl.zst" : "train.jsonl";
        assert_true (exists (report.path, name));
        buf_t data = slurp (report.path, name);
        write_to (report.path, name, "{}\n");
        verify_says (report.path, NULL, zstd ? "can't be decompressed" : "has 1 rows, the manifest says 4", "problems");
        verify_says (report.path, NULL, "SHA-256", NULL);
        char *path = mem_printf ("%s/%s", report.path, name);
        unlink (path);
        verify_says (report.path, NULL, "is missing", "1 problem");
        assert_int_equal (mkfifo (path, 0600), 0);
        verify_says (report.path, NULL, "no regular file", NULL);
        unlink (path);
        free (path);
        buf_free (&data);
        write_to (report.path, name, "");
        write_to (report.path, "cells.jsonl", "{}\n");
        verify_says (report.path, NULL, "cells.jsonl: is not in the manifest", NULL);
    }
    fixture_free (f);
}

static void test_verify_bad_manifests (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    dataset_report_t report = export_ok (f, &options);
#define HEAD "{\"format\": \"rulemill-dataset\", \"format_version\": 1, "
    static const char *const cases [] [2] = {
        { "", "manifest.json" }, { "[1", "not JSON" }, { "[]", "no manifest" }, { "{\"format_version\": 1}", "no manifest" },
        { HEAD "\"files\": {}}", "no list" },
        { HEAD "\"files\": [{\"name\": \"../../etc/passwd\", \"rows\": 1, \"bytes\": 1, \"sha256\": \"00\"}]}", "names no file" },
        { HEAD "\"files\": [{\"name\": \"train.jsonl\", \"rows\": -1, \"bytes\": 1, \"sha256\": \"00\"}]}", "no proper" },
        { HEAD "\"files\": [7, null]}", "names no file" }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_to (report.path, "manifest.json", cases [i] [0]);
        verify_says (report.path, NULL, cases [i] [1], NULL);
    }
    buf_t problems = { 0 }, summary = { 0 };
    fault_t fault;
    assert_int_equal (dataset_verify ("/nonexistent", NULL, &problems, &summary, &fault), ERR_NOT_FOUND);
    fixture_free (f);
}

// The keys of RFC 8032, section 7.1: tests 1 and 2.
static const char private_pem [] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
static const char public_pem [] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";
static const char other_pem [] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
    "-----END PUBLIC KEY-----\n";

static void test_signature (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    dataset_options_t options = options_of (f);
    write_to (f->dir, "key.pem", private_pem);
    write_to (f->dir, "pub.pem", public_pem);
    write_to (f->dir, "other.pem", other_pem);
    char *key = mem_printf ("%s/key.pem", f->dir), *pub = mem_printf ("%s/pub.pem", f->dir), *other = mem_printf ("%s/other.pem", f->dir);
    options.sign_key = key;
    dataset_report_t report = export_ok (f, &options);
    verify_says (report.path, pub, NULL, "signed with the given key");
    verify_says (report.path, NULL, NULL, "give the public key");
    verify_says (report.path, other, "not this key's", NULL);
    buf_t text = slurp (report.path, "manifest.json");
    assert_non_null (strstr (text.data, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
    char *seed = strstr (text.data, "\"seed\": 11");
    assert_non_null (seed);
    memcpy (seed, "\"seed\": 12", 10);
    write_to (report.path, "manifest.json", text.data);
    verify_says (report.path, pub, "not this key's", NULL);
    char *sig = mem_printf ("%s/manifest.sig", report.path);
    unlink (sig);
    verify_says (report.path, NULL, "says that it is signed", NULL);
    free (sig);
    buf_free (&text);

    options.sign_key = pub;                             // not a private key
    fault_t fault = { 0 };
    assert_int_equal (dataset_export (f->store, f->run, &options, NULL, &report, &fault), ERR_FORMAT);
    options.sign_key = "/nonexistent.pem";
    assert_int_equal (dataset_export (f->store, f->run, &options, NULL, &report, &fault), ERR_IO);
    free (key);
    free (pub);
    free (other);
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
        cmocka_unit_test (test_cells_and_responses),
        cmocka_unit_test (test_card),
        cmocka_unit_test (test_manifest),
        cmocka_unit_test (test_same_bytes_again),
        cmocka_unit_test (test_link_and_leftovers),
        cmocka_unit_test (test_strangers_are_safe),
        cmocka_unit_test (test_stop_leaves_the_old_one),
        cmocka_unit_test (test_corrupt_references),
        cmocka_unit_test (test_verify),
        cmocka_unit_test (test_verify_bad_manifests),
        cmocka_unit_test (test_signature)
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
