// Content keys: equal for equal content alone, symmetric for pairs, fixed for ever.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "storage/textkey.h"

enum { TURNS_MAX = 4 };

typedef struct {
    Rulemill__Conversation text;
    Rulemill__Turn turns [TURNS_MAX];
    Rulemill__Turn *list [TURNS_MAX];
} talk_t;

// Role, content, role, content, ..., NULL.
static Rulemill__Conversation *talk (talk_t *out, const char *const *words)
{
    rulemill__conversation__init (&out->text);
    out->text.turns = out->list;
    for (; *words; words += 2) {
        Rulemill__Turn *turn = &out->turns [out->text.n_turns];
        rulemill__turn__init (turn);
        turn->role = (char *) words [0];
        turn->content = (char *) words [1];
        out->list [out->text.n_turns++] = turn;
    }
    return &out->text;
}

#define TALK(out, ...) talk (out, (const char *const []) { __VA_ARGS__, NULL })

static void test_turns_do_not_run_together (void **state)
{
    (void) state;
    talk_t a, b;
    content_key_t x = textkey_prompt (TALK (&a, "user", "ab")), y = textkey_prompt (TALK (&b, "user", "ab"));
    assert_true (content_key_equal (&x, &y));
    static const char *const others [] [5] = {
        { "user", "ab ", NULL }, { "user", "Ab", NULL }, { "usera", "b", NULL }, { "user", "a", "", "b", NULL },
        { "user", "a", "user", "b", NULL }, { "user", "ab", "", "", NULL }, { NULL },
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        y = textkey_prompt (talk (&b, others [i]));
        assert_false (content_key_equal (&x, &y));
    }
}

static void test_kinds_differ (void **state)
{
    (void) state;
    talk_t a;
    Rulemill__Conversation *text = TALK (&a, "user", "hello");
    content_key_t prompt = textkey_prompt (text), group = textkey_group (text), none = { { 0 } };
    content_key_t response = textkey_response (&prompt, text), other = textkey_response (&none, text);
    assert_false (content_key_equal (&prompt, &group));
    assert_false (content_key_equal (&prompt, &response));
    assert_false (content_key_equal (&response, &other));
}

static void test_pairs_are_symmetric (void **state)
{
    (void) state;
    content_key_t a = { { 1 } }, b = { { 2 } }, c = { { 3 } };
    content_key_t ab = textkey_pair (&a, &b), ba = textkey_pair (&b, &a), ac = textkey_pair (&a, &c), aa = textkey_pair (&a, &a);
    assert_true (content_key_equal (&ab, &ba));
    assert_false (content_key_equal (&ab, &ac));
    assert_false (content_key_equal (&ab, &aa));
}

static void test_groups_begin_alike (void **state)
{
    (void) state;
    talk_t a, b, c;
    content_key_t x = textkey_group (TALK (&a, "system", "be kind", "user", "hello"));
    content_key_t y = textkey_group (TALK (&b, "user", "hello", "assistant", "hi", "user", "bye"));
    content_key_t z = textkey_group (TALK (&c, "user", "bye"));
    assert_true (content_key_equal (&x, &y));
    assert_false (content_key_equal (&x, &z));
}

// Stores depend on these bytes: printf '\x01P' + u64 4 "user" + u64 2 "hi" | sha256sum.
static void test_fixed (void **state)
{
    (void) state;
    talk_t a;
    static const char bytes [] = "\x01P\0\0\0\0\0\0\0\x04user\0\0\0\0\0\0\0\x02hi";
    digest_t expected = digest_of (bytes, sizeof bytes - 1);
    content_key_t key = textkey_prompt (TALK (&a, "user", "hi"));
    assert_memory_equal (key.b, expected.b, KEY_BYTES);
    char hex [KEY_HEX + 1];
    hex_encode (key.b, KEY_BYTES, hex);
    assert_string_equal (hex, "ba90a34b3a4d905914c9a0581671f8aa");
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_turns_do_not_run_together),
        cmocka_unit_test (test_kinds_differ),
        cmocka_unit_test (test_pairs_are_symmetric),
        cmocka_unit_test (test_groups_begin_alike),
        cmocka_unit_test (test_fixed),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
