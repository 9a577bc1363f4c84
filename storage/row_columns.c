#include "storage/row_columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

static const char *const defaults [COLUMN_COUNT] = {
    [COLUMN_ID] = "id", [COLUMN_SOURCE] = "source", [COLUMN_PROMPT] = "prompt",
    [COLUMN_RESPONSES] = "responses", [COLUMN_MODELS] = "models", [COLUMN_SCORES] = "scores",
    [COLUMN_RESPONSE_A] = "response_a", [COLUMN_RESPONSE_B] = "response_b",
    [COLUMN_MODEL_A] = "model_a", [COLUMN_MODEL_B] = "model_b", [COLUMN_PREFERENCE] = "preference",
    [COLUMN_CHOSEN] = "chosen", [COLUMN_REJECTED] = "rejected",
    [COLUMN_CHOSEN_MODEL] = "chosen_model", [COLUMN_REJECTED_MODEL] = "rejected_model",
};

// Which columns a shape uses, as bits.
#define BIT(column) (1u << (column))
static const unsigned used [] = {
    [SHAPE_NONE] = 0,
    [SHAPE_LIST] = BIT (COLUMN_RESPONSES) | BIT (COLUMN_MODELS) | BIT (COLUMN_SCORES),
    [SHAPE_SIDES] = BIT (COLUMN_RESPONSE_A) | BIT (COLUMN_RESPONSE_B) | BIT (COLUMN_MODEL_A) | BIT (COLUMN_MODEL_B)
                  | BIT (COLUMN_PREFERENCE),
    [SHAPE_CHOSEN] = BIT (COLUMN_CHOSEN) | BIT (COLUMN_REJECTED) | BIT (COLUMN_CHOSEN_MODEL) | BIT (COLUMN_REJECTED_MODEL),
};

static status_t told_shape (const ingest_mapping_t *mapping, row_shape_t *out, fault_t *fault)
{
    bool list = mapping->responses, sides = mapping->response_a || mapping->response_b;
    bool chosen = mapping->chosen || mapping->rejected;
    if (list + sides + chosen > 1)
        return fault_set (fault, ERR_USAGE, "the mapping names columns of more than one shape (responses; response_a and "
                          "response_b; chosen and rejected); keep those of one");
    *out = list ? SHAPE_LIST : sides ? SHAPE_SIDES : chosen ? SHAPE_CHOSEN : SHAPE_NONE;
    return OK;
}

status_t row_columns_init (row_columns_t *columns, const ingest_mapping_t *mapping, fault_t *fault)
{
    static const ingest_mapping_t nothing;
    const ingest_mapping_t *m = mapping ? mapping : &nothing;
    *columns = (row_columns_t) { .told = SHAPE_NONE };
    const char *const given [COLUMN_COUNT] = {
        [COLUMN_ID] = m->id, [COLUMN_SOURCE] = m->source, [COLUMN_PROMPT] = m->prompt,
        [COLUMN_RESPONSES] = m->responses, [COLUMN_MODELS] = m->models, [COLUMN_SCORES] = m->scores,
        [COLUMN_RESPONSE_A] = m->response_a, [COLUMN_RESPONSE_B] = m->response_b,
        [COLUMN_MODEL_A] = m->model_a, [COLUMN_MODEL_B] = m->model_b, [COLUMN_PREFERENCE] = m->preference,
        [COLUMN_CHOSEN] = m->chosen, [COLUMN_REJECTED] = m->rejected,
        [COLUMN_CHOSEN_MODEL] = m->model_a, [COLUMN_REJECTED_MODEL] = m->model_b,
    };
    for (int i = 0; i < COLUMN_COUNT; i++)
        columns->name [i] = mem_string (given [i] ? given [i] : defaults [i]);
    return told_shape (m, &columns->told, fault);
}

void row_columns_free (row_columns_t *columns)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        free (columns->name [i]);
    *columns = (row_columns_t) { 0 };
}

static bool is_named (const json_value_t *member, const char *name)
{
    return strlen (name) == member->key_len && memcmp (name, member->key, member->key_len) == 0;
}

static row_shape_t recognise (const row_members_t *members)
{
    if (members->value [COLUMN_RESPONSES])
        return SHAPE_LIST;
    if (members->value [COLUMN_RESPONSE_A] || members->value [COLUMN_RESPONSE_B])
        return SHAPE_SIDES;
    return members->value [COLUMN_CHOSEN] || members->value [COLUMN_REJECTED] ? SHAPE_CHOSEN : SHAPE_NONE;
}

void row_columns_sort (const row_columns_t *columns, const json_value_t *object, row_members_t *out)
{
    *out = (row_members_t) { .shape = SHAPE_NONE };
    for (const json_value_t *member = object->child; member; member = member->next)
        for (int i = 0; i < COLUMN_COUNT; i++)
            if (is_named (member, columns->name [i]))
                out->value [i] = member;
    out->shape = columns->told != SHAPE_NONE ? columns->told : recognise (out);
    // A source that is no name stays what it is, in meta.
    const json_value_t *source = out->value [COLUMN_SOURCE];
    if (source && (!json_is (source, JSON_STRING) || source->len > LIMIT_NAME_BYTES || memchr (source->text, '\0', source->len)))
        out->value [COLUMN_SOURCE] = NULL;
}

static bool is_used (const row_members_t *members, const json_value_t *member)
{
    unsigned columns = used [members->shape] | BIT (COLUMN_ID) | BIT (COLUMN_SOURCE) | BIT (COLUMN_PROMPT);
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (members->value [i] == member && (columns & BIT (i)))
            return true;
    return false;
}

void row_columns_rest (const row_members_t *members, const json_value_t *object, buf_t *out)
{
    size_t start = out->len;
    for (const json_value_t *member = object->child; member; member = member->next) {
        if (is_used (members, member))
            continue;
        buf_add_char (out, out->len == start ? '{' : ',');
        json_write_string (out, member->key, member->key_len);
        buf_add_char (out, ':');
        json_write_value (out, member);
    }
    if (out->len > start)
        buf_add_char (out, '}');
}
