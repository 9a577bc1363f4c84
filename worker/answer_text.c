#include "worker/answer_text.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

// Space or a control character, C1 among them.
static bool is_gap (const char *p, size_t n)
{
    unsigned char c = (unsigned char) p [0];
    return c <= 0x20 || c == 0x7f || (n == 2 && c == 0xc2 && (unsigned char) p [1] < 0xa0);
}

void plain_text (const char *text, size_t len, char *out, size_t size)
{
    static const char dots [] = "...";
    size_t used = 0, kept = 0;      // kept: up to where "..." would still fit
    bool gap = false;
    if (size == 0)
        return;
    for (size_t i = 0, n; i < len; i += n ? n : 1) {
        n = utf8_char (text + i, len - i);
        if (is_gap (text + i, n)) {
            gap = used > 0;
            continue;
        }
        size_t need = (gap ? 1 : 0) + (n ? n : 1);
        if (used + need >= size) {
            size_t room = size - 1 - kept < 3 ? size - 1 - kept : 3;
            memcpy (out + kept, dots, room);
            out [kept + room] = '\0';
            return;
        }
        if (gap)
            out [used++] = ' ';
        memcpy (out + used, n ? text + i : "?", n ? n : 1);
        used += n ? n : 1;
        gap = false;
        if (used + 3 < size)
            kept = used;
    }
    out [used] = '\0';
}

// --- JSON that is none ---------------------------------------------------------

static const char replacement [] = "\xEF\xBF\xBD";      // U+FFFD

// The value of "\uXXXX" at p, or -1.
static long unicode_escape (const char *p, size_t left)
{
    if (left < 6 || p [0] != '\\' || p [1] != 'u')
        return -1;
    long value = 0;
    for (int i = 2; i < 6; i++) {
        char c = p [i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

// One piece of a string at p: a character or an escape. Returns its bytes.
static size_t mend_in_string (const char *p, size_t left, buf_t *out)
{
    long high = unicode_escape (p, left);
    if (high >= 0xD800 && high <= 0xDFFF) {
        long low = high <= 0xDBFF ? unicode_escape (p + 6, left - 6) : -1;
        if (low >= 0xDC00 && low <= 0xDFFF) {
            buf_add (out, p, 12);
            return 12;
        }
        buf_add_str (out, replacement);
        return 6;
    }
    size_t n = p [0] == '\\' && left > 1 && (unsigned char) p [1] < 0x80 ? 2 : utf8_char (p, left);
    if (n)
        buf_add (out, p, n);
    else
        buf_add_str (out, replacement);
    return n ? n : 1;
}

// One piece outside of strings.
static size_t mend_outside (const char *p, size_t left, buf_t *out)
{
    static const char *const words [] = { "NaN", "nan", "Infinity", "-Infinity", "-NaN" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen (words [i]);
        if (left >= n && memcmp (p, words [i], n) == 0) {
            buf_add_str (out, "null");
            return n;
        }
    }
    buf_add_char (out, *p);
    return 1;
}

void mend_json (const char *text, size_t len, buf_t *out)
{
    bool quoted = false;
    size_t i = len >= 3 && memcmp (text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    buf_reserve (out, len);
    while (i < len) {
        if (text [i] == '"') {
            quoted = !quoted;
            buf_add_char (out, text [i++]);
        }
        else
            i += quoted ? mend_in_string (text + i, len - i, out) : mend_outside (text + i, len - i, out);
    }
}
