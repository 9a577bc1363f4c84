// parity: halves of a data set by its prompts, so that what is tuned on one half is measured on the other.
//
// Hashed: SHA-256 of the contents of all turns of the prompt, as bytes of UTF-8, one newline between turns (of a prompt that is
// one string: of that string). A prompt is odd where the digest's last bit is 1.
#ifndef OPS_PARITY_H
#define OPS_PARITY_H

#include <stdbool.h>

#include "base/fault.h"
#include "proto/text.pb-c.h"

typedef enum { PARITY_ALL, PARITY_EVEN, PARITY_ODD } parity_t;

// "all", "even", "odd"; NULL is all. ERR_USAGE for anything else.
status_t parity_read (const char *who, const char *text, parity_t *out, fault_t *fault) MUST_USE;
const char *parity_note (parity_t parity);      // for people: "all prompts", "prompts whose SHA-256 is odd"

bool parity_has (parity_t parity, const Rulemill__Conversation *prompt);

#endif
