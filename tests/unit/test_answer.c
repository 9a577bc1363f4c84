// Answers of chat servers: which tokens are labels, what the log-probabilities and texts of vLLM, llama.cpp and OpenAI become,
// and that nothing that a server sends does harm.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/answer_fixture.h"

// --- tokens ----------------------------------------------------------------------

static char label (const char *token)
{
    size_t len = strlen (token);
    char *copy = mem_string_n (token, len);
    char l = answer_token_label (copy, len);
    free (copy);
    return l;
}

static void test_token_labels (void **state)
{
    (void) state;
    static const char *const yes [] = { "Yes", "yes", "YES", "Ye", "ye", " Yes", "\xC4\xA0Yes", "\xE2\x96\x81yes", "\"Yes", "**Yes", "\nYes",
                                        "[Yes", "\xE2\x80\x9CYes", "(yes)", "Yes.", "\xC4\x8AYes", " \"Ye", "\xC2\xA0Yes", "Yes\n" };
    static const char *const no [] = { "No", "no", "NO", " no", "\xC4\xA0No", "\xE2\x96\x81No", "\"No\"", "*No*", "nO", "No." };
    static const char *const irrelevant [] = { "Ir", "ir", "IR", " Ir", " Irrelevant", "irrelevant", "Irr", "IRRELEVANT", "\xC4\xA0irrelev", "**Ir" };
    static const char *const nothing [] = { "", " ", "y", "Y", "n", "N", "i", "I", "not", "Not", "now", "none", "Nope", "Noo", "Yesterday", "Yess",
                                            "Irish", "Iraq", "Irrelevantly", "It", "In", "Yo", "Ye.", "Ir.", "0", "\xE6\x98\xAF", "Ja", "Oui",
                                            "\xC4", "\xE2\x96", "**", "Yes no", "Y es", "-no", "<|im_end|>", "True", "\xFF\xFE" };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (label (yes [i]) != 'y')
            fail_msg ("\"%s\" is no yes", yes [i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (label (no [i]) != 'n')
            fail_msg ("\"%s\" is no no", no [i]);
    for (size_t i = 0; i < sizeof irrelevant / sizeof *irrelevant; i++)
        if (label (irrelevant [i]) != 'i')
            fail_msg ("\"%s\" is no irrelevant", irrelevant [i]);
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        if (label (nothing [i]) != 0)
            fail_msg ("\"%s\" is taken for %c", nothing [i], label (nothing [i]));
    assert_int_equal (answer_token_label ("No\0t", 4), 0);
}

// --- log-probabilities -------------------------------------------------------------

static void test_logprobs (void **state)
{
    (void) state;
    answer_t a = read_top ("[{\"token\":\"Yes\",\"bytes\":[89,101,115],\"logprob\":-0.6931471805599453},"
                           "{\"token\":\"No\",\"logprob\":-1.3862943611198906},{\"token\":\"Ir\",\"logprob\":-2.0794415416798357},"
                           "{\"token\":\"Maybe\",\"logprob\":-2.0794415416798357}]");
    check_probabilities (&a, 4 / 7.0, 2 / 7.0, 1 / 7.0);
    assert_true (a.from_logprobs);
    assert_int_equal (a.cell.mass, 875000);
    assert_int_equal (a.prompt_tokens, 200);
    assert_int_equal (a.completion_tokens, 1);
    assert_int_equal (a.cached_tokens, 0);
}

static void test_spellings_add_up (void **state)
{
    (void) state;
    answer_t a = read_top ("[{\"token\":\"Yes\",\"logprob\":-1.3862943611198906},{\"token\":\" Yes\",\"logprob\":-1.3862943611198906},"
                           "{\"token\":\"yes\",\"logprob\":-2.0794415416798357},{\"token\":\"not\",\"logprob\":-1.5},"
                           "{\"token\":\"NO\",\"logprob\":-2.0794415416798357}]");
    check_probabilities (&a, 5 / 6.0, 1 / 6.0, 0);
    a = read_top ("[{\"token\":\"Yes\",\"logprob\":-0.1},{\"token\":\"Yes\",\"logprob\":-0.1},{\"token\":\"No\",\"logprob\":-0.1}]");
    check_probabilities (&a, 2 / 3.0, 1 / 3.0, 0);
    assert_int_equal (a.cell.mass, MICRO);      // capped
}

static void test_no_probabilities (void **state)
{
    (void) state;
    static const char *const none [] = { "-9999.0", "-3.4028234663852886e+38", "null", "\"NaN\"", "\"-0.1\"", "NaN", "-Infinity", "Infinity", "0.5",
                                         "1e999", "-1e999", "true", "[]", "{}" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char *top = mem_printf ("[{\"token\":\"No\",\"logprob\":%s},{\"token\":\"Yes\",\"logprob\":-0.5},{\"token\":\"Ir\"}]", none [i]);
        answer_t a = read_top (top);
        check_probabilities (&a, 1, 0, 0);
        free (top);
    }
    answer_t a = read_top ("[{\"token\":\"Yes\",\"logprob\":0.0000004}]");      // rounding
    check_probabilities (&a, 1, 0, 0);
    assert_int_equal (a.cell.mass, MICRO);
    a = read_choice (&plain, "{\"content\":\"Yes\"}", "{\"content\":[{\"token\":\"Yes\",\"logprob\":-9999.0,\"top_logprobs\":[]}]}", "length");
    check_unreadable (&a, "no usable number");
}

static void test_sampled_token_counts (void **state)
{
    (void) state;
    answer_t a = read_top ("[{\"token\":\"No\",\"logprob\":-2.4}]");
    double yes = exp (-0.1), no = exp (-2.4);
    check_probabilities (&a, yes / (yes + no), no / (yes + no), 0);
    a = read_top ("[]");
    check_probabilities (&a, 1, 0, 0);
    a = read_top ("null");
    check_probabilities (&a, 1, 0, 0);
    a = read_top ("[{\"token\":\"Yes\",\"logprob\":-0.1},{\"token\":\"No\",\"logprob\":-2.4}]");     // and is not counted twice
    check_probabilities (&a, yes / (yes + no), no / (yes + no), 0);
    a = read_top ("[{\"token\":\"Yes\",\"logprob\":-9999.0},{\"token\":\"No\",\"logprob\":-2.4}]");
    check_probabilities (&a, yes / (yes + no), no / (yes + no), 0);
}

static void test_bytes_alone (void **state)
{
    (void) state;
    answer_t a = read_top ("[{\"id\":1,\"token\":\"\",\"bytes\":[],\"logprob\":-3.0},{\"id\":2,\"token\":\"\",\"bytes\":[32,89,101,115],\"logprob\":-0.6},"
                           "{\"bytes\":[78,111],\"logprob\":-0.9},{\"token\":null,\"bytes\":[110,111,116],\"logprob\":-5},"
                           "{\"token\":\"\",\"bytes\":[999],\"logprob\":-5},{\"token\":\"\",\"bytes\":\"No\",\"logprob\":-5}]");
    double yes = exp (-0.6), no = exp (-0.9), own = exp (-0.1);
    check_probabilities (&a, (yes + own) / (yes + no + own), no / (yes + no + own), 0);
}

static void test_mass (void **state)
{
    (void) state;
    answer_t a = read_choice (&plain, "{\"content\":\"Sure\"}", "{\"content\":[{\"token\":\"Sure\",\"logprob\":-0.05,\"top_logprobs\":["
                              "{\"token\":\"Sure\",\"logprob\":-0.05},{\"token\":\"Yes\",\"logprob\":-3.912023005428146}]}]}", "length");
    check_unreadable (&a, "0.0200 of the probability, under 0.05; the token was \"Sure\"");
    assert_int_equal (a.cell.mass, 20000);
    assert_true (a.from_logprobs);
    chat_settings_t lenient = plain;
    lenient.mass_min = 0.02 - 1e-9;
    a = read_choice (&lenient, "{\"content\":\"Sure\"}", "{\"content\":[{\"token\":\"Sure\",\"logprob\":-0.05,\"top_logprobs\":["
                     "{\"token\":\"Yes\",\"logprob\":-3.912023005428146}]}]}", "length");
    check_probabilities (&a, 1, 0, 0);
    assert_int_equal (a.cell.mass, 20000);
    lenient.mass_min = 0;
    a = read_choice (&lenient, "{\"content\":\"Sure\"}", "{\"content\":[{\"token\":\"Sure\",\"logprob\":-0.05}]}", "length");
    check_unreadable (&a, "0.0000 of the probability");
}

// The first token with a word is the label's, where marks come first or the label stands in an object.
static void test_label_behind_marks (void **state)
{
    (void) state;
    const char *message = "{\"content\":\"\\n\\n**No**\"}";
    answer_t a = read_choice (&plain, message, "{\"content\":[{\"token\":\"\\n\\n\",\"logprob\":-0.2},{\"token\":\"\",\"bytes\":[],\"logprob\":0},"
                              "{\"token\":\"**\",\"logprob\":-0.1,\"top_logprobs\":[{\"token\":\"Yes\",\"logprob\":-3}]},"
                              "{\"token\":\"No\",\"logprob\":-0.2},{\"token\":\"**\",\"logprob\":-0.1}]}", "stop");
    check_probabilities (&a, 0, 1, 0);
    a = read_choice (&plain, "{\"content\":\"{\\\"label\\\": \\\"No\\\"}\"}", "{\"content\":[{\"token\":\"{\\\"\",\"logprob\":0},{\"token\":\"label\",\"logprob\":0},"
                     "{\"token\":\"\\\":\",\"logprob\":0},{\"token\":\" \\\"\",\"logprob\":0},{\"token\":\"No\",\"logprob\":-0.6931471805599453,"
                     "\"top_logprobs\":[{\"token\":\"No\",\"logprob\":-0.6931471805599453},{\"token\":\"Yes\",\"logprob\":-0.6931471805599453}]},"
                     "{\"token\":\"\\\"}\",\"logprob\":0}]}", "stop");
    check_probabilities (&a, 0.5, 0.5, 0);
    // Nothing but an end: its place still says what the labels got.
    a = read_choice (&plain, "{\"content\":\"\"}", "{\"content\":[{\"token\":\"\",\"bytes\":[],\"logprob\":-0.7,\"top_logprobs\":["
                     "{\"token\":\"\",\"bytes\":[],\"logprob\":-0.7},{\"token\":\"Ir\",\"logprob\":-0.8}]}]}", "stop");
    check_probabilities (&a, 0, 0, 1);
}

// --- text --------------------------------------------------------------------------

static void test_text (void **state)
{
    (void) state;
    chat_settings_t s = text_alone ();
    static const struct { const char *text; int score; unsigned relevance; } good [] = {
        { "Yes", 1, 1 }, { "no", -1, 1 }, { " Irrelevant.", 0, 0 }, { "**Yes**", 1, 1 }, { "YES, it does.", 1, 1 }, { "\"No\"", -1, 1 },
        { "- No", -1, 1 }, { "\n\nNo\nbecause", -1, 1 }, { "{\"label\": \"Irrelevant\"}", 0, 0 }, { "{\n \"label\" : \"No\"\n}", -1, 1 },
        { "\xE2\x80\x9CYes\xE2\x80\x9D", 1, 1 }, { "Yes\xE2\x80\x94it does", 1, 1 }, { "Irrelevant", 0, 0 } };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        answer_t a = read_text (&s, good [i].text, "stop");
        check_score (&a, good [i].score, good [i].relevance);
        assert_false (a.from_logprobs);
    }
    static const char *const bad [] = { "Not at all", "None", "I think yes", "Ir", "Ye", "Y", "Yes-man", "no_one", "Answer: Yes", "\xE6\x98\xAF", "Oui", "\xD0\x94\xD0\xB0",
                                        "Yes\xE6\x98\xAF", "1", "{\"label\": \"Maybe\"}", "{\"answer\": \"Yes\"}", "Irrelevantly" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        answer_t a = read_text (&s, bad [i], "stop");
        check_unreadable (&a, "no label where it should stand");
    }
    static const char *const empty [] = { "", "   \n", "**", "...", "{\"label\":" };
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        answer_t a = read_text (&s, empty [i], "stop");
        check_unreadable (&a, "no word");
    }
}

