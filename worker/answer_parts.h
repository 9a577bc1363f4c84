// answer_parts: how labels are found in an answer, for answer*.c alone.
#ifndef WORKER_ANSWER_PARTS_H
#define WORKER_ANSWER_PARTS_H

#include "worker/chat.h"

// Where the word stands that should be the label.
typedef struct {
    size_t at, len;
    char label;             // 'y', 'n', 'i'; 0: the word is none
} label_word_t;

// --- answer_label.c ---

// The label whose first letter is all that a token has but marks: 'y', 'n', 'i'; ' ': it has marks alone; 0: something else.
char answer_token_letter (const char *token, size_t len);

// The word: the first of the text or, after reasoning, the first of the last line behind the last "</think>" that has any. Of
// {"label": "Yes"} it is the value. cut: the text was cut off at its end, so that its last word may be a label's
// beginning. False where there is no word at all.
bool answer_find_word (const char *text, size_t len, label_position_t position, bool cut, label_word_t *out);

// --- answer_logprobs.c ---

// What the tokens of an answer say.
typedef struct {
    double yes, no, irrelevant;     // what each label got at the label's place, as probabilities
    double y, n, i;                 // what a label's first letter alone got there
    bool foreign;                   // a token that begins no label has a probability there
    bool usable;                    // one entry at least had a probability
    char label;                     // of the token that was sampled there
    char token [64];                // that token, for messages
} token_labels_t;

// content: the list of tokens of "logprobs". constrained: nothing but a label was allowed. A server that tells probabilities from
// behind the constraint (vLLM) tells of beginnings alone, and then one letter is a label's, too: its tokenizer may begin Irrelevant
// with "I". False where it names no token for the label's place.
bool answer_read_tokens (const json_value_t *content, label_position_t position, bool constrained, token_labels_t *out);

#endif
