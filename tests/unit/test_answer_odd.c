// worker/answer: what is no completion, errors, and anything at all.
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

// --- what is no completion ------------------------------------------------------------

static void test_malformed (void **state)
{
    (void) state;
    static const struct { const char *body, *says; } bad [] = {
        { "", "not JSON" }, { "<html><title>502 Bad Gateway</title>", "begins \"<html>" }, { "{\"choices\":[{\"message\":{\"content\":\"Ye", "not JSON" },
        { "null", "null without choices" }, { "[]", "list without choices" }, { "{}", "object without choices" }, { "{\"choices\":[]}", "without choices" },
        { "{\"choices\":{}}", "without choices" }, { "{\"choices\":null}", "without choices" }, { "{\"choices\":[null]}", "\"message\" of the answer's choice is nothing" },
        { "{\"choices\":[{}]}", "is nothing" }, { "{\"choices\":[{\"message\":\"Yes\"}]}", "is string" }, { "{\"choices\":[{\"text\":\"Yes\"}]}", "is nothing" },
        { "{\"choices\":[{\"message\":{\"content\":7}}]}", "\"content\" of the answer is number" },
        { "{\"choices\":[{\"message\":{\"content\":{}}}]}", "is object" }, { "data: {\"choices\":[]}\n\ndata: [DONE]", "begins \"data:" },
        { "{\"error\":{\"message\":\"no credit left\",\"code\":402}}", "the answer is an error: no credit left" },
        { "{\"choices\":[{\"message\":{\"content\":\"Yes\",\"content\":\"No\"}}]}", "stands twice" } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        answer_t a = read_body (&plain, bad [i].body);
        assert_int_equal (a.kind, ANSWER_MALFORMED);
        if (strstr (a.why, bad [i].says) == NULL)
            fail_msg ("%s: \"%s\" does not say \"%s\"", bad [i].body, a.why, bad [i].says);
    }
    answer_t a = read_body (&plain, "{\"choices\":[{\"message\":{}}]}");
    check_unreadable (&a, "no word");
    buf_t deep = { 0 };
    for (int i = 0; i < 100000; i++)
        buf_add_str (&deep, "{\"choices\":[");
    a = read_bytes (&plain, deep.data, deep.len);
    assert_int_equal (a.kind, ANSWER_MALFORMED);
    buf_free (&deep);
}

// An answer that was paid for is read also where the server's JSON has small faults.
static void test_mended (void **state)
{
    (void) state;
    answer_t a = read_body (&plain, "\xEF\xBB\xBF{\"choices\":[{\"message\":{\"content\":\"Yes NaN \\ud83d \xF0\x9F \\ud83d\\ude00\"}}]}");
    check_score (&a, 1, 1);
    a = read_top ("[{\"token\":\"\\udc80\",\"logprob\":-3},{\"token\":\"No\",\"logprob\":nan},{\"token\":\"\xE2\x96\",\"logprob\":-4}]");
    check_probabilities (&a, 1, 0, 0);
}

static void test_usage (void **state)
{
    (void) state;
    answer_t a = read_body (&plain, "{\"choices\":[],\"usage\":{\"prompt_tokens\":120.0,\"completion_tokens\":-4,\"prompt_tokens_details\":{\"cached_tokens\":81}}}");
    assert_int_equal (a.kind, ANSWER_MALFORMED);
    assert_int_equal (a.prompt_tokens, 120);
    assert_int_equal (a.completion_tokens, 0);
    assert_int_equal (a.cached_tokens, 81);
    a = read_body (&plain, "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1e300,\"prompt_tokens_details\":{\"cached_tokens\":81}}}");
    assert_int_equal (a.cached_tokens, 5);
    assert_int_equal (a.completion_tokens, 0);
    a = read_body (&plain, "{\"usage\":{\"prompt_tokens\":\"5\",\"prompt_tokens_details\":null}}");
    assert_int_equal (a.prompt_tokens, 0);
}

// --- errors ---------------------------------------------------------------------------

static bool error_text (const char *body, char *text, size_t size)
{
    json_doc_t *doc = json_doc_new ();
    bool context = false;
    answer_error (doc, body, strlen (body), text, size, &context);
    json_doc_destroy (&doc);
    return context;
}

