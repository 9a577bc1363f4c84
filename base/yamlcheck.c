#include "base/yamlcheck.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"

enum { FIELDS_MAX = 64, ANY_KEYS_MAX = 1000, SHOWN_MAX = 60 };

typedef struct {
    const char *name;
    yaml_parser_t parser;
    yaml_event_t event;     // the current one
    bool has_event;
    yaml_item_fn *item;
    void *item_ctx;
    fault_t *fault;
} check_t;

static status_t check_node (check_t *check, const yaml_shape_t *shape, const char *key);

static unsigned line_of (const check_t *check)
{
    return (unsigned) check->event.start_mark.line + 1;
}

#define WRONG(check, format, ...) \
    fault_set ((check)->fault, ERR_FORMAT, "%s:%u: " format, (check)->name, line_of (check), __VA_ARGS__)

// Move on to the next event.
static status_t next_event (check_t *check)
{
    if (check->has_event)
        yaml_event_delete (&check->event);
    check->has_event = yaml_parser_parse (&check->parser, &check->event);
    if (!check->has_event) {
        const yaml_parser_t *parser = &check->parser;
        size_t line = parser->problem_mark.line ? parser->problem_mark.line : parser->mark.line;
        return fault_set (check->fault, ERR_FORMAT, "%s:%zu: not YAML: %s%s%s", check->name, line + 1,
                          parser->problem ? parser->problem : "can't be read",
                          parser->context ? " " : "", parser->context ? parser->context : "");
    }
    if (check->event.type == YAML_ALIAS_EVENT)
        return WRONG (check, "the alias *%s is not supported; write the value out", check->event.data.alias.anchor);
    return OK;
}

static const char *scalar (const check_t *check)
{
    return (const char *) check->event.data.scalar.value;
}

// Is the current scalar nothing: no text, or an unquoted ~ or null?
static bool is_empty (const check_t *check)
{
    if (check->event.data.scalar.length == 0)
        return true;
    if (check->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    return strcmp (scalar (check), "~") == 0 || strcmp (scalar (check), "null") == 0;
}

static bool in_names (const char *word, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp (word, names [i]) == 0)
            return true;
    return false;
}

// "; did you mean "x"?" or, where no name is near, "; known: a, b, c".
static void suggest (const char *word, const char *const *names, size_t count, buf_t *out)
{
    const char *nearest = nearest_name (word, names, count);
    if (nearest) {
        buf_printf (out, "; did you mean \"%s\"?", nearest);
        return;
    }
    buf_add_str (out, "; known:");
    for (size_t i = 0; i < count; i++)
        buf_printf (out, "%s %s", i ? "," : "", names [i]);
}

// --- scalars ---------------------------------------------------------------

static status_t check_int (check_t *check, const yaml_shape_t *shape, const char *key)
{
    const char *text = scalar (check), *digits = text + (*text == '-');
    size_t n = strspn (digits, "0123456789");
    if (n == 0 || digits [n] != '\0' || (n > 1 && digits [0] == '0'))
        return WRONG (check, "%s must be a whole number in decimal digits, not \"%.*s\"", key, SHOWN_MAX, text);
    errno = 0;
    uint64_t size = strtoull (digits, NULL, 10);
    bool negative = digits > text && size > 0, out = errno == ERANGE;
    if (negative)
        out = out || shape->min >= 0 || size > (uint64_t) 0 - (uint64_t) shape->min;
    else
        out = out || size > shape->max || (shape->min > 0 && size < (uint64_t) shape->min);
    if (out)
        return WRONG (check, "%s is %.*s, but must be from %lld to %llu", key, SHOWN_MAX, text,
                      (long long) shape->min, (unsigned long long) shape->max);
    return OK;
}

static status_t check_number (check_t *check, const yaml_shape_t *shape, const char *key)
{
    const char *text = scalar (check);
    char *end;
    double value = strtod (text, &end);
    if (*end != '\0' || text [strspn (text, "+-.0123456789eE")] != '\0' || !isfinite (value))
        return WRONG (check, "%s must be a number, not \"%.*s\"", key, SHOWN_MAX, text);
    bool bounded = shape->min != 0 || shape->max != 0;
    if (bounded && (value < (double) shape->min || value > (double) shape->max))
        return WRONG (check, "%s is %.*s, but must be from %lld to %llu", key, SHOWN_MAX, text,
                      (long long) shape->min, (unsigned long long) shape->max);
    return OK;
}