// One token was allowed, and a label takes more.
static void test_text_cut_off (void **state)
{
    (void) state;
    chat_settings_t s = text_alone ();
    answer_t a = read_text (&s, "Ir", "length");
    check_score (&a, 0, 0);
    a = read_text (&s, "{\"label\": \"Irr", "length");
    check_score (&a, 0, 0);
    a = read_text (&s, "Ir is", "length");
    check_unreadable (&a, "Ir is");
    a = read_text (&s, "I", "length");
    check_unreadable (&a, "\"I\"");
}

static void test_no_logprobs_there (void **state)
{
    (void) state;
    static const char *const none [] = { "null", "{\"content\":null}", "{\"content\":[]}", "{}", "[]", "\"x\"", "{\"content\":[null]}", "{\"content\":{}}",
                                         "{\"tokens\":[\"Yes\"],\"token_logprobs\":[-0.1]}" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        answer_t a = read_choice (&plain, "{\"content\":\"No\"}", none [i], "stop");
        check_score (&a, -1, 1);
        assert_false (a.from_logprobs);
    }
    chat_settings_t s = text_alone ();      // there, but not wanted
    answer_t a = read_choice (&s, "{\"content\":\"No\"}", "{\"content\":[{\"token\":\"No\",\"logprob\":-5}]}", "stop");
    check_score (&a, -1, 1);
    assert_false (a.from_logprobs);
}

