#include "worker/answer_parts.h"

#include <string.h>
#include <strings.h>

#include "worker/answer_text.h"

// --- characters ----------------------------------------------------------------

// A mark of several bytes that stands around words: a space or newline as tokenizers write it (U+0120, U+010A, U+0109, U+2581), a
// space, dash or quote of Unicode, CJK punctuation. Returns its bytes, or 0.
static size_t wide_mark (const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *) text;
    if (left >= 2 && p [0] == 0xC2 && (p [1] == 0xA0 || p [1] == 0xAB || p [1] == 0xBB))
        return 2;
    if (left >= 2 && p [0] == 0xC4 && (p [1] == 0xA0 || p [1] == 0x8A || p [1] == 0x89))
        return 2;
    if (left < 3)
        return 0;
    bool general = p [0] == 0xE2 && (p [1] == 0x80 || (p [1] == 0x81 && p [2] <= 0xAF));    // U+2000 - U+206F
    bool block = p [0] == 0xE2 && p [1] == 0x96 && p [2] == 0x81;                           // U+2581
    bool cjk = p [0] == 0xE3 && p [1] == 0x80 && p [2] <= 0x91;                             // U+3000 - U+3011
    bool full = p [0] == 0xEF && p [1] == 0xBC && p [2] <= 0x8F;                            // U+FF00 - U+FF0F
    bool order = p [0] == 0xEF && p [1] == 0xBB && p [2] == 0xBF;                           // U+FEFF
    return general || block || cjk || full || order ? 3 : 0;
}

static bool is_alnum (char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

// --- tokens --------------------------------------------------------------------

static bool same_letters (const char *text, size_t len, const char *label)
{
    return strncasecmp (text, label, len) == 0;
}

// The label of letters that may be its beginning; whole: that must be all of it.
static char letters_label (const char *text, size_t len, bool whole)
{
    static const struct { const char *word; size_t len; char label; } labels [] = { { "yes", 3, 'y' }, { "irrelevant", 10, 'i' } };
    if (len == 2 && same_letters (text, len, "no"))
        return 'n';
    for (int i = 0; i < 2; i++)
        if (len >= 2 && len <= labels [i].len && (!whole || len == labels [i].len) && same_letters (text, len, labels [i].word))
            return labels [i].label;
    return 0;
}

// Bytes of the marks that may stand before a word.
static size_t marks_before (const char *token, size_t len)
{
    static const char opening [] = " \t\r\n\v\f\"'`*_([{<>}])";
    size_t at = 0;
    while (at < len) {
        size_t n = wide_mark (token + at, len - at);
        if (n == 0 && (token [at] == '\0' || strchr (opening, token [at]) == NULL))
            break;
        at += n ? n : 1;
    }
    return at;
}

char answer_token_letter (const char *token, size_t len)
{
    size_t marks = marks_before (token, len);
    if (marks == len)
        return ' ';
    char letter = token [marks] | 0x20;
    return marks + 1 == len && (letter == 'y' || letter == 'n' || letter == 'i') ? letter : 0;
}

char answer_token_label (const char *token, size_t len)
{
    static const char closing [] = " \t\r\n\v\f\"'`*_([{<>}]).,:;!?";
    size_t marks = marks_before (token, len);
    token += marks;
    len -= marks;
    size_t letters = 0;
    while (letters < len && ((token [letters] | 0x20) >= 'a' && (token [letters] | 0x20) <= 'z'))
        letters++;
    for (size_t i = letters; i < len; ) {
        size_t n = wide_mark (token + i, len - i);
        if (n == 0 && (token [i] == '\0' || strchr (closing, token [i]) == NULL))
            return 0;
        i += n ? n : 1;
    }
    return letters_label (token, letters, letters < len);
}

// --- words of a text -------------------------------------------------------------

// The first word of text from *at on. Hyphens and apostrophes between letters belong to it.
static bool next_word (const char *text, size_t len, size_t *at, size_t *word_len)
{
    size_t i = *at, n;
    while (i < len && !is_alnum (text [i]) && ((unsigned char) text [i] < 0x80 || wide_mark (text + i, len - i)))
        i += (n = wide_mark (text + i, len - i)) ? n : 1;
    if (i >= len)
        return false;
    *at = i;
    for (; i < len; i++) {
        bool joins = (text [i] == '-' || text [i] == '\'' || text [i] == '_') && i + 1 < len && is_alnum (text [i + 1]);
        bool high = (unsigned char) text [i] >= 0x80 && wide_mark (text + i, len - i) == 0;
        if (!is_alnum (text [i]) && !joins && !high)
            break;
    }
    *word_len = i - *at;
    return true;
}

// The text from its last line on that has a word.
static size_t last_line (const char *text, size_t from, size_t len)
{
    size_t line = from, seen = from, word_len;
    for (size_t at = from; next_word (text, len, &at, &word_len); at = seen) {
        const char *newline = memrchr (text + seen, '\n', at - seen);
        if (newline)
            line = (size_t) (newline - text) + 1;
        seen = at + word_len;
    }
    return line;
}

static size_t after_reasoning (const char *text, size_t len)
{
    static const char end [] = "</think>";
    size_t from = 0;
    for (const char *p; (p = memmem (text + from, len - from, end, sizeof end - 1)) != NULL; )
        from = (size_t) (p - text) + sizeof end - 1;
    return from;
}

bool answer_find_word (const char *text, size_t len, label_position_t position, bool cut, label_word_t *out)
{
    size_t at = 0, n;
    if (len == 0)
        return false;
    if (position == LABEL_AFTER_REASONING)
        at = last_line (text, after_reasoning (text, len), len);
    if (!next_word (text, len, &at, &n))
        return false;
    if (n == 5 && same_letters (text + at, n, "label") && at > 0 && text [at - 1] == '"') {
        at += n;
        if (!next_word (text, len, &at, &n))
            return false;
    }
    *out = (label_word_t) { .at = at, .len = n, .label = letters_label (text + at, n, !(cut && at + n == len)) };
    return true;
}
