// Exporting the fixture's store and looking at the files; used by the tests of the dataset.
#ifndef TESTS_DATASET_FILES_H
#define TESTS_DATASET_FILES_H

#include "tests/unit/dataset_fixture.h"

#include "storage/dataset_schema.h"

static UNUSED dataset_options_t options_of (const fixture_t *f)
{
    return (dataset_options_t) {
        .dir = f->dir, .rules = fixture_rules, .rule_digests = f->rule_digest, .n_rules = FIXTURE_RULES,
        .judge_note = "a baseline for tests"
    };
}

static UNUSED dataset_report_t export_ok (fixture_t *f, const dataset_options_t *options)
{
    dataset_report_t report;
    fault_t fault = { 0 };
    if (dataset_export (f->store, f->run, options, NULL, &report, &fault) != OK)
        fail_msg ("%s", fault.text);
    return report;
}

static UNUSED bool exists (const char *folder, const char *name)
{
    char *path = mem_printf ("%s/%s", folder, name);
    bool found = access (path, F_OK) == 0;
    free (path);
    return found;
}

static UNUSED buf_t slurp (const char *folder, const char *name)
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

static UNUSED lines_t read_lines (const char *folder, const char *name)
{
    return (lines_t) { slurp (folder, name), json_doc_new () };
}

static UNUSED const json_value_t *line_at (lines_t *lines, size_t n)
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

static UNUSED void free_lines (lines_t *lines)
{
    buf_free (&lines->text);
    json_doc_destroy (&lines->doc);
}

static UNUSED void expect_text (const json_value_t *row, const char *key, const char *text)
{
    const json_value_t *value = json_get (row, key);
    if (text == NULL ? !json_is (value, JSON_NULL)
                     : value == NULL || (value->type != JSON_STRING && value->type != JSON_NUMBER) || strcmp (value->text, text) != 0)
        fail_msg ("%s: %s instead of %s", key, value && value->text ? value->text : json_type_name (value), text ? text : "null");
}

// The columns in a row, against those that the card names.
static UNUSED void expect_columns (const json_value_t *row, dataset_part_t part, dataset_format_t format)
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

static UNUSED const json_value_t *item (const json_value_t *list, size_t n)
{
    const json_value_t *at = list ? list->child : NULL;
    while (at && n-- > 0)
        at = at->next;
    return at;
}

static UNUSED void expect_usage (fixture_t *f, const dataset_options_t *options, const char *words)
{
    dataset_report_t report;
    fault_t fault = { 0 };
    assert_int_equal (dataset_export (f->store, f->run, options, NULL, &report, &fault), ERR_USAGE);
    if (strstr (fault.text, words) == NULL)
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, words);
}

static UNUSED void write_to (const char *folder, const char *name, const char *text)
{
    char *path = mem_printf ("%s/%s", folder, name);
    FILE *file = fopen (path, "wb");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
    free (path);
}

#endif
