#include "worker/chat_parts.h"

#include <string.h>

#include "base/cell.h"

// A request is {PARAMETERS,"messages":[...],CONSTRAINT}. The parameters come first, so that all but the rule, the template's end
// and the constraint is written once for all rules of a response. max_tokens is the first of them, where it can be found again.

enum { OBJECT_TOKENS = 24, WORD_TOKENS = 10 };      // {"label": "Irrelevant"} with room for spaces; "Irrelevant", a letter each

// --- settings ------------------------------------------------------------------

static bool read_extra (json_doc_t *doc, const char *extra, const json_value_t **root, fault_t *fault)
{
    *root = NULL;
    return extra == NULL || (json_parse (doc, extra, strlen (extra), root, fault) == OK && json_is (*root, JSON_OBJECT));
}

static status_t check_extra (const json_value_t *extra, fault_t *fault)
{
    if (json_get (extra, "messages"))
        return fault_set (fault, ERR_USAGE, "extra: \"messages\" is the question itself; change the template instead");
    if (json_is (json_get (extra, "stream"), JSON_TRUE))
        return fault_set (fault, ERR_USAGE, "extra: \"stream\": true is not read; leave it out");
    int64_t n = 1;
    if (json_get (extra, "n") && (!json_int (json_get (extra, "n"), &n) || n != 1))
        return fault_set (fault, ERR_USAGE, "extra: \"n\" must be 1, since one answer of a request is read; leave it out");
    return OK;
}

status_t chat_settings_check (const chat_settings_t *s, fault_t *fault)
{
    if (s->model == NULL || *s->model == '\0')
        return fault_set (fault, ERR_USAGE, "no model is named; name the one that the server has");
    if (!(s->temperature >= 0 && s->temperature <= 100))
        return fault_set (fault, ERR_USAGE, "temperature %g is out of range; 0 is the usual value", s->temperature);
    if (!(s->mass_min >= 0 && s->mass_min <= 1))
        return fault_set (fault, ERR_USAGE, "mass_min %g is no share; give one from 0 to 1", s->mass_min);
    if (s->max_tokens == 0)
        return fault_set (fault, ERR_USAGE, "max_tokens is 0; an answer needs at least 1");
    json_doc_t *doc = json_doc_new ();
    const json_value_t *extra;
    fault_t why = { .text = "it is no object" };
    status_t status = OK;
    if (!read_extra (doc, s->extra, &extra, &why))
        status = fault_set (fault, ERR_USAGE, "extra must be a JSON object, like {\"seed\": 1}: %s", why.text);
    else if (extra)
        status = check_extra (extra, fault);
    json_doc_destroy (&doc);
    return status;
}

// --- parameters ----------------------------------------------------------------

static bool listed (const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp (names [i], name) == 0)
            return true;
    return false;
}

// Is this parameter the program's to write?
static bool ours (const chat_settings_t *s, const json_value_t *extra, const char *name)
{
    return !listed (s->omit, s->n_omit, name) && json_get (extra, name) == NULL;
}

static const char *limit_name (const chat_settings_t *s)
{
    return s->max_completion_tokens ? "max_completion_tokens" : "max_tokens";
}

// Under either name, since servers refuse both in one request.
static bool limit_is_ours (const chat_settings_t *s, const json_value_t *extra)
{
    return ours (s, extra, limit_name (s)) && json_get (extra, "max_tokens") == NULL && json_get (extra, "max_completion_tokens") == NULL;
}

static void write_limit (const chat_settings_t *s, unsigned tokens, buf_t *out)
{
    buf_add_char (out, '{');
    json_write_key (out, limit_name (s));
    buf_printf (out, "%u", tokens ? tokens : 1);
}

static void write_extra (const json_value_t *extra, buf_t *out)
{
    for (const json_value_t *m = json_is (extra, JSON_OBJECT) ? extra->child : NULL; m; m = m->next) {
        if (m->key_len == 8 && memcmp (m->key, "messages", 8) == 0)
            continue;
        if (out->data [out->len - 1] != '{')
            buf_add_char (out, ',');
        json_write_string (out, m->key, m->key_len);
        buf_add_char (out, ':');
        json_write_value (out, m);
    }
}

static void write_parameters (const chat_settings_t *s, const json_value_t *extra, buf_t *out)
{
    if (limit_is_ours (s, extra))
        write_limit (s, s->max_tokens, out);
    else
        buf_add_char (out, '{');
    if (ours (s, extra, "model")) {
        json_write_key (out, "model");
        json_write_cstring (out, s->model ? s->model : "");
    }
    if (ours (s, extra, "temperature")) {
        json_write_key (out, "temperature");
        json_write_micro (out, cell_micro (s->temperature, 100 * (int64_t) CELL_ONE));
    }
    if (s->logprobs && ours (s, extra, "logprobs")) {
        json_write_key (out, "logprobs");
        buf_add_str (out, "true");
    }
    if (s->logprobs && ours (s, extra, "top_logprobs")) {
        json_write_key (out, "top_logprobs");
        buf_printf (out, "%u", s->top_logprobs);
    }
    write_extra (extra, out);
}

// --- the two halves ------------------------------------------------------------

