// textkey: the names of texts by their content.
//
// SHA-256 cut to 128 bits over a version byte, a tag and a canonical form: of each turn its role and its
// content, each with its length (eight bytes, big-endian) before it; bytes as they are after JSON
// decoding, neither trimmed nor normalised. Two texts have one key where, and only where, they are the same.
//
//   prompt    version 'P' turns
//   response  version 'R' prompt_key turns
//   pair      version 'A' smaller response_key, larger response_key: (A, B) and (B, A) are one pair
//   group     version 'G' first turn whose role is "user" (of nothing where there is none)
#ifndef STORAGE_TEXTKEY_H
#define STORAGE_TEXTKEY_H

#include "base/digest.h"
#include "proto/text.pb-c.h"

enum { TEXTKEY_VERSION = 1 };

content_key_t textkey_prompt (const Rulemill__Conversation *prompt);
content_key_t textkey_response (const content_key_t *prompt, const Rulemill__Conversation *response);
content_key_t textkey_pair (const content_key_t *response_a, const content_key_t *response_b);
content_key_t textkey_group (const Rulemill__Conversation *prompt);

#endif
