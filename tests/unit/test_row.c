// Rows of every shape, and what is wrong with those that are set aside.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/mem.h"
#include "storage/input.h"
#include "storage/row.h"

enum { TEXT_MAX = 1000 };

typedef struct {
    row_parser_t *parser;
    row_t row;
    row_problem_t problem;
} fixture_t;

static int setup (void **state)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    fault_t fault;
    *state = f;
    return row_parser_new (NULL, TEXT_MAX, &f->parser, &fault) == OK ? 0 : -1;
}

static int teardown (void **state)
{
    fixture_t *f = *state;
    row_parser_destroy (&f->parser);
    free (f);
    return 0;
}

static bool parse (fixture_t *f, const char *line)
{
    return row_parse (f->parser, line, strlen (line), &f->row, &f->problem);
}

// A conversation as "role:content|role:content".
static const char *told (const Rulemill__Conversation *text, char *out, size_t max)
{
    size_t len = 0;
    out [0] = '\0';
    for (size_t i = 0; text && i < text->n_turns && len < max; i++)
        len += (size_t) snprintf (out + len, max - len, "%s%s:%s", i ? "|" : "", text->turns [i]->role, text->turns [i]->content);
    return out;
}

static void check_texts (fixture_t *f, const char *line, const char *prompt, const char *a, const char *b)
{
    char text [2000];
    if (!parse (f, line))
        fail_msg ("%s: %s: %s", line, f->problem.reason, f->problem.detail);
    assert_string_equal (told (f->row.prompt, text, sizeof text), prompt);
    assert_true (f->row.n_responses >= 2);
    assert_string_equal (told (f->row.responses [0].text, text, sizeof text), a);
    assert_string_equal (told (f->row.responses [1].text, text, sizeof text), b);
}

static void check_refused (fixture_t *f, const char *line, const char *reason, const char *words)
{
    if (parse (f, line))
        fail_msg ("%s was taken", line);
    if (strcmp (f->problem.reason, reason) != 0 || !strstr (f->problem.detail, words))
        fail_msg ("%s: %s: %s; expected %s: ...%s...", line, f->problem.reason, f->problem.detail, reason, words);
}

static void test_list (void **state)
{
    fixture_t *f = *state;
    check_texts (f, "{\"id\": 7, \"prompt\": \"p\", \"responses\": [\"x\", [{\"role\": \"assistant\", \"content\": \"y\"}],"
                    "{\"content\": \"z\", \"model\": \"m3\"}], \"models\": [\"m1\", null, \"m4\"], \"scores\": [1, 2.5, -3e1]}",
                 "user:p", "assistant:x", "assistant:y");
    assert_true (f->row.listed);
    assert_string_equal (f->row.id, "7");
    assert_int_equal (f->row.n_responses, 3);
    assert_string_equal (f->row.responses [0].model, "m1");
    assert_string_equal (f->row.responses [1].model, "");
    assert_string_equal (f->row.responses [2].model, "m4");
    assert_true (f->row.scores [0] == 1 && f->row.scores [1] == 2.5 && f->row.scores [2] == -30);
    assert_string_equal (f->row.meta, "");
    check_texts (f, "{\"prompt\": \"p\", \"responses\": [{\"response\": \"x\", \"model\": \"m\"}, {\"text\": \"y\"}]}",
                 "user:p", "assistant:x", "assistant:y");
    assert_string_equal (f->row.responses [0].model, "m");
    assert_null (f->row.scores);
    assert_null (f->row.id);
}

