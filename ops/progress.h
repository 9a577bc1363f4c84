// progress: where a job stands, for the person who waits for it.
//
// On a terminal one line of standard error is rewritten in place; elsewhere a whole line is written every ten seconds,
// where it says something else than the last, and at each change of stage. Colours appear on terminals alone, and never with NO_COLOR.
#ifndef OPS_PROGRESS_H
#define OPS_PROGRESS_H

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "coordinator/job.h"

typedef struct progress progress_t;

typedef struct {
    FILE *out;              // NULL: shows nothing
    bool rewrite;           // a terminal
    bool colour;
    clock_source_t clock;   // zeroed: the system's
} progress_options_t;

// What standard error allows; quiet: nothing.
progress_options_t progress_options (bool quiet);

progress_t *progress_new (const progress_options_t *options);

// Show a snapshot; fits job_options_t.on_progress with the progress_t as its context.
void progress_show (void *progress, const job_snapshot_t *snapshot);

// Leaves the terminal's line clean, and frees.
void progress_destroy (progress_t **progress);

// One line for a snapshot, without newline; also what `status` prints.
void progress_line (const job_snapshot_t *snapshot, buf_t *out);

// 1234567 as "1,234,567"; 90 seconds as "1:30", over a day "2 d 03:10:00".
void progress_count (buf_t *out, uint64_t count);
void progress_duration (buf_t *out, double seconds);

// " of part 2 of 4 (1,234 of other parts)", behind so many rows; nothing for a whole corpus.
void progress_part (buf_t *out, corpus_part_t part, uint64_t rows_passed);

// An amount of 1e-12 of a currency's unit as a decimal number, exactly: "0.0123".
void progress_money (buf_t *out, uint64_t amount);
// The same for people, rounded: "0.0123 USD", "12.35 USD".
void progress_cost (buf_t *out, uint64_t amount, const char *currency);

#endif