static void test_errors (void **state)
{
    (void) state;
    static const struct { const char *body, *text; bool context; } cases [] = {
        { "{\"error\":{\"code\":400,\"message\":\"request (5000 tokens) exceeds the available context size (4096 tokens)\","
          "\"type\":\"exceed_context_size_error\",\"n_prompt_tokens\":5000,\"n_ctx\":4096}}",
          "exceed_context_size_error: request (5000 tokens) exceeds the available context size (4096 tokens)", true },
        { "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096 tokens.\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}",
          "BadRequestError: This model's maximum context length is 4096 tokens.", true },
        { "{\"error\":{\"message\":\"too long\",\"type\":null,\"code\":\"context_length_exceeded\"}}", "context_length_exceeded: too long", true },
        { "{\"error\":\"Input validation error: `inputs` must have less than 4096 tokens. Given: 5000\",\"error_type\":\"validation\"}",
          "validation: Input validation error: `inputs` must have less than 4096 tokens. Given: 5000", true },
        { "{\"detail\":\"Not Found\"}", "Not Found", false },
        { "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}", "field required", false },
        { "<html>\n<head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway", false },
        { "upstream connect error\n", "upstream connect error", false },
        { "", "an empty answer", false },
        { "{\"x\":1}", "{\"x\":1}", false },
        { "{\"error\":{\"message\":\"Incorrect API key provided: sk-abcdefgh12345678. You can find it\",\"type\":\"invalid_request_error\"}}",
          "invalid_request_error: Incorrect API key provided: [key] You can find it", false },
        { "{\"error\":{\"message\":\"Incorrect API key provided: abc***xyz.\"}}", "Incorrect API key provided: [key]", false },
        { "bad token Bearer topsecret!", "bad token Bearer [key]!", false },
        { "invalid 9f8e7d6c5b4a39281706f5e4d3c2b1a0", "invalid [key]", false },
        { "the model `Qwen2.5-Coder-1.5B-Instruct-GGUF` does not exist", "the model `Qwen2.5-Coder-1.5B-Instruct-GGUF` does not exist", false },
        { "\xFF\xFE\x01x", "?? x", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text [256];
        assert_int_equal (error_text (cases [i].body, text, sizeof text), cases [i].context);
        assert_string_equal (text, cases [i].text);
    }
    char small [12], one [1];
    error_text ("{\"detail\":\"Nicht g\xC3\xBCltig, leider\"}", small, sizeof small);
    assert_string_equal (small, "Nicht g...");
    error_text ("{\"detail\":\"Not Found\"}", one, sizeof one);
    assert_string_equal (one, "");
}

// --- anything at all --------------------------------------------------------------------

// A real answer of llama.cpp, shortened.
static const char llama [] =
    "{\"choices\":[{\"finish_reason\":\"length\",\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"No\"},\"logprobs\":{\"content\":[{\"id\":2753,"
    "\"token\":\"No\",\"bytes\":[78,111],\"logprob\":-0.24859,\"top_logprobs\":[{\"id\":2753,\"token\":\"No\",\"bytes\":[78,111],\"logprob\":-0.24859},"
    "{\"id\":9454,\"token\":\"Yes\",\"bytes\":[89,101,115],\"logprob\":-1.9},{\"id\":3981,\"token\":\"Ir\",\"bytes\":[73,114],\"logprob\":-2.8},"
    "{\"id\":151645,\"token\":\"\",\"bytes\":[],\"logprob\":-12.5}]}]}}],\"created\":1,\"model\":\"m\",\"object\":\"chat.completion\",\"usage\":"
    "{\"completion_tokens\":1,\"prompt_tokens\":213,\"total_tokens\":214,\"prompt_tokens_details\":{\"cached_tokens\":174}},\"id\":\"chatcmpl-x\"}";

static void check_any (json_doc_t *doc, const char *body, size_t len)
{
    chat_settings_t think = after (), text = text_alone ();
    const chat_settings_t *all [] = { &plain, &think, &text };
    char *copy = mem_new (len ? len : 1), error [200];
    memcpy (copy, body, len);
    for (int i = 0; i < 3; i++) {
        answer_t a;
        answer_read (doc, all [i], i % 2 ? CONSTRAIN_STRUCTURED : CONSTRAIN_NONE, copy, len, &a);
        int32_t y, n, r;
        assert_true (a.kind <= ANSWER_MALFORMED && a.cell.known == (a.kind == ANSWER_CELL));
        assert_true ((a.why [0] == '\0') == (a.kind == ANSWER_CELL));
        if (a.kind == ANSWER_CELL) {
            assert_true (cell_probabilities (&a.cell, &y, &n, &r));
            assert_int_equal (y + n + r, MICRO);
            assert_true (y >= 0 && n >= 0 && r >= 0 && a.cell.mass <= MICRO);
        }
    }
    bool context;
    answer_error (doc, copy, len, error, sizeof error, &context);
    free (copy);
}

// An answer of vLLM 0.32 to a request with structured_outputs: what the constraint forbids has no probability.
#define CONSTRAINED(more) \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Irrelevant\"},\"logprobs\":{\"content\":[" \
    "{\"token\":\"I\",\"logprob\":-0.35667,\"bytes\":[73],\"top_logprobs\":[{\"token\":\"I\",\"logprob\":-0.35667,\"bytes\":[73]}," \
    "{\"token\":\"Yes\",\"logprob\":-1.8971,\"bytes\":[89,101,115]},{\"token\":\"No\",\"logprob\":-2.9957,\"bytes\":[78,111]}," \
    "{\"token\":\"Ir\",\"logprob\":-2.9957,\"bytes\":[73,114]},{\"token\":\"Y\",\"logprob\":-3.912,\"bytes\":[89]}," \
    "{\"token\":\"N\",\"logprob\":-3.5066,\"bytes\":[78]}" more ",{\"token\":\"!\",\"logprob\":-9999.0,\"bytes\":[33]}]}," \
    "{\"token\":\"rr\",\"logprob\":-0.03,\"bytes\":[114,114],\"top_logprobs\":[]}]},\"finish_reason\":\"stop\"}]}"

static void test_constrained (void **state)
{
    (void) state;
    static const char real [] = CONSTRAINED (""), quoted [] = CONSTRAINED (",{\"token\":\" \\\"\",\"logprob\":-4.0}");
    static const char before [] = CONSTRAINED (",{\"token\":\"It\",\"logprob\":-4.0,\"bytes\":[73,116]}");
    const char *all [] = { real, quoted };
    for (int i = 0; i < 2; i++) {
        answer_t a = read_asked (&plain, CONSTRAIN_STRUCTURED, all [i], strlen (all [i]));
        assert_int_equal (a.kind, ANSWER_CELL);
        assert_true (a.from_logprobs);
        assert_in_range (a.cell.mass, 999000, MICRO);
        assert_in_range (a.cell.relevance, 249000, 251000);     // I .70, Ir .05
        assert_in_range (a.cell.score, 89000, 91000);           // (Yes .15, Y .02) - (No .05, N .03)
    }
    // Where no constraint was asked for, or the server tells probabilities from before it, a letter may begin any word.
    answer_t free = read_bytes (&plain, real, strlen (real)), early = read_asked (&plain, CONSTRAIN_STRUCTURED, before, strlen (before));
    assert_in_range (free.cell.mass, 249000, 251000);
    assert_in_range (early.cell.mass, 249000, 251000);
}

// tokens 0: not told.
static void test_excess (void **state)
{
    (void) state;
    static const struct { const char *body; uint64_t tokens, most; } cases [] = {
        { "{\"error\":{\"message\":\"too long\",\"n_prompt_tokens\":5000,\"n_ctx\":4096}}", 5000, 4096 },
        { "{\"message\":\"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4990 in the messages, 10 in "
          "the completion).\"}", 5000, 4096 },
        { "{\"message\":\"model-20240806: Input length (5000) exceeds model's maximum context length (4096).\"}", 5000, 4096 },
        { "{\"error\":\"`inputs` must have less than 4096 tokens. Given: 5000\"}", 5000, 4096 },
        { "{\"error\":{\"message\":\"maximum context length is 4096 tokens\"}}", 0, 4096 },
        // vLLM 0.32 counts tokens no further than one over the limit, and where there are very many characters, these alone
        { "{\"error\":{\"message\":\"This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens, "
          "which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, "
          "value=2049)\",\"type\":\"BadRequestError\",\"param\":\"input_tokens\",\"code\":400}}", 0, 2048 },
        { "{\"error\":{\"message\":\"This model's maximum context length is 2048 tokens. However, your prompt contains 91037 characters (more than "
          "82144 characters, which is the upper bound for 2048 input tokens). Please reduce the length of the input prompt. "
          "(parameter=input_text, value=91037)\",\"type\":\"BadRequestError\",\"param\":\"input_text\",\"code\":400}}", 0, 2048 },
        { "{\"error\":{\"message\":\"too long\",\"n_prompt_tokens\":5000000,\"n_ctx\":4096}}", 0, 4096 },
        { "{\"error\":{\"message\":\"too long\",\"n_prompt_tokens\":-1,\"n_ctx\":4096}}", 0, 0 },
        { "{\"error\":{\"message\":\"too long\",\"n_prompt_tokens\":5000,\"n_ctx\":0}}", 0, 0 },
        { "context length", 0, 0 }, { "context length 99999999999999999999999 88888888888888888888888888", 0, UINT64_MAX }, { "", 0, 0 },
    };
    json_doc_t *doc = json_doc_new ();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t tokens = 0, most = 0;
        bool told = answer_excess (doc, cases [i].body, strlen (cases [i].body), 100000, &tokens, &most);
        assert_int_equal (told, cases [i].most > 0);
        assert_true (!told || (tokens == cases [i].tokens && most == cases [i].most));
    }
    json_doc_destroy (&doc);
}