static void test_list_refused (void **state)
{
    fixture_t *f = *state;
    check_refused (f, "{\"prompt\": \"p\", \"responses\": [\"x\"]}", "too-few-responses", "\"responses\" has 1 item, at least 2");
    check_refused (f, "{\"prompt\": \"p\", \"responses\": []}", "too-few-responses", "0 items");
    check_refused (f, "{\"prompt\": \"p\", \"responses\": [\"x\", \" \\n\"]}", "empty-response", "responses [1]");
    check_refused (f, "{\"prompt\": \"p\", \"responses\": [\"x\", 3]}", "wrong-type", "is number");
    check_refused (f, "{\"prompt\": \"p\", \"responses\": \"x\"}", "wrong-type", "should be a list but is string");
    check_refused (f, "{\"responses\": [\"x\", \"y\"]}", "missing-field", "\"prompt\"");
    check_refused (f, "{\"prompt\": \"p\", \"responses\": [\"x\", \"y\"], \"models\": [\"m\"]}", "bad-value", "1 items for 2 responses");
    check_refused (f, "{\"prompt\": \"p\", \"responses\": [\"x\", \"y\"], \"scores\": [1, \"2\"]}", "wrong-type", "\"scores\" [1]");
    check_refused (f, "{\"prompt\": \"p\", \"responses\": [\"x\", \"y\"], \"scores\": [1, 1e999]}", "bad-value", "\"scores\" [1]");
    // One that can't be used goes alone where two remain.
    assert_true (parse (f, "{\"prompt\": \"p\", \"responses\": [\"x\", \"\", \"a\\u0000b\", \"y\"]}"));
    assert_int_equal (f->row.n_responses, 4);
    assert_string_equal (f->row.responses [1].reason, "empty-response");
    assert_string_equal (f->row.responses [2].reason, "nul");
    assert_null (f->row.responses [1].text);
    assert_null (f->row.responses [3].reason);
}

static void test_sides (void **state)
{
    fixture_t *f = *state;
    static const struct { const char *value; Rulemill__Side side; } given [] = {
        { "\"a\"", RULEMILL__SIDE__SIDE_A }, { "\"B\"", RULEMILL__SIDE__SIDE_B }, { "\"Response_B\"", RULEMILL__SIDE__SIDE_B },
        { "0", RULEMILL__SIDE__SIDE_A }, { "1", RULEMILL__SIDE__SIDE_B }, { "\"TIE\"", RULEMILL__SIDE__SIDE_TIE },
        { "null", RULEMILL__SIDE__SIDE_NONE },
    };
    char line [200];
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        snprintf (line, sizeof line, "{\"prompt\": \"p\", \"response_a\": \"x\", \"response_b\": \"y\", \"model_b\": \"m\", \"preference\": %s}", given [i].value);
        check_texts (f, line, "user:p", "assistant:x", "assistant:y");
        assert_int_equal (f->row.given, given [i].side);
        assert_string_equal (f->row.responses [1].model, "m");
        assert_string_equal (f->row.meta, "");
        assert_false (f->row.listed);
    }
    check_refused (f, "{\"prompt\": \"p\", \"response_a\": \"x\", \"response_b\": \"y\", \"preference\": \"c\"}", "bad-value", "string c");
    check_refused (f, "{\"prompt\": \"p\", \"response_a\": \"x\", \"response_b\": \"y\", \"preference\": 2}", "bad-value", "number 2");
    check_refused (f, "{\"prompt\": \"p\", \"response_a\": \"x\"}", "missing-field", "\"response_b\"");
    check_refused (f, "{\"prompt\": \"p\", \"response_a\": \"x\", \"response_b\": \"\"}", "empty-response", "\"response_b\" is empty");
}

static void test_chosen (void **state)
{
    fixture_t *f = *state;
    check_texts (f, "{\"id\": \"r\", \"prompt\": [{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", \"content\": \"p\"}],"
                    "\"chosen\": \"x\", \"rejected\": \"y\", \"chosen_model\": \"m\", \"source\": \"web\", \"n\": 1.50, \"o\": {\"k\": [1e999]}}",
                 "system:s|user:p", "assistant:x", "assistant:y");
    assert_int_equal (f->row.given, RULEMILL__SIDE__SIDE_A);
    assert_string_equal (f->row.source, "web");
    assert_string_equal (f->row.meta, "{\"n\":1.50,\"o\":{\"k\":[1e999]}}");
    // Responses that repeat the prompt.
    check_texts (f, "{\"prompt\": \"p\", \"chosen\": [{\"role\": \"user\", \"content\": \"p\"}, {\"role\": \"assistant\", \"content\": \"x\"}],"
                    "\"rejected\": [{\"role\": \"assistant\", \"content\": \"y\"}]}", "user:p", "assistant:x", "assistant:y");
    check_refused (f, "{\"prompt\": \"p\", \"chosen\": [{\"role\": \"user\", \"content\": \"p\"}], \"rejected\": \"y\"}", "empty-response", "chosen");
    check_refused (f, "{\"prompt\": \"p\", \"chosen\": {\"a\": 1}, \"rejected\": \"y\"}", "wrong-type", "object");
    check_refused (f, "{\"prompt\": 3, \"chosen\": \"x\", \"rejected\": \"y\"}", "wrong-type", "\"prompt\"");
    check_refused (f, "{\"prompt\": \"p\"}", "missing-field", "right file");
}

