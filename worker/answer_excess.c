#include "worker/chat.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 1024, APART_MAX = 16 };

// llama.cpp's answer has both as numbers of their own.
static bool read_members (json_doc_t *doc, const char *body, size_t len, uint64_t *tokens, uint64_t *most)
{
    const json_value_t *root;
    int64_t has, may;
    if (json_parse (doc, body, len, &root, NULL) != OK)
        return false;
    const json_value_t *error = json_get (root, "error");
    if (!json_int (json_get (error, "n_prompt_tokens"), &has) || !json_int (json_get (error, "n_ctx"), &may) || has < 0 || may < 0)
        return false;
    *tokens = (uint64_t) has;
    *most = (uint64_t) may;
    return true;
}

static bool is_digit (char c)
{
    return c >= '0' && c <= '9';
}

// The number that follows what names the limit: "maximum context length is 4096 tokens", "context length (4096)".
static uint64_t read_most (const char *text)
{
    static const char *const signs [] = { "context length", "context size", "context window", "model length", "less than", "allowed length", "input length" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        const char *at = strcasestr (text, signs [i]);
        for (size_t n = at ? strlen (signs [i]) + APART_MAX : 0; n > 0 && *at; n--, at++)
            if (is_digit (*at))
                return strtoull (at, NULL, 10);
    }
    return 0;
}

// The largest number that can be a count of the request's tokens. vLLM counts no further than one over the limit ("at least"), and
// what is far too long in characters alone.
static uint64_t read_tokens (const char *text, uint64_t tokens_max)
{
    uint64_t largest = 0;
    if (strstr (text, "at least ") || strstr (text, " characters"))
        return 0;
    while (*text) {
        char *end = NULL;
        uint64_t number = is_digit (*text) ? strtoull (text, &end, 10) : 0;
        if (number > largest && number <= tokens_max)
            largest = number;
        text = end ? end : text + 1;
    }
    return largest;
}

bool answer_excess (json_doc_t *doc, const char *body, size_t len, uint64_t tokens_max, uint64_t *tokens, uint64_t *most)
{
    char text [TEXT_BYTES];
    bool context;
    if (!read_members (doc, body, len, tokens, most)) {
        answer_error (doc, body, len, text, sizeof text, &context);
        *most = read_most (text);
        *tokens = read_tokens (text, tokens_max);
    }
    if (*tokens <= *most || *tokens > tokens_max)
        *tokens = 0;
    return *most > 0;
}
