#include "storage/row.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "storage/row_columns.h"

struct row_parser {
    row_columns_t columns;
    json_doc_t *doc;
    row_text_t text;                // its arena is owned here
    buf_t meta;
    row_members_t members;          // of the row in hand
    row_problem_t aside;            // scratch, for single responses
};

status_t row_parser_new (const ingest_mapping_t *mapping, size_t text_bytes_max, row_parser_t **out, fault_t *fault)
{
    row_parser_t *parser = mem_zero (1, sizeof *parser);
    parser->doc = json_doc_new ();
    parser->text = (row_text_t) { .arena = arena_new (), .text_bytes_max = text_bytes_max };
    status_t status = row_columns_init (&parser->columns, mapping, fault);
    if (status != OK)
        row_parser_destroy (&parser);
    *out = parser;
    return status;
}

void row_parser_destroy (row_parser_t **parser)
{
    row_parser_t *p = *parser;
    if (p == NULL)
        return;
    row_columns_free (&p->columns);
    json_doc_destroy (&p->doc);
    arena_destroy (&p->text.arena);
    buf_free (&p->meta);
    free (p);
    *parser = NULL;
}

static const json_value_t *value_of (const row_parser_t *p, row_column_t column)
{
    const json_value_t *value = p->members.value [column];
    return json_is (value, JSON_NULL) ? NULL : value;
}

