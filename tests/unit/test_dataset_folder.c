// A dataset as a whole: its card and manifest, how its folder takes its place, verification and signature.

#include "tests/unit/dataset_files.h"

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
