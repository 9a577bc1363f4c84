#include <stdio.h>

#include "base/clock.h"
#include "coordinator/job_parts.h"

enum { SHOW_MS = 250, FDS_MAX = 32 };

// --- the snapshot ----------------------------------------------------------

static void read_stage (job_t *job)
{
    job_snapshot_t *s = &job->snapshot;
    s->rows = atomic_load (&job->ingest.rows);
    s->rows_rejected = atomic_load (&job->ingest.rejected);
    s->rows_passed = atomic_load (&job->ingest.passed);
    s->pairs = atomic_load (&job->ingest.pairs);
    s->duplicates = atomic_load (&job->ingest.duplicates);
    if (job->run.record)
        s->excluded_prompts = s->stage == STAGE_EXCLUDE ? 0 : job->run.record->excluded_prompts;
    if (s->stage == STAGE_INGEST) {
        s->done = atomic_load (&job->ingest.bytes);
        s->total = atomic_load (&job->ingest.bytes_total);
    }
    else if (s->stage == STAGE_EXPORT) {
        s->done = atomic_load (&job->dataset.pairs_done);
        s->total = atomic_load (&job->dataset.pairs_total);
    }
}

static void read_serve (job_t *job)
{
    job_snapshot_t *s = &job->snapshot;
    serve_state_t state;
    serve_state (job->serve, &state);
    s->done = state.position;
    s->total = state.end;
    s->limited = kind_label_limited (job->kind, &s->done, &s->total);
    s->workers = state.workers;
    s->leases = state.leases;
    s->workers_died = state.workers_died;
    s->workers_unfit = state.workers_unfit;
    snprintf (s->unfit, sizeof s->unfit, "%s", state.unfit);
    s->leases_lost = state.leases_lost;
    s->messages_refused = state.messages_refused;
    s->draining = state.draining;
    const Rulemill__RunCounts *counts = kind_label_counts (job->kind);
    s->labelled = counts->labelled;
    s->ties = counts->ties;
    s->quarantined = counts->quarantined;
    s->too_long = counts->too_long;
    s->cut_responses = counts->cut_responses;
    s->cut_turns = counts->cut_turns;
    s->adapter_calls = counts->adapter_calls;
    s->shortened = counts->shortened;
    s->calls = counts->calls;
    s->prompt_tokens = counts->prompt_tokens;
    s->cached_tokens = counts->cached_tokens;
    s->completion_tokens = counts->completion_tokens;
    s->refused = counts->refused;
    s->cost = counts->cost;
    s->spent = state.spent;
    s->lacking = state.lacking;
    s->has_auto = kind_label_auto (job->kind, &s->automatic);
}

// The rate, and what is left by it.
static void measure (job_t *job, int64_t now)
{
    job_snapshot_t *s = &job->snapshot;
    rate_update (&job->rate, now, s->done);
    s->rate = job->rate.per_s;
    s->stage_s = (double) (now - job->stage_began_ms) / 1000.0;
    s->eta_s = s->rate > 0 && s->total >= s->done ? (double) (s->total - s->done) / s->rate : -1;
}

void job_show (job_t *job)
{
    int64_t now = clock_ms (NULL);
    read_stage (job);
    if (job->serve)
        read_serve (job);
    measure (job, now);
    job->shown_ms = now;
    if (job->options->on_progress)
        job->options->on_progress (job->options->ctx, &job->snapshot);
}

void job_enter (job_t *job, job_stage_t stage)
{
    job_snapshot_t *s = &job->snapshot;
    s->stage = stage;
    s->done = s->total = 0;
    s->rate = 0;
    s->eta_s = -1;
    job->stage_began_ms = clock_ms (NULL);
    read_stage (job);
    if (job->serve)
        read_serve (job);
    rate_begin (&job->rate, job->stage_began_ms, s->done);
    job_show (job);
}

// --- hooks of the loop -----------------------------------------------------

size_t job_fds (void *ctx, int *fds, size_t max)
{
    return control_fds (((job_t *) ctx)->control, fds, max);
}

void job_turn (void *ctx)
{
    control_step (((job_t *) ctx)->control);
}

bool job_tick (void *ctx)
{
    job_t *job = ctx;
    int wishes = job_interrupts () + job->drains;
    if (wishes >= 2)
        serve_stop (job->serve, true);
    job_show (job);
    return wishes >= 1;
}

// --- a stage in its thread -------------------------------------------------

typedef struct {
    job_t *job;
    job_work_fn *work;
    status_t status;
    fault_t fault;
    _Atomic bool done;
} stage_t;

static void *stage_thread (void *ctx)
{
    stage_t *stage = ctx;
    stage->status = stage->work (stage->job, &stage->fault);
    atomic_store (&stage->done, true);
    return NULL;
}

static void ask_to_stop (job_t *job)
{
    job->snapshot.draining = true;
    atomic_store (&job->ingest.stop, true);
    atomic_store (&job->dataset.stop, true);
    atomic_store (&job->stop_stage, true);
}

static void wait_for (job_t *job, stage_t *stage)
{
    int pause_ms = 1;
    while (!atomic_load (&stage->done)) {
        int fds [FDS_MAX];
        size_t n = job_fds (job, fds, FDS_MAX);
        serve_idle (job->hub, pause_ms, fds, n);
        job_turn (job);
        pause_ms = pause_ms < 50 ? pause_ms * 2 : 50;
        if (job_interrupts () + job->drains > 0)
            ask_to_stop (job);
        if (clock_ms (NULL) - job->shown_ms >= SHOW_MS)
            job_show (job);
    }
}

status_t job_stage (job_t *job, job_stage_t name, job_work_fn *work, fault_t *fault)
{
    stage_t stage = { .job = job, .work = work };
    job_enter (job, name);
    pthread_t thread;
    if (pthread_create (&thread, NULL, stage_thread, &stage) != 0)
        return fault_set (fault, ERR_IO, "no thread can be started; the machine's limit of processes may be reached");
    wait_for (job, &stage);
    pthread_join (thread, NULL);
    job_show (job);
    if (stage.status != OK)
        *fault = stage.fault;
    return stage.status;
}
