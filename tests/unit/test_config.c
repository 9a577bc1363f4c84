// The configuration: precedence, strictness with lines and nearest names, and printing that reads back.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ops/config.h"
#include "ops/config_keys.h"

static status_t load (config_t *config, const char *yaml, fault_t *fault)
{
    return config_load (config, "run.yaml", yaml, strlen (yaml), fault);
}

static void load_ok (config_t *config, const char *yaml)
{
    fault_t fault = { 0 };
    if (load (config, yaml, &fault) != OK)
        fail_msg ("%s", fault.text);
}

// A text that is refused with a message that holds every one of two parts.
static void load_refused (const char *yaml, const char *part, const char *other)
{
    config_t *config = config_new ();
    fault_t fault = { 0 };
    status_t status = load (config, yaml, &fault);
    if (status != ERR_FORMAT && status != ERR_USAGE)
        fail_msg ("taken: %s", yaml);
    if (strstr (fault.text, part) == NULL || strstr (fault.text, other) == NULL)
        fail_msg ("\"%s\" lacks \"%s\" or \"%s\"", fault.text, part, other);
    config_destroy (&config);
}

static void assign_refused (const char *assignment, const char *message)
{
    config_t *config = config_new ();
    fault_t fault = { 0 };
    assert_int_equal (config_assign (config, assignment, &fault), ERR_USAGE);
    assert_string_equal (fault.text, message);
    config_destroy (&config);
}

static void test_defaults (void **state)
{
    (void) state;
    config_t *config = config_new ();
    assert_string_equal (config->corpus.pairs, "15");
    assert_string_equal (config->judge.name, "lexicon");
    assert_string_equal (config->policy.name, "auto");
    assert_int_equal (config->policy.top, 5);
    assert_true (config->export.validation_share == 0.05);
    assert_null (config->rules.file);
    assert_false (config_names_a_run (config));
    config_destroy (&config);
    assert_null (config);
}

static void test_every_type (void **state)
{
    (void) state;
    config_t *config = config_new ();
    load_ok (config, "# a comment\n"
                     "corpus:\n  pairs: best-vs-rest\n  bad_share: 0.5\n  mapping:\n    prompt: question\n    chosen: \"good\"\n"
                     "judge: {name: replay, scores: 'my scores.jsonl', store_cells: yes}\n"
                     "policy:\n  name: fixed\n  fixed:\n    - rule-a\n    - rule-b\n"
                     "run:\n  seed: 18446744073709551615\n  tie_margin: 0.125\n"
                     "workers: 3\n");
    assert_string_equal (config->corpus.pairs, "best-vs-rest");
    assert_string_equal (config->corpus.mapping.prompt, "question");
    assert_string_equal (config->corpus.mapping.chosen, "good");
    assert_string_equal (config->judge.scores, "my scores.jsonl");
    assert_true (config->judge.store_cells);
    assert_int_equal (config->policy.fixed.count, 2);
    assert_string_equal (config->policy.fixed.items [1], "rule-b");
    assert_true (config->run.seed == UINT64_MAX);
    assert_true (config->run.tie_margin == 0.125);
    assert_int_equal (config->workers, 3);
    assert_true (config_names_a_run (config));
    config_destroy (&config);
}

static void test_precedence (void **state)
{
    (void) state;
    config_t *config = config_new ();
    fault_t fault = { 0 };
    load_ok (config, "policy:\n  top: 3\n  name: random\nworkers: 2\n");
    assert_int_equal (config_assign (config, "policy.top=4", &fault), OK);
    assert_int_equal (config_set (config, "workers", "--workers", "8", &fault), OK);
    assert_int_equal (config->policy.top, 4);
    assert_string_equal (config->policy.name, "random");
    assert_int_equal (config->workers, 8);
    assert_int_equal (config->run.seed, 1);
    assert_true (config_given (config, "workers"));
    assert_false (config_given (config, "run.seed"));
    config_destroy (&config);
}

