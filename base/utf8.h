// utf8: where a character ends, and whether bytes are UTF-8 (RFC 3629) at all.
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

// Bytes of the character at text, of which `left` bytes may be read (no overlong form, no surrogate, nothing over U+10FFFF); 0 where
// there is none.
size_t utf8_char (const char *text, size_t left);

// Is all of the text (up to its '\0') UTF-8?
bool utf8_valid (const char *text);

#endif
