// JSON: what is read is what was written, what is no JSON is refused with its place, and writing can be read back.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rng.h"

static int setup (void **state)
{
    *state = json_doc_new ();
    return 0;
}

static int teardown (void **state)
{
    json_doc_t *doc = *state;
    json_doc_destroy (&doc);
    assert_null (doc);
    return 0;
}

static const json_value_t *parse (void **state, const char *text)
{
    fault_t fault = { 0 };
    const json_value_t *root;
    status_t status = json_parse (*state, text, strlen (text), &root, &fault);
    if (status)
        print_error ("%s: %s\n", text, fault.text);
    assert_int_equal (status, OK);
    return root;
}

static void refused (void **state, const char *text, size_t len, const char *says)
{
    fault_t fault = { 0 };
    const json_value_t *root;
    if (json_parse (*state, text, len, &root, &fault) != ERR_FORMAT)
        fail_msg ("taken: %s", text);
    if (strstr (fault.text, says) == NULL)
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, says);
}

static void test_types (void **state)
{
    const json_value_t *root = parse (state, " {\"s\": \"x\", \"n\": -1.50e3, \"t\": true, \"f\": false, \"z\": null, \"l\": [1, [], {}], \"\": 0} ");
    assert_true (json_is (root, JSON_OBJECT));
    assert_int_equal (root->count, 7);
    assert_true (json_equals (json_get (root, "s"), "x"));
    assert_false (json_equals (json_get (root, "s"), "xy"));
    assert_string_equal (json_get (root, "n")->text, "-1.50e3");
    assert_true (json_is (json_get (root, "t"), JSON_TRUE));
    assert_true (json_is (json_get (root, "f"), JSON_FALSE));
    assert_true (json_is (json_get (root, "z"), JSON_NULL));
    const json_value_t *list = json_get (root, "l");
    assert_int_equal (list->count, 3);
    assert_null (list->child->key);
    assert_true (json_is (list->child->next, JSON_ARRAY));
    assert_int_equal (list->child->next->count, 0);
    assert_non_null (json_get (root, ""));
    assert_null (json_get (root, "none"));
    assert_null (json_get (list, "s"));
    assert_null (json_get (NULL, "s"));
    assert_false (json_is (NULL, JSON_NULL));
    assert_string_equal (json_type_name (NULL), "nothing");
    assert_string_equal (json_type_name (list), "list");
}