// Lists given later take the place of those given before.
static void test_lists (void **state)
{
    (void) state;
    config_t *config = config_new ();
    fault_t fault = { 0 };
    load_ok (config, "policy:\n  fixed: [a, b]\nrun:\n  exclude: [x.jsonl]\n");
    assert_int_equal (config_assign (config, "policy.fixed=[c]", &fault), OK);
    assert_int_equal (config->policy.fixed.count, 1);
    assert_string_equal (config->policy.fixed.items [0], "c");
    const char *files [] = { "p", "q" };
    assert_int_equal (config_set_names (config, "run.exclude", "--exclude", files, 2, &fault), OK);
    assert_int_equal (config->run.exclude.count, 2);
    assert_string_equal (config->run.exclude.items [0], "p");
    config_destroy (&config);
}

static void test_unknown_keys (void **state)
{
    (void) state;
    load_refused ("judge:\n  name: lexicon\n  scoers: x\n", "run.yaml:3: ", "\"scores\"");
    load_refused ("polcy:\n  top: 3\n", "run.yaml:1: ", "\"policy\"");
    load_refused ("workers: 2\ncorpus:\n  mapping:\n    promt: x\n", "run.yaml:4: ", "\"prompt\"");
    load_refused ("policy:\n  top: 3\n  top: 4\n", "run.yaml:3: ", "twice");
    load_refused ("policy:\n  top:\n", "run.yaml:2: ", "no value");
    load_refused ("judge:\n", "run.yaml:1: ", "judge");
    load_refused ("rules:\n  file: \"\"\n", "run.yaml:2: ", "no value");
    load_refused ("", "run.yaml", "empty");
}

static void test_wrong_values (void **state)
{
    (void) state;
    load_refused ("policy:\n  top: many\n", "run.yaml:2: ", "whole number");
    load_refused ("policy:\n  top: 0\n", "run.yaml:2: ", "1 to 1000");
    load_refused ("policy:\n  top: 1001\n", "run.yaml:2: ", "1 to 1000");
    load_refused ("policy:\n  name: exhaustiv\n", "run.yaml:2: ", "exhaustive");
    load_refused ("judge:\n  name: nobody\n", "run.yaml:2: ", "lexicon");
    load_refused ("judge:\n  store_cells: maybe\n", "run.yaml:2: ", "store_cells");
    load_refused ("run:\n  tie_margin: 2.5\n", "run.yaml:2: ", "0 to 2");
    load_refused ("run:\n  seed: -1\n", "run.yaml:2: ", "seed");
    load_refused ("corpus:\n  pairs: some\n", "corpus.pairs", "best-vs-rest");
    load_refused ("corpus: 15\n", "run.yaml:1: ", "corpus");
    load_refused ("policy:\n  fixed: rule-a\n", "run.yaml:2: ", "list");
    load_refused ("judge: {\n", "run.yaml:", "YAML");
    load_refused ("a: &x 1\nb: *x\n", "run.yaml:", "a");
}

static void adapter_is (const char *yaml, const char *adapter)
{
    config_t *config = config_new ();
    load_ok (config, yaml);
    assert_string_equal (config->policy.adapter, adapter);
    assert_true (config_given (config, "policy.adapter"));
    assert_false (config_given (config, "adapter.model"));
    config_destroy (&config);
}

