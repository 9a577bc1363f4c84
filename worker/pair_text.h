// pair_text: a prompt and two responses as the one text that a served Rule Adapter reads.
//
//   Prompt:
//   user: ...
//
//   Response A:
//   ...
//
//   Response B:
//   ...
//
// What is trained on is the same: ops/train/pair_text.py, to which a test holds it. Turns of the prompt are lines "role: content"; of a response the contents
// alone, joined by newlines.
#ifndef WORKER_PAIR_TEXT_H
#define WORKER_PAIR_TEXT_H

#include <stdbool.h>

#include "base/buf.h"
#include "proto/text.pb-c.h"

enum { PAIR_TEXT_FORM = 1,              // raised whenever the text changes for the same pair
       PAIR_TEXT_BYTES_MIN = 256 };     // room below which nothing of a pair would be left

// Append the text. bytes_max 0: whole. Else a longer one is shortened to at most so many bytes: prompt and responses each have all that
// they need or an equal share of what is left, and what is over that is left out of their middle, marked by "[...]". No character is cut.
// True: it was shortened.
bool pair_text_write (const Rulemill__Conversation *prompt, const Rulemill__Conversation *a, const Rulemill__Conversation *b,
                      size_t bytes_max, buf_t *out);

#endif
