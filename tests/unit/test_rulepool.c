// model/rulepool: what is read, what is refused and how it is said.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "model/rulepool.h"

static const char good [] =
    "version: 1\n"
    "name: two\n"
    "rules:\n"
    "  - id: first-rule\n"
    "    text: The response declines.\n"
    "    category: a\n"
    "    lexicon:\n"
    "      prompt: [\"How to kill\", \"murder*\", \"MURDER*\"]\n"
    "      for: [\"I can't\", i cant]\n"
    "      against: []\n"
    "  - {id: second, text: \"It insults: 'you'.\", polarity: -1}\n";

static rulepool_t *parse (const char *yaml)
{
    rulepool_t *pool = NULL;
    fault_t fault = { 0 };
    status_t status = rulepool_parse ("r.yaml", yaml, strlen (yaml), &pool, &fault);
    assert_string_equal (fault.text, "");
    assert_int_equal (status, OK);
    return pool;
}

static void refuses (const char *yaml, const char *message)
{
    rulepool_t *pool = NULL;
    fault_t fault = { 0 };
    assert_int_equal (rulepool_parse ("r.yaml", yaml, strlen (yaml), &pool, &fault), ERR_FORMAT);
    assert_null (pool);
    if (strstr (fault.text, message) == NULL)
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, message);
}

static void test_good (void **state)
{
    (void) state;
    rulepool_t *pool = parse (good);
    assert_string_equal (pool->name, "two");
    assert_int_equal (pool->count, 2);
    const rule_t *first = &pool->rules [0], *second = &pool->rules [1];
    assert_int_equal (first->line, 4);
    assert_int_equal (second->line, 11);
    assert_string_equal (first->category, "a");
    assert_string_equal (second->category, "");
    assert_int_equal (first->polarity, 1);
    assert_int_equal (second->polarity, -1);
    assert_int_equal (first->prompt.count, 2);
    assert_string_equal (first->prompt.items [0], "how to kill");
    assert_string_equal (first->prompt.items [1], "murder*");
    assert_int_equal (first->speaks_for.count, 1);
    assert_string_equal (first->speaks_for.items [0], "i cant");
    assert_int_equal (first->speaks_against.count + second->prompt.count, 0);
    digest_t text = digest_of (first->text, strlen (first->text));
    assert_true (digest_equal (&text, &first->digest));
    assert_int_equal (rulepool_find (pool, "second"), 1);
    assert_int_equal (rulepool_find (pool, "third"), -1);
    rulepool_destroy (&pool);
    assert_null (pool);
    rulepool_destroy (&pool);
}

// The good pool with one text replaced; caller frees.
static char *changed (const char *from, const char *to)
{
    const char *at = strstr (good, from);
    assert_non_null (at);
    return mem_printf ("%.*s%s%s", (int) (at - good), good, to, at + strlen (from));
}

static void test_digests (void **state)
{
    (void) state;
    static const struct { const char *from, *to; int rules, phrases; } cases [] = {
        { "declines", "refuses", 1, 0 }, { "first-rule", "other", 1, 0 }, { "polarity: -1", "polarity: 1", 1, 0 },
        { "murder*", "murders", 0, 1 }, { "category: a", "category: b", 0, 0 }, { "name: two", "name: three", 0, 0 },
        { "MURDER*", "murder*", 0, 0 },
    };
    rulepool_t *pool = parse (good);
    for (size_t i = 0; i < sizeof cases / sizeof cases [0]; i++) {
        char *yaml = changed (cases [i].from, cases [i].to);
        rulepool_t *other = parse (yaml);
        assert_int_equal (!digest_equal (&pool->digest, &other->digest), cases [i].rules);
        assert_int_equal (!digest_equal (&pool->lexicon_digest, &other->lexicon_digest), cases [i].phrases);
        assert_false (digest_equal (&pool->blob_digest, &other->blob_digest));
        rulepool_destroy (&other);
        free (yaml);
    }
    rulepool_destroy (&pool);
}

static void refuses_changed (const char *from, const char *to, const char *message)
{
    char *yaml = changed (from, to);
    refuses (yaml, message);
    free (yaml);
}

