#include "worker/answer_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cell.h"
#include "worker/answer_text.h"

enum { QUOTE_BYTES = 120 };         // of an answer, in messages
static const double tokens_max = 1e12;

// --- what is said --------------------------------------------------------------

static void PRINTF_LIKE (3, 4) say (answer_t *out, answer_kind_t kind, const char *format, ...)
{
    char text [1024];
    va_list args;
    va_start (args, format);
    vsnprintf (text, sizeof text, format, args);
    va_end (args);
    out->kind = kind;
    plain_text (text, strlen (text), out->why, sizeof out->why);
}

// --- usage -----------------------------------------------------------------------

static uint64_t tokens (const json_value_t *value)
{
    double n;
    return json_double (value, &n) && n > 0 && n < tokens_max ? (uint64_t) n : 0;
}

static void read_usage (const json_value_t *root, answer_t *out)
{
    const json_value_t *usage = json_get (root, "usage");
    out->prompt_tokens = tokens (json_get (usage, "prompt_tokens"));
    out->completion_tokens = tokens (json_get (usage, "completion_tokens"));
    out->cached_tokens = tokens (json_get (json_get (usage, "prompt_tokens_details"), "cached_tokens"));
    if (out->cached_tokens > out->prompt_tokens)
        out->cached_tokens = out->prompt_tokens;
}

// --- the message -------------------------------------------------------------------

typedef struct {
    buf_t text;                 // its content
    const char *other;          // what it is where it is no plain text: "refused", "called a tool"; NULL
    buf_t other_text;
    bool reasoning;             // it came with reasoning beside the content
    bool cut;                   // it ended at the limit of tokens
} message_t;

static bool filled (const json_value_t *value)
{
    return value && ((value->type == JSON_STRING && value->len > 0) || value->count > 0);
}

static void set_other (message_t *m, const char *other, const json_value_t *what)
{
    m->other = other;
    buf_clear (&m->other_text);
    if (json_is (what, JSON_STRING))
        buf_add (&m->other_text, what->text, what->len);
    else
        json_write_value (&m->other_text, what);
}

// Content is a string, or a list of parts of which those with text count. False: something else.
static bool read_content (const json_value_t *content, message_t *m)
{
    if (content == NULL || json_is (content, JSON_NULL))
        return true;
    if (json_is (content, JSON_STRING)) {
        buf_add (&m->text, content->text, content->len);
        return true;
    }
    if (!json_is (content, JSON_ARRAY))
        return false;
    for (const json_value_t *part = content->child; part; part = part->next) {
        const json_value_t *text = json_get (part, "text");
        if (json_is (text, JSON_STRING))
            buf_add (&m->text, text->text, text->len);
        if (filled (json_get (part, "refusal")))
            set_other (m, "refused", json_get (part, "refusal"));
    }
    return true;
}

static bool read_message (const json_value_t *choice, message_t *m, answer_t *out)
{
    const json_value_t *message = json_get (choice, "message");
    if (!json_is (message, JSON_OBJECT)) {
        say (out, ANSWER_MALFORMED, "\"message\" of the answer's choice is %s", json_type_name (message));
        return false;
    }
    if (!read_content (json_get (message, "content"), m)) {
        say (out, ANSWER_MALFORMED, "\"content\" of the answer is %s", json_type_name (json_get (message, "content")));
        return false;
    }
    static const char *const calls [] = { "tool_calls", "function_call" };
    for (int i = 0; i < 2; i++)
        if (filled (json_get (message, calls [i])))
            set_other (m, "called a tool", json_get (message, calls [i]));
    if (filled (json_get (message, "refusal")))
        set_other (m, "refused", json_get (message, "refusal"));
    m->reasoning = filled (json_get (message, "reasoning_content")) || filled (json_get (message, "reasoning"));
    m->cut = json_equals (json_get (choice, "finish_reason"), "length");
    return true;
}

// --- the label -----------------------------------------------------------------------

// Does the model think where its label was expected, or still?
static const char *thinking_hint (const chat_settings_t *s, const message_t *m)
{
    bool opened = m->text.len > 0 && strstr (m->text.data, "<think>");
    bool closed = m->text.len > 0 && strstr (m->text.data, "</think>");
    if (s->position == LABEL_FIRST)
        return opened || closed || m->reasoning ? "; the model thinks first: turn that off, or set label_position to after_reasoning" : "";
    bool ended_early = (opened && !closed) || (m->reasoning && m->text.len == 0);
    return ended_early ? "; the model was still thinking at the limit of tokens: raise max_tokens" : "";
}

