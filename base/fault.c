#include "base/fault.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void fill (char *text, const char *format, va_list args)
{
    int n = vsnprintf (text, FAULT_TEXT_MAX, format, args);
    if (n >= FAULT_TEXT_MAX)
        memcpy (text + FAULT_TEXT_MAX - 4, "...", 4);
}

status_t fault_set (fault_t *fault, status_t code, const char *format, ...)
{
    if (fault) {
        va_list args;
        va_start (args, format);
        fault->code = code;
        fill (fault->text, format, args);
        va_end (args);
    }
    return code;
}

status_t fault_prefix (fault_t *fault, const char *format, ...)
{
    char old [FAULT_TEXT_MAX];
    memcpy (old, fault->text, sizeof old);

    char context [FAULT_TEXT_MAX];
    va_list args;
    va_start (args, format);
    fill (context, format, args);
    va_end (args);
    return fault_set (fault, fault->code, "%s: %s", context, old);
}

status_t fault_of_setting (status_t status, fault_t *fault)
{
    switch (status) {
    case ERR_IO: case ERR_FORMAT: case ERR_LIMIT: case ERR_NOT_FOUND: case ERR_CORRUPT: case ERR_DENIED:
        if (fault)
            fault->code = ERR_USAGE;
        return ERR_USAGE;
    default:
        return status;
    }
}

const char *fault_shown (const char *value)
{
    bool hides = strchr (value, '@') || (strstr (value, "://") && strpbrk (value, "?#"));
    return hides ? "(not shown, as it may hold a password)" : value;
}

const char *status_name (status_t code)
{
    static const char *const names [] = {
        "ok", "io", "format", "limit", "usage", "busy", "not found",
        "corrupt", "mismatch", "denied", "stopped"
    };
    return (size_t) code < sizeof names / sizeof *names ? names [code] : "unknown";
}
