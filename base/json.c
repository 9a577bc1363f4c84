#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

const json_value_t *json_get (const json_value_t *value, const char *key)
{
    if (!json_is (value, JSON_OBJECT))
        return NULL;
    size_t len = strlen (key);
    for (const json_value_t *m = value->child; m; m = m->next)
        if (m->key_len == len && memcmp (m->key, key, len) == 0)
            return m;
    return NULL;
}

bool json_is (const json_value_t *value, json_type_t type)
{
    return value && value->type == type;
}

bool json_equals (const json_value_t *value, const char *text)
{
    return json_is (value, JSON_STRING) && value->len == strlen (text) && memcmp (value->text, text, value->len) == 0;
}

bool json_int (const json_value_t *value, int64_t *out)
{
    if (!json_is (value, JSON_NUMBER))
        return false;
    char *end;
    errno = 0;
    long long n = strtoll (value->text, &end, 10);
    if (errno || *end)
        return false;
    *out = n;
    return true;
}

bool json_double (const json_value_t *value, double *out)
{
    if (!json_is (value, JSON_NUMBER))
        return false;
    double d = strtod (value->text, NULL);
    if (!isfinite (d))
        return false;
    *out = d;
    return true;
}

uint64_t json_count_of (const json_value_t *object, const char *key)
{
    int64_t count = 0;
    return json_int (json_get (object, key), &count) && count > 0 ? (uint64_t) count : 0;
}

const char *json_type_name (const json_value_t *value)
{
    static const char *const names [] = { "null", "false", "true", "number", "string", "list", "object" };
    return value ? names [value->type] : "nothing";
}

// The two-letter escape of a byte, or NULL.
static const char *short_escape (unsigned char c)
{
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\b': return "\\b";
    case '\f': return "\\f";
    default: return NULL;
    }
}

// What stands for a character of n bytes (0: a byte that is none) that can't pass; NULL where it can.
static const char *long_escape (const char *text, size_t n)
{
    if (n == 0)
        return "\xEF\xBF\xBD";
    // Line ends to some readers.
    if (n == 3 && memcmp (text, "\xE2\x80\xA8", 3) == 0)
        return "\\u2028";
    return n == 3 && memcmp (text, "\xE2\x80\xA9", 3) == 0 ? "\\u2029" : NULL;
}

void json_write_escaped (buf_t *out, const char *text, size_t len)
{
    buf_reserve (out, len + 1);
    size_t from = 0, n = 1;
    for (size_t i = 0; i < len; i += n) {
        unsigned char c = (unsigned char) text [i];
        n = 1;
        if (c >= 0x20 && c != '"' && c != '\\' && c < 0x7F)
            continue;
        n = utf8_char (text + i, len - i);
        const char *escape = c < 0x80 ? short_escape (c) : long_escape (text + i, n);
        if (escape == NULL && c >= 0x80)
            continue;
        buf_add (out, text + from, i - from);
        if (escape)
            buf_add_str (out, escape);
        else
            buf_printf (out, "\\u%04x", c);
        n = n ? n : 1;
        from = i + n;
    }
    buf_add (out, text + from, len - from);
}

void json_write_string (buf_t *out, const char *text, size_t len)
{
    buf_reserve (out, len + 2);
    buf_add_char (out, '"');
    json_write_escaped (out, text, len);
    buf_add_char (out, '"');
}

void json_write_cstring (buf_t *out, const char *text)
{
    if (text)
        json_write_string (out, text, strlen (text));
    else
        buf_add_str (out, "null");
}

void json_write_key (buf_t *out, const char *key)
{
    if (out->len > 0 && out->data [out->len - 1] != '{')
        buf_add_char (out, ',');
    json_write_cstring (out, key);
    buf_add_char (out, ':');
}

void json_write_value (buf_t *out, const json_value_t *value)
{
    switch (value->type) {
    case JSON_NULL: buf_add_str (out, "null"); return;
    case JSON_FALSE: buf_add_str (out, "false"); return;
    case JSON_TRUE: buf_add_str (out, "true"); return;
    case JSON_NUMBER: buf_add (out, value->text, value->len); return;
    case JSON_STRING: json_write_string (out, value->text, value->len); return;
    case JSON_ARRAY: case JSON_OBJECT: break;
    }
    bool object = value->type == JSON_OBJECT;
    buf_add_char (out, object ? '{' : '[');
    for (const json_value_t *item = value->child; item; item = item->next) {
        if (item != value->child)
            buf_add_char (out, ',');
        if (object) {
            json_write_string (out, item->key, item->key_len);
            buf_add_char (out, ':');
        }
        json_write_value (out, item);
    }
    buf_add_char (out, object ? '}' : ']');
}

void json_write_micro (buf_t *out, int64_t micro)
{
    uint64_t size = micro < 0 ? 0 - (uint64_t) micro : (uint64_t) micro;
    char digits [8];
    unsigned fraction = (unsigned) (size % 1000000);
    for (int i = 5; i >= 0; i--, fraction /= 10)
        digits [i] = (char) ('0' + fraction % 10);
    int n = 6;
    while (n > 1 && digits [n - 1] == '0')
        n--;
    digits [n] = '\0';
    buf_printf (out, "%s%" PRIu64 ".%s", micro < 0 ? "-" : "", size / 1000000, digits);
}

void json_member_text (buf_t *out, const char *key, const char *text)
{
    json_write_key (out, key);
    json_write_cstring (out, text);
}

void json_member_count (buf_t *out, const char *key, uint64_t count)
{
    json_write_key (out, key);
    buf_printf (out, "%" PRIu64, count);
}

void json_write_real (buf_t *out, double value)
{
    char text [40];
    if (!isfinite (value)) {
        buf_add_str (out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf (text, sizeof text, "%.*g", digits, value);
        if (strtod (text, NULL) == value)
            break;
    }
    buf_add_str (out, text);
}

void json_member_real (buf_t *out, const char *key, double value)
{
    json_write_key (out, key);
    if (isfinite (value))
        buf_printf (out, "%.6f", value);
    else
        buf_add_str (out, "null");
}

void json_member_micro (buf_t *out, const char *key, int64_t micro)
{
    json_write_key (out, key);
    json_write_micro (out, micro);
}

void json_member_flag (buf_t *out, const char *key, bool flag)
{
    json_write_key (out, key);
    buf_add_str (out, flag ? "true" : "false");
}

void json_member_list (buf_t *out, const char *key)
{
    json_write_key (out, key);
    buf_add_char (out, '[');
}

void json_member_object (buf_t *out, const char *key)
{
    json_write_key (out, key);
    buf_add_char (out, '{');
}
