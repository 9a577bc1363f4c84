// buf: a growable run of bytes.
//
// Zero-initialise it, append, and give its memory back with buf_free. Data is
// followed by a NUL that len does not count, so text can be used as a string.
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    char *data;         // owned; NULL until the first append
    size_t len;         // bytes in use
    size_t cap;         // bytes allocated
} buf_t;

// Make room for `more` further bytes beyond len.
void buf_reserve (buf_t *buf, size_t more);

// Append bytes, a string, one character, formatted text.
void buf_add (buf_t *buf, const void *bytes, size_t len);
void buf_add_str (buf_t *buf, const char *text);
void buf_add_char (buf_t *buf, char c);
void buf_printf (buf_t *buf, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

// Append a number in big-endian order, as keys of the store want it.
void buf_add_u32be (buf_t *buf, uint32_t value);
void buf_add_u64be (buf_t *buf, uint64_t value);

// Drop the first n bytes.
void buf_drop_front (buf_t *buf, size_t n);

// Empty it but keep the memory; give the memory back.
void buf_clear (buf_t *buf);
void buf_free (buf_t *buf);

#ifdef __cplusplus
}
#endif

#endif
