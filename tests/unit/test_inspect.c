// How one label came about: finding a pair by every name that it has, and what is said of it.

#include "tests/unit/dataset_fixture.h"

#include "storage/inspect.h"

typedef struct { buf_t text; json_doc_t *doc; const json_value_t *root; } answer_t;

static answer_t ask (fixture_t *f, const char *what)
{
    answer_t answer = { .doc = json_doc_new () };
    fault_t fault = { 0 };
    if (inspect_pair (f->store, f->run, fixture_rules, FIXTURE_RULES, what, &answer.text, &fault) != OK)
        fail_msg ("%s: %s", what, fault.text);
    if (json_parse (answer.doc, answer.text.data, answer.text.len, &answer.root, &fault) != OK)
        fail_msg ("%s: %s", what, fault.text);
    return answer;
}

static void done (answer_t *answer)
{
    buf_free (&answer->text);
    json_doc_destroy (&answer->doc);
}

static void expect (const json_value_t *value, const char *key, const char *text)
{
    const json_value_t *member = json_get (value, key);
    const char *found = member && member->text ? member->text : json_type_name (member);
    if (strcmp (found, text) != 0)
        fail_msg ("%s: %s instead of %s", key, found, text);
}

static void expect_id (fixture_t *f, const char *what, const char *id)
{
    answer_t answer = ask (f, what);
    expect (answer.root, "id", id);
    done (&answer);
}

static void expect_none (fixture_t *f, const char *what, const char *words)
{
    buf_t out = { 0 };
    fault_t fault = { 0 };
    assert_int_equal (inspect_pair (f->store, f->run, fixture_rules, FIXTURE_RULES, what, &out, &fault), ERR_NOT_FOUND);
    if (strstr (fault.text, words) == NULL)
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, words);
    assert_int_equal (out.len, 0);
}

static void test_names (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    expect_id (f, "r1#0-2", "r1#0-2");
    expect_id (f, "#2", "r1#1-2");
    expect_id (f, "r3", "r3");
    expect_id (f, "corpus.jsonl:3", "r3");
    expect_id (f, "corpus.jsonl:1#1-2", "r1#1-2");
    expect_id (f, "r9", "r9");
    content_key_t key = key_of ('A', 4);
    char hex [KEY_HEX + 1];
    hex_encode (key.b, KEY_BYTES, hex);
    expect_id (f, hex, "r5");
    fixture_free (f);
}

static void test_names_that_are_none (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    expect_none (f, "r1", "r1#0-1, r1#0-2, r1#1-2");
    expect_none (f, "corpus.jsonl:1", "3 pairs");
    expect_none (f, "r1#0-7", "FILE:LINE");
    expect_none (f, "r3#0-1", "no row or pair");
    expect_none (f, "nobody", "no row or pair");
    expect_none (f, "#9", "from #0 on");
    expect_none (f, "#99999999999999999999999", "no row or pair");
    expect_none (f, "#", "no row or pair");
    expect_none (f, "", "no row or pair");
    expect_none (f, "corpus.jsonl:99", "no row or pair");
    expect_none (f, "other.jsonl:3", "no row or pair");
    expect_none (f, "00000000000000000000000000000000", "no row or pair");
    fixture_free (f);
}

// An id may look like a pair of a list, or like a number of digits.
static void test_odd_ids (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    static const char *const ids [] = { "x#0-1", "#17", "0123456789abcdef0123456789abcdef", "a:b:c" };
    for (size_t n = 0; n < 4; n++) {
        uint64_t p = add_prompt (f, 50 + n, TURNS ("user", "odd"));
        pair_t pair = { .prompt = p, .a = add_response (f, p, "1"), .b = add_response (f, p, "2"), .j = 1 };
        add_row (f, ids [n], "", "");
        add_pair (f, &pair);
    }
    save (f);
    expect_id (f, "x#0-1", "x#0-1");
    expect_id (f, ids [2], ids [2]);
    expect_id (f, ids [3], ids [3]);
    expect_none (f, "#17", "from #0 on");
    fixture_free (f);
}

