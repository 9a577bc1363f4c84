// What people read of a job: progress lines, the summary, the report.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "ops/exit_codes.h"
#include "ops/outcome.h"
#include "ops/progress.h"
#include "ops/report.h"
#include "ops/summary.h"

static void check_count (uint64_t count, const char *text)
{
    buf_t out = { 0 };
    progress_count (&out, count);
    assert_string_equal (out.data, text);
    buf_free (&out);
}

static void check_duration (double seconds, const char *text)
{
    buf_t out = { 0 };
    progress_duration (&out, seconds);
    assert_string_equal (out.data, text);
    buf_free (&out);
}

static void test_amounts (void **state)
{
    (void) state;
    check_count (0, "0");
    check_count (999, "999");
    check_count (1000, "1,000");
    check_count (UINT64_MAX, "18,446,744,073,709,551,615");
    check_duration (0, "0:00");
    check_duration (89.6, "1:30");
    check_duration (3600, "01:00:00");
    check_duration (2 * 86400 + 61, "2 d 00:01:01");
    check_duration (-1, "0:00");
    check_duration (INFINITY, "11574 d 01:46:40");
}

static void check_line (job_snapshot_t s, const char *expected)
{
    buf_t out = { 0 };
    progress_line (&s, &out);
    assert_string_equal (out.data, expected);
    buf_free (&out);
}

static void test_lines (void **state)
{
    (void) state;
    job_snapshot_t s = { .stage = STAGE_LABEL, .done = 1500, .total = 6000, .rate = 750, .eta_s = 6, .workers = 2, .quarantined = 1 };
    check_line (s, "label    1,500 of 6,000  25 %  750 pairs/s  0:06 left  2 workers  1 set aside");
    check_line ((job_snapshot_t) { .stage = STAGE_INGEST, .eta_s = -1 }, "ingest");
}

// A rate that is not known, or next to nothing just after a resume, tells of no time left.
static void test_lines_of_slow_judges (void **state)
{
    (void) state;
    job_snapshot_t s = { .stage = STAGE_LABEL, .done = 3, .total = 30, .rate = 0.05, .eta_s = 540, .workers = 1 };
    check_line (s, "label    3 of 30  10 %  0.05 pairs/s  9:00 left  1 worker");
    s.rate = 0, s.eta_s = -1;
    check_line (s, "label    3 of 30  10 %  1 worker");
    s.rate = 1e-9, s.eta_s = 27e9;
    check_line (s, "label    3 of 30  10 %  1 worker");
    s.rate = 1, s.total = 99 * 86400, s.eta_s = s.total;
    check_line (s, "label    3 of 8,553,600  0 %  1.00 pairs/s  99 d 00:00:00 left  1 worker");
    s.eta_s += 1;
    check_line (s, "label    3 of 8,553,600  0 %  1.00 pairs/s  1 worker");
}

typedef struct { int64_t ms; } watch_t;

static int64_t read_watch (void *ctx)
{
    return ((watch_t *) ctx)->ms;
}

// Away from a terminal: a line at each change of stage, and every ten seconds where it says something else than the last.
static void test_pace (void **state)
{
    (void) state;
    watch_t watch = { 0 };
    FILE *file = tmpfile ();
    progress_options_t options = { .out = file, .clock = { read_watch, &watch } };
    progress_t *progress = progress_new (&options);
    job_snapshot_t s = { .stage = STAGE_INGEST, .eta_s = -1 };
    for (; watch.ms <= 21000; watch.ms += 250) {
        s.done = (uint64_t) watch.ms * 1000;
        progress_show (progress, &s);
    }
    s = (job_snapshot_t) { .stage = STAGE_PROBE, .eta_s = -1 };
    for (; watch.ms <= 42000; watch.ms += 250)
        progress_show (progress, &s);
    s.stage = STAGE_LABEL;
    s.draining = true;
    progress_show (progress, &s);
    progress_destroy (&progress);
    assert_null (progress);
    rewind (file);
    char line [256];
    int lines = 0, drains = 0;
    while (fgets (line, sizeof line, file)) {
        lines++;
        drains += strstr (line, "stopping") != NULL;
        assert_null (strchr (line, '\033'));
        assert_null (strchr (line, '\r'));
    }
    fclose (file);
    assert_int_equal (lines, 7);        // at 0, 10 and 20 s, how ingest ended, probe, the word on stopping, label
    assert_int_equal (drains, 1);
}

