#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ops/config_keys.h"

static const void *member_of (const config_t *config, const config_key_t *key)
{
    return (const char *) config + key->offset;
}

// The fewest digits that read back as the same number.
static void print_real (double value, buf_t *out)
{
    char text [32];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf (text, sizeof text, "%.*g", digits, value);
        if (strtod (text, NULL) == value)
            break;
    }
    buf_add_str (out, text);
}

// JSON's strings are YAML's double-quoted ones, and need no thought about what else a plain one could be read as.
static void print_value (const config_t *config, const config_key_t *key, buf_t *out)
{
    const void *member = member_of (config, key);
    if (key->type == CONFIG_BOOL)
        buf_add_str (out, *(const bool *) member ? "true" : "false");
    else if (key->type == CONFIG_WHOLE)
        buf_printf (out, "%" PRIu64, *(const uint64_t *) member);
    else if (key->type == CONFIG_REAL)
        print_real (*(const double *) member, out);
    else if (key->type == CONFIG_CHOICE)
        buf_add_str (out, *(char *const *) member);
    else if (key->type == CONFIG_TEXT)
        json_write_cstring (out, *(char *const *) member);
    else {
        const config_names_t *names = member;
        buf_add_char (out, '[');
        for (size_t i = 0; i < names->count; i++) {
            buf_add_str (out, i ? ", " : "");
            json_write_cstring (out, names->items [i]);
        }
        buf_add_char (out, ']');
    }
}

static bool is_unset (const config_t *config, const config_key_t *key)
{
    const void *member = member_of (config, key);
    if (key->type == CONFIG_TEXT || key->type == CONFIG_CHOICE)
        return *(char *const *) member == NULL;
    return key->type == CONFIG_NAMES && ((const config_names_t *) member)->count == 0;
}

// The headings of a key's sections, as far as they differ from those of the key printed before it. Returns where its own
// name begins.
static const char *print_sections (const char *name, const char *before, buf_t *out, unsigned *depth)
{
    const char *rest = name, *dot;
    *depth = 0;
    while ((dot = strchr (rest, '.'))) {
        size_t through = (size_t) (dot - name) + 1;
        if (strncmp (name, before, through) != 0)
            buf_printf (out, "%*s%.*s:\n", (int) *depth * 2, "", (int) (dot - rest), rest);
        rest = dot + 1;
        ++*depth;
    }
    return rest;
}

void config_print (const config_t *config, buf_t *out)
{
    size_t count;
    const config_key_t *keys = config_keys (&count);
    const char *before = "";
    for (size_t i = 0; i < count; i++) {
        if (is_unset (config, &keys [i]))
            continue;
        unsigned depth;
        const char *name = print_sections (keys [i].name, before, out, &depth);
        buf_printf (out, "%*s%s: ", (int) depth * 2, "", name);
        print_value (config, &keys [i], out);
        buf_add_char (out, '\n');
        before = keys [i].name;
    }
}

void config_difference (const config_t *began, const config_t *now, const char *prefix, buf_t *out)
{
    size_t count;
    const config_key_t *keys = config_keys (&count);
    buf_t a = { 0 }, b = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (!keys [i].decides || strncmp (keys [i].name, prefix, strlen (prefix)) != 0)
            continue;
        buf_clear (&a);
        buf_clear (&b);
        if (is_unset (began, &keys [i]))
            buf_add_str (&a, "unset");
        else
            print_value (began, &keys [i], &a);
        if (is_unset (now, &keys [i]))
            buf_add_str (&b, "unset");
        else
            print_value (now, &keys [i], &b);
        if (a.len != b.len || memcmp (a.data, b.data, a.len) != 0)
            buf_printf (out, "%s was %.*s and is %.*s; ", keys [i].name, (int) a.len, a.data, (int) b.len, b.data);
    }
    buf_free (&a);
    buf_free (&b);
}

static void describe_range (const config_key_t *key, buf_t *out)
{
    static const char *const types [] = { "true or false", "whole number", "number", "text", "one of", "list" };
    buf_add_str (out, types [key->type]);
    if (key->type == CONFIG_WHOLE && key->max == UINT64_MAX)
        return;
    if (key->type == CONFIG_WHOLE || key->type == CONFIG_REAL)
        buf_printf (out, " %" PRIu64 " to %" PRIu64, key->min, key->max);
    if (key->type != CONFIG_CHOICE)
        return;
    size_t n;
    const char *const *words = key->choices (&n);
    for (size_t k = 0; k < n; k++)
        buf_printf (out, "%s %s", k ? "," : "", words [k]);
}

void config_describe (buf_t *out)
{
    size_t count;
    const config_key_t *keys = config_keys (&count);
    for (size_t i = 0; i < count; i++) {
        buf_printf (out, "  %s", keys [i].name);
        buf_printf (out, "%*s%s\n%31s", (int) (29 - (int) strlen (keys [i].name)), "", keys [i].meaning, "");
        describe_range (&keys [i], out);
        buf_printf (out, "%s%s%s\n", keys [i].initial ? "; default " : "", keys [i].initial ? keys [i].initial : "",
                    keys [i].decides ? "; decides labels" : "");
    }
}

const char *config_meaning (const char *name)
{
    size_t count;
    const config_key_t *keys = config_keys (&count);
    int place = config_find (name);
    return place >= 0 ? keys [place].meaning : NULL;
}
