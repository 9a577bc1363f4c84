// The argument parser: what is read, and how each mistake is told.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "ops/cli.h"
#include "ops/number.h"
#include "ops/paths.h"

static const cli_flag_t shared [] = {
    { "--json", NULL, "as JSON", NULL, false },
    { "--out", "DIR", "where", NULL, false },
    { 0 }
};

static const cli_flag_t own [] = {
    { "--workers", "N", NULL, "workers", false },
    { "--margin", "M", "how much", NULL, false },
    { "--set", "KEY=VALUE", "one key", NULL, true },
    { 0 }
};

static const cli_command_t command = {
    .name = "label", .summary = "label a corpus", .operands = "CORPUS...", .operands_min = 0, .operands_max = 3,
    .about = "About it.", .example = "rulemill label x", .groups = { own, shared }
};

enum { ARGS_MAX = 16 };

// Parse arguments given as a list ended by NULL.
static status_t parse (cli_t **cli, fault_t *fault, ...)
{
    char *argv [ARGS_MAX];
    int argc = 0;
    va_list args;
    va_start (args, fault);
    char *next;
    while ((next = va_arg (args, char *)))
        argv [argc++] = next;
    va_end (args);
    return cli_parse (&command, argc, argv, cli, fault);
}

static void refused (const char *message, ...)
{
    char *argv [ARGS_MAX], *next;
    int argc = 0;
    va_list args;
    va_start (args, message);
    while ((next = va_arg (args, char *)))
        argv [argc++] = next;
    va_end (args);
    cli_t *cli;
    fault_t fault = { 0 };
    assert_int_equal (cli_parse (&command, argc, argv, &cli, &fault), ERR_USAGE);
    assert_null (cli);
    assert_string_equal (fault.text, message);
}

static void test_values (void **state)
{
    (void) state;
    cli_t *cli;
    fault_t fault = { 0 };
    assert_int_equal (parse (&cli, &fault, "a.jsonl", "--workers", "4", "-", "--out=job", "--json", NULL), OK);
    assert_string_equal (cli_text (cli, "--workers"), "4");
    assert_string_equal (cli_text (cli, "--out"), "job");
    assert_true (cli_has (cli, "--json"));
    assert_false (cli_has (cli, "--margin"));
    assert_null (cli_text (cli, "--margin"));
    size_t count;
    const char *const *operands = cli_operands (cli, &count);
    assert_int_equal (count, 2);
    assert_string_equal (operands [0], "a.jsonl");
    assert_string_equal (operands [1], "-");
    cli_destroy (&cli);
    assert_null (cli);
}

// A value may begin with one dash, hold further "=", and with "=" also begin with two dashes.
static void test_odd_values (void **state)
{
    (void) state;
    cli_t *cli;
    fault_t fault = { 0 };
    assert_int_equal (parse (&cli, &fault, "--set", "a=b=c", "--out=--odd", "--margin", "-1", NULL), OK);
    assert_string_equal (cli_text (cli, "--set"), "a=b=c");
    assert_string_equal (cli_text (cli, "--out"), "--odd");
    assert_string_equal (cli_text (cli, "--margin"), "-1");
    cli_destroy (&cli);
}

static void test_end_of_flags (void **state)
{
    (void) state;
    cli_t *cli;
    fault_t fault = { 0 };
    assert_int_equal (parse (&cli, &fault, "--json", "--", "--out", "--", NULL), OK);
    size_t count;
    const char *const *operands = cli_operands (cli, &count);
    assert_int_equal (count, 2);
    assert_string_equal (operands [0], "--out");
    assert_string_equal (operands [1], "--");
    cli_destroy (&cli);
}

static void test_repeated (void **state)
{
    (void) state;
    cli_t *cli;
    fault_t fault = { 0 };
    assert_int_equal (parse (&cli, &fault, "--set", "a=1", "--json", "--set=b=2", NULL), OK);
    assert_int_equal (cli_count (cli, "--set"), 2);
    assert_string_equal (cli_nth (cli, "--set", 1), "b=2");
    assert_null (cli_nth (cli, "--set", 2));
    const cli_flag_t *flag;
    const char *value;
    assert_true (cli_each (cli, 1, &flag, &value));
    assert_string_equal (flag->name, "--json");
    assert_null (value);
    assert_false (cli_each (cli, 3, &flag, &value));
    cli_destroy (&cli);
    refused ("--out is given twice; keep one of them", "--out", "a", "--out=b", NULL);
}

static void test_unknown (void **state)
{
    (void) state;
    refused ("label: unknown flag --worker; did you mean --workers?", "--worker", "4", NULL);
    refused ("label: unknown flag --jsno; did you mean --json?", "--jsno", NULL);
    refused ("label: unknown flag --outt; did you mean --out?", "--outt=x", NULL);
    refused ("label: unknown flag --hepl; did you mean --help?", "--hepl", NULL);
    refused ("label: unknown flag --completely-different; see rulemill label --help", "--completely-different", NULL);
    refused ("label: unknown flag -x; see rulemill label --help", "-x", NULL);
}

