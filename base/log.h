// log: one line for each event, on standard error.
//
// Never hand a secret or a text of the corpus to it. Colours appear only where
// standard error is a terminal and NO_COLOR is unset.
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

typedef enum { LOG_QUIET, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level_t;

// What is shown from now on (default: LOG_INFO), and a word before each line
// ("coordinator", "worker 2"); name is copied, NULL for none.
void log_setup (log_level_t level, const char *name);
log_level_t log_level (void);

// A line each, where the level lets it pass; format as for printf, without a newline.
void log_error (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
void log_warn (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
void log_info (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
void log_debug (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

// May colours be written to this descriptor?
bool log_colour_ok (int fd);

#endif