static void test_content_parts (void **state)
{
    (void) state;
    answer_t a = read_choice (&plain, "{\"content\":[{\"type\":\"text\",\"text\":\"N\"},{\"type\":\"image\"},7,{\"type\":\"text\",\"text\":\"o\"}]}", "null", "stop");
    check_score (&a, -1, 1);
    a = read_choice (&plain, "{\"content\":[{\"type\":\"refusal\",\"refusal\":\"I will not\"}]}", "null", "stop");
    check_unreadable (&a, "refused instead of giving a label: I will not");
    a = read_choice (&plain, "{\"content\":null,\"refusal\":\"I can't\\nhelp\"}", "{\"content\":[{\"token\":\"Yes\",\"logprob\":-0.1}]}", "stop");
    check_unreadable (&a, "refused instead of giving a label: I can't help");
    a = read_choice (&plain, "{\"content\":\"Yes\",\"tool_calls\":[{\"function\":{\"name\":\"judge\"}}]}", "null", "tool_calls");
    check_unreadable (&a, "called a tool instead of giving a label: [{\"function\":{\"name\":\"judge\"}}]");
    a = read_choice (&plain, "{\"content\":\"Yes\",\"tool_calls\":[],\"refusal\":null,\"function_call\":null}", "null", "stop");
    check_score (&a, 1, 1);
}

