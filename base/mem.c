#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked (void *p)
{
    if (p == NULL) {
        fputs ("rulemill: out of memory; give it more, or lower the limits in the configuration\n", stderr);
        _Exit (1);
    }
    return p;
}

void *mem_new (size_t size)
{
    return checked (malloc (size ? size : 1));
}

void *mem_zero (size_t count, size_t size)
{
    return checked (calloc (count ? count : 1, size ? size : 1));
}

void *mem_resize (void *old, size_t size)
{
    return checked (realloc (old, size ? size : 1));
}

char *mem_string (const char *text)
{
    return mem_string_n (text, strlen (text));
}

char *mem_string_n (const void *bytes, size_t len)
{
    char *copy = mem_new (len + 1);
    if (len > 0)
        memcpy (copy, bytes, len);
    copy [len] = '\0';
    return copy;
}

char *mem_printf (const char *format, ...)
{
    va_list args, again;
    va_start (args, format);
    va_copy (again, args);
    int n = vsnprintf (NULL, 0, format, args);
    va_end (args);
    char *text = mem_new ((size_t) n + 1);
    vsnprintf (text, (size_t) n + 1, format, again);
    va_end (again);
    return text;
}
