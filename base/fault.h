// fault: status codes and the message that goes with a failure.
//
// Every function that can fail for a reason outside the program returns a
// status_t and fills a fault_t owned by its caller. The message names what
// failed, on what, and what to do: "corpus.jsonl: No such file or directory;
// check the path". Failures of the program itself are assertions.
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MUST_USE __attribute__ ((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__ ((format (printf, fmt, args)))

typedef enum {
    OK = 0,
    ERR_IO,             // the operating system said no (open, read, write, sync)
    ERR_FORMAT,         // bytes from outside do not have the form that they should
    ERR_LIMIT,          // a named limit would be passed
    ERR_USAGE,          // wrong flag, key or value given by the user
    ERR_BUSY,           // somebody else holds it
    ERR_NOT_FOUND,      // no such thing
    ERR_CORRUPT,        // stored data does not agree with itself
    ERR_MISMATCH,       // it is another corpus, run or version than the stored one
    ERR_DENIED,         // key, permission or allow-list
    ERR_STOPPED         // stopped on request; what was done is kept and resumes
} status_t;

enum { FAULT_TEXT_MAX = 1024 };

// What went wrong last. Zero-initialised means "nothing".
typedef struct {
    status_t code;
    char text [FAULT_TEXT_MAX];     // one line, no newline; cut off with "..." where too long
} fault_t;

// Fill *fault (may be NULL) and return code, so that a caller can write
// `return fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));`.
status_t fault_set (fault_t *fault, status_t code, const char *format, ...) PRINTF_LIKE (3, 4);

// Put "context: " before the text of *fault; returns fault->code.
status_t fault_prefix (fault_t *fault, const char *format, ...) PRINTF_LIKE (2, 3);

// A file that a setting names and that can't be used makes the setting wrong: what is said of the file (ERR_IO, ERR_FORMAT,
// ERR_LIMIT, ERR_NOT_FOUND, ERR_CORRUPT, ERR_DENIED) becomes ERR_USAGE with the same text; other codes stay. Returns the code.
status_t fault_of_setting (status_t status, fault_t *fault) MUST_USE;

// A value as a message may quote it: itself, or other words where it may be a URL with a password or a key in it.
const char *fault_shown (const char *value);

// The name of a code, for logs: "io", "format", ...
const char *status_name (status_t code);

#ifdef __cplusplus
}
#endif

#endif