static void test_implicit (void **state)
{
    fixture_t *f = *state;
#define U(text) "{\"role\": \"user\", \"content\": \"" text "\"}"
#define A(text) "{\"role\": \"assistant\", \"content\": \"" text "\"}"
    check_texts (f, "{\"chosen\": [" U ("p") "," A ("x") "], \"rejected\": [" U ("p") "," A ("y") "]}", "user:p", "assistant:x", "assistant:y");
    check_texts (f, "{\"chosen\": [" U ("p") "," A ("q") "," U ("r") "," A ("x") "], \"rejected\": [" U ("p") "," A ("q") "," A ("y") "]}",
                 "user:p|assistant:q", "user:r|assistant:x", "assistant:y");
    // Each side keeps a turn: equal sides, and one that is the other's beginning.
    check_texts (f, "{\"chosen\": [" U ("p") "," A ("x") "], \"rejected\": [" U ("p") "," A ("x") "]}", "user:p", "assistant:x", "assistant:x");
    check_texts (f, "{\"chosen\": [" U ("p") "," A ("x") "], \"rejected\": [" U ("p") "," A ("x") "," U ("z") "]}",
                 "user:p", "assistant:x", "assistant:x|user:z");
    check_refused (f, "{\"chosen\": [" U ("p") "," A ("x") "], \"rejected\": [" U ("q") "," A ("x") "]}", "nothing-in-common", "add the prompt");
    check_refused (f, "{\"chosen\": [], \"rejected\": []}", "nothing-in-common", "");
    check_refused (f, "{\"chosen\": [" A ("p") "," A ("x") "], \"rejected\": [" A ("p") "," A ("y") "]}", "no-user-turn", "user");
    check_refused (f, "{\"chosen\": [{\"role\": \"user\"}], \"rejected\": []}", "wrong-type", "turn 0");
}

static void test_transcripts (void **state)
{
    fixture_t *f = *state;
    check_texts (f, "{\"chosen\": \"\\n\\nHuman: p\\n\\nAssistant: q\\n\\nHuman: r s\\n\\n\\n\\nAssistant: x\", "
                    "\"rejected\": \"\\n\\nHuman: p\\n\\nAssistant: q\\n\\nHuman: r s\\n\\n\\n\\nAssistant:  y\\n\\n1. Human: z \"}",
                 "user:p|assistant:q|user:r s\n\n", "assistant:x", "assistant: y\n\n1. Human: z ");
    // Beginnings that differ are cut where they were the same for the last time.
    check_texts (f, "{\"chosen\": \"\\n\\nHuman: p\\n\\nAssistant: x\", \"rejected\": \"\\n\\nHuman: p\\n\\nAssistant: y\\n\\nHuman: z\\n\\nAssistant: w\"}",
                 "user:p", "assistant:x", "assistant:y|user:z|assistant:w");
    check_refused (f, "{\"chosen\": \"\\n\\nHuman: p\\n\\nAssistant: \", \"rejected\": \"\\n\\nHuman: p\\n\\nAssistant: y\"}", "empty-response", "chosen");
    check_refused (f, "{\"chosen\": \"\\n\\nHuman: p\\n\\nAssistant:\", \"rejected\": \"\\n\\nHuman: p\\n\\nAssistant: y\"}", "empty-response", "chosen");
    check_refused (f, "{\"chosen\": \"\\n\\nHuman: p\\n\\nAssistant: x\", \"rejected\": \"\\n\\nHuman: q\\n\\nAssistant: y\"}", "nothing-in-common", "");
    check_refused (f, "{\"chosen\": \"x\", \"rejected\": \"y\"}", "missing-field", "no transcript");
    check_refused (f, "{\"chosen\": \"\\n\\nHuman: p\\n\\nAssistant: x\", \"rejected\": 1}", "wrong-type", "rejected");
}

