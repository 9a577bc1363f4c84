// standing: where a job stands, of a running one by its own answer, of another by its store.
#ifndef OPS_STANDING_H
#define OPS_STANDING_H

#include "base/buf.h"
#include "base/json.h"
#include "coordinator/job.h"

typedef struct {
    bool running;
    int64_t pid;                // of the running job
    job_snapshot_t at;
    buf_t runs;                 // of a job that does not run: a JSON list of its runs, oldest first
} standing_t;

// Ask the running job, or read the store. run: as in cmd_open; a running job knows of its own alone. ERR_USAGE where
// dir holds no job. standing_clear frees, also after a fault.
status_t standing_read (const char *dir, const char *run, standing_t *out, fault_t *fault) MUST_USE;
void standing_clear (standing_t *standing);

// One object, without newline; lines for people.
void standing_json (const standing_t *standing, buf_t *out);
void standing_text (const standing_t *standing, const char *dir, buf_t *out);

#endif
