#include "storage/recipe.h"

#include <string.h>

#include "base/json.h"

typedef struct { const char *where, *elsewhere; buf_t *out; } said_t;

// Where a setting stands elsewhere in a configuration than in the section of its object.
static const char *name_of (const char *section, const char *key, const char **own_section)
{
    static const struct { const char *key, *section, *name; } others [] = {
        { "accept", "auto", "accept_adapter" }, { "costly", "judge", "cost per rule" }
    };
    *own_section = section;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp (key, others [i].key) == 0) {
            *own_section = others [i].section;
            return others [i].name;
        }
    return key;
}

static void write_value (const json_value_t *value, buf_t *out)
{
    if (value == NULL)
        buf_add_str (out, "(none)");
    else if (value->type == JSON_TRUE || value->type == JSON_FALSE)
        buf_add_str (out, value->type == JSON_TRUE ? "yes" : "no");
    else if (value->type == JSON_NUMBER || value->type == JSON_STRING)
        buf_add (out, value->text, value->len);
    else
        json_write_value (out, value);
}

static bool alike (const json_value_t *a, const json_value_t *b)
{
    buf_t x = { 0 }, y = { 0 };
    write_value (a, &x);
    write_value (b, &y);
    bool same = x.len == y.len && memcmp (x.data, y.data, x.len) == 0;
    buf_free (&x);
    buf_free (&y);
    return same;
}

static void say (const said_t *said, const char *section, const char *key, const json_value_t *a, const json_value_t *b)
{
    const char *own, *name = name_of (section, key, &own);
    buf_printf (said->out, "%s.%s: ", own, name);
    write_value (a, said->out);
    buf_printf (said->out, " %s, ", said->where);
    write_value (b, said->out);
    buf_printf (said->out, " %s\n", said->elsewhere);
}

// Members of both, and then those of the other alone. What is learnt is an object of its own.
static void compare (const said_t *said, const char *section, const json_value_t *one, const json_value_t *other)
{
    for (const json_value_t *a = one ? one->child : NULL; a; a = a->next) {
        const json_value_t *b = json_get (other, a->key);
        if (json_is (a, JSON_OBJECT) && json_is (b, JSON_OBJECT))
            compare (said, "adapter", a, b);
        else if (!alike (a, b))
            say (said, section, a->key, a, b);
    }
    for (const json_value_t *b = other ? other->child : NULL; b; b = b->next)
        if (json_get (one, b->key) == NULL)
            say (said, section, b->key, NULL, b);
}

bool recipe_difference (const char *one, const char *where, const char *other, const char *elsewhere, buf_t *out)
{
    json_doc_t *docs [2] = { json_doc_new (), json_doc_new () };
    const json_value_t *a = NULL, *b = NULL;
    fault_t fault = { 0 };
    bool read = json_parse (docs [0], one, strlen (one), &a, &fault) == OK && json_parse (docs [1], other, strlen (other), &b, &fault) == OK
             && json_is (a, JSON_OBJECT) && json_is (b, JSON_OBJECT);
    const said_t said = { where, elsewhere, out };
    if (read)
        compare (&said, "auto", a, b);
    json_doc_destroy (&docs [0]);
    json_doc_destroy (&docs [1]);
    return read;
}
