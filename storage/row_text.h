// row_text: the texts of a row, from JSON to conversations.
//
// A conversation is a string (one turn), a list of {"role", "content"}, or a transcript: a text that begins with
// "\n\nHuman:" or "\n\nAssistant:" and has a turn at each of these. Roles and contents stay as they are; the one space
// that follows a transcript's colon is not part of the content. Everything returned lives in the arena (or points
// into the parsed JSON), until the next row.
#ifndef STORAGE_ROW_TEXT_H
#define STORAGE_ROW_TEXT_H

#include <stdbool.h>

#include "base/json.h"
#include "proto/text.pb-c.h"
#include "storage/arena.h"

// Why a row, or one of its responses, can't be used.
typedef struct {
    const char *reason;         // a fixed code, see row.h
    char detail [640];          // a sentence, with what to do; valid UTF-8
} row_problem_t;

typedef struct {
    arena_t *arena;
    size_t text_bytes_max;      // of a turn
} row_text_t;

// Fill *problem and return false, so that a caller can write `return row_problem (...);`.
bool row_problem (row_problem_t *problem, const char *reason, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

// The text of a JSON string that a row uses: no NUL, at most max bytes. name is the column, for messages.
bool row_text_string (const json_value_t *value, const char *name, size_t max, row_problem_t *problem);

// A string or a list of turns. role: of the one turn that a string becomes.
bool row_text_conversation (const row_text_t *ctx, const json_value_t *value, const char *name, const char *role,
                            Rulemill__Conversation **out, row_problem_t *problem);

// Does a string look like a transcript? And its turns.
bool row_text_is_transcript (const json_value_t *value);
bool row_text_transcript (const row_text_t *ctx, const json_value_t *value, const char *name,
                          Rulemill__Conversation **out, row_problem_t *problem);

// How many turns two conversations share at their beginning; turns [from, to) of one.
size_t row_text_shared (const Rulemill__Conversation *a, const Rulemill__Conversation *b);
Rulemill__Conversation *row_text_cut (const row_text_t *ctx, const Rulemill__Conversation *text, size_t from, size_t to);

// Is this usable as a prompt (a user turn that says something, sizes), as a response (not empty, sizes)?
bool row_text_check_prompt (const Rulemill__Conversation *prompt, row_problem_t *problem);
bool row_text_check_response (const Rulemill__Conversation *response, const char *name, row_problem_t *problem);

#endif
