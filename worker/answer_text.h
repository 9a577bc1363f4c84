// answer_text: texts of servers made fit for messages and for people.
#ifndef WORKER_ANSWER_TEXT_H
#define WORKER_ANSWER_TEXT_H

#include <stddef.h>

#include "base/buf.h"

// text as one line of valid UTF-8 in out (size bytes with the NUL): control characters and runs of spaces become one space,
// other bytes '?', and what is too long ends with "...".
void plain_text (const char *text, size_t len, char *out, size_t size);

// JSON as some servers write it made into JSON: bare NaN and Infinity become null, lone surrogates and bytes that are no
// UTF-8 become U+FFFD, a byte-order mark is dropped. Appends to out.
void mend_json (const char *text, size_t len, buf_t *out);

#endif
