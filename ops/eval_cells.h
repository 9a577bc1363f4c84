// eval_cells: what a judge that costs said of single responses, kept in a file, so that nothing is asked twice.
//
// DIR/judge-DIGITS.jsonl, the digits being the first 12 of the judge's identity; one line for each cell, written when it comes:
//
//     {"response_key":HEX,"rule":HEX of the rule's digest,"cell":[score,relevance,mass]}      in 1e-6
//
// A line that a crash cut off is dropped when the file is opened again. The first write of a cell wins.
#ifndef OPS_EVAL_CELLS_H
#define OPS_EVAL_CELLS_H

#include "base/digest.h"
#include "base/fault.h"
#include "model/selection.h"

typedef struct eval_cells eval_cells_t;

// Makes dir and the file where they are missing. ERR_BUSY while another process has it open, ERR_CORRUPT for a line that is none of
// the above. *out is owned by the caller.
status_t eval_cells_open (const char *dir, const digest_t *judge, eval_cells_t **out, fault_t *fault) MUST_USE;

// Sync and close. ERR_IO where that fails.
status_t eval_cells_close (eval_cells_t **cells, fault_t *fault);

// False where it is not known.
bool eval_cells_find (const eval_cells_t *cells, const content_key_t *response, const digest_t *rule, cell_t *out);

// Written to the file before it returns (a kill does not lose it). ERR_IO.
status_t eval_cells_add (eval_cells_t *cells, const content_key_t *response, const digest_t *rule, const cell_t *cell, fault_t *fault) MUST_USE;

#endif