static void test_missing_values (void **state)
{
    (void) state;
    refused ("--out needs a value: --out DIR", "--out", NULL);
    refused ("--out needs a value: --out DIR", "--out", "--json", NULL);
    refused ("--out needs a value: --out DIR", "--out=", NULL);
    refused ("--out needs a value: --out DIR", "--out", "", NULL);
    refused ("--json takes no value", "--json=yes", NULL);
}

static void test_operands (void **state)
{
    (void) state;
    refused ("label: \"d\" is one argument too many; see rulemill label --help", "a", "b", "c", "d", NULL);
    static const cli_command_t strict = { .name = "inspect", .operands = "DIR PAIR", .operands_min = 2, .operands_max = 2 };
    char *argv [] = { "job" };
    cli_t *cli;
    fault_t fault = { 0 };
    assert_int_equal (cli_parse (&strict, 1, argv, &cli, &fault), ERR_USAGE);
    assert_string_equal (fault.text, "inspect needs DIR PAIR; see rulemill inspect --help");
}

static void test_help (void **state)
{
    (void) state;
    cli_t *cli;
    fault_t fault = { 0 };
    assert_int_equal (parse (&cli, &fault, "a", "--help", "--nonsense", NULL), OK);
    assert_true (cli_wants_help (cli));
    cli_destroy (&cli);
    buf_t page = { 0 };
    cli_help (&command, NULL, &page);
    assert_non_null (strstr (page.data, "--workers N"));
    assert_non_null (strstr (page.data, "one key (may be repeated)"));
    assert_non_null (strstr (page.data, "example:\n  rulemill label x"));
    buf_free (&page);
}

static void test_numbers (void **state)
{
    (void) state;
    cli_t *cli;
    fault_t fault = { 0 };
    uint64_t whole = 7;
    double real = 0.5;
    assert_int_equal (parse (&cli, &fault, "--workers", "4097", "--margin", "0.25", NULL), OK);
    assert_int_equal (cli_whole (cli, "--workers", 0, 4096, &whole, &fault), ERR_USAGE);
    assert_string_equal (fault.text, "--workers: 4097 is out of range; give one from 0 to 4096");
    assert_int_equal (whole, 7);
    assert_int_equal (cli_real (cli, "--margin", 0, 2, &real, &fault), OK);
    assert_true (real == 0.25);
    assert_int_equal (cli_whole (cli, "--out", 0, 1, &whole, &fault), OK);      // not given
    assert_int_equal (whole, 7);
    cli_destroy (&cli);
}

static void test_number_forms (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    uint64_t whole = 0;
    double real = 0;
    assert_int_equal (number_whole ("x", "20k", 0, 1000000, &whole, &fault), OK);
    assert_int_equal (whole, 20000);
    assert_int_equal (number_whole ("x", "18446744073709551615", 0, UINT64_MAX, &whole, &fault), OK);
    assert_true (whole == UINT64_MAX);
    static const char *const bad [] = { "", " 4", "4 ", "-1", "+1", "0x10", "1.5", "1e3", "4kk", "k", "18446744073709551616",
                                        "18446744073709551615k", "nan" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal (number_whole ("x", bad [i], 0, UINT64_MAX, &whole, &fault), ERR_USAGE);
    assert_int_equal (number_real ("x", "1e-3", 0, 1, &real, &fault), OK);
    assert_true (real == 0.001);
    static const char *const odd [] = { "", "nan", "inf", "0x1p3", "1.5.2", " 1", "1 ", "2", "-0.1", "1e999", "1e", "." };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal (number_real ("x", odd [i], 0, 1, &real, &fault), ERR_USAGE);
}

static void test_globs (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    paths_t paths;
    const char *names [] = { "-", "no-such-file.jsonl", SOURCE_DIR "/ops/cli.[hc]" };
    assert_int_equal (paths_expand (names, 3, &paths, &fault), OK);
    assert_int_equal (paths.count, 4);
    assert_string_equal (paths.items [1], "no-such-file.jsonl");    // ingest says that it is not there
    assert_string_equal (paths.items [2], SOURCE_DIR "/ops/cli.c");
    assert_string_equal (paths.items [3], SOURCE_DIR "/ops/cli.h");
    paths_clear (&paths);

    const char *none [] = { "nothing-here-*.jsonl" };
    assert_int_equal (paths_expand (none, 1, &paths, &fault), ERR_USAGE);
    assert_string_equal (fault.text, "nothing-here-*.jsonl: no file matches; check the folder and the suffix");
    paths_clear (&paths);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_values),
        cmocka_unit_test (test_odd_values),
        cmocka_unit_test (test_end_of_flags),
        cmocka_unit_test (test_repeated),
        cmocka_unit_test (test_unknown),
        cmocka_unit_test (test_missing_values),
        cmocka_unit_test (test_operands),
        cmocka_unit_test (test_help),
        cmocka_unit_test (test_numbers),
        cmocka_unit_test (test_number_forms),
        cmocka_unit_test (test_globs),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