static outcome_t example (void)
{
    outcome_t outcome = { .dir = "job", .judge = "lexicon",
                          .judge_note = "lexicon (embedded baseline, not a judge of safety)", .config = "workers: 0\n", .began_s = 1, .ended_s = 2 };
    job_report_t *job = &outcome.job;
    job->counts = (Rulemill__RunCounts) RULEMILL__RUN_COUNTS__INIT;
    job->counts.labelled = 100;
    job->counts.ties = 10;
    job->counts.agree = 60;
    job->counts.disagree = 30;
    job->dataset.given_longer = 50;
    job->dataset.given_shorter = 50;
    job->dataset.agree_worth = 90;
    job->dataset.longer_worth = 100;
    job->corpus_counts = (Rulemill__CorpusState) RULEMILL__CORPUS_STATE__INIT;
    job->corpus_counts.rows_read = 1001;
    job->corpus_counts.pairs = 100;
    job->corpus_counts.rows_rejected = 1;
    outcome.reasons [0] = (outcome_reason_t) { "not-json", 1 };
    outcome.n_reasons = 1;
    snprintf (job->run, sizeof job->run, "run-0123456789ab");
    return outcome;
}

static void test_summary (void **state)
{
    (void) state;
    outcome_t outcome = example ();
    buf_t out = { 0 };
    summary_text (&outcome, &out);
    assert_non_null (strstr (out.data, "1,001 rows"));
    assert_non_null (strstr (out.data, "1 row set aside: not-json 1\n"));
    assert_non_null (strstr (out.data, "lexicon (embedded baseline, not a judge of safety)"));
    assert_non_null (strstr (out.data, "90 pairs with a preferred response"));
    assert_non_null (strstr (out.data, "66.7 % with 90 given preferences (95 % interval 56.4 to 75.5)"));
    assert_non_null (strstr (out.data, "preferring the longer 50.0 %, tossing a coin 50 %"));
    buf_clear (&out);
    outcome.job.dataset.agree_worth = 20;       // pairs of few prompts
    summary_text (&outcome, &out);
    assert_non_null (strstr (out.data, "66.7 % with 90 given preferences (95 % interval 44.9 to 83.1)"));
    buf_clear (&out);
    outcome.job.dataset.agree_worth = 0;        // no export has counted
    summary_text (&outcome, &out);
    assert_non_null (strstr (out.data, "66.7 % with 90 given preferences\n"));
    buf_free (&out);
}

static void test_report (void **state)
{
    (void) state;
    outcome_t outcome = example ();
    buf_t out = { 0 };
    report_json (&outcome, &out);
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root;
    fault_t fault = { 0 };
    if (json_parse (doc, out.data, out.len, &root, &fault) != OK)
        fail_msg ("%s", fault.text);
    assert_true (json_equals (json_get (root, "outcome"), "complete"));
    assert_true (json_equals (json_get (root, "run"), "run-0123456789ab"));
    int64_t count = 0;
    assert_true (json_int (json_get (json_get (json_get (root, "corpus"), "set_aside_by_reason"), "not-json"), &count));
    assert_int_equal (count, 1);
    assert_true (json_is (json_get (root, "dataset"), JSON_NULL));
    assert_true (json_is (json_get (json_get (root, "given_preferences"), "agreement"), JSON_OBJECT));
    json_doc_destroy (&doc);
    buf_free (&out);
}

static void test_exit_codes (void **state)
{
    (void) state;
    outcome_t outcome = example ();
    assert_int_equal (outcome_exit_code (&outcome), EXIT_COMPLETE);
    outcome.job.rows_set_aside = true;
    assert_int_equal (outcome_exit_code (&outcome), EXIT_SET_ASIDE);
    outcome.status = ERR_STOPPED;
    assert_int_equal (outcome_exit_code (&outcome), EXIT_RESUMABLE);
    outcome.status = ERR_IO;
    assert_int_equal (outcome_exit_code (&outcome), EXIT_FAILED);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_amounts),
        cmocka_unit_test (test_lines),
        cmocka_unit_test (test_lines_of_slow_judges),
        cmocka_unit_test (test_pace),
        cmocka_unit_test (test_summary),
        cmocka_unit_test (test_report),
        cmocka_unit_test (test_exit_codes),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
