// prompt_share: a share of rows and its interval, where the rows of one prompt hang together and there are too many figures, or rows, for a
// bootstrap of each.
//
// Rows come prompt by prompt, and only sums over prompts are kept. The interval is Wilson's, for as many rows as the prompts are worth: the
// number of independent rows whose share would vary as this one does between prompts (Kish's effective sample size, with the variance of a
// ratio of sums over clusters). Where all rows are hits, or none is, that is the number of prompts.
#ifndef MODEL_PROMPT_SHARE_H
#define MODEL_PROMPT_SHARE_H

#include "model/stats.h"

typedef struct {
    double hits, rows;                              // of all prompts
    uint64_t prompts;
    double hits_squares, products, rows_squares;    // over prompts that are complete: of hits, of hits by rows, of rows
    uint64_t prompt;                                // in hand
    double open_hits, open_rows;                    // its own
} prompt_share_t;                                   // zeroed: no row yet

// Rows of a prompt, of which some are hits; fractions of rows (a tie counts 1/2) are welcome.
void prompt_share_add (prompt_share_t *share, uint64_t prompt, double hits, double rows);

// All NaN where there is no row.
interval_t prompt_share_interval (const prompt_share_t *share);

#endif
