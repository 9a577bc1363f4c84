// base/yamlcheck: every refusal names its line and what to do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "base/yamlcheck.h"

static const char *const colours [] = { "red", "green" };
static const yaml_shape_t text = { .kind = YAML_TEXT, .max = 8 };
static const yaml_shape_t empty_text = { .kind = YAML_TEXT, .empty_ok = true };
static const yaml_shape_t small = { .kind = YAML_INT, .min = -2, .max = 10 };
static const yaml_shape_t seed = { .kind = YAML_INT, .max = UINT64_MAX };
static const yaml_shape_t share = { .kind = YAML_NUMBER, .max = 1 };
static const yaml_shape_t flag = { .kind = YAML_BOOL };
static const yaml_shape_t colour = { .kind = YAML_CHOICE, .names = colours, .n_names = 2 };
static const yaml_shape_t list = { .kind = YAML_LIST, .item = &text, .max = 3 };
static const yaml_shape_t any = { .kind = YAML_MAP, .item = &small, .empty_ok = true };
static const yaml_field_t fields [] = {
    { "name", &text, true }, { "note", &empty_text, false }, { "small", &small, false }, { "seed", &seed, false },
    { "share", &share, false }, { "flag", &flag, false }, { "colour", &colour, false }, { "list", &list, false },
    { "any", &any, false },
};
static const yaml_shape_t form = { .kind = YAML_MAP, .fields = fields, .n_fields = sizeof fields / sizeof fields [0] };

static void accepts (const char *yaml)
{
    fault_t fault = { 0 };
    status_t status = yaml_check ("f.yaml", yaml, strlen (yaml), &form, &fault);
    assert_string_equal (fault.text, "");
    assert_int_equal (status, OK);
}

static void refuses (const char *yaml, const char *message)
{
    fault_t fault = { 0 };
    assert_int_equal (yaml_check ("f.yaml", yaml, strlen (yaml), &form, &fault), ERR_FORMAT);
    if (strstr (fault.text, message) == NULL)
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, message);
}

static void test_good (void **state)
{
    (void) state;
    accepts ("name: a\n");
    accepts ("{name: a, note: , small: -2, seed: 18446744073709551615, share: 0.5, flag: off}\n");
    accepts ("name: 'null'\ncolour: green\nlist: [a, b, c]\nany: {x: 1, y: 10}\n# end\n");
    accepts ("---\nname: a\nany: {}\nnote: \"\"\n...\n");
}

static void test_keys (void **state)
{
    (void) state;
    refuses ("name: a\nsmal: 1\n", "f.yaml:2: unknown key \"smal\"; did you mean \"small\"?");
    refuses ("name: a\n\nzzzzzzzzzzzz: 1\n", "f.yaml:3: unknown key \"zzzzzzzzzzzz\"; known: name, note");
    refuses ("name: a\nsmall: 1\nname: b\n", "f.yaml:3: key \"name\" stands twice");
    refuses ("name: a\nany:\n  x: 1\n  x: 2\n", "f.yaml:4: key \"x\" stands twice");
    refuses ("small: 1\n", "f.yaml:1: the file has no \"name\"; add it");
    refuses ("? [a]\n: 1\n", "f.yaml:1: a key must be a single word");
    refuses ("\"\": 1\n", "f.yaml:1: a key is empty");
}

static void test_values (void **state)
{
    (void) state;
    refuses ("name:\nsmall: 1\n", "name has no value");
    refuses ("name: ~\n", "f.yaml:1: name has no value");
    refuses ("name: [a]\n", "f.yaml:1: name must be a single value");
    refuses ("name: \"a\\0b\"\n", "f.yaml:1: name contains a NUL");
    refuses ("name: 123456789\n", "f.yaml:1: name is 9 bytes long; the most is 8");
    refuses ("name: a\nsmall: 11\n", "f.yaml:2: small is 11, but must be from -2 to 10");
    refuses ("name: a\nsmall: -3\n", "must be from -2 to 10");
    refuses ("name: a\nsmall: 010\n", "whole number");
    refuses ("name: a\nsmall: 1.0\n", "whole number");
    refuses ("name: a\nseed: -1\n", "must be from 0 to 18446744073709551615");
    refuses ("name: a\nseed: 18446744073709551616\n", "must be from 0");
    refuses ("name: a\nshare: 1.01\n", "share is 1.01, but must be from 0 to 1");
    refuses ("name: a\nshare: nan\n", "must be a number");
    refuses ("name: a\nshare: 0x1\n", "must be a number");
    refuses ("name: a\nshare: 1e999\n", "must be a number");
    refuses ("name: a\nflag: maybe\n", "flag can't be \"maybe\"");
    refuses ("name: a\ncolour: gren\n", "colour can't be \"gren\"; did you mean \"green\"?");
}

static void test_lists (void **state)
{
    (void) state;
    refuses ("name: a\nlist: b\n", "f.yaml:2: list must be a list");
    refuses ("name: a\nlist: []\n", "list is an empty list");
    refuses ("name: a\nlist:\n", "list has no value");
    refuses ("name: a\nlist: [a, b, c, d]\n", "list has over 3 items");
    refuses ("name: a\nlist:\n  - a\n  -\n", "f.yaml:4: list has no value");
    refuses ("name: a\nlist: [[a]]\n", "single value");
    refuses ("name: a\nany: [1]\n", "any must be a map");
    refuses ("name: a\nany: {x: a}\n", "x must be a whole number");
    refuses ("- a\n", "the file must be a map");
}

static void test_not_yaml (void **state)
{
    (void) state;
    refuses ("", "f.yaml: the file is empty");
    refuses ("# nothing\n", "f.yaml: the file is empty");
    refuses ("list: [a\n", "not YAML");
    refuses ("name: a\n\tb: c\n", "f.yaml:2: not YAML");
    refuses ("name: \xff\n", "not YAML");
    refuses ("name: &x a\nnote: *x\n", "f.yaml:2: the alias *x is not supported");
    refuses ("name: a\n---\nname: b\n", "a second document begins");
}

static void test_deep_and_cut (void **state)
{
    (void) state;
    buf_t deep = { 0 };
    buf_add_str (&deep, "name: ");
    for (int i = 0; i < 100000; i++)
        buf_add_char (&deep, '[');
    refuses (deep.data, "f.yaml:1:");
    buf_free (&deep);
    const char *good = "name: 'null'\ncolour: green\nlist: [a, b, c]\nany: {x: 1, y: 10}\n";
    for (size_t len = 0; len < strlen (good); len++) {
        fault_t fault = { 0 };
        status_t status = yaml_check ("f.yaml", good, len, &form, &fault);
        assert_true (status == OK || (status == ERR_FORMAT && fault.text [0]));
    }
}

static void add_line (void *ctx, const yaml_shape_t *item, unsigned line)
{
    assert_ptr_equal (item, &text);
    buf_printf (ctx, "%u ", line);
}

static void test_items (void **state)
{
    (void) state;
    const char *yaml = "name: a\nlist:\n  - a\n\n  - b\n";
    buf_t lines = { 0 };
    fault_t fault = { 0 };
    assert_int_equal (yaml_check_items ("f", yaml, strlen (yaml), &form, add_line, &lines, &fault), OK);
    assert_string_equal (lines.data, "3 5 ");
    buf_free (&lines);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_good), cmocka_unit_test (test_keys), cmocka_unit_test (test_values),
        cmocka_unit_test (test_lists), cmocka_unit_test (test_not_yaml), cmocka_unit_test (test_deep_and_cut),
        cmocka_unit_test (test_items),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
