// job_parts: what the files of job share. Nobody else includes it.
//
//   job.c            the stages in their order
//   job_stage.c      a stage in a thread of its own while the loop answers and shows; what is shown
//   job_control.c    what a running job answers on its control socket
//   job_run.c        which run it works on
#ifndef COORDINATOR_JOB_PARTS_H
#define COORDINATOR_JOB_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "coordinator/control.h"
#include "coordinator/job.h"
#include "coordinator/job_run.h"
#include "coordinator/kind_label.h"
#include "coordinator/rate.h"
#include "coordinator/serve.h"

// An export that was asked for while the job labels, in a thread of its own.
typedef struct {
    bool busy;
    _Atomic bool done;
    pthread_t thread;
    char *request;                  // whose export it is: the same request asks again until it is done
    dataset_options_t options;      // owns out and where
    dataset_progress_t progress;
    dataset_report_t report;
    status_t status;
    fault_t fault;
} side_export_t;

typedef struct {
    const job_options_t *options;
    job_report_t *report;
    program_t *program;
    store_t *store;
    control_t *control;
    hub_t *hub;
    char *socket_folder;
    exclude_t *exclude;
    job_run_t run;
    bool begins;                    // the run was not there before
    bool in_part;                   // the corpus is a part of one
    label_plan_t plan;
    dataset_rule_t *rules;
    digest_t *rule_digests;
    kind_t *kind;
    serve_t *serve;

    // read by the loop, written by a stage's thread
    ingest_progress_t ingest;
    dataset_progress_t dataset;
    _Atomic bool stop_stage;

    // showing; the loop's alone
    job_snapshot_t snapshot;
    int64_t stage_began_ms, shown_ms;
    rate_t rate;                    // of the stage's items
    int drains;                     // asked for on the control socket
    side_export_t side;
} job_t;

int job_interrupts (void);          // signals that came so far

// Run work (job, fault) in a thread; the loop answers the control socket and shows progress until it has ended.
typedef status_t job_work_fn (void *job, fault_t *fault);
status_t job_stage (job_t *job, job_stage_t stage, job_work_fn *work, fault_t *fault) MUST_USE;

void job_enter (job_t *job, job_stage_t stage);     // a new stage begins; shown at once
void job_show (job_t *job);                         // bring the snapshot up to date and show it

// Hooks of serve.
bool job_tick (void *job);
void job_turn (void *job);
size_t job_fds (void *job, int *fds, size_t max);

// The control socket's handler.
status_t job_answer (void *job, const char *request, size_t len, buf_t *answer, fault_t *fault);
void job_export_cancel (job_t *job);                // end an export on the side, if one runs

#endif
