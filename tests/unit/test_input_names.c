// What the files of a corpus are called: never two the same, always UTF-8.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "storage/input_names.h"

enum { INPUTS_MAX = 8 };

typedef struct {
    Rulemill__CorpusState corpus;
    Rulemill__InputFile file [INPUTS_MAX];
    Rulemill__InputFile *list [INPUTS_MAX];
} files_t;

static void list_files (files_t *files, const char *const *paths, size_t n)
{
    files->corpus = (Rulemill__CorpusState) RULEMILL__CORPUS_STATE__INIT;
    for (size_t i = 0; i < n; i++) {
        files->file [i] = (Rulemill__InputFile) RULEMILL__INPUT_FILE__INIT;
        files->file [i].path = (char *) paths [i];
        files->list [i] = &files->file [i];
    }
    files->corpus.inputs = files->list;
    files->corpus.n_inputs = n;
}

static void check (const char *const *paths, const char *const *expected, size_t n)
{
    files_t files;
    list_files (&files, paths, n);
    input_names_t names;
    input_names_init (&names, &files.corpus);
    assert_int_equal (names.n, n);
    for (size_t i = 0; i < n; i++) {
        buf_t out = { 0 };
        input_names_write (&names, (uint32_t) i, &out);
        assert_string_equal (out.data, expected [i]);
        buf_free (&out);
        char *one = input_names_at (&files.corpus, i);
        assert_string_equal (one, expected [i]);
        free (one);
    }
    input_names_free (&names);
    assert_null (names.name);
}

static void the_last_part_names_a_file (void **state)
{
    (void) state;
    const char *const paths [] = { "/data/a.jsonl", "b.jsonl", "c/d/caf\xC3\xA9.jsonl", "50%.jsonl" };
    const char *const names [] = { "a.jsonl", "b.jsonl", "caf\xC3\xA9.jsonl", "50%.jsonl" };
    check (paths, names, 4);
}

static void no_two_are_called_the_same (void **state)
{
    (void) state;
    const char *const paths [] = { "x/a.jsonl", "y/a.jsonl", "b.jsonl", "z/a.jsonl", "z/b.jsonl" };
    const char *const names [] = { "a.jsonl", "2/a.jsonl", "b.jsonl", "4/a.jsonl", "5/b.jsonl" };
    check (paths, names, 5);
}

static void bytes_that_are_no_utf8_are_escaped (void **state)
{
    (void) state;
    const char *const paths [] = { "x/a\xFF.jsonl", "a%FF.jsonl", "y/a\xFF.jsonl" };
    const char *const names [] = { "a%FF.jsonl", "2/a%FF.jsonl", "3/a%FF.jsonl" };
    check (paths, names, 3);
}

static void an_unknown_input_has_a_number (void **state)
{
    (void) state;
    input_names_t names = { 0 };
    buf_t out = { 0 };
    input_names_write (&names, 7, &out);
    assert_string_equal (out.data, "input 7");
    buf_free (&out);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (the_last_part_names_a_file),
        cmocka_unit_test (no_two_are_called_the_same),
        cmocka_unit_test (bytes_that_are_no_utf8_are_escaped),
        cmocka_unit_test (an_unknown_input_has_a_number),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
