// eval_rows: single responses of which people said whether propositions hold.
//
// JSON Lines, plain, .gz or .zst: {"prompt": .., "completion": .., "propositions": {NAME: true|false, ...}}, where prompt and
// completion (or "response") are a string or a list of turns; people answered of empty completions too. A row without an answer to any proposition of the map is of no
// use and is left out; one that can't be read is an error, for figures over what is left would not be those of the file.
#ifndef OPS_EVAL_ROWS_H
#define OPS_EVAL_ROWS_H

#include "base/digest.h"
#include "ops/eval_map.h"
#include "ops/parity.h"
#include "proto/text.pb-c.h"

enum { EVAL_ROWS_MAX = 100000, EVAL_TEXT_BYTES_MAX = 256 * 1024 * 1024 };

typedef struct {
    uint64_t number;                        // its line in the file, from 0
    const Rulemill__Conversation *prompt, *response;
    content_key_t prompt_key, response_key; // storage/textkey.h
    size_t bytes;                           // of the response's text
    uint64_t answered, holds;               // bits by place in the map
} eval_row_t;

typedef struct eval_rows eval_rows_t;

// Read a file's rows of one parity into memory. ERR_LIMIT beyond EVAL_ROWS_MAX rows or EVAL_TEXT_BYTES_MAX bytes; ERR_FORMAT
// with file and line. *out is owned by the caller.
status_t eval_rows_load (const char *path, const eval_map_t *map, parity_t parity, eval_rows_t **out, fault_t *fault) MUST_USE;
void eval_rows_destroy (eval_rows_t **rows);

const eval_row_t *eval_rows_all (const eval_rows_t *rows, size_t *count);
uint64_t eval_rows_read (const eval_rows_t *rows);      // lines of the file, whatever their parity

#endif
