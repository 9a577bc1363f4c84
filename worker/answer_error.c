#include "worker/chat.h"

#include <string.h>

#include "base/mem.h"
#include "worker/answer_text.h"

enum { ERROR_BYTES_MAX = 4096 };        // of an error answer that is looked at as text

// --- keys ------------------------------------------------------------------------

static bool is_key_char (char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '_' || c == '*' || c == '.';
}

static bool begins (const char *word, size_t len, const char *with)
{
    return len >= strlen (with) && strncasecmp (word, with, strlen (with)) == 0;
}

// Long, of letters and digits in disorder: an id or a key, and no name. Names have words between their marks.
static bool looks_random (const char *word, size_t len)
{
    size_t run = 0, digits = 0, letters = 0;
    for (size_t i = 0; i < len; i++) {
        bool digit = word [i] >= '0' && word [i] <= '9';
        if (!digit && ((word [i] | 0x20) < 'a' || (word [i] | 0x20) > 'z')) {
            run = digits = letters = 0;
            continue;
        }
        digits += digit;
        letters += !digit;
        if (++run >= 20 && digits >= 2 && letters >= 2)
            return true;
    }
    return false;
}

static bool is_key (const char *word, size_t len)
{
    static const char *const prefixes [] = { "sk-", "sk_", "pk-", "pk_", "hf_", "gsk_", "xai-", "nvapi-", "AIza", "eyJ" };
    if (len >= 3 && memmem (word, len, "***", 3))
        return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (len >= 8 && begins (word, len, prefixes [i]))
            return true;
    return looks_random (word, len);
}

// Does what stands before a word say that a key follows?
static bool key_follows (const char *text, size_t at)
{
    static const char *const signs [] = { "bearer ", "key provided: ", "api key: ", "api_key=", "api-key: ", "token: ", "token=" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t n = strlen (signs [i]);
        if (at >= n && strncasecmp (text + at - n, signs [i], n) == 0)
            return true;
    }
    return false;
}

static void add_without_keys (const char *text, size_t len, buf_t *out)
{
    for (size_t i = 0; i < len; ) {
        size_t n = 0;
        while (i + n < len && is_key_char (text [i + n]))
            n++;
        if (n > 0 && (is_key (text + i, n) || key_follows (text, i)))
            buf_add_str (out, "[key]");
        else
            buf_add (out, text + i, n ? n : 1);
        i += n ? n : 1;
    }
}

// --- what it says --------------------------------------------------------------------

// A text of HTML without its tags.
static void add_without_tags (const char *text, size_t len, buf_t *out)
{
    bool tag = false;
    for (size_t i = 0; i < len; i++) {
        if (text [i] == '<')
            buf_add_char (out, ' ');
        tag = (tag || text [i] == '<') && text [i] != '>';
        if (!tag && text [i] != '>')
            buf_add_char (out, text [i]);
    }
}

static bool add_string (const json_value_t *value, buf_t *out)
{
    if (!json_is (value, JSON_STRING) || value->len == 0)
        return false;
    if (out->len)
        buf_add_str (out, ": ");
    buf_add (out, value->text, value->len < ERROR_BYTES_MAX ? value->len : ERROR_BYTES_MAX);
    return true;
}

// "type: message" of {"error": {...}}, {"error": "..."}, {"message": ...}, {"detail": ... or [{"msg": ...}]}.
static void add_error (const json_value_t *root, buf_t *out)
{
    const json_value_t *error = json_is (json_get (root, "error"), JSON_OBJECT) ? json_get (root, "error") : root;
    const json_value_t *detail = json_get (root, "detail");
    if (!add_string (json_get (error, "type"), out) && !add_string (json_get (root, "error_type"), out))
        add_string (json_get (error, "code"), out);
    if (add_string (json_get (error, "message"), out) || add_string (json_get (root, "error"), out) || add_string (detail, out))
        return;
    const json_value_t *first = json_is (detail, JSON_ARRAY) ? detail->child : detail;
    if (!add_string (json_get (first, "msg"), out) && out->len == 0)
        json_write_value (out, root);
}

static bool says_context (const char *text)
{
    static const char *const signs [] = {
        "exceed_context_size", "context_length_exceeded", "context length", "context size", "context window", "maximum model length",
        "max_model_len", "prompt is too long", "input is too long", "`inputs` must have less than", "`inputs` tokens + `max_new_tokens`",
        "maximum allowed length", "maximum input length",
    };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strcasestr (text, signs [i]))
            return true;
    return false;
}

void answer_error (json_doc_t *doc, const char *body, size_t len, char *text, size_t size, bool *context)
{
    const json_value_t *root;
    buf_t found = { 0 }, clean = { 0 };
    buf_reserve (&found, 1);
    found.data [0] = '\0';
    if (json_parse (doc, body, len, &root, NULL) == OK)
        add_error (root, &found);
    else
        add_without_tags (body, len < ERROR_BYTES_MAX ? len : ERROR_BYTES_MAX, &found);
    *context = says_context (found.data);
    add_without_keys (found.data, found.len < 2 * ERROR_BYTES_MAX ? found.len : 2 * ERROR_BYTES_MAX, &clean);
    plain_text (clean.data, clean.len, text, size);
    if (size > 0 && text [0] == '\0')
        plain_text ("an empty answer", 15, text, size);
    buf_free (&found);
    buf_free (&clean);
}

// --- a whole answer ------------------------------------------------------------------

static void add_without (const char *text, size_t len, const char *secret, buf_t *out)
{
    size_t n = secret ? strlen (secret) : 0;
    const char *found;
    while (n > 0 && (found = memmem (text, len, secret, n)) != NULL) {
        buf_add (out, text, (size_t) (found - text));
        buf_add_str (out, "[key]");
        len -= (size_t) (found - text) + n;
        text = found + n;
    }
    buf_add (out, text, len);
}

char *answer_raw (const char *body, size_t len, const char *secret)
{
    buf_t known = { 0 }, clean = { 0 };
    add_without (body, len < 2 * ANSWER_RAW_BYTES ? len : 2 * ANSWER_RAW_BYTES, secret, &known);
    add_without_keys (known.data, known.len, &clean);
    char *raw = mem_new (ANSWER_RAW_BYTES + 1);
    plain_text (clean.data, clean.len, raw, ANSWER_RAW_BYTES + 1);
    buf_free (&known);
    buf_free (&clean);
    return raw;
}
