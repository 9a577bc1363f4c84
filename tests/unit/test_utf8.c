// Where a character of UTF-8 ends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"

static size_t encode (uint32_t c, char out [4])
{
    static const unsigned char marks [] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        out [i] = (char) (0x80 | (c & 0x3F));
    out [0] = (char) (n == 1 ? c : marks [n] | c);
    return n;
}

static void characters_end (void **state)
{
    (void) state;
    char text [4];
    for (uint32_t c = 0; c < 0x140000; c++) {
        size_t n = encode (c, text);
        bool good = c < 0xD800 || (c > 0xDFFF && c <= 0x10FFFF);
        assert_int_equal (utf8_char (text, n), good ? n : 0);
        assert_int_equal (utf8_char (text, n - 1), 0);      // a character that is cut, and nothing at all
    }
    static const char *const broken [] = { "\x80", "\xC3(", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE2\x82(", "\xF0\x80\x80\x80",
                                           "\xF0\x9F\x98(", "\xF5\x80\x80\x80", "\xFF" };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal (utf8_char (broken [i], strlen (broken [i])), 0);
}

static void whole_texts (void **state)
{
    (void) state;
    assert_true (utf8_valid (""));
    assert_true (utf8_valid ("caf\xC3\xA9 \xF0\x9F\x98\x80"));
    assert_false (utf8_valid ("caf\xE9"));
    assert_false (utf8_valid ("cut \xF0\x9F\x98"));
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (characters_end),
        cmocka_unit_test (whole_texts),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
