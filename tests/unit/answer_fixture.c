#include "tests/unit/answer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const chat_settings_t plain = { .model = "m", .logprobs = true, .top_logprobs = 20, .max_tokens = 1, .mass_min = 0.05 };

chat_settings_t after (void)
{
    chat_settings_t s = plain;
    s.position = LABEL_AFTER_REASONING;
    s.max_tokens = 2000;
    return s;
}

chat_settings_t text_alone (void)
{
    chat_settings_t s = plain;
    s.logprobs = false;
    return s;
}

answer_t read_asked (const chat_settings_t *s, constrain_t constrain, const char *body, size_t len)
{
    json_doc_t *doc = json_doc_new ();
    char *copy = mem_string_n (body, len);      // of its own size, so that a sanitizer sees reading past it
    answer_t a;
    answer_read (doc, s, constrain, copy, len, &a);
    free (copy);
    json_doc_destroy (&doc);
    assert_true (strlen (a.why) < sizeof a.why);
    return a;
}

answer_t read_bytes (const chat_settings_t *s, const char *body, size_t len)
{
    return read_asked (s, CONSTRAIN_NONE, body, len);
}

answer_t read_body (const chat_settings_t *s, const char *body)
{
    return read_bytes (s, body, strlen (body));
}

answer_t read_choice (const chat_settings_t *s, const char *message, const char *logprobs, const char *finish)
{
    char *body = mem_printf ("{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":%s,\"logprobs\":%s,"
                             "\"finish_reason\":\"%s\"}],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":1,\"total_tokens\":201}}",
                             message, logprobs, finish);
    answer_t a = read_body (s, body);
    free (body);
    return a;
}

answer_t read_top (const char *top)
{
    char *logprobs = mem_printf ("{\"content\":[{\"token\":\"Yes\",\"bytes\":[89,101,115],\"logprob\":-0.1,\"top_logprobs\":%s}]}", top);
    answer_t a = read_choice (&plain, "{\"role\":\"assistant\",\"content\":\"Yes\"}", logprobs, "length");
    free (logprobs);
    return a;
}

answer_t read_text (const chat_settings_t *s, const char *content, const char *finish)
{
    buf_t message = { 0 };
    buf_add_str (&message, "{\"role\":\"assistant\",\"content\":");
    json_write_cstring (&message, content);
    buf_add_char (&message, '}');
    answer_t a = read_choice (s, message.data, "null", finish);
    buf_free (&message);
    return a;
}

void check_probabilities (const answer_t *a, double yes, double no, double irrelevant)
{
    int32_t y, n, i;
    if (a->kind != ANSWER_CELL)
        fail_msg ("no cell: %s", a->why);
    assert_string_equal (a->why, "");
    assert_true (a->cell.known);
    assert_true (cell_probabilities (&a->cell, &y, &n, &i));
    assert_int_equal (y + n + i, MICRO);
    assert_true (fabs (y / 1e6 - yes) < 2e-6 && fabs (n / 1e6 - no) < 2e-6 && fabs (i / 1e6 - irrelevant) < 2e-6);
}

void check_score (const answer_t *a, int score, unsigned relevance)
{
    if (a->kind != ANSWER_CELL)
        fail_msg ("no cell: %s", a->why);
    assert_int_equal (a->cell.score, score * MICRO);
    assert_int_equal (a->cell.relevance, relevance * MICRO);
    assert_int_equal (a->cell.mass, MICRO);
}

void check_unreadable (const answer_t *a, const char *says)
{
    assert_int_equal (a->kind, ANSWER_UNREADABLE);
    assert_false (a->cell.known);
    if (strstr (a->why, says) == NULL)
        fail_msg ("\"%s\" does not say \"%s\"", a->why, says);
}