static void test_label (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    answer_t answer = ask (f, "r1#0-2");                // swapped: the label's A is the stored B
    const json_value_t *label = json_get (answer.root, "label");
    expect (answer.root, "state", "labelled");
    expect (answer.root, "policy", "exhaustive");
    expect (label, "outcome", "b");
    expect (label, "mean_a", "0.250001");
    expect (label, "mean_b", "0.35");
    expect (label, "margin", "0.1");
    const json_value_t *rule = json_get (label, "rules")->child;
    expect (rule, "id", "kind");
    expect (rule, "rank", "1");
    expect (rule, "score_a", "0.500001");
    expect (rule, "score_b", "0.7");
    expect (rule, "discrepancy", "0.199999");
    expect (rule, "relevance", "1.0");
    expect (rule, "value", "1.1");                      // 1 + 0.199999 / 2, rounded to 1e-6
    expect (rule->next, "polarity", "-1");
    expect (rule->next, "text", "The response refuses.");
    expect (json_get (answer.root, "place"), "i", "0");
    expect (json_get (answer.root, "place"), "j", "2");
    expect (json_get (answer.root, "place"), "file", "corpus.jsonl");
    expect (json_get (answer.root, "meta"), "lang", "en");
    expect (json_get (answer.root, "response_b")->child, "content", "Flour, water, salt.");
    assert_true (json_is (json_get (answer.root, "given_preference"), JSON_NULL));
    done (&answer);
    fixture_free (f);
}

static void test_votes_and_duplicates (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    answer_t answer = ask (f, "r3");
    expect (json_get (answer.root, "given_preference"), "a", "1");
    expect (json_get (answer.root, "given_preference"), "b", "1");
    expect (answer.root, "n_duplicates", "1");
    const json_value_t *duplicate = json_get (answer.root, "duplicates")->child;
    expect (duplicate, "id", "r4");
    expect (duplicate, "swapped", "true");
    expect (duplicate, "given_preference", "b");
    expect (json_get (answer.root, "label"), "outcome", "a");
    done (&answer);

    answer = ask (f, "r4");                             // the duplicate's own id leads to its pair
    expect (answer.root, "id", "r3");
    expect (json_get (answer.root, "asked_for"), "duplicate", "r4");
    done (&answer);
    fixture_free (f);
}

static void test_other_states (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    static const struct { const char *what, *state, *key, *text; } cases [] = {
        { "r6", "quarantined", "detail", "three workers died on it" },
        { "r7", "excluded", "detail", "equals the prompt of bench.jsonl:12" },
        { "r8", "not labelled yet", "reason", "null" },
        { "corpus.jsonl:2", "set aside", "reason", "not-json" }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        answer_t answer = ask (f, cases [i].what);
        expect (answer.root, "state", cases [i].state);
        expect (answer.root, cases [i].key, cases [i].text);
        assert_true (json_is (json_get (answer.root, "label"), JSON_NULL));
        done (&answer);
    }
    answer_t answer = ask (f, "r5");
    expect (answer.root, "state", "tie");
    expect (json_get (answer.root, "label"), "tie_reason", "identical");
    assert_true (json_is (json_get (json_get (answer.root, "label"), "margin"), JSON_NULL));
    done (&answer);
    fixture_free (f);
}

static void test_rejected_id_and_corrupt_label (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    Rulemill__RejectRecord record = RULEMILL__REJECT_RECORD__INIT;
    record.reason = "empty-response";
    record.detail = "it is empty";
    record.id = "hopeless";
    record_put_reject (f->batch, (place_t) { 0, 40, 0, 0 }, &record);
    save (f);
    answer_t answer = ask (f, "hopeless");
    expect (answer.root, "state", "set aside");
    expect (json_get (answer.root, "place"), "line", "40");
    done (&answer);

    buf_t out = { 0 };
    fault_t fault = { 0 };
    assert_int_equal (inspect_pair (f->store, f->run, fixture_rules, 1, "r1#0-1", &out, &fault), ERR_CORRUPT);
    fixture_free (f);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_names),
        cmocka_unit_test (test_names_that_are_none),
        cmocka_unit_test (test_odd_ids),
        cmocka_unit_test (test_label),
        cmocka_unit_test (test_votes_and_duplicates),
        cmocka_unit_test (test_other_states),
        cmocka_unit_test (test_rejected_id_and_corrupt_label)
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