// The section `adapter` as one value.
static void test_the_adapter_in_short (void **state)
{
    (void) state;
    adapter_is ("adapter: http://h:8001/classify\n", "http://h:8001/classify");
    adapter_is ("# \xc3\xa9\xe2\x82\xac\njudge:\n  name: lexicon\nadapter: 'rules \xc3\xa9.adapter'   # here\nrun: {seed: 3}\n", "rules \xc3\xa9.adapter");
    adapter_is ("{\"judge\": {\"name\": \"lexicon\"}, \"adapter\": \"http://a/classify,http://b/classify\", \"run\": {\"seed\": 3}}",
                "http://a/classify,http://b/classify");
    adapter_is ("adapter: \"two\n  lines\"\npolicy: {name: adapter, fixed: [adapter, x]}\n", "two lines");
    adapter_is ("policy: {adapter: f}", "f");
    config_t *config = config_new ();
    fault_t fault = { 0 };
    load_ok (config, "adapter: {model: m, batch: 3}\n");
    assert_string_equal (config->adapter.model, "m");
    assert_null (config->policy.adapter);
    assert_int_equal (config_assign (config, "adapter=f.adapter", &fault), OK);
    assert_string_equal (config->policy.adapter, "f.adapter");
    assert_string_equal (config->adapter.model, "m");
    config_destroy (&config);
    load_refused ("adapter: f\npolicy:\n  adapter: g\n", "run.yaml:1: ", "policy.adapter; take one out");
    load_refused ("run: {seed: 1}\nadapter: f\nadapter: {model: m}\n", "run.yaml:3: ", "twice");
    load_refused ("adapter: f\nadapter: g\n", "run.yaml:2: ", "adapter");
    load_refused ("adapter: \"two\n  lines\"\nrun: {sed: 3}\n", "run.yaml:3: ", "\"seed\"");
    load_refused ("adapter:\nrun: {seed: 3}\n", "run.yaml:1: ", "adapter");
    load_refused ("adapter: ~\n", "run.yaml:1: ", "adapter");
    load_refused ("adapter: [f]\n", "run.yaml:1: ", "adapter");
    load_refused ("adapter: \"a\\0b\"\n", "run.yaml:1: ", "adapter");
    load_refused ("adapter: f\n  judge: {\n", "run.yaml:", "YAML");
    load_refused ("judge:\n  adapter: f\n", "run.yaml:2: ", "adapter");
    load_refused ("[adapter, f]\n", "run.yaml:1: ", "");
    char *longer = mem_zero (1, CONFIG_TEXT_BYTES_MAX + 20);
    memcpy (longer, "adapter: ", 9);
    memset (longer + 9, 'x', CONFIG_TEXT_BYTES_MAX + 1);
    load_refused (longer, "run.yaml:1: ", "longer than");
    free (longer);
    assign_refused ("adapter=", "--set adapter=: the value is empty; leave it out for the default");
}

static void test_assignments (void **state)
{
    (void) state;
    assign_refused ("judge.misssing=irrelevant", "--set: unknown key \"judge.misssing\"; did you mean judge.missing?");
    assign_refused ("judge.missing", "--set judge.missing: write key=value, for example --set policy.top=3");
    assign_refused ("=x", "--set =x: write key=value, for example --set policy.top=3");
    assign_refused ("workers=", "--set workers=: the value is empty; leave it out for the default");
    assign_refused ("policy.top=0", "--set policy.top=0: top is 0, but must be from 1 to 1000");
    assign_refused ("workers=2\njudge: x", "--set workers: the value has several lines");

    config_t *config = config_new ();
    fault_t fault = { 0 };
    assert_int_equal (config_assign (config, "judge.missing=irrelevant", &fault), OK);
    assert_string_equal (config->judge.missing, "irrelevant");
    assert_int_equal (config_assign (config, "corpus.mapping.prompt='a = b'", &fault), OK);
    assert_string_equal (config->corpus.mapping.prompt, "a = b");
    assert_int_equal (config_assign (config, "workers=7", &fault), OK);
    assert_int_equal (config->workers, 7);
    config_destroy (&config);
}

// Flags give texts as they are, whatever they would mean in YAML.
static void test_flags_are_not_yaml (void **state)
{
    (void) state;
    config_t *config = config_new ();
    fault_t fault = { 0 };
    assert_int_equal (config_set (config, "judge.scores", "--scores", "a: [b #c", &fault), OK);
    assert_string_equal (config->judge.scores, "a: [b #c");
    assert_int_equal (config_set (config, "policy.name", "--policy", "discrepency", &fault), ERR_USAGE);
    assert_string_equal (fault.text, "--policy: \"discrepency\" is none of exhaustive, discrepancy, all, random, fixed, entropy, diverse, relevance, "
                         "adapter, auto; "
                                     "did you mean discrepancy?");
    assert_int_equal (config_set (config, "judge.scores", "--scores", "bad \xff name", &fault), ERR_USAGE);
    assert_int_equal (config_set (config, "corpus.pairs", "--pairs", "0", &fault), ERR_USAGE);
    assert_string_equal (config->corpus.pairs, "15");
    config_destroy (&config);
}

