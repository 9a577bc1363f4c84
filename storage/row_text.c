#include "storage/row_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

// A detail may quote what came from outside and be cut in mid-character.
static void scrub (char *text)
{
    for (size_t left = strlen (text), n; left > 0; text += n, left -= n) {
        n = utf8_char (text, left);
        if (n == 0 || (n == 1 && ((unsigned char) *text < 0x20 || *text == 0x7F)))
            *text = '?';
        n = n ? n : 1;
    }
}

bool row_problem (row_problem_t *problem, const char *reason, const char *format, ...)
{
    problem->reason = reason;
    va_list args;
    va_start (args, format);
    vsnprintf (problem->detail, sizeof problem->detail, format, args);
    va_end (args);
    scrub (problem->detail);
    return false;
}

bool row_text_string (const json_value_t *value, const char *name, size_t max, row_problem_t *problem)
{
    if (!json_is (value, JSON_STRING))
        return row_problem (problem, value ? "wrong-type" : "missing-field",
                            "\"%s\" should be a string but is %s; write it as one", name, json_type_name (value));
    if (value->len > max)
        return row_problem (problem, "text-too-long", "\"%s\" has %zu bytes, at most %zu are taken; shorten it, or raise "
                            "the limit where it can be", name, value->len, max);
    if (memchr (value->text, '\0', value->len))
        return row_problem (problem, "nul", "\"%s\" holds a NUL character; remove it", name);
    return true;
}

static Rulemill__Conversation *conversation (const row_text_t *ctx, size_t turns_max)
{
    Rulemill__Conversation *text = arena_take (ctx->arena, sizeof *text);
    rulemill__conversation__init (text);
    text->turns = arena_take (ctx->arena, turns_max * sizeof *text->turns);
    return text;
}

// Protobuf's strings are not const, but nothing here writes to them.
static void add_turn (const row_text_t *ctx, Rulemill__Conversation *text, const char *role, const char *content)
{
    Rulemill__Turn *turn = arena_take (ctx->arena, sizeof *turn);
    rulemill__turn__init (turn);
    turn->role = (char *) role;
    turn->content = (char *) content;
    text->turns [text->n_turns++] = turn;
}

static bool read_turn (const row_text_t *ctx, const json_value_t *item, const char *name,
                       Rulemill__Conversation *text, row_problem_t *problem)
{
    const json_value_t *role = json_get (item, "role"), *content = json_get (item, "content");
    if (!json_is (role, JSON_STRING) || !json_is (content, JSON_STRING) || role->len == 0)
        return row_problem (problem, "wrong-type", "turn %zu of \"%s\" should be {\"role\": string, \"content\": string} "
                            "but is %s with role %s and content %s; write it so", text->n_turns, name, json_type_name (item),
                            json_type_name (role), json_type_name (content));
    if (!row_text_string (role, "role", LIMIT_NAME_BYTES, problem) || !row_text_string (content, name, ctx->text_bytes_max, problem))
        return false;
    add_turn (ctx, text, role->text, content->text);
    return true;
}

static bool too_many_turns (const char *name, size_t n, row_problem_t *problem)
{
    return row_problem (problem, "text-too-long", "\"%s\" has %zu turns, at most %d are taken; shorten it", name, n, LIMIT_TURNS);
}

bool row_text_conversation (const row_text_t *ctx, const json_value_t *value, const char *name, const char *role,
                            Rulemill__Conversation **out, row_problem_t *problem)
{
    if (json_is (value, JSON_STRING)) {
        if (!row_text_string (value, name, ctx->text_bytes_max, problem))
            return false;
        *out = conversation (ctx, 1);
        add_turn (ctx, *out, role, value->text);
        return true;
    }
    if (!json_is (value, JSON_ARRAY))
        return row_problem (problem, value ? "wrong-type" : "missing-field", "\"%s\" should be a string or a list of "
                            "{\"role\", \"content\"} but is %s; write it so, or name its column in the mapping",
                            name, json_type_name (value));
    if (value->count > LIMIT_TURNS)
        return too_many_turns (name, value->count, problem);
    *out = conversation (ctx, value->count);
    for (const json_value_t *item = value->child; item; item = item->next)
        if (!read_turn (ctx, item, name, *out, problem))
            return false;
    return true;
}

// --- transcripts -----------------------------------------------------------

static const struct { const char *mark; size_t len; const char *role; } speakers [] = {
    { "Human:", 6, "user" },
    { "Assistant:", 10, "assistant" },
};

