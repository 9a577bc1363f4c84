#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static _Atomic int shown = LOG_INFO;
static char who [32];

void log_setup (log_level_t level, const char *name)
{
    shown = (int) level;
    snprintf (who, sizeof who, "%s", name ? name : "");
}

log_level_t log_level (void)
{
    return (log_level_t) shown;
}

bool log_colour_ok (int fd)
{
    const char *no_color = getenv ("NO_COLOR");
    const char *term = getenv ("TERM");
    return !(no_color && *no_color) && isatty (fd) && term && *term && !(term [0] == 'd' && term [1] == 'u');
}

// One write for each line, so that lines of several processes do not mix.
static void emit (log_level_t level, const char *colour, const char *word, const char *format, va_list args)
{
    if ((int) level > shown)
        return;
    char text [LINE_MAX_BYTES], line [LINE_MAX_BYTES + 128];
    vsnprintf (text, sizeof text, format, args);
    bool paint = colour && log_colour_ok (STDERR_FILENO);
    int n = snprintf (line, sizeof line, "%s%s%s%s%s%s\n", who, *who ? ": " : "",
                      paint ? colour : "", word, paint ? "\033[0m" : "", text);
    if (n > 0 && write (STDERR_FILENO, line, (size_t) n) < 0)
        return;
}

#define DEFINE(name, level, colour, word) \
    void name (const char *format, ...) \
    { \
        va_list args; \
        va_start (args, format); \
        emit (level, colour, word, format, args); \
        va_end (args); \
    }

DEFINE (log_error, LOG_ERROR, "\033[31m", "error: ")
DEFINE (log_warn, LOG_WARN, "\033[33m", "warning: ")
DEFINE (log_info, LOG_INFO, NULL, "")
DEFINE (log_debug, LOG_DEBUG, "\033[2m", "debug: ")