// What is printed reads back to the same, also with texts that are hard to quote.
static void test_round_trip (void **state)
{
    (void) state;
    config_t *config = config_new ();
    fault_t fault = { 0 };
    assert_int_equal (config_set (config, "judge.scores", "--scores", "q\"uo'te: \\ # \xc3\xa9\t~", &fault), OK);
    assert_int_equal (config_set (config, "rules.file", "--rules", "true", &fault), OK);
    assert_int_equal (config_assign (config, "corpus.mapping.chosen=null_", &fault), OK);
    assert_int_equal (config_assign (config, "run.tie_margin=0.1", &fault), OK);
    assert_int_equal (config_assign (config, "policy.fixed=[a, \"b c\"]", &fault), OK);
    buf_t first = { 0 }, second = { 0 };
    config_print (config, &first);

    config_t *again = config_new ();
    load_ok (again, first.data);
    config_print (again, &second);
    assert_string_equal (first.data, second.data);
    assert_string_equal (again->judge.scores, config->judge.scores);
    assert_non_null (strstr (first.data, "  tie_margin: 0.1\n"));
    buf_free (&first);
    buf_free (&second);
    config_destroy (&config);
    config_destroy (&again);
}

static void test_inherit (void **state)
{
    (void) state;
    const char *stored = "corpus:\n  pairs: all\n  bad_share: 0.9\npolicy:\n  top: 2\n  fixed: [a, b]\n";
    config_t *config = config_new ();
    fault_t fault = { 0 };
    load_ok (config, "corpus:\n  bad_share: 0.4\n");
    assert_int_equal (config_inherit (config, "stored", stored, "corpus.", &fault), OK);
    assert_string_equal (config->corpus.pairs, "all");
    assert_true (config->corpus.bad_share == 0.4);
    assert_int_equal (config->policy.top, 5);
    assert_false (config_given (config, "corpus.pairs"));
    assert_int_equal (config_inherit (config, "stored", stored, "", &fault), OK);
    assert_int_equal (config->policy.top, 2);
    assert_int_equal (config->policy.fixed.count, 2);
    assert_false (config_names_a_run (config));
    config_destroy (&config);
}

static void test_files (void **state)
{
    (void) state;
    char path [] = "/tmp/rulemill-config-XXXXXX";
    int fd = mkstemp (path);
    assert_true (fd >= 0);
    assert_int_equal (write (fd, "workers: 5\n", 11), 11);
    close (fd);
    config_t *config = config_new ();
    fault_t fault = { 0 };
    assert_int_equal (config_load_file (config, path, &fault), OK);
    assert_int_equal (config->workers, 5);
    unlink (path);
    assert_int_equal (config_load_file (config, path, &fault), ERR_IO);
    assert_non_null (strstr (fault.text, "No such file"));
    assert_int_equal (config_load_file (config, "/tmp", &fault), ERR_IO);
    config_destroy (&config);
}

static void test_table (void **state)
{
    (void) state;
    size_t count;
    const config_key_t *keys = config_keys (&count);
    buf_t page = { 0 };
    config_describe (&page);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal (config_find (keys [i].name), (int) i);
        assert_non_null (strstr (page.data, keys [i].name));
        assert_string_equal (config_meaning (keys [i].name), keys [i].meaning);
    }
    assert_null (config_meaning ("no.such"));
    buf_free (&page);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_defaults),
        cmocka_unit_test (test_every_type),
        cmocka_unit_test (test_precedence),
        cmocka_unit_test (test_lists),
        cmocka_unit_test (test_unknown_keys),
        cmocka_unit_test (test_wrong_values),
        cmocka_unit_test (test_the_adapter_in_short),
        cmocka_unit_test (test_assignments),
        cmocka_unit_test (test_flags_are_not_yaml),
        cmocka_unit_test (test_round_trip),
        cmocka_unit_test (test_inherit),
        cmocka_unit_test (test_files),
        cmocka_unit_test (test_table),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
