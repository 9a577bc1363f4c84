#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void buf_reserve (buf_t *buf, size_t more)
{
    size_t need = buf->len + more + 1;
    if (need <= buf->cap)
        return;
    size_t cap = buf->cap ? buf->cap : 64;
    while (cap < need)
        cap *= 2;
    buf->data = mem_resize (buf->data, cap);
    buf->cap = cap;
}

void buf_add (buf_t *buf, const void *bytes, size_t len)
{
    buf_reserve (buf, len);
    if (len > 0)
        memcpy (buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data [buf->len] = '\0';
}

void buf_add_str (buf_t *buf, const char *text)
{
    buf_add (buf, text, strlen (text));
}

void buf_add_char (buf_t *buf, char c)
{
    buf_add (buf, &c, 1);
}

void buf_printf (buf_t *buf, const char *format, ...)
{
    va_list args, again;
    va_start (args, format);
    va_copy (again, args);
    int n = vsnprintf (NULL, 0, format, args);
    va_end (args);
    assert (n >= 0);
    buf_reserve (buf, (size_t) n);
    vsnprintf (buf->data + buf->len, (size_t) n + 1, format, again);
    va_end (again);
    buf->len += (size_t) n;
}

void buf_add_u32be (buf_t *buf, uint32_t value)
{
    uint8_t b [4] = { (uint8_t) (value >> 24), (uint8_t) (value >> 16), (uint8_t) (value >> 8), (uint8_t) value };
    buf_add (buf, b, sizeof b);
}

void buf_add_u64be (buf_t *buf, uint64_t value)
{
    buf_add_u32be (buf, (uint32_t) (value >> 32));
    buf_add_u32be (buf, (uint32_t) value);
}

void buf_drop_front (buf_t *buf, size_t n)
{
    assert (n <= buf->len);
    if (n == 0)
        return;
    memmove (buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
    buf->data [buf->len] = '\0';
}

void buf_clear (buf_t *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data [0] = '\0';
}

void buf_free (buf_t *buf)
{
    free (buf->data);
    *buf = (buf_t) { 0 };
}
