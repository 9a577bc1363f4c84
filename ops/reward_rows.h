// reward_rows: rows whose responses are to be scored, one at a time, with the JSON that they were.
//
// Shapes: those of a corpus (storage/row.h), and {"prompt", "response"}.
#ifndef OPS_REWARD_ROWS_H
#define OPS_REWARD_ROWS_H

#include "base/json.h"
#include "proto/text.pb-c.h"

typedef struct reward_rows reward_rows_t;

// A row; all of it lives until the next one.
typedef struct {
    uint64_t number;                        // line, from 1
    const json_value_t *line;               // the object; NULL where it is none
    const char *why;                        // it can't be scored; NULL where it can
    const Rulemill__Conversation *prompt;   // NULL where it can't be scored
    const Rulemill__Conversation *const *response;  // NULL for one that can't be used
    size_t n;
    const char *const *key;                 // what its rewards are called: one for each response, one in all where listed
    bool listed;
} reward_row_t;

status_t reward_rows_open (const char *path, reward_rows_t **out, fault_t *fault) MUST_USE;
void reward_rows_close (reward_rows_t **rows);

// The next row that is not empty; *got is false at the end.
status_t reward_rows_next (reward_rows_t *rows, reward_row_t *row, bool *got, fault_t *fault) MUST_USE;

#endif