// --- reasoning ---------------------------------------------------------------------

static void test_reasoning_text (void **state)
{
    (void) state;
    chat_settings_t s = after ();
    static const struct { const char *text; int score; unsigned relevance; } good [] = {
        { "<think>\nNo, wait.\n</think>\n\nYes", 1, 1 }, { "Yes</think> so <think>No</think>\nirrelevant", 0, 0 }, { "No", -1, 1 },
        { "It names a source.\nThat is the rule.\n\nYes.\n", 1, 1 }, { "thought</think>\n**No**\n```\n", -1, 1 },
        { "x</think>{\n  \"label\": \"No\"\n}", -1, 1 } };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        answer_t a = read_text (&s, good [i].text, "stop");
        check_score (&a, good [i].score, good [i].relevance);
    }
    answer_t a = read_text (&s, "<think>\nLet me see.\nNo", "length");
    check_unreadable (&a, "still thinking at the limit of tokens: raise max_tokens");
    a = read_text (&s, "thought</think>\nYes\nbut I am not sure", "stop");
    check_unreadable (&a, "\"but I am not sure\"");
    a = read_choice (&s, "{\"content\":null,\"reasoning_content\":\"Let me\"}", "null", "length");
    check_unreadable (&a, "raise max_tokens");
    a = read_choice (&s, "{\"content\":\"\\n\\nNo\",\"reasoning\":\"Yes\"}", "null", "stop");
    check_score (&a, -1, 1);
    a = read_text (&plain, "<think>\nYes", "length");
    check_unreadable (&a, "the model thinks first");
    a = read_choice (&plain, "{\"content\":null,\"reasoning_content\":\"Okay\"}", "{\"content\":[{\"token\":\"Okay\",\"logprob\":-0.1}]}", "length");
    check_unreadable (&a, "the model thinks first");
}