static void from_text (const chat_settings_t *s, const message_t *m, answer_t *out)
{
    label_word_t word = { 0 };
    char quote [QUOTE_BYTES];
    const char *hint = thinking_hint (s, m);
    bool found = answer_find_word (m->text.data, m->text.len, s->position, m->cut, &word);
    if (s->position == LABEL_AFTER_REASONING && *hint)
        word.label = 0;                 // a word of the thought
    if (word.label) {
        out->kind = ANSWER_CELL;
        out->cell = cell_from_probabilities (word.label == 'y', word.label == 'n', word.label == 'i');
    }
    else if (!found)
        say (out, ANSWER_UNREADABLE, "the answer has no word%s", hint);
    else {
        plain_text (m->text.data + word.at, m->text.len - word.at, quote, sizeof quote);
        say (out, ANSWER_UNREADABLE, "no label where it should stand, but \"%s\"%s", quote, hint);
    }
}

// Read the label from log-probabilities. False: there are none for it, so the text counts.
static bool from_tokens (const chat_settings_t *s, bool constrained, const json_value_t *choice, const message_t *m, answer_t *out)
{
    const json_value_t *content = json_get (json_get (choice, "logprobs"), "content");
    token_labels_t t;
    label_word_t word = { 0 };
    if (!answer_read_tokens (content, s->position, constrained, &t))
        return false;
    // After reasoning the tokens must be those of the whole text: the label that they end with is the text's.
    if (s->position == LABEL_AFTER_REASONING
        && (!answer_find_word (m->text.data, m->text.len, s->position, m->cut, &word) || word.label == 0 || t.label != word.label
            || *thinking_hint (s, m)))
        return false;
    out->from_logprobs = true;
    double mass = t.yes + t.no + t.irrelevant;
    if (!t.usable)
        say (out, ANSWER_UNREADABLE, "the log-probabilities have no usable number for the token \"%s\"", t.token);
    else if (mass < s->mass_min || mass <= 0)
        say (out, ANSWER_UNREADABLE, "the labels have %.4f of the probability, under %g; the token was \"%s\"%s", mass, s->mass_min,
             t.token, thinking_hint (s, m));
    else
        out->kind = ANSWER_CELL;
    if (out->kind == ANSWER_CELL)
        out->cell = cell_from_probabilities (t.yes, t.no, t.irrelevant);
    else
        out->cell.mass = (uint32_t) cell_micro (mass, CELL_ONE);
    return true;
}

static void read_choice (const chat_settings_t *s, bool constrained, const json_value_t *choice, answer_t *out)
{
    message_t m = { 0 };
    char quote [QUOTE_BYTES];
    if (read_message (choice, &m, out)) {
        if (m.other) {
            plain_text (m.other_text.data, m.other_text.len, quote, sizeof quote);
            say (out, ANSWER_UNREADABLE, "the model %s instead of giving a label: %s", m.other, quote);
        }
        else if (!s->logprobs || !from_tokens (s, constrained, choice, &m, out))
            from_text (s, &m, out);
    }
    buf_free (&m.text);
    buf_free (&m.other_text);
}

// --- the whole -------------------------------------------------------------------------

// JSON, also as some servers write it.
static status_t parse_body (json_doc_t *doc, const char *body, size_t len, const json_value_t **root, fault_t *fault)
{
    if (json_parse (doc, body, len, root, fault) == OK)
        return OK;
    buf_t mended = { 0 };
    mend_json (body, len, &mended);
    status_t status = json_parse (doc, mended.data, mended.len, root, NULL);     // the first fault names the server's own bytes
    buf_free (&mended);
    return status;
}

void answer_read (json_doc_t *doc, const chat_settings_t *settings, constrain_t constrain, const char *body, size_t len, answer_t *out)
{
    *out = (answer_t) { .kind = ANSWER_MALFORMED };
    const json_value_t *root;
    fault_t fault = { 0 };
    char quote [QUOTE_BYTES];
    bool context;
    if (parse_body (doc, body, len, &root, &fault)) {
        plain_text (body, len < 1024 ? len : 1024, quote, sizeof quote);
        say (out, ANSWER_MALFORMED, "%.100s; the answer begins \"%s\"", fault.text, quote);
        return;
    }
    read_usage (root, out);
    const json_value_t *choices = json_get (root, "choices");
    if (json_is (choices, JSON_ARRAY) && choices->count > 0)
        read_choice (settings, constrain != CONSTRAIN_NONE, choices->child, out);
    else if (filled (json_get (root, "error"))) {
        answer_error (doc, body, len, quote, sizeof quote, &context);
        say (out, ANSWER_MALFORMED, "the answer is an error: %s", quote);
    }
    else
        say (out, ANSWER_MALFORMED, "the answer is %s without choices", json_type_name (root));
}