static void test_bad_json (void **state)
{
    fixture_t *f = *state;
    check_refused (f, "nonsense", "not-json", "byte 1");
    check_refused (f, "{\"a\": 1", "not-json", "byte");
    check_refused (f, "[1]", "wrong-type", "is list");
    check_refused (f, "{\"prompt\": \"\xff\"}", "invalid-utf8", "");
    check_refused (f, "{\"prompt\": \"\\ud800\"}", "lone-surrogate", "");
    check_refused (f, "{\"a\": {\"b\": 1, \"b\": 2}}", "duplicate-key", "\"b\"");
    check_refused (f, "{\"prompt\": \"a\\u0000b\", \"chosen\": \"x\", \"rejected\": \"y\"}", "nul", "NUL");
    check_refused (f, "{\"prompt\": \" \", \"chosen\": \"x\", \"rejected\": \"y\"}", "no-user-turn", "");
    check_refused (f, "{\"prompt\": [], \"chosen\": \"x\", \"rejected\": \"y\"}", "no-user-turn", "0 turns");
    check_refused (f, "{\"id\": [1], \"prompt\": \"p\", \"chosen\": \"x\", \"rejected\": \"y\"}", "wrong-type", "\"id\"");
    // The id is told where it could be read.
    check_refused (f, "{\"id\": \"r9\", \"prompt\": \"p\", \"chosen\": \"x\", \"rejected\": \"\"}", "empty-response", "");
    assert_string_equal (f->row.id, "r9");
    // A NUL or a number out of range in a column that is not used is no error.
    assert_true (parse (f, "{\"prompt\": \"p\", \"chosen\": \"x\", \"rejected\": \"y\", \"o\": \"a\\u0000\", \"n\": 123456789012345678901234567890}"));
    assert_string_equal (f->row.meta, "{\"o\":\"a\\u0000\",\"n\":123456789012345678901234567890}");
}

static char *row_with (const char *format, size_t n)
{
    char *long_text = mem_new (n + 1);
    memset (long_text, 'x', n);
    long_text [n] = '\0';
    buf_t out = { 0 };
    const char *at = strchr (format, '#');
    buf_add (&out, format, (size_t) (at - format));
    buf_add_str (&out, long_text);
    buf_add_str (&out, at + 1);
    free (long_text);
    return out.data;
}

