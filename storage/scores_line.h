// scores_line: one line of a file of scores, from JSON to cells in the store.
#ifndef STORAGE_SCORES_LINE_H
#define STORAGE_SCORES_LINE_H

#include "storage/scores_cells.h"
#include "storage/scores_rows.h"

// What an import works with. Made and freed by scores.c.
typedef struct {
    store_t *store;
    const Rulemill__CorpusState *corpus;
    const scores_options_t *options;
    bool in_part;                   // the store has a part of a corpus: responses that it lacks may be other parts'
    uint64_t keys_lacking;          // lines of such responses
    uint32_t judge;                 // dense number of the identity
    scores_pool_t *pool;
    scores_rows_t *rows;            // NULL where scores stand in the rows
    scores_set_t a, b;              // cells in hand
    buf_t why;                      // what is wrong with the line in hand
    scores_report_t *report;
} scores_import_t;

// Take a line's scores. OK for lines that can't be used, too: they are counted, and the first is described in the report
// as "WHERE: ...". Where unknown ids are not allowed one is ERR_NOT_FOUND.
status_t scores_take_line (scores_import_t *import, const json_value_t *line, const char *where, fault_t *fault) MUST_USE;

// Take "scoresA" and "scoresB" of an object for one pair.
status_t scores_take_pair (scores_import_t *import, const json_value_t *object, const scores_pair_t *pair, const char *where,
                           fault_t *fault) MUST_USE;

// Count a line that can't be used, with why.
void scores_bad_line (scores_import_t *import, const char *where, const char *why);

#endif
