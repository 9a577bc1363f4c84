#include "worker/answer_parts.h"

#include <math.h>
#include <string.h>

#include "worker/answer_text.h"

// vLLM writes -9999 where there is no probability, llama.cpp -FLT_MAX; nothing real comes near.
static const double logprob_min = -9000;
// Rounding may put a certain token a little over 0; what is larger is no log-probability.
static const double logprob_max = 1e-3;

enum { TOKEN_BYTES_MAX = 64 };

// --- one entry -----------------------------------------------------------------

static size_t bytes_text (const json_value_t *bytes, char *out)
{
    size_t len = 0;
    if (!json_is (bytes, JSON_ARRAY))
        return 0;
    for (const json_value_t *b = bytes->child; b && len < TOKEN_BYTES_MAX; b = b->next) {
        int64_t value;
        if (!json_int (b, &value) || value < 0 || value > 255)
            return 0;
        out [len++] = (char) value;
    }
    return len;
}

// A token's text: as it is written or, where that is empty or missing, from its bytes (into scratch).
static const char *token_text (const json_value_t *entry, char *scratch, size_t *len)
{
    const json_value_t *token = json_get (entry, "token");
    if (json_is (token, JSON_STRING) && token->len > 0) {
        *len = token->len;
        return token->text;
    }
    *len = bytes_text (json_get (entry, "bytes"), scratch);
    return scratch;
}

// No probability: missing, no number, NaN, infinite, a placeholder, over 1.
static bool probability (const json_value_t *logprob, double *p)
{
    double value;
    if (!json_double (logprob, &value) || value > logprob_max || value < logprob_min)
        return false;
    *p = value >= 0 ? 1 : exp (value);
    return true;
}

// --- the labels at one place -----------------------------------------------------

static void add_letter (char letter, double p, token_labels_t *out)
{
    switch (letter) {
    case 'y': out->y += p; break;
    case 'n': out->n += p; break;
    case 'i': out->i += p; break;
    case ' ': break;
    default: out->foreign = true;
    }
}

// False: it has no usable number. Most tokens are neither a label nor the letter of one: after the first of them no number is read.
static bool add_token (const char *text, size_t len, const json_value_t *logprob, token_labels_t *out)
{
    char label = answer_token_label (text, len), letter = label ? label : answer_token_letter (text, len);
    double p;
    if (!letter && out->foreign)
        return true;
    if (!probability (logprob, &p))
        return false;
    out->usable = true;
    switch (label) {
    case 'y': out->yes += p; break;
    case 'n': out->no += p; break;
    case 'i': out->irrelevant += p; break;
    default: add_letter (letter, p, out);
    }
    return true;
}

// Add up the alternatives, and the sampled token where it is not among them.
static void add_place (const json_value_t *entry, token_labels_t *out)
{
    char scratch [TOKEN_BYTES_MAX], own [TOKEN_BYTES_MAX];
    size_t own_len, len;
    const char *sampled = token_text (entry, own, &own_len);
    const json_value_t *top = json_get (entry, "top_logprobs");
    bool there = false;
    for (const json_value_t *t = json_is (top, JSON_ARRAY) ? top->child : NULL; t; t = t->next) {
        const char *text = token_text (t, scratch, &len);
        bool counted = add_token (text, len, json_get (t, "logprob"), out);
        there = there || (counted && len == own_len && memcmp (text, sampled, len) == 0);
    }
    if (!there)
        add_token (sampled, own_len, json_get (entry, "logprob"), out);
    out->label = answer_token_label (sampled, own_len);
    plain_text (sampled, own_len, out->token, sizeof out->token);
}

// --- the place of the label --------------------------------------------------------

// All tokens together as text; U+010A is a newline to some tokenizers.
static void join_tokens (const json_value_t *content, buf_t *out)
{
    char scratch [TOKEN_BYTES_MAX];
    size_t len;
    for (const json_value_t *t = content->child; t; t = t->next) {
        const char *text = token_text (t, scratch, &len);
        size_t from = out->len;
        buf_add (out, text, len);
        for (char *p; (p = memmem (out->data + from, out->len - from, "\xC4\x8A", 2)) != NULL; )
            memcpy (p, " \n", 2);
    }
}

// The token that holds byte `at` of the joined text.
static const json_value_t *token_at (const json_value_t *content, size_t at)
{
    char scratch [TOKEN_BYTES_MAX];
    size_t end = 0, len;
    for (const json_value_t *t = content->child; t; t = t->next) {
        token_text (t, scratch, &len);
        end += len;
        if (at < end)
            return t;
    }
    return NULL;
}

bool answer_read_tokens (const json_value_t *content, label_position_t position, bool constrained, token_labels_t *out)
{
    *out = (token_labels_t) { 0 };
    if (!json_is (content, JSON_ARRAY) || content->count == 0)
        return false;
    buf_t text = { 0 };
    label_word_t word;
    join_tokens (content, &text);
    const json_value_t *place = NULL;
    if (answer_find_word (text.data, text.len, position, true, &word))
        place = token_at (content, word.at);
    else if (position == LABEL_FIRST)
        place = content->child;
    buf_free (&text);
    if (!json_is (place, JSON_OBJECT))
        return false;
    add_place (place, out);
    if (constrained && !out->foreign) {
        out->yes += out->y;
        out->no += out->n;
        out->irrelevant += out->i;
    }
    return true;
}