static void test_random_bytes (void **state)
{
    (void) state;
    json_doc_t *doc = json_doc_new ();
    rng_t rng = { 4 };
    char body [300];
    for (int round = 0; round < 3000; round++) {
        size_t len = rng_below (&rng, sizeof body);
        for (size_t i = 0; i < len; i++)
            body [i] = (char) rng_next (&rng);
        check_any (doc, body, len);
    }
    json_doc_destroy (&doc);
}

static void test_damaged_answers (void **state)
{
    (void) state;
    static const char *const bits [] = { "null", "-9999.0", "NaN", "{}", "[]", "\"\"", "1e999", "true", "\"Yes\"", "\\u0000", "\xC4\xA0", "\"label\"", "</think>", "\\ud800" };
    json_doc_t *doc = json_doc_new ();
    rng_t rng = { 5 };
    for (int round = 0; round < 6000; round++) {
        buf_t body = { 0 };
        buf_add (&body, llama, sizeof llama - 1);
        for (uint64_t n = 1 + rng_below (&rng, 4); n > 0; n--) {
            size_t at = rng_below (&rng, body.len);
            const char *bit = bits [rng_below (&rng, sizeof bits / sizeof *bits)];
            switch (rng_below (&rng, 4)) {
            case 0: body.data [at] = (char) rng_next (&rng); break;
            case 1: body.len = at + 1; break;
            case 2: memcpy (body.data + at, bit, strlen (bit) < body.len - at ? strlen (bit) : body.len - at); break;
            default: memmove (body.data + at, body.data + at / 2, body.len - at); break;
            }
        }
        check_any (doc, body.data, body.len);
        buf_free (&body);
    }
    check_any (doc, llama, sizeof llama - 1);
    json_doc_destroy (&doc);
}

