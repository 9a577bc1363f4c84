// prompt_share: a share of rows, and what they are worth, where the rows of one prompt hang together and there are too many figures, or rows,
// for a bootstrap of each. stats_prompt_share (model/stats.h) is its interval.
//
// Rows come prompt by prompt, and only sums over prompts are kept. They are worth the number of independent rows whose share would vary as
// this one does between prompts (Kish's effective sample size, with the variance of a ratio of sums over clusters). Where all rows are
// hits, or none is, that is the number of prompts.
#ifndef BASE_PROMPT_SHARE_H
#define BASE_PROMPT_SHARE_H

#include <stdint.h>

typedef struct {
    double hits, rows;                              // of all prompts
    uint64_t prompts;
    double hits_squares, products, rows_squares;    // over prompts that are complete: of hits, of hits by rows, of rows
    uint64_t prompt;                                // in hand
    double open_hits, open_rows;                    // its own
} prompt_share_t;                                   // zeroed: no row yet

// Rows of a prompt, of which some are hits; fractions of rows (a tie counts 1/2) are welcome.
void prompt_share_add (prompt_share_t *share, uint64_t prompt, double hits, double rows);

// How many independent rows they are worth: at most as many as there are, 0 where there is none.
double prompt_share_worth (const prompt_share_t *share);

#endif