static void test_sizes (void **state)
{
    fixture_t *f = *state;
    static const struct { const char *row; size_t n; const char *reason; } rows [] = {
        { "{\"prompt\": \"p\", \"chosen\": \"#\", \"rejected\": \"y\"}", TEXT_MAX, NULL },
        { "{\"prompt\": \"p\", \"chosen\": \"#\", \"rejected\": \"y\"}", TEXT_MAX + 1, "text-too-long" },
        { "{\"chosen\": \"\\n\\nHuman: p\\n\\nAssistant: #\", \"rejected\": \"\\n\\nHuman: p\\n\\nAssistant: y\"}", TEXT_MAX, NULL },
        { "{\"chosen\": \"\\n\\nHuman: p\\n\\nAssistant: #\", \"rejected\": \"\\n\\nHuman: p\\n\\nAssistant: y\"}", TEXT_MAX + 1, "text-too-long" },
        { "{\"id\": \"#\", \"prompt\": \"p\", \"chosen\": \"x\", \"rejected\": \"y\"}", 513, "text-too-long" },
        { "{\"chosen_model\": \"#\", \"prompt\": \"p\", \"chosen\": \"x\", \"rejected\": \"y\"}", 257, "text-too-long" },
        { "{\"other\": \"#\", \"prompt\": \"p\", \"chosen\": \"x\", \"rejected\": \"y\"}", 262144, "meta-too-long" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *line = row_with (rows [i].row, rows [i].n);
        bool ok = parse (f, line);
        free (line);
        assert_int_equal (ok, rows [i].reason == NULL);
        if (!ok)
            assert_string_equal (f->problem.reason, rows [i].reason);
    }
}

static void test_mapping (void **state)
{
    fixture_t *f = *state;
    fault_t fault = { 0 };
    row_parser_destroy (&f->parser);
    ingest_mapping_t mapping = { .chosen = "good", .rejected = "bad", .model_a = "who", .prompt = "question", .id = "key" };
    assert_int_equal (row_parser_new (&mapping, TEXT_MAX, &f->parser, &fault), OK);
    check_texts (f, "{\"key\": 1.50, \"question\": \"p\", \"good\": \"x\", \"bad\": \"y\", \"who\": \"m\", \"responses\": 1}",
                 "user:p", "assistant:x", "assistant:y");
    assert_string_equal (f->row.id, "1.50");
    assert_string_equal (f->row.responses [0].model, "m");
    assert_string_equal (f->row.meta, "{\"responses\":1}");
    check_refused (f, "{\"question\": \"p\", \"good\": \"x\"}", "missing-field", "\"bad\"");
    row_parser_destroy (&f->parser);
    mapping.responses = "all";
    assert_int_equal (row_parser_new (&mapping, TEXT_MAX, &f->parser, &fault), ERR_USAGE);
    assert_null (f->parser);
}

static void test_prompt_alone (void **state)
{
    fixture_t *f = *state;
    Rulemill__Conversation *prompt;
    char text [100];
    const char *rows [] = { "{\"prompt\": \"p\"}", "{\"chosen\": [" U ("p") "," A ("x") "], \"rejected\": [" U ("p") "," A ("y") "]}" };
    for (size_t i = 0; i < 2; i++) {
        assert_true (row_parse_prompt (f->parser, rows [i], strlen (rows [i]), &prompt, &f->problem));
        assert_string_equal (told (prompt, text, sizeof text), "user:p");
    }
    assert_false (row_parse_prompt (f->parser, "{\"text\": \"p\"}", 13, &prompt, &f->problem));
}

// Every row of the real files is a pair or has its reason.
static void count_file (fixture_t *f, const char *name, uint64_t rows, uint64_t bad)
{
    char *path = mem_printf ("%s/../shared/data/%s", SOURCE_DIR, name);
    if (access (path, R_OK) != 0) {
        free (path);
        skip ();
    }
    row_parser_destroy (&f->parser);
    fault_t fault;
    input_t *input;
    assert_int_equal (row_parser_new (NULL, 1 << 20, &f->parser, &fault), OK);
    assert_int_equal (input_open (path, 1 << 20, &input, &fault), OK);
    free (path);
    uint64_t seen = 0, refused = 0, equal = 0;
    input_line_t line;
    bool got;
    while (input_next (input, &line, &got, &fault) == OK && got) {
        seen++;
        bool ok = row_parse (f->parser, line.text, line.len, &f->row, &f->problem);
        refused += !ok;
        if (!ok)
            assert_string_equal (f->problem.reason, "empty-response");
        equal += ok && row_text_shared (f->row.responses [0].text, f->row.responses [1].text) == f->row.responses [0].text->n_turns;
    }
    input_close (&input);
    assert_int_equal (seen, rows);
    assert_int_equal (refused, bad);
    assert_int_equal (equal, 0);
}

static void test_real_transcripts (void **state)
{
    count_file (*state, "hh-harmless-base-test.jsonl.gz", 2312, 4);
}

static void test_real_pairs (void **state)
{
    count_file (*state, "coconot-pref.jsonl.gz", 927, 0);
}

int main (void)
{
#define TEST(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests [] = {
        TEST (test_list), TEST (test_list_refused), TEST (test_sides), TEST (test_chosen), TEST (test_implicit),
        TEST (test_transcripts), TEST (test_bad_json), TEST (test_sizes), TEST (test_mapping), TEST (test_prompt_alone),
        TEST (test_real_transcripts), TEST (test_real_pairs),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
