// How one label is told: texts made safe and short, and objects that lack what they should have.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "ops/inspect_view.h"

static void wrapped (const char *text, size_t max, const char *expected)
{
    buf_t out = { 0 };
    inspect_wrap (text, strlen (text), max, &out);
    assert_string_equal (out.data, expected);
    buf_free (&out);
}

static void view (const char *json, buf_t *out)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root;
    fault_t fault = { 0 };
    if (json_parse (doc, json, strlen (json), &root, &fault) != OK)
        fail_msg ("%s", fault.text);
    inspect_view (root, out);
    json_doc_destroy (&doc);
}

static void test_texts (void **state)
{
    (void) state;
    wrapped ("a  b\n\tc", 100, "  a b c\n");
    wrapped ("", 100, "\n");
    wrapped ("one two three", 9, "  one two ...\n");
    wrapped ("\xc3\xa9\xc3\xa9\xc3\xa9", 3, "  \xc3\xa9 ...\n");       // never half a character
    wrapped ("red \x1b[31m and \xc2\x9b" "2J", 100, "  red [31m and ?2J\n");      // a terminal obeys neither
}

static void test_long_lines (void **state)
{
    (void) state;
    buf_t text = { 0 }, out = { 0 };
    for (int i = 0; i < 60; i++)
        buf_add_str (&text, "word ");
    inspect_wrap (text.data, text.len, text.len, &out);
    size_t column = 0;
    for (size_t i = 0; i < out.len; i++) {
        column = out.data [i] == '\n' ? 0 : column + 1;
        assert_true (column <= 96);
    }
    buf_free (&text);
    buf_free (&out);
}

static void test_label (void **state)
{
    (void) state;
    buf_t out = { 0 };
    view ("{\"id\":\"r1\",\"place\":{\"file\":\"c.jsonl\",\"line\":3},\"prompt\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
          "\"response_a\":[{\"role\":\"assistant\",\"content\":\"Yes\"}],\"response_b\":[{\"role\":\"assistant\",\"content\":\"No\"}],"
          "\"given_preference\":{\"a\":1,\"b\":0,\"tie\":0},\"run\":\"run-0\",\"policy\":\"exhaustive\",\"judge\":\"lexicon\","
          "\"weight_relevance\":1.0,\"weight_discrepancy\":0.5,\"tie_margin\":0.0,\"label\":{\"outcome\":\"b\",\"tie_reason\":null,"
          "\"mean_a\":-0.5,\"mean_b\":0.25,\"margin\":0.75,\"rules\":[{\"rank\":1,\"id\":\"is-kind\",\"text\":\"It is kind.\","
          "\"polarity\":-1,\"score_a\":0.5,\"score_b\":-0.25,\"relevance\":0.9,\"value\":1.275}]}}", &out);
    assert_non_null (strstr (out.data, "Pair      r1  (c.jsonl:3)\n"));
    assert_non_null (strstr (out.data, "  user: Hi\n"));
    assert_non_null (strstr (out.data, "Given     1 for A, 0 for B, 0 for a tie\n"));
    assert_non_null (strstr (out.data, "Label     B is preferred: A -0.5, B 0.25, margin 0.75\n"));
    assert_non_null (strstr (out.data, " 1 - is-kind"));
    assert_non_null (strstr (out.data, "not a judge of safety"));
    buf_free (&out);
}

// Another version's answer may lack or change anything.
static void test_odd_objects (void **state)
{
    (void) state;
    static const char *const odd [] = {
        "{}", "[]", "null", "{\"label\":{}}", "{\"label\":{\"rules\":[1,null,{}]}}", "{\"prompt\":[1,{\"role\":5}],\"label\":null}",
        "{\"prompt\":{},\"state\":7}", "{\"id\":3,\"place\":[],\"given_preference\":{\"a\":\"x\"},\"label\":{\"outcome\":1,\"rules\":{}}}"
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        buf_t out = { 0 };
        view (odd [i], &out);
        assert_true (out.len > 0);
        buf_free (&out);
    }
    buf_t out = { 0 };
    view ("{\"id\":\"a\\u001b[2Jb\",\"label\":null}", &out);
    assert_non_null (strstr (out.data, "Pair      a?[2Jb\n"));
    buf_clear (&out);
    view ("{\"id\":\"r\",\"state\":\"excluded\",\"reason\":\"excluded\",\"detail\":\"equals it\",\"label\":null}", &out);
    assert_non_null (strstr (out.data, "Label     none: excluded\n  equals it\n"));
    buf_free (&out);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_texts),
        cmocka_unit_test (test_long_lines),
        cmocka_unit_test (test_label),
        cmocka_unit_test (test_odd_objects),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