static void test_whole_texts (void **state)
{
    assert_true (json_is (parse (state, "3"), JSON_NUMBER));
    assert_true (json_is (parse (state, "\"\""), JSON_STRING));
    static const char *const broken [] = {
        "", " ", "{", "[1,", "[1,]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "'x'", "tru", "nul", "01", "1.", ".5", "+1", "1e", "-", "0x10",
        "NaN", "Infinity", "\"abc", "\"\\x\"", "\"\\u12\"", "1 2", "{} {}", "[] x", "// c\n1", "\"a\nb\"", "\"a\tb\"", "{\"a\":1 \"b\":2}", "]"
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        refused (state, broken [i], strlen (broken [i]), "at byte");
    refused (state, "\xEF\xBB\xBF{}", 5, "byte 0");
}

static void test_strings (void **state)
{
    const json_value_t *v = parse (state, "\"\\u0041\\n\\\"\\\\\\/\\u00e9\\ud83d\\ude00 \xC3\xA9\xF0\x9F\x98\x80\xE2\x80\xA8\"");
    assert_string_equal (v->text, "A\n\"\\/\xC3\xA9\xF0\x9F\x98\x80 \xC3\xA9\xF0\x9F\x98\x80\xE2\x80\xA8");
    v = parse (state, "{\"a\\u0000b\": \"x\\u0000y\"}");
    assert_int_equal (v->child->key_len, 3);
    assert_int_equal (v->child->len, 3);
    assert_memory_equal (v->child->text, "x\0y", 4);
    assert_null (json_get (v, "a"));
    refused (state, "[\"a\0b\"]", 7, "NUL");
    refused (state, "1\0", 2, "NUL");
    refused (state, "{}\0{}", 5, "NUL");
    refused (state, "\0", 1, "NUL");
}

static void test_bad_utf8 (void **state)
{
    static const char *const broken [] = {
        "\"\x80\"", "\"\xC3\"", "\"\xC3(\"", "\"\xC0\x80\"", "\"\xC1\xBF\"", "\"\xE0\x80\x80\"", "\"\xED\xA0\x80\"", "\"\xE2\x82\"",
        "\"\xF0\x80\x80\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xF5\x80\x80\x80\"", "\"\xFF\"", "{\"\xFE\": 1}"
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        refused (state, broken [i], strlen (broken [i]), "invalid UTF-8");
    static const char *const lone [] = { "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800x\"", "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"", "\"x\\udfffy\"",
                                         "\"\\ud83d\\ude00\\ude00\"", "{\"\\udc00\": 1}" };
    for (size_t i = 0; i < sizeof lone / sizeof *lone; i++)
        refused (state, lone [i], strlen (lone [i]), "surrogate");
}

static void test_keys (void **state)
{
    refused (state, "{\"a\": 1, \"b\": 2, \"a\": 3}", 24, "\"a\" stands twice");
    refused (state, "{\"x\": {\"a\": 1, \"\\u0061\": 3}}", 27, "stands twice");
    parse (state, "[{\"a\": 1}, {\"a\": 1}]");
    parse (state, "{\"a\": {\"a\": {\"a\": 1}}}");
    buf_t wide = { 0 };
    for (int n = 0; n < JSON_MEMBERS_MAX + 1; n++) {
        buf_printf (&wide, "%s\"k%d\":%d", n ? "," : "{", n, n);
        if (n == JSON_MEMBERS_MAX - 1) {
            buf_add_char (&wide, '}');
            assert_int_equal (parse (state, wide.data)->count, JSON_MEMBERS_MAX);
            wide.len--;
        }
    }
    buf_add_char (&wide, '}');
    refused (state, wide.data, wide.len, "more than");
    buf_free (&wide);
}

static void test_depth (void **state)
{
    char text [4 * JSON_DEPTH_MAX + 1];
    memset (text, '[', JSON_DEPTH_MAX);
    memset (text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    text [2 * JSON_DEPTH_MAX] = '\0';
    parse (state, text);
    memset (text, '[', JSON_DEPTH_MAX + 1);
    memset (text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    refused (state, text, 2 * (JSON_DEPTH_MAX + 1), "deeper");
    char *deep = malloc (1000000);
    memset (deep, '[', 1000000);
    refused (state, deep, 1000000, "deeper");
    free (deep);
}

static void test_numbers (void **state)
{
    int64_t n;
    double d;
    assert_true (json_int (parse (state, "-9223372036854775808"), &n));
    assert_true (n == INT64_MIN);
    assert_false (json_int (parse (state, "9223372036854775808"), &n));
    assert_false (json_int (parse (state, "1.0"), &n));
    assert_false (json_int (parse (state, "1e3"), &n));
    assert_false (json_int (parse (state, "\"1\""), &n));
    assert_false (json_int (NULL, &n));
    assert_true (json_double (parse (state, "0.1"), &d));
    assert_true (d == 0.1);
    assert_false (json_double (parse (state, "1e999"), &d));
    assert_false (json_double (parse (state, "-1e999"), &d));
    assert_true (json_double (parse (state, "1e-999"), &d));
    const json_value_t *v = parse (state, "123456789012345678901234567890.000100");
    assert_string_equal (v->text, "123456789012345678901234567890.000100");
    assert_true (json_double (v, &d));
    parse (state, "{\"unused\": 1e999, \"huge\": 99999999999999999999999999}");
}

static void same (void **state, const char *text)
{
    buf_t out = { 0 };
    json_write_value (&out, parse (state, text));
    assert_string_equal (out.data, text);
    buf_free (&out);
}

static void test_write_real (void **state)
{
    (void) state;
    const struct { double value; const char *text; } cases [] = {
        { 0.1, "0.1" }, { 0.66, "0.66" }, { 2.0 / 3, "0.6666666666666666" }, { 1.0 / 3, "0.3333333333333333" }, { 0, "0" }, { -2.5, "-2.5" },
        { 1e300, "1e+300" }, { 0.1 + 0.2, "0.30000000000000004" }, { NAN, "null" }, { -INFINITY, "null" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_t out = { 0 };
        json_write_real (&out, cases [i].value);
        assert_string_equal (out.data, cases [i].text);
        assert_true (!isfinite (cases [i].value) || strtod (out.data, NULL) == cases [i].value);
        buf_free (&out);
    }
}

static void test_numbers_stay (void **state)
{
    same (state, "[0.10,1e5,-0,123456789012345678901234567890]");
    // No double holds these, and nobody may ask for one.
    same (state, "{\"a\":[1e999,\"1e999 \\\" 1\",-1.5E+4000],\"b\":1}");
    char digits [402];
    memset (digits, '9', sizeof digits - 1);
    digits [401] = '\0';
    same (state, digits);
    static const char *const texts [] = { "[1e999,01]", "[1e999,1.]", "[1e999,-]", "[1e999,1e]", "[1e999,1-1]", "[1e999 1]", "[1e999", "1e999e" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refused (state, texts [i], strlen (texts [i]), "not JSON");
}

static void test_values_max (void **state)
{
    size_t len = 2 * (size_t) JSON_VALUES_MAX + 1;
    char *many = malloc (len);
    for (size_t i = 0; i < len; i++)
        many [i] = i == 0 ? '[' : i % 2 ? '0' : ',';
    many [len - 1] = ']';
    refused (state, many, len, "values");
    free (many);
}

// A parse that failed leaves nothing behind, and a huge one is not kept.
static void test_reuse (void **state)
{
    refused (state, "{\"a\": [1, 2", 11, "byte");
    assert_int_equal (parse (state, "[1]")->count, 1);
    buf_t large = { 0 };
    buf_add_char (&large, '"');
    for (int i = 0; i < 600000; i++)
        buf_add_str (&large, "0123456789");
    buf_add_char (&large, '"');
    assert_int_equal (parse (state, large.data)->len, 6000000);
    assert_int_equal (parse (state, "[1,2]")->count, 2);
    buf_free (&large);
}

static void test_write_string (void **state)
{
    (void) state;
    buf_t out = { 0 };
    static const char text [] = "a\"\\\n\r\t\b\f\x01\x1F\x7F/\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xA7\xC3\xA9\0z";
    json_write_string (&out, text, sizeof text - 1);
    assert_string_equal (out.data, "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\\u007f/\\u2028\\u2029\xE2\x80\xA7\xC3\xA9\\u0000z\"");
    buf_clear (&out);
    json_write_string (&out, "", 0);
    json_write_cstring (&out, NULL);
    assert_string_equal (out.data, "\"\"null");
    buf_clear (&out);
    buf_add_char (&out, '{');
    json_write_key (&out, "a");
    buf_add_char (&out, '1');
    json_write_key (&out, "b");
    assert_string_equal (out.data, "{\"a\":1,\"b\":");
    buf_clear (&out);
    json_write_string (&out, "x\xE2\x80\xA8", 3);  // a text that ends inside a character is not read past
    assert_string_equal (out.data, "\"x\xEF\xBF\xBD\xEF\xBF\xBD\"");
    buf_clear (&out);
    json_write_string (&out, "\xFF\xC3\xA9\xED\xA0\x80|", 7);
    assert_string_equal (out.data, "\"\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD|\"");
    buf_clear (&out);
    json_write_escaped (&out, "a\"\n", 3);
    json_write_escaped (&out, "", 0);
    assert_string_equal (out.data, "a\\\"\\n");
    buf_free (&out);
}

static void test_write_value (void **state)
{
    static const char text [] = "{\"a\":[1,2.50,-0,1e5,\"x\\u0000\",true,false,null,{},[]],\"b\\\"\":{\"c\":\"\\u2028\"}}";
    buf_t out = { 0 };
    json_write_value (&out, parse (state, text));
    assert_string_equal (out.data, text);
    buf_free (&out);
}

static void test_write_micro (void **state)
{
    (void) state;
    static const struct { int64_t micro; const char *text; } cases [] = {
        { 0, "0.0" }, { 1, "0.000001" }, { -1, "-0.000001" }, { -250000, "-0.25" }, { 1000000, "1.0" }, { -1000000, "-1.0" },
        { 1500000, "1.5" }, { 999999, "0.999999" }, { 100, "0.0001" }, { 123456789, "123.456789" },
        { INT64_MAX, "9223372036854.775807" }, { INT64_MIN, "-9223372036854.775808" },
    };
    buf_t out = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_clear (&out);
        json_write_micro (&out, cases [i].micro);
        assert_string_equal (out.data, cases [i].text);
    }
    buf_free (&out);
}

// Bytes changed at random: never anything but OK or a refusal, and what was taken is written and read the same.
static void test_write_members (void **state)
{
    buf_t out = { 0 };
    json_member_object (&out, "o");
    json_member_text (&out, "t", "a\"b");
    json_member_text (&out, "none", NULL);
    json_member_count (&out, "n", UINT64_MAX);
    json_member_real (&out, "r", 0.5);
    json_member_real (&out, "nan", NAN);
    json_member_micro (&out, "m", -250000);
    json_member_flag (&out, "yes", true);
    json_member_flag (&out, "no", false);
    json_member_list (&out, "l");
    buf_add_str (&out, "]}");
    assert_string_equal (out.data, "\"o\":{\"t\":\"a\\\"b\",\"none\":null,\"n\":18446744073709551615,\"r\":0.500000,\"nan\":null,\"m\":-0.25,"
                         "\"yes\":true,\"no\":false,\"l\":[]}");
    const json_value_t *root = parse (state, "{\"n\": 7, \"less\": -7, \"text\": \"7\"}");
    assert_int_equal (json_count_of (root, "n"), 7);
    assert_int_equal (json_count_of (root, "less"), 0);
    assert_int_equal (json_count_of (root, "text"), 0);
    assert_int_equal (json_count_of (NULL, "n"), 0);
    buf_free (&out);
}

static void test_mutations (void **state)
{
    static const char seed_text [] = "{\"a\":[1,2.5e3,\"x\\u00e9\\ud83d\\ude00\",{\"b\":null}],\"\xC3\xA9\":true}";
    rng_t rng = { 1 };
    buf_t out = { 0 }, again = { 0 };
    json_doc_t *second = json_doc_new ();
    for (int round = 0; round < 20000; round++) {
        char text [sizeof seed_text];
        memcpy (text, seed_text, sizeof text);
        for (uint64_t n = 1 + rng_below (&rng, 3); n > 0; n--)
            text [rng_below (&rng, sizeof text - 1)] = (char) rng_next (&rng);
        size_t len = sizeof text - 1 - (size_t) rng_below (&rng, 3);
        const json_value_t *root, *back;
        fault_t fault = { 0 };
        if (json_parse (*state, text, len, &root, &fault) != OK) {
            assert_int_equal (fault.code, ERR_FORMAT);
            continue;
        }
        buf_clear (&out);
        json_write_value (&out, root);
        assert_int_equal (json_parse (second, out.data, out.len, &back, &fault), OK);
        buf_clear (&again);
        json_write_value (&again, back);
        assert_string_equal (out.data, again.data);
    }
    json_doc_destroy (&second);
    buf_free (&out);
    buf_free (&again);
}

int main (void)
{
#define TEST(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests [] = {
        TEST (test_types), TEST (test_whole_texts), TEST (test_strings), TEST (test_bad_utf8), TEST (test_keys), TEST (test_depth),
        TEST (test_numbers), TEST (test_write_real), TEST (test_numbers_stay), TEST (test_values_max), TEST (test_reuse), TEST (test_write_string), TEST (test_write_value), TEST (test_write_micro),
        TEST (test_write_members), TEST (test_mutations),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