// The speaker's index whose mark stands at p, or -1.
static int speaker_at (const char *p, const char *end)
{
    for (int i = 0; i < 2; i++)
        if ((size_t) (end - p) >= speakers [i].len && memcmp (p, speakers [i].mark, speakers [i].len) == 0)
            return i;
    return -1;
}

static const char *skip_breaks (const char *p, const char *end)
{
    while (p < end && *p == '\n')
        p++;
    return p;
}

bool row_text_is_transcript (const json_value_t *value)
{
    if (!json_is (value, JSON_STRING))
        return false;
    const char *end = value->text + value->len;
    return speaker_at (skip_breaks (value->text, end), end) >= 0;
}

// The next "\n\n" that a speaker's mark follows, or end.
static const char *turn_end (const char *p, const char *end)
{
    while ((p = memmem (p, (size_t) (end - p), "\n\n", 2)) != NULL) {
        if (speaker_at (p + 2, end) >= 0)
            return p;
        p++;
    }
    return end;
}

bool row_text_transcript (const row_text_t *ctx, const json_value_t *value, const char *name,
                          Rulemill__Conversation **out, row_problem_t *problem)
{
    if (memchr (value->text, '\0', value->len))
        return row_problem (problem, "nul", "\"%s\" holds a NUL character; remove it", name);
    if (value->len > LIMIT_CONVERSATION_BYTES)
        return row_problem (problem, "text-too-long", "\"%s\" has %zu bytes, at most %d are taken; shorten it",
                            name, value->len, LIMIT_CONVERSATION_BYTES);
    *out = conversation (ctx, LIMIT_TURNS);
    const char *end = value->text + value->len;
    for (const char *p = skip_breaks (value->text, end), *next; p < end; p = next < end ? next + 2 : end) {
        int speaker = speaker_at (p, end);
        const char *from = p + speakers [speaker].len;
        from += from < end && *from == ' ';
        next = turn_end (p, end);
        size_t len = (size_t) (next - from);
        if (len > ctx->text_bytes_max)
            return row_problem (problem, "text-too-long", "turn %zu of \"%s\" has %zu bytes, at most %zu are taken; shorten it, "
                                "or raise the limit where it can be", (*out)->n_turns, name, len, ctx->text_bytes_max);
        if ((*out)->n_turns == LIMIT_TURNS)
            return too_many_turns (name, LIMIT_TURNS + 1, problem);
        add_turn (ctx, *out, speakers [speaker].role, arena_text (ctx->arena, from, len));
    }
    return true;
}

// --- whole conversations ---------------------------------------------------

size_t row_text_shared (const Rulemill__Conversation *a, const Rulemill__Conversation *b)
{
    size_t n = 0;
    while (n < a->n_turns && n < b->n_turns && strcmp (a->turns [n]->role, b->turns [n]->role) == 0
           && strcmp (a->turns [n]->content, b->turns [n]->content) == 0)
        n++;
    return n;
}

Rulemill__Conversation *row_text_cut (const row_text_t *ctx, const Rulemill__Conversation *text, size_t from, size_t to)
{
    Rulemill__Conversation *out = arena_take (ctx->arena, sizeof *out);
    rulemill__conversation__init (out);
    out->turns = text->turns + from;
    out->n_turns = to - from;
    return out;
}

static bool is_blank (const char *text)
{
    return text [strspn (text, " \t\r\n\v\f")] == '\0';
}

static bool check_size (const Rulemill__Conversation *text, const char *name, row_problem_t *problem)
{
    size_t bytes = 0;
    for (size_t i = 0; i < text->n_turns; i++)
        bytes += strlen (text->turns [i]->content);
    if (bytes > LIMIT_CONVERSATION_BYTES)
        return row_problem (problem, "text-too-long", "\"%s\" has %zu bytes, at most %d are taken; shorten it",
                            name, bytes, LIMIT_CONVERSATION_BYTES);
    return true;
}

bool row_text_check_prompt (const Rulemill__Conversation *prompt, row_problem_t *problem)
{
    for (size_t i = 0; i < prompt->n_turns; i++)
        if (strcmp (prompt->turns [i]->role, "user") == 0 && !is_blank (prompt->turns [i]->content))
            return check_size (prompt, "prompt", problem);
    return row_problem (problem, "no-user-turn", "the prompt has no turn with role \"user\" that says something (%zu turns); "
                        "add it, or give the turn that role", prompt->n_turns);
}

bool row_text_check_response (const Rulemill__Conversation *response, const char *name, row_problem_t *problem)
{
    for (size_t i = 0; i < response->n_turns; i++)
        if (!is_blank (response->turns [i]->content))
            return check_size (response, name, problem);
    return row_problem (problem, "empty-response", "\"%s\" is empty; fill it in, or leave it out", name);
}