static void test_reasoning_logprobs (void **state)
{
    (void) state;
    chat_settings_t s = after ();
    const char *tokens = "{\"content\":[{\"token\":\"<think>\",\"logprob\":0},{\"token\":\"Yes\",\"logprob\":0},{\"token\":\"</think>\",\"logprob\":0},"
                         "{\"token\":\"\\n\\n\",\"logprob\":0},{\"token\":\"Ir\",\"logprob\":-0.6931471805599453,\"top_logprobs\":["
                         "{\"token\":\"Ir\",\"logprob\":-0.6931471805599453},{\"token\":\"No\",\"logprob\":-1.3862943611198906}]},"
                         "{\"token\":\"relevant\",\"logprob\":0}]}";
    answer_t a = read_choice (&s, "{\"content\":\"<think>Yes</think>\\n\\nIrrelevant\"}", tokens, "stop");
    check_probabilities (&a, 0, 1 / 3.0, 2 / 3.0);
    assert_true (a.from_logprobs);
    a = read_choice (&s, "{\"content\":\"Irrelevant\",\"reasoning_content\":\"Yes\"}", tokens, "stop");
    check_probabilities (&a, 0, 1 / 3.0, 2 / 3.0);
    // Tokens of the thought alone: their last word is not the answer's.
    a = read_choice (&s, "{\"content\":\"No\",\"reasoning_content\":\"so it does not. Yes\"}",
                     "{\"content\":[{\"token\":\"so\",\"logprob\":0},{\"token\":\"\\n\",\"logprob\":0},{\"token\":\"Yes\",\"logprob\":0}]}", "stop");
    check_score (&a, -1, 1);
    assert_false (a.from_logprobs);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_token_labels),
        cmocka_unit_test (test_logprobs),
        cmocka_unit_test (test_spellings_add_up),
        cmocka_unit_test (test_no_probabilities),
        cmocka_unit_test (test_sampled_token_counts),
        cmocka_unit_test (test_bytes_alone),
        cmocka_unit_test (test_mass),
        cmocka_unit_test (test_label_behind_marks),
        cmocka_unit_test (test_text),
        cmocka_unit_test (test_text_cut_off),
        cmocka_unit_test (test_no_logprobs_there),
        cmocka_unit_test (test_content_parts),
        cmocka_unit_test (test_reasoning_text),
        cmocka_unit_test (test_reasoning_logprobs),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
