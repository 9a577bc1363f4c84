// Keys written into a configuration of somebody's own: its other lines and comments stay.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "ops/config_write.h"

static status_t write_to (buf_t *text, const char *before, const char *key, const char *value, fault_t *fault)
{
    const config_line_t line = { key, value };
    buf_clear (text);
    buf_add_str (text, before);
    return config_write_text ("my.yaml", text, &line, 1, fault);
}

static void check (const char *before, const char *key, const char *value, const char *after)
{
    buf_t text = { 0 };
    fault_t fault = { 0 };
    if (write_to (&text, before, key, value, &fault) != OK)
        fail_msg ("%s", fault.text);
    assert_string_equal (text.data, after);
    buf_free (&text);
}

static void test_lines (void **state)
{
    (void) state;
    check ("", "judge.top_logprobs", "5", "judge:\n  top_logprobs: 5\n");
    check ("workers: 2", "run.tie_margin", "0.02", "workers: 2\nrun:\n  tie_margin: 0.02\n");
    check ("judge:\n  top_logprobs: 20   # many\n  model: \"a # b\"\nrun:\n  seed: 3\n", "judge.top_logprobs", "5",
           "judge:\n  top_logprobs: 5   # many\n  model: \"a # b\"\nrun:\n  seed: 3\n");
    check ("judge:\n  model: \"a # b\" # ours\n", "judge.model", "c", "judge:\n  model: c # ours\n");
    check ("# mine\njudge: # it\n    # which\n    model: a\n\nrun:\n  seed: 3\n", "judge.omit", "[temperature]",
           "# mine\njudge: # it\n    omit: [temperature]\n    # which\n    model: a\n\nrun:\n  seed: 3\n");
    check ("run:\n  seed: 3\njudge:\n  model: a", "judge.top_logprobs", "7", "run:\n  seed: 3\njudge:\n  top_logprobs: 7\n  model: a");
    check ("judge:\n  omit: [seed]\n", "judge.omit", "[seed, temperature]", "judge:\n  omit: [seed, temperature]\n");
}

static void check_refused (const char *before, const char *key, const char *value, const char *word)
{
    buf_t text = { 0 };
    fault_t fault = { 0 };
    assert_int_equal (write_to (&text, before, key, value, &fault), ERR_FORMAT);
    assert_non_null (strstr (fault.text, word));
    buf_free (&text);
}

static void test_what_no_line_holds (void **state)
{
    (void) state;
    check_refused ("judge: {model: a}\n", "judge.top_logprobs", "5", "my.yaml:1");
    check_refused ("judge:\n  omit:\n    - seed\n", "judge.omit", "[a]", "my.yaml:2");
    check_refused ("judge:\n  omit:\n  - seed\n", "judge.omit", "[a]", "my.yaml:2");
    check_refused ("judge:\n  extra: |\n    {}\n", "judge.extra", "'{}'", "set judge.extra to '{}'");
    check_refused ("judge:\n  top_logprobs: 20\n", "judge.top_logprobs", "many", "my.yaml:2");
    check_refused ("nonsense: [\n", "judge.top_logprobs", "5", "my.yaml");
}

int main (void)
{
    const struct CMUnitTest tests [] = { cmocka_unit_test (test_lines), cmocka_unit_test (test_what_no_line_holds) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
