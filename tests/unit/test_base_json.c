// What json_parse takes and refuses, and that numbers stay what they were.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"

static json_doc_t *doc;

static int setup (void **state)
{
    (void) state;
    doc = json_doc_new ();
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    json_doc_destroy (&doc);
    return 0;
}

static void check_same (const char *text)
{
    const json_value_t *root;
    fault_t fault = { 0 };
    if (json_parse (doc, text, strlen (text), &root, &fault) != OK)
        fail_msg ("%s: %s", text, fault.text);
    buf_t out = { 0 };
    json_write_value (&out, root);
    assert_string_equal (out.data, text);
    buf_free (&out);
}

static void check_refused (const char *text, size_t len, const char *words)
{
    const json_value_t *root;
    fault_t fault = { 0 };
    assert_int_equal (json_parse (doc, text, len, &root, &fault), ERR_FORMAT);
    if (!strstr (fault.text, words))
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, words);
}

static void test_numbers_stay (void **state)
{
    (void) state;
    check_same ("[0.10,1e5,-0,123456789012345678901234567890]");
    // No double holds these, and nobody may ask for one.
    check_same ("{\"a\":[1e999,\"1e999 \\\" 1\",-1.5E+4000],\"b\":1}");
    char digits [402];
    memset (digits, '9', sizeof digits - 1);
    digits [401] = '\0';
    check_same (digits);
    const json_value_t *root;
    double d;
    assert_int_equal (json_parse (doc, "1e999", 5, &root, NULL), OK);
    assert_false (json_double (root, &d));
}

static void test_no_numbers (void **state)
{
    (void) state;
    static const char *const texts [] = { "[1e999,01]", "[1e999,1.]", "[1e999,-]", "[1e999,1e]", "[1e999,1-1]", "[1e999 1]", "[1e999", "1e999e" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_refused (texts [i], strlen (texts [i]), "not JSON");
}

static void test_refused (void **state)
{
    (void) state;
    check_refused ("", 0, "not JSON");
    check_refused ("{}\0", 3, "NUL byte");
    check_refused ("{} {}", 5, "not JSON");
    check_refused ("\"\xc3\"", 3, "invalid UTF-8");
    check_refused ("\"\\ud800\"", 8, "lone surrogate");
    check_refused ("{\"a\":1,\"a\":2}", 13, "key \"a\" stands twice");
    check_refused ("\xef\xbb\xbf{}", 5, "not JSON");
}

static void test_bounds (void **state)
{
    (void) state;
    char deep [JSON_DEPTH_MAX + 1];
    memset (deep, '[', sizeof deep);
    check_refused (deep, sizeof deep, "deeper");
    size_t len = 2 * (size_t) JSON_VALUES_MAX + 1;
    char *many = malloc (len);
    assert_non_null (many);
    for (size_t i = 0; i < len; i++)
        many [i] = i == 0 ? '[' : i % 2 ? '0' : ',';
    many [len - 1] = ']';
    check_refused (many, len, "values");
    free (many);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_numbers_stay),
        cmocka_unit_test (test_no_numbers),
        cmocka_unit_test (test_refused),
        cmocka_unit_test (test_bounds),
    };
    return cmocka_run_group_tests (tests, setup, teardown);
}