static void test_refused (void **state)
{
    (void) state;
    refuses ("", "r.yaml: the file is empty");
    refuses ("version: 1\n", "has no \"rules\"");
    refuses ("version: 1\nrules: []\n", "rules is an empty list");
    refuses_changed ("version: 1", "version: 2", "version is 2");
    refuses_changed ("    category", "    categry", "r.yaml:6: unknown key \"categry\"; did you mean \"category\"?");
    refuses_changed ("prompt:", "promt:", "r.yaml:8: unknown key \"promt\"; did you mean \"prompt\"?");
    refuses_changed ("    category: a", "    id: b", "r.yaml:6: key \"id\" stands twice");
    refuses_changed ("The response declines.", "", "r.yaml:5: text has no value");
    refuses_changed ("The response declines.", "\"  \"", "r.yaml:4: the text of rule first-rule is empty");
    refuses_changed ("first-rule", "First_Rule", "r.yaml:4: the id \"First_Rule\" may have a-z, 0-9 and - alone");
    refuses_changed ("id: second", "id: first-rule", "r.yaml:11: the id \"first-rule\" stands in line 4 already");
    refuses_changed ("\"It insults: 'you'.\"", "The response declines.", "r.yaml:11: rule second has the same text");
    refuses_changed ("polarity: -1", "polarity: 0", "r.yaml:11: polarity can't be \"0\"");
    refuses_changed ("murder*", "mur*der", "r.yaml:4: the phrase \"mur*der\"");
    refuses_changed ("murder*", "murder *", "'*'");
    refuses_changed ("murder*", "...", "r.yaml:4: the phrase \"...\" of this rule has no words");
    refuses_changed ("[\"How to kill\", \"murder*\", \"MURDER*\"]", "", "prompt has no value");
    refuses_changed ("version: 1", "version: 1\nversion: 1", "stands twice");
}

static void test_limits (void **state)
{
    (void) state;
    buf_t yaml = { 0 };
    buf_add_str (&yaml, "version: 1\nrules:\n");
    for (int i = 0; i <= LIMIT_RULES; i++)
        buf_printf (&yaml, "  - {id: r%d, text: t%d}\n", i, i);
    refuses (yaml.data, "rules has over 1000 items");
    buf_clear (&yaml);
    buf_printf (&yaml, "version: 1\nrules:\n  - {id: a, text: %0*d}\n", LIMIT_RULE_TEXT_BYTES + 1, 1);
    refuses (yaml.data, "text is 4097 bytes long; the most is 4096");
    buf_clear (&yaml);
    buf_printf (&yaml, "version: 1\nrules:\n  - {id: a, text: b, lexicon: {for: [%0*d]}}\n", LIMIT_PHRASE_BYTES + 1, 1);
    refuses (yaml.data, "the most is 80");
    buf_free (&yaml);
    fault_t fault = { 0 };
    rulepool_t *pool;
    assert_int_equal (rulepool_parse ("r", "", LIMIT_POOL_BYTES + 1, &pool, &fault), ERR_LIMIT);
}

static void test_cut_off_anywhere (void **state)
{
    (void) state;
    for (size_t len = 0; len < sizeof good - 1; len++) {
        char *part = mem_string_n (good, len);
        rulepool_t *pool = NULL;
        fault_t fault = { 0 };
        if (rulepool_parse ("r.yaml", part, len, &pool, &fault) == OK)
            rulepool_destroy (&pool);
        else
            assert_true (strncmp (fault.text, "r.yaml", 6) == 0);
        free (part);
    }
}

static void test_check (void **state)
{
    (void) state;
    rulepool_t *pool = parse (
        "version: 1\nrules:\n"
        "  - {id: a, text: \"The response stays calm, warm, polite and kind to people.\", lexicon: {for: [calm]}}\n"
        "  - {id: b, text: \"The response stays calm, warm, polite and kind to all people.\", lexicon: {for: [calm]}}\n"
        "  - {id: c, text: The response is the most helpful., lexicon: {against: [no]}}\n"
        "  - {id: d, text: The answer mentions a law.}\n");
    buf_t warnings = { 0 };
    assert_int_equal (rulepool_check (pool, &warnings), 3);
    assert_non_null (strstr (warnings.data, "line 4: rule b says nearly the same as a in line 3"));
    assert_non_null (strstr (warnings.data, "line 5: rule c compares (\"the most\")"));
    assert_non_null (strstr (warnings.data, "line 6: rule d has no phrases"));
    buf_free (&warnings);
    rulepool_destroy (&pool);
}

static void test_shipped (void **state)
{
    (void) state;
    size_t len;
    const char *yaml = rulepool_shipped (&len);
    rulepool_t *pool = NULL;
    fault_t fault = { 0 };
    status_t status = rulepool_parse ("rules.yaml", yaml, len, &pool, &fault);
    assert_string_equal (fault.text, "");
    assert_int_equal (status, OK);
    assert_int_equal (pool->count, 100);
    buf_t warnings = { 0 };
    if (rulepool_check (pool, &warnings) > 0)
        fail_msg ("%s", warnings.data);
    rulepool_destroy (&pool);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_good), cmocka_unit_test (test_digests), cmocka_unit_test (test_refused),
        cmocka_unit_test (test_limits), cmocka_unit_test (test_cut_off_anywhere), cmocka_unit_test (test_check),
        cmocka_unit_test (test_shipped),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