// The reason that goes with what json_parse said.
static const char *json_reason (const char *text)
{
    static const struct { const char *begin, *reason; } kinds [] = {
        { "invalid UTF-8", "invalid-utf8" }, { "lone surrogate", "lone-surrogate" }, { "key ", "duplicate-key" },
        { "nested ", "too-complex" }, { "more than ", "too-complex" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp (text, kinds [i].begin, strlen (kinds [i].begin)) == 0)
            return kinds [i].reason;
    return "not-json";
}

static bool parse_object (row_parser_t *p, const char *line, size_t len, const json_value_t **root, row_problem_t *problem)
{
    fault_t fault = { 0 };
    arena_reset (p->text.arena);
    buf_clear (&p->meta);
    if (json_parse (p->doc, line, len, root, &fault) != OK)
        return row_problem (problem, json_reason (fault.text), "%s; correct the row or take it out", fault.text);
    if (!json_is (*root, JSON_OBJECT))
        return row_problem (problem, "wrong-type", "the row should be an object but is %s; is this the right file?", json_type_name (*root));
    row_columns_sort (&p->columns, *root, &p->members);
    return true;
}

static bool read_id (row_parser_t *p, row_t *row, row_problem_t *problem)
{
    const json_value_t *id = value_of (p, COLUMN_ID);
    const char *name = p->columns.name [COLUMN_ID];
    if (id == NULL)
        return true;
    if (json_is (id, JSON_NUMBER)) {
        if (id->len > LIMIT_ID_BYTES)
            return row_problem (problem, "text-too-long", "\"%s\" has %zu digits; shorten it", name, id->len);
    }
    else if (!row_text_string (id, name, LIMIT_ID_BYTES, problem))
        return false;
    row->id = id->len > 0 ? id->text : NULL;
    return true;
}

static bool read_model (const json_value_t *value, const char *name, const char **out, row_problem_t *problem)
{
    *out = "";
    if (value == NULL || json_is (value, JSON_NULL))
        return true;
    if (!row_text_string (value, name, LIMIT_NAME_BYTES, problem))
        return false;
    *out = value->text;
    return true;
}

// Responses may repeat the prompt before their own turns.
static Rulemill__Conversation *without_prompt (row_parser_t *p, const Rulemill__Conversation *prompt, Rulemill__Conversation *text)
{
    if (text->n_turns < prompt->n_turns || row_text_shared (prompt, text) < prompt->n_turns)
        return text;
    return row_text_cut (&p->text, text, prompt->n_turns, text->n_turns);
}

// --- responses as a list ---------------------------------------------------

static const json_value_t *text_of_item (const json_value_t *item)
{
    if (!json_is (item, JSON_OBJECT))
        return item;
    static const char *const names [] = { "response", "content", "text" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_get (item, names [i]))
            return json_get (item, names [i]);
    return NULL;
}

// A response of the list that can't be used is set aside alone.
static void read_item (row_parser_t *p, const json_value_t *item, const row_t *row, row_response_t *out, size_t place)
{
    char name [64];
    buf_t label = { 0 };
    buf_printf (&label, "%.40s [%zu]", p->columns.name [COLUMN_RESPONSES], place);
    memcpy (name, label.data, label.len + 1);
    buf_free (&label);
    *out = (row_response_t) { .model = "" };
    bool ok = row_text_conversation (&p->text, text_of_item (item), name, "assistant", &out->text, &p->aside);
    if (ok) {
        out->text = without_prompt (p, row->prompt, out->text);
        ok = row_text_check_response (out->text, name, &p->aside);
    }
    if (ok && json_is (item, JSON_OBJECT))
        ok = read_model (json_get (item, "model"), "model", &out->model, &p->aside);
    if (ok)
        return;
    out->text = NULL;
    out->reason = p->aside.reason;
    out->detail = arena_text (p->text.arena, p->aside.detail, strlen (p->aside.detail));
}

// A list beside "responses" must have one item for each.
static bool check_beside (row_parser_t *p, row_column_t column, const json_value_t *list, size_t n, row_problem_t *problem)
{
    const char *name = p->columns.name [column];
    if (!json_is (list, JSON_ARRAY))
        return row_problem (problem, "wrong-type", "\"%s\" should be a list but is %s; write it so, or rename it", name, json_type_name (list));
    if (list->count != n)
        return row_problem (problem, "bad-value", "\"%s\" has %u items for %zu responses; give one for each", name, list->count, n);
    return true;
}

static bool read_models (row_parser_t *p, row_t *row, row_problem_t *problem)
{
    const json_value_t *models = value_of (p, COLUMN_MODELS);
    if (models == NULL)
        return true;
    if (!check_beside (p, COLUMN_MODELS, models, row->n_responses, problem))
        return false;
    row_response_t *response = row->responses;
    for (const json_value_t *item = models->child; item; item = item->next, response++)
        if (!read_model (item, p->columns.name [COLUMN_MODELS], &response->model, problem))
            return false;
    return true;
}

static bool read_scores (row_parser_t *p, row_t *row, row_problem_t *problem)
{
    const json_value_t *scores = value_of (p, COLUMN_SCORES);
    if (scores == NULL)
        return true;
    if (!check_beside (p, COLUMN_SCORES, scores, row->n_responses, problem))
        return false;
    double *out = arena_take (p->text.arena, row->n_responses * sizeof *out);
    size_t n = 0;
    for (const json_value_t *item = scores->child; item; item = item->next, n++)
        if (!json_double (item, &out [n]))
            return row_problem (problem, json_is (item, JSON_NUMBER) ? "bad-value" : "wrong-type",
                                "\"%s\" [%zu] is no number that can be compared; correct it, or rename the column",
                                p->columns.name [COLUMN_SCORES], n);
    row->scores = out;
    return true;
}

static bool check_usable (const row_t *row, const char *name, row_problem_t *problem)
{
    size_t usable = 0;
    const row_response_t *bad = NULL;
    for (size_t i = row->n_responses; i-- > 0;) {
        usable += row->responses [i].reason == NULL;
        bad = row->responses [i].reason ? &row->responses [i] : bad;
    }
    if (usable >= 2)
        return true;
    if (bad)
        return row_problem (problem, bad->reason, "%s (of %zu responses %zu can be used, at least 2 are needed)",
                            bad->detail, row->n_responses, usable);
    return row_problem (problem, "too-few-responses", "\"%s\" has %zu item%s, at least 2 are needed; add one, or take the row out",
                        name, row->n_responses, row->n_responses == 1 ? "" : "s");
}

static bool read_list (row_parser_t *p, row_t *row, row_problem_t *problem)
{
    const char *name = p->columns.name [COLUMN_RESPONSES];
    const json_value_t *list = value_of (p, COLUMN_RESPONSES);
    if (!json_is (list, JSON_ARRAY))
        return row_problem (problem, list ? "wrong-type" : "missing-field", "\"%s\" should be a list but is %s; write it so",
                            name, json_type_name (list));
    if (list->count > LIMIT_RESPONSES)
        return row_problem (problem, "text-too-long", "\"%s\" has %u items, at most %d are taken; split the row", name, list->count, LIMIT_RESPONSES);
    row->listed = true;
    row->n_responses = list->count;
    row->responses = arena_take (p->text.arena, list->count * sizeof *row->responses);
    size_t place = 0;
    for (const json_value_t *item = list->child; item; item = item->next, place++)
        read_item (p, item, row, &row->responses [place], place);
    return check_usable (row, name, problem) && read_models (p, row, problem) && read_scores (p, row, problem);
}

// --- two sides -------------------------------------------------------------

static bool equals_any_case (const json_value_t *value, const char *text)
{
    return json_is (value, JSON_STRING) && value->len == strlen (text) && strcasecmp (value->text, text) == 0;
}

static bool read_preference (row_parser_t *p, row_t *row, row_problem_t *problem)
{
    const json_value_t *value = value_of (p, COLUMN_PREFERENCE);
    int64_t n = -1;
    if (value == NULL)
        row->given = RULEMILL__SIDE__SIDE_NONE;
    else if (equals_any_case (value, "a") || equals_any_case (value, "response_a") || (json_int (value, &n) && n == 0))
        row->given = RULEMILL__SIDE__SIDE_A;
    else if (equals_any_case (value, "b") || equals_any_case (value, "response_b") || n == 1)
        row->given = RULEMILL__SIDE__SIDE_B;
    else if (equals_any_case (value, "tie"))
        row->given = RULEMILL__SIDE__SIDE_TIE;
    else
        return row_problem (problem, "bad-value", "\"%s\" should be \"a\", \"b\", \"tie\", 0 or 1 but is %s%s%.40s; correct it, or rename the column",
                            p->columns.name [COLUMN_PREFERENCE], json_type_name (value), value->text ? " " : "", value->text ? value->text : "");
    return true;
}

// Without a prompt it is what both sides share at their beginning.
static bool shared_prompt (row_parser_t *p, row_t *row, Rulemill__Conversation *side [2], row_problem_t *problem)
{
    size_t n = row_text_shared (side [0], side [1]);
    for (int i = 0; i < 2; i++)
        if (n >= side [i]->n_turns)
            n = side [i]->n_turns > 0 ? side [i]->n_turns - 1 : 0;
    if (n == 0)
        return row_problem (problem, "nothing-in-common", "there is no \"%s\", and the two sides do not begin with the same turn; "
                            "add the prompt", p->columns.name [COLUMN_PROMPT]);
    row->prompt = row_text_cut (&p->text, side [0], 0, n);
    for (int i = 0; i < 2; i++)
        side [i] = row_text_cut (&p->text, side [i], n, side [i]->n_turns);
    return row_text_check_prompt (row->prompt, problem);
}

static bool read_side (row_parser_t *p, row_column_t column, const row_t *row, Rulemill__Conversation **out, row_problem_t *problem)
{
    const json_value_t *value = value_of (p, column);
    const char *name = p->columns.name [column];
    if (row->prompt) {
        if (!row_text_conversation (&p->text, value, name, "assistant", out, problem))
            return false;
        *out = without_prompt (p, row->prompt, *out);
        return true;
    }
    if (row_text_is_transcript (value))
        return row_text_transcript (&p->text, value, name, out, problem);
    if (json_is (value, JSON_STRING))
        return row_problem (problem, "missing-field", "there is no \"%s\", and \"%s\" is no transcript that begins with "
                            "\"\\n\\nHuman: \"; add the prompt, or name its column in the mapping", p->columns.name [COLUMN_PROMPT], name);
    return row_text_conversation (&p->text, value, name, "assistant", out, problem);
}

static bool read_sides (row_parser_t *p, row_t *row, const row_column_t text [2], const row_column_t model [2], row_problem_t *problem)
{
    Rulemill__Conversation *side [2];
    for (int i = 0; i < 2; i++)
        if (!read_side (p, text [i], row, &side [i], problem))
            return false;
    if (row->prompt == NULL && !shared_prompt (p, row, side, problem))
        return false;
    row->n_responses = 2;
    row->responses = arena_take (p->text.arena, 2 * sizeof *row->responses);
    for (int i = 0; i < 2; i++) {
        row->responses [i] = (row_response_t) { .text = side [i], .model = "" };
        if (!row_text_check_response (side [i], p->columns.name [text [i]], problem)
            || !read_model (value_of (p, model [i]), p->columns.name [model [i]], &row->responses [i].model, problem))
            return false;
    }
    return true;
}

static bool read_shape (row_parser_t *p, row_t *row, row_problem_t *problem)
{
    static const row_column_t sides [2] = { COLUMN_RESPONSE_A, COLUMN_RESPONSE_B }, models [2] = { COLUMN_MODEL_A, COLUMN_MODEL_B };
    static const row_column_t preferred [2] = { COLUMN_CHOSEN, COLUMN_REJECTED }, writers [2] = { COLUMN_CHOSEN_MODEL, COLUMN_REJECTED_MODEL };
    switch (p->members.shape) {
    case SHAPE_LIST:
        if (row->prompt)
            return read_list (p, row, problem);
        return row_problem (problem, "missing-field", "there is no \"%s\" beside \"%s\"; add it, or name its column in the mapping",
                            p->columns.name [COLUMN_PROMPT], p->columns.name [COLUMN_RESPONSES]);
    case SHAPE_SIDES:
        return read_preference (p, row, problem) && read_sides (p, row, sides, models, problem);
    case SHAPE_CHOSEN:
        row->given = RULEMILL__SIDE__SIDE_A;
        return read_sides (p, row, preferred, writers, problem);
    case SHAPE_NONE:
        break;
    }
    return row_problem (problem, "missing-field", "there is neither \"%s\", nor \"%s\" and \"%s\", nor \"%s\" and \"%s\"; is this the right "
                        "file? Else name its columns in the mapping", p->columns.name [COLUMN_RESPONSES], p->columns.name [COLUMN_RESPONSE_A],
                        p->columns.name [COLUMN_RESPONSE_B], p->columns.name [COLUMN_CHOSEN], p->columns.name [COLUMN_REJECTED]);
}

static bool read_prompt (row_parser_t *p, Rulemill__Conversation **out, row_problem_t *problem)
{
    const json_value_t *prompt = value_of (p, COLUMN_PROMPT);
    *out = NULL;
    if (prompt == NULL)
        return true;
    return row_text_conversation (&p->text, prompt, p->columns.name [COLUMN_PROMPT], "user", out, problem)
        && row_text_check_prompt (*out, problem);
}

static bool read_rest (row_parser_t *p, const json_value_t *root, row_t *row, row_problem_t *problem)
{
    const json_value_t *source = value_of (p, COLUMN_SOURCE);
    row->source = source ? source->text : "";
    row_columns_rest (&p->members, root, &p->meta);
    if (p->meta.len > LIMIT_META_BYTES)
        return row_problem (problem, "meta-too-long", "the fields that are not used have %zu bytes, at most %d are kept; take out what is not needed",
                            p->meta.len, LIMIT_META_BYTES);
    row->meta = p->meta.len > 0 ? p->meta.data : "";
    return true;
}

bool row_parse (row_parser_t *p, const char *line, size_t len, row_t *row, row_problem_t *problem)
{
    *row = (row_t) { .source = "", .meta = "" };
    const json_value_t *root;
    return parse_object (p, line, len, &root, problem) && read_id (p, row, problem) && read_prompt (p, &row->prompt, problem)
        && read_shape (p, row, problem) && read_rest (p, root, row, problem);
}

bool row_parse_prompt (row_parser_t *p, const char *line, size_t len, Rulemill__Conversation **prompt, row_problem_t *problem)
{
    row_t row = { .source = "", .meta = "" };
    const json_value_t *root;
    if (!parse_object (p, line, len, &root, problem) || !read_prompt (p, prompt, problem))
        return false;
    if (*prompt)
        return true;
    bool ok = read_shape (p, &row, problem);
    *prompt = row.prompt;
    return ok;
}