// Random probabilities: the parts are exactly one together, and where they come from does not matter.
static void test_parts_are_one (void **state)
{
    (void) state;
    rng_t rng = { 6 };
    for (int round = 0; round < 3000; round++) {
        double lp [3];
        for (int i = 0; i < 3; i++)
            lp [i] = -12 * rng_unit (&rng) * rng_unit (&rng);
        char *top = mem_printf ("[{\"token\":\"Yes\",\"logprob\":%.17g},{\"token\":\" no\",\"logprob\":%.17g},{\"token\":\"ir\",\"logprob\":%.17g}]", lp [0], lp [1], lp [2]);
        answer_t a = read_top (top);
        double y = exp (lp [0]), n = exp (lp [1]), i = exp (lp [2]);
        if (y + n + i >= plain.mass_min)
            check_probabilities (&a, y / (y + n + i), n / (y + n + i), i / (y + n + i));
        else
            check_unreadable (&a, "of the probability");
        free (top);
    }
}

// Long and flat input takes time in its length alone.
static void test_long_lines (void **state)
{
    (void) state;
    chat_settings_t s = after ();
    buf_t body = { 0 };
    buf_add_str (&body, "{\"choices\":[{\"message\":{\"content\":\"");
    for (int i = 0; i < 1000000; i++)
        buf_add_str (&body, "a b ");
    buf_add_str (&body, "\\nYes\"}}]}");
    answer_t a = read_bytes (&s, body.data, body.len);
    check_score (&a, 1, 1);
    buf_free (&body);
}

static void test_whole_answers (void **state)
{
    (void) state;
    const char body [] = "{\"a\": \"my own 9 pass word\",\n\t\"b\": \"Bearer sk-1234567890abcdef\", \"c\": \"\xff\0\"} my own 9 pass word";
    char *raw = answer_raw (body, sizeof body - 1, "my own 9 pass word");
    assert_string_equal (raw, "{\"a\": \"[key]\", \"b\": \"Bearer [key]\", \"c\": \"? \"} [key]");
    free (raw);
    raw = answer_raw ("", 0, NULL);
    assert_string_equal (raw, "");
    free (raw);
    char *much = malloc (100000);
    memset (much, 'x', 100000);
    raw = answer_raw (much, 100000, "");
    assert_true (strlen (raw) <= ANSWER_RAW_BYTES && strcmp (raw + strlen (raw) - 3, "...") == 0);
    free (raw);
    free (much);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_malformed),
        cmocka_unit_test (test_mended),
        cmocka_unit_test (test_usage),
        cmocka_unit_test (test_errors),
        cmocka_unit_test (test_constrained),
        cmocka_unit_test (test_excess),
        cmocka_unit_test (test_random_bytes),
        cmocka_unit_test (test_damaged_answers),
        cmocka_unit_test (test_parts_are_one),
        cmocka_unit_test (test_long_lines),
        cmocka_unit_test (test_whole_answers),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