static status_t check_names (check_t *check, const char *const *names, size_t count, const char *key)
{
    if (in_names (scalar (check), names, count))
        return OK;
    buf_t hint = { 0 };
    suggest (scalar (check), names, count, &hint);
    status_t status = WRONG (check, "%s can't be \"%.*s\"%s", key, SHOWN_MAX, fault_shown (scalar (check)), hint.data);
    buf_free (&hint);
    return status;
}

static status_t check_text (check_t *check, const yaml_shape_t *shape, const char *key)
{
    size_t len = check->event.data.scalar.length;
    if (strlen (scalar (check)) != len)
        return WRONG (check, "%s contains a NUL character; take it out", key);
    if (shape->max && len > shape->max)
        return WRONG (check, "%s is %zu bytes long; the most is %llu", key, len, (unsigned long long) shape->max);
    return OK;
}

static status_t check_scalar (check_t *check, const yaml_shape_t *shape, const char *key)
{
    static const char *const bools [] = { "true", "false", "yes", "no", "on", "off" };
    if (is_empty (check)) {
        if (shape->empty_ok)
            return OK;
        return WRONG (check, "%s has no value; give one or take the line out", key);
    }
    status_t status = check_text (check, &(yaml_shape_t) { .max = shape->kind == YAML_TEXT ? shape->max : 0 }, key);
    if (status != OK)
        return status;
    switch (shape->kind) {
    case YAML_INT:
        return check_int (check, shape, key);
    case YAML_NUMBER:
        return check_number (check, shape, key);
    case YAML_BOOL:
        return check_names (check, bools, sizeof bools / sizeof bools [0], key);
    case YAML_CHOICE:
        return check_names (check, shape->names, shape->n_names, key);
    default:
        return OK;
    }
}

// --- lists and maps --------------------------------------------------------