void chat_request_begin (const chat_settings_t *settings, const chat_template_t *t, const Rulemill__Conversation *prompt,
                         const Rulemill__Conversation *response, size_t cut_turns, buf_t *prefix)
{
    buf_clear (prefix);
    json_doc_t *doc = settings->extra ? json_doc_new () : NULL;
    const json_value_t *extra = NULL;
    if (doc && !read_extra (doc, settings->extra, &extra, NULL))
        extra = NULL;
    write_parameters (settings, extra, prefix);
    if (doc)
        json_doc_destroy (&doc);
    json_write_key (prefix, "messages");
    turns_mark_t mark = turns_mark (prompt, response, cut_turns);
    buf_t turns = { 0 };
    size_t from = 0;
    for (int i = 0; i < PLACE_COUNT; i++) {
        buf_add (prefix, t->messages.data + from, t->at [i] - from);
        from = t->at [i];
        buf_clear (&turns);
        if (t->place [i] == PLACE_CONVERSATION)
            turns_write_conversation (&mark, prompt, cut_turns, &turns);
        else if (t->place [i] == PLACE_RESPONSE)
            turns_write_response (&mark, response, &turns);
        if (turns.len)
            json_write_escaped (prefix, turns.data, turns.len);
    }
    buf_free (&turns);
}

static const char choices [] = "[\"Yes\",\"No\",\"Irrelevant\"]";

static void write_constraint (constrain_t constrain, buf_t *out)
{
    switch (constrain) {
    case CONSTRAIN_STRUCTURED:
        buf_printf (out, "{\"choice\":%s}", choices);
        return;
    case CONSTRAIN_GUIDED_CHOICE:
        buf_add_str (out, choices);
        return;
    case CONSTRAIN_RESPONSE_FORMAT:
        buf_printf (out, "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"label\",\"strict\":true,\"schema\":{\"type\":\"object\","
                    "\"properties\":{\"label\":{\"type\":\"string\",\"enum\":%s}},\"required\":[\"label\"],"
                    "\"additionalProperties\":false}}}", choices);
        return;
    case CONSTRAIN_NONE:
        return;
    }
}

static const char *constraint_name (constrain_t constrain)
{
    return constrain == CONSTRAIN_STRUCTURED ? "structured_outputs" : constrain == CONSTRAIN_GUIDED_CHOICE ? "guided_choice"
                                                                                                    : "response_format";
}

// The tokens that all of a constrained answer may need.
static unsigned room_for (constrain_t constrain)
{
    return constrain == CONSTRAIN_NONE ? 0 : constrain == CONSTRAIN_RESPONSE_FORMAT ? OBJECT_TOKENS : WORD_TOKENS;
}

// Where the prefix begins with max_tokens, begin with one that leaves room for the whole answer. Returns how much of the prefix
// that stands for.
static size_t raise_limit (const chat_settings_t *s, const json_value_t *extra, constrain_t constrain, buf_t *out)
{
    if (s->max_tokens >= room_for (constrain) || !limit_is_ours (s, extra))
        return 0;
    write_limit (s, s->max_tokens, out);
    size_t len = out->len;
    buf_clear (out);
    write_limit (s, room_for (constrain), out);
    return len;
}

static void finish (const chat_template_t *t, const buf_t *prefix, size_t from, const char *rule, buf_t *body)
{
    size_t at = t->at [PLACE_COUNT - 1], rule_len = strlen (rule);
    buf_reserve (body, prefix->len + rule_len + t->messages.len - at + 512);
    buf_add (body, prefix->data + from, prefix->len - from);
    json_write_escaped (body, rule, rule_len);
    buf_add (body, t->messages.data + at, t->messages.len - at);
}

void chat_request_finish (const chat_settings_t *settings, const chat_template_t *t, const buf_t *prefix, const char *rule,
                          constrain_t constrain, buf_t *body)
{
    buf_clear (body);
    if (constrain == CONSTRAIN_NONE) {
        finish (t, prefix, 0, rule, body);
        buf_add_char (body, '}');
        return;
    }
    json_doc_t *doc = json_doc_new ();
    const json_value_t *extra;
    if (!read_extra (doc, settings->extra, &extra, NULL))
        extra = NULL;
    finish (t, prefix, raise_limit (settings, extra, constrain, body), rule, body);
    if (ours (settings, extra, constraint_name (constrain))) {
        json_write_key (body, constraint_name (constrain));
        write_constraint (constrain, body);
    }
    buf_add_char (body, '}');
    json_doc_destroy (&doc);
}

// --- bounds ----------------------------------------------------------------------

// Texts stand in the request with more bytes than they have, never with fewer.
size_t chat_request_bytes (const chat_template_t *t, const buf_t *prefix, const char *rule)
{
    return prefix->len + strlen (rule) + t->messages.len - t->at [PLACE_COUNT - 1];
}

static uint64_t limit_in (const json_value_t *extra, const char *name, uint64_t otherwise)
{
    int64_t n;
    return json_int (json_get (extra, name), &n) && n > 0 ? (uint64_t) n : otherwise;
}

uint64_t chat_completion_max (const chat_settings_t *s, constrain_t constrain)
{
    json_doc_t *doc = s->extra ? json_doc_new () : NULL;
    const json_value_t *extra = NULL;
    if (doc && !read_extra (doc, s->extra, &extra, NULL))
        extra = NULL;
    uint64_t most = s->max_tokens ? s->max_tokens : 1;
    if (most < room_for (constrain))
        most = room_for (constrain);
    if (!limit_is_ours (s, extra))
        most = limit_in (extra, "max_tokens", limit_in (extra, "max_completion_tokens", UINT32_MAX));
    if (doc)
        json_doc_destroy (&doc);
    return most;
}
