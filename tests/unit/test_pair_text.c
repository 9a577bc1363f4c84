// The text that a served adapter reads of a pair, and the request that it stands in.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "worker/foresight.h"
#include "worker/pair_text.h"

enum { TURNS_MAX = 3 };

typedef struct {
    Rulemill__Turn turn [TURNS_MAX], *turns [TURNS_MAX];
    Rulemill__Conversation text;
} made_t;

// role, content, role, content, ..., NULL
static void make (made_t *made, ...)
{
    va_list args;
    va_start (args, made);
    rulemill__conversation__init (&made->text);
    made->text.turns = made->turns;
    for (char *role; (role = va_arg (args, char *)) != NULL; ) {
        Rulemill__Turn *turn = made->turns [made->text.n_turns] = &made->turn [made->text.n_turns];
        made->text.n_turns++;
        rulemill__turn__init (turn);
        turn->role = role;
        turn->content = va_arg (args, char *);
    }
    va_end (args);
}

static void test_whole (void **state)
{
    (void) state;
    made_t prompt, a, b;
    buf_t out = { 0 };
    make (&prompt, "system", "Be kind.", "user", "Hello\nthere", NULL);
    make (&a, "assistant", "One", "tool", "more", NULL);
    make (&b, "assistant", "Two", NULL);
    assert_false (pair_text_write (&prompt.text, &a.text, &b.text, 0, &out));
    assert_string_equal (out.data, "Prompt:\nsystem: Be kind.\nuser: Hello\nthere\n\nResponse A:\nOne\nmore\n\nResponse B:\nTwo");
    size_t whole = out.len;
    buf_clear (&out);
    assert_false (pair_text_write (&prompt.text, &a.text, &b.text, PAIR_TEXT_BYTES_MIN, &out));
    assert_int_equal (out.len, whole);
    buf_free (&out);
}

// A text of so many bytes, of characters of this many.
static char *filled (size_t len, const char *character)
{
    buf_t text = { 0 };
    while (text.len + strlen (character) <= len)
        buf_add_str (&text, character);
    return text.data;
}

static void test_shortened (void **state)
{
    (void) state;
    static const char *const characters [] = { "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };
    for (size_t c = 0; c < sizeof characters / sizeof *characters; c++)
        for (size_t room = PAIR_TEXT_BYTES_MIN; room < PAIR_TEXT_BYTES_MIN + 9; room++) {
            char *long_a = filled (5000, characters [c]), *long_b = filled (700, characters [c]);
            made_t prompt, a, b;
            buf_t out = { 0 };
            make (&prompt, "user", "short", NULL);
            make (&a, "assistant", long_a, NULL);
            make (&b, "assistant", long_b, NULL);
            assert_true (pair_text_write (&prompt.text, &a.text, &b.text, room, &out));
            assert_true (out.len <= room && out.len > room - 16 && utf8_valid (out.data));
            char *first = strstr (out.data, "Response A:\n"), *second = strstr (out.data, "Response B:\n");
            assert_non_null (strstr (out.data, "user: short\n"));
            assert_true (first && second && strstr (first, "[...]") < second && strstr (second, "[...]"));
            // as long as each other, but for characters that were not cut
            size_t one = (size_t) (second - first) - 2, other = strlen (second);
            assert_true (one + 16 > other && other + 16 > one);
            buf_free (&out);
            free (long_a);
            free (long_b);
        }
}

// The two texts of a pair are those of the pair with its responses exchanged.
static void test_both_orders (void **state)
{
    (void) state;
    made_t prompt, a, b;
    make (&prompt, "user", "say \"hi\"", NULL);
    make (&a, "assistant", "One", NULL);
    make (&b, "assistant", "Two", NULL);
    Rulemill__AdapterSetup setup = RULEMILL__ADAPTER_SETUP__INIT;
    char classify [] = "http://h/classify", pooling [] = "http://h/pooling", model [] = "m\"m", *url = classify;
    setup.url = &url;
    setup.n_url = 1;
    setup.model = model;
    buf_t one = { 0 }, other = { 0 }, body = { 0 };
    assert_false (foresight_inputs (&setup, &prompt.text, &a.text, &b.text, &one));
    assert_false (foresight_inputs (&setup, &prompt.text, &b.text, &a.text, &other));
    size_t half = one.len / 2;
    assert_int_equal (one.len, other.len);
    assert_memory_equal (one.data, other.data + half + 1, half);
    assert_memory_equal (one.data + half + 1, other.data, half);
    foresight_request (&setup, &one, &body);
    assert_string_equal (body.data, "{\"model\":\"m\\\"m\",\"use_activation\":false,\"input\":[\"Prompt:\\nuser: say \\\"hi\\\"\\n\\nResponse A:\\nOne\\n\\nResponse B:\\nTwo\","
                                    "\"Prompt:\\nuser: say \\\"hi\\\"\\n\\nResponse A:\\nTwo\\n\\nResponse B:\\nOne\"]}");
    url = pooling;
    buf_clear (&body);
    foresight_request (&setup, &one, &body);
    assert_non_null (strstr (body.data, "\"task\":\"classify\",\"use_activation\":false,\"input\":["));
    buf_free (&one);
    buf_free (&other);
    buf_free (&body);
}

static void test_bad_setups (void **state)
{
    (void) state;
    Rulemill__AdapterSetup setup = RULEMILL__ADAPTER_SETUP__INIT;
    foresight_t *foresight;
    fault_t fault = { 0 };
    const foresight_sink_t sink = { .ctx = NULL };
    char *urls [] = { (char [64]) { "http://h/classify" }, (char [64]) { "http://h/pooling" } };
    assert_int_equal (foresight_open (&setup, 5, 1, &sink, &foresight, &fault), ERR_USAGE);
    setup.url = urls;
    setup.n_url = 2;
    assert_int_equal (foresight_open (&setup, 5, 1, &sink, &foresight, &fault), ERR_USAGE);
    setup.n_url = 1;
    setup.batch = FORESIGHT_BATCH_MAX + 1;
    assert_int_equal (foresight_open (&setup, 5, 1, &sink, &foresight, &fault), ERR_USAGE);
    setup.batch = 1;
    setup.text_bytes_max = PAIR_TEXT_BYTES_MIN - 1;
    assert_int_equal (foresight_open (&setup, 5, 1, &sink, &foresight, &fault), ERR_USAGE);
    assert_null (foresight);
    setup.text_bytes_max = 0;
    strcpy (urls [0], "http://h/score");
    assert_int_equal (foresight_open (&setup, 5, 1, &sink, &foresight, &fault), ERR_USAGE);
    strcpy (urls [0], "http://h/pooling");
    assert_int_equal (foresight_open (&setup, 5, 1, &sink, &foresight, &fault), OK);
    assert_int_equal (foresight_in_hand (foresight), 0);
    foresight_close (&foresight);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_whole),
        cmocka_unit_test (test_shortened),
        cmocka_unit_test (test_both_orders),
        cmocka_unit_test (test_bad_setups),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
