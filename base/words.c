#include "base/words.h"

#include <stdbool.h>
#include <stdint.h>

// Length of an apostrophe at p, or 0.
static size_t apostrophe (const unsigned char *p, const unsigned char *end)
{
    if (*p == '\'')
        return 1;
    return end - p >= 3 && p [0] == 0xE2 && p [1] == 0x80 && p [2] == 0x99 ? 3 : 0;
}

static unsigned char folded (unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned char) (c + 32);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80 ? c : ' ';
}

void words_normalise (const char *text, size_t len, buf_t *out)
{
    if (len == 0)
        return;
    buf_reserve (out, len + 2);
    const unsigned char *p = (const unsigned char *) text, *end = p + len;
    char *w = out->data + out->len;
    size_t start = out->len;
    bool spaced = start > 0 && w [-1] == ' ', any = false;
    while (p < end) {
        size_t skip = apostrophe (p, end);
        if (skip) {
            p += skip;
            continue;
        }
        unsigned char c = folded (*p++);
        if (c == ' ') {
            if (any && !spaced)
                *w++ = ' ';
            spaced = spaced || any;
            continue;
        }
        if (!any && !spaced)
            *w++ = ' ';
        any = true;
        spaced = false;
        *w++ = (char) c;
    }
    if (any && !spaced)
        *w++ = ' ';
    if (any)
        out->len = (size_t) (w - out->data);
    out->data [out->len] = '\0';
}