static status_t check_list (check_t *check, const yaml_shape_t *shape, const char *key)
{
    size_t count = 0;
    for (;;) {
        status_t status = next_event (check);
        if (status != OK)
            return status;
        if (check->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        count++;
        if (shape->max && count > shape->max)
            return WRONG (check, "%s has over %llu items", key, (unsigned long long) shape->max);
        if (check->item)
            check->item (check->item_ctx, shape->item, line_of (check));
        status = check_node (check, shape->item, key);
        if (status != OK)
            return status;
    }
    if (count == 0 && !shape->empty_ok)
        return WRONG (check, "%s is an empty list; at least one item is needed", key);
    return OK;
}

// The current event as a key of a map.
static status_t check_key (check_t *check)
{
    if (check->event.type != YAML_SCALAR_EVENT)
        return WRONG (check, "a key must be a single word, not a %s", "list or map");
    if (strlen (scalar (check)) != check->event.data.scalar.length || check->event.data.scalar.length == 0)
        return WRONG (check, "a key is %s", "empty or contains a NUL character; name it");
    return OK;
}

static status_t unknown_key (check_t *check, const yaml_shape_t *shape)
{
    const char *names [FIELDS_MAX];
    for (size_t i = 0; i < shape->n_fields; i++)
        names [i] = shape->fields [i].key;
    buf_t hint = { 0 };
    suggest (scalar (check), names, shape->n_fields, &hint);
    status_t status = WRONG (check, "unknown key \"%.*s\"%s", SHOWN_MAX, scalar (check), hint.data);
    buf_free (&hint);
    return status;
}

static status_t twice (check_t *check)
{
    return WRONG (check, "key \"%.*s\" stands twice; take one out", SHOWN_MAX, scalar (check));
}

static status_t check_fields (check_t *check, const yaml_shape_t *shape, const char *key)
{
    assert (shape->n_fields <= FIELDS_MAX);
    bool seen [FIELDS_MAX] = { false };
    unsigned line = line_of (check);
    for (;;) {
        status_t status = next_event (check);
        if (status == OK && check->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (status == OK)
            status = check_key (check);
        if (status != OK)
            return status;
        size_t i = 0;
        while (i < shape->n_fields && strcmp (shape->fields [i].key, scalar (check)) != 0)
            i++;
        if (i == shape->n_fields)
            return unknown_key (check, shape);
        if (seen [i])
            return twice (check);
        seen [i] = true;
        status = next_event (check);
        if (status == OK)
            status = check_node (check, shape->fields [i].shape, shape->fields [i].key);
        if (status != OK)
            return status;
    }
    for (size_t i = 0; i < shape->n_fields; i++)
        if (shape->fields [i].required && !seen [i])
            return fault_set (check->fault, ERR_FORMAT, "%s:%u: %s has no \"%s\"; add it", check->name, line, key,
                              shape->fields [i].key);
    return OK;
}

// A key that was not in keys before; it is added.
static status_t new_key (check_t *check, char **keys, size_t *count, size_t max)
{
    if (in_names (scalar (check), (const char *const *) keys, *count))
        return twice (check);
    if (*count == max)
        return WRONG (check, "there are over %zu keys", max);
    keys [(*count)++] = mem_string (scalar (check));
    return OK;
}

static status_t check_any_keys (check_t *check, const yaml_shape_t *shape)
{
    size_t max = shape->max ? (size_t) shape->max : ANY_KEYS_MAX, count = 0;
    char **keys = mem_zero (max, sizeof *keys);
    status_t status;
    while ((status = next_event (check)) == OK && check->event.type != YAML_MAPPING_END_EVENT) {
        status = check_key (check);
        if (status == OK)
            status = new_key (check, keys, &count, max);
        if (status == OK)
            status = next_event (check);
        if (status == OK)
            status = check_node (check, shape->item, keys [count - 1]);
        if (status != OK)
            break;
    }
    if (status == OK && count == 0 && !shape->empty_ok)
        status = WRONG (check, "a map is %s; at least one key is needed", "empty");
    for (size_t i = 0; i < count; i++)
        free (keys [i]);
    free (keys);
    return status;
}

// The node that begins with the current event; ends at its last event. Depth is that of the shape.
static status_t check_node (check_t *check, const yaml_shape_t *shape, const char *key)
{
    yaml_event_type_t type = check->event.type;
    bool collection = shape->kind == YAML_LIST || shape->kind == YAML_MAP;
    if (type == YAML_SCALAR_EVENT && collection && is_empty (check))
        return WRONG (check, "%s has no value; give one or take the line out", key);
    if (shape->kind == YAML_LIST && type != YAML_SEQUENCE_START_EVENT)
        return WRONG (check, "%s must be a list (\"- item\" lines, or [a, b])", key);
    if (shape->kind == YAML_MAP && type != YAML_MAPPING_START_EVENT)
        return WRONG (check, "%s must be a map (\"key: value\" lines)", key);
    if (!collection && type != YAML_SCALAR_EVENT)
        return WRONG (check, "%s must be a single value, not a list or map; a text that looks like one needs single quotes around it", key);
    if (shape->kind == YAML_LIST)
        return check_list (check, shape, key);
    if (shape->kind == YAML_MAP)
        return shape->fields ? check_fields (check, shape, key) : check_any_keys (check, shape);
    return check_scalar (check, shape, key);
}

// Everything from the stream's start to its end.
static status_t check_stream (check_t *check, const yaml_shape_t *shape)
{
    status_t status = next_event (check);               // the stream's start
    if (status == OK)
        status = next_event (check);                    // a document's, or the stream's end
    if (status == OK && check->event.type == YAML_STREAM_END_EVENT) {
        if (shape->empty_ok)
            return OK;
        return fault_set (check->fault, ERR_FORMAT, "%s: the file is empty", check->name);
    }
    if (status == OK)
        status = next_event (check);
    if (status == OK)
        status = check_node (check, shape, "the file");
    if (status == OK)
        status = next_event (check);                    // the document's end
    if (status == OK)
        status = next_event (check);
    if (status == OK && check->event.type != YAML_STREAM_END_EVENT)
        return WRONG (check, "a second document begins; %s", "take it out, one is read");
    return status;
}

status_t yaml_check_items (const char *name, const char *yaml, size_t len, const yaml_shape_t *shape,
                           yaml_item_fn *item, void *ctx, fault_t *fault)
{
    check_t check = { .name = name, .item = item, .item_ctx = ctx, .fault = fault };
    if (!yaml_parser_initialize (&check.parser))
        return fault_set (fault, ERR_LIMIT, "%s: no memory to read YAML", name);
    yaml_parser_set_input_string (&check.parser, (const unsigned char *) yaml, len);
    status_t status = check_stream (&check, shape);
    if (check.has_event)
        yaml_event_delete (&check.event);
    yaml_parser_delete (&check.parser);
    return status;
}

status_t yaml_check (const char *name, const char *yaml, size_t len, const yaml_shape_t *shape, fault_t *fault)
{
    return yaml_check_items (name, yaml, len, shape, NULL, NULL, fault);
}
