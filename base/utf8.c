#include "base/utf8.h"

#include <string.h>

size_t utf8_char (const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *) text;
    if (left == 0)
        return 0;
    if (p [0] < 0x80)
        return 1;
    size_t n = p [0] >= 0xc2 && p [0] <= 0xdf ? 2 : (p [0] & 0xf0) == 0xe0 ? 3 : p [0] >= 0xf0 && p [0] <= 0xf4 ? 4 : 0;
    if (n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p [i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p [0] == 0xe0 && p [1] < 0xa0) || (p [0] == 0xf0 && p [1] < 0x90);
    bool beyond = (p [0] == 0xed && p [1] > 0x9f) || (p [0] == 0xf4 && p [1] > 0x8f);
    return overlong || beyond ? 0 : n;
}

bool utf8_valid (const char *text)
{
    size_t left = strlen (text);
    for (size_t n; left > 0; text += n, left -= n)
        if ((n = utf8_char (text, left)) == 0)
            return false;
    return true;
}
