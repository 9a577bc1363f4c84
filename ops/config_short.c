#include "ops/config_short.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "ops/config.h"

static const char SECTION [] = "adapter";

// Where the value stands, in characters as libyaml counts them.
typedef struct { yaml_mark_t begin, end; } span_t;

// Of the depths that an event opens and closes.
static int depth_of (yaml_event_type_t type)
{
    switch (type) {
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return 1;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return -1;
    default:
        return 0;
    }
}

// A text that says something: not empty, not null.
static bool says_something (const yaml_event_t *event)
{
    const char *text = (const char *) event->data.scalar.value;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return event->data.scalar.length > 0 && strlen (text) == event->data.scalar.length
        && !(plain && (strcmp (text, "~") == 0 || strcmp (text, "null") == 0));
}

// Go through the events of the whole mapping; its keys and values are at depth 1, by turns.
static bool find (yaml_parser_t *parser, config_short_t *out, span_t *span)
{
    int depth = 0;
    bool is_value = false, is_ours = false, found = false, more = true;
    while (more && !found) {
        yaml_event_t event;
        if (!yaml_parser_parse (parser, &event))
            return false;
        bool scalar = event.type == YAML_SCALAR_EVENT, at_top = depth == 1;
        found = at_top && is_value && is_ours && scalar && says_something (&event);
        if (found) {
            out->value = mem_string ((const char *) event.data.scalar.value);
            out->line = (unsigned) event.start_mark.line + 1;
            *span = (span_t) { event.start_mark, event.end_mark };
        }
        if (at_top && !is_value)
            is_ours = scalar && strcmp ((const char *) event.data.scalar.value, SECTION) == 0;
        depth += depth_of (event.type);
        if (at_top && depth <= 1)
            is_value = !is_value;
        else if (depth == 1 && !at_top && depth_of (event.type) < 0)
            is_value = false;                   // that of a section has ended
        more = event.type != YAML_STREAM_END_EVENT && event.type != YAML_DOCUMENT_END_EVENT;
        yaml_event_delete (&event);
    }
    return found;
}

// Where a character stands among the bytes. A mark before the text is none of its characters.
static size_t byte_of (const char *yaml, size_t len, size_t character)
{
    size_t at = len >= 3 && memcmp (yaml, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (; at < len; at++)
        if (((unsigned char) yaml [at] & 0xC0) != 0x80 && character-- == 0)
            break;
    return at;
}

static void replace (const char *yaml, size_t len, const span_t *span, buf_t *rest)
{
    size_t begin = byte_of (yaml, len, span->begin.index), end = byte_of (yaml, len, span->end.index);
    buf_add (rest, yaml, begin);
    buf_add_str (rest, "{}");
    for (size_t i = begin; i < end; i++)
        if (yaml [i] == '\n')
            buf_add_char (rest, '\n');
    buf_add (rest, yaml + end, len - end);
}

status_t config_short_take (const char *name, const char *yaml, size_t len, config_short_t *out, buf_t *rest, fault_t *fault)
{
    *out = (config_short_t) { .value = NULL };
    yaml_parser_t parser;
    span_t span = { 0 };
    if (!yaml_parser_initialize (&parser))
        return fault_set (fault, ERR_LIMIT, "%s: no memory to read YAML", name);
    yaml_parser_set_encoding (&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string (&parser, (const unsigned char *) yaml, len);
    bool found = find (&parser, out, &span);
    yaml_parser_delete (&parser);
    if (found && strlen (out->value) > CONFIG_TEXT_BYTES_MAX) {
        config_short_free (out);
        return fault_set (fault, ERR_FORMAT, "%s:%u: %s is longer than %d bytes", name, out->line, SECTION, CONFIG_TEXT_BYTES_MAX);
    }
    if (found)
        replace (yaml, len, &span, rest);
    else
        buf_add (rest, yaml, len);
    return OK;
}

void config_short_free (config_short_t *taken)
{
    free (taken->value);
    taken->value = NULL;
}
