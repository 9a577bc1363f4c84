// job: a whole labelling job in one coordinator: ingest, exclude, import scores, label, export.
//
// Opens the store (and holds it), registers or resumes the run, serves workers and the control socket until the run is
// complete, stopped or failed, exports, and writes report.json. Safe to kill at any moment; the same call resumes.
#ifndef COORDINATOR_JOB_H
#define COORDINATOR_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "coordinator/auto_plan.h"
#include "base/spend.h"
#include "coordinator/kind_label_plan.h"
#include "model/rulepool.h"
#include "proto/record.pb-c.h"
#include "proto/wire.pb-c.h"
#include "storage/dataset.h"
#include "storage/ingest.h"
#include "storage/scores.h"

typedef enum {
    STAGE_OPEN, STAGE_INGEST, STAGE_PROBE, STAGE_EXCLUDE, STAGE_SCORES, STAGE_PLAN, STAGE_LABEL, STAGE_EXPORT, STAGE_DONE, STAGE_COUNT
} job_stage_t;

const char *job_stage_name (job_stage_t stage);     // "open", "ingest", ...

// Where a job stands; a copy is handed to whoever shows it.
typedef struct {
    job_stage_t stage;
    bool draining;
    char run [20];                  // "run-0123456789ab", "" before the run is known
    double stage_s;                 // seconds in this stage
    uint64_t done, total;           // of the stage: bytes for ingest, pairs for label and export (total 0: unknown)
    bool limited;                   // of label: those of the sample that a limit asks for
    double rate;                    // done per second, lately
    double eta_s;                   // -1: unknown
    uint64_t rows, rows_rejected, pairs, duplicates;            // corpus
    corpus_part_t part;             // that these are of; of 0: it is whole
    uint64_t rows_passed;           // of other parts
    uint64_t labelled, ties, quarantined, excluded_prompts;     // run
    uint64_t too_long;              // of the quarantined: for the judge, or for a served adapter
    uint64_t adapter_calls, shortened;  // requests to a served adapter, and pairs whose texts were too long for it
    uint64_t cut_responses, cut_turns;  // cut as they were too long for the judge, and the turns left out
    uint64_t calls, prompt_tokens, cached_tokens, completion_tokens, refused, cost;     // to a judge behind HTTP, over all starts
    char currency [16];             // of cost
    spend_t spent;                  // of the budget, with what is not known there as its bound and with lost grants
    spend_unit_t lacking;           // the limit that ended it, with ERR_LIMIT
    unsigned workers;               // welcomed and alive
    unsigned leases;                // out
    uint64_t workers_died, leases_lost, messages_refused;       // since the start
    uint64_t workers_unfit;         // that said they can't do this work, since the start
    char unfit [FAULT_TEXT_MAX];    // what the last of them said
    bool has_auto;                  // the policy is auto, and
    auto_state_t automatic;         // this is where it stands
} job_snapshot_t;

typedef struct {
    const char *dir;

    // corpus; n_paths 0: the inputs that the store knows
    ingest_options_t ingest;
    const char *const *exclude;
    size_t n_exclude;

    // run. spec NULL: resume the last one (ERR_NOT_FOUND where there is none). A spec that is none of the store's
    // runs, where it has some, is ERR_MISMATCH with the difference unless new_run.
    const Rulemill__RunSpec *spec;  // exclude digests are filled in by the job
    bool new_run;
    bool margin_open;               // nobody gave a tie margin: that of a run that is the same in all else is taken
    // Called in a thread of its own before a run is begun, for what must be known of the judge first. It may set the spec's tie
    // margin and config, which nobody else reads meanwhile. stop: come to an end. NULL: nothing to find out.
    status_t (*before_run) (void *ctx, store_t *store, const _Atomic bool *stop, fault_t *fault);
    void *before_run_ctx;
    const rulepool_t *pool;         // of spec
    const void *pool_yaml;
    size_t pool_yaml_len;
    const void *adapter;            // bytes of spec's adapter, kept with the run; NULL where it names none
    size_t adapter_len;
    const char *config;             // resolved configuration, YAML, kept with the run
    const scores_options_t *scores; // NULL unless the judge is replay; rule ids and digests are filled in by the job
    bool judge_costly;
    bool return_cells;              // the judge's cells are stored
    const Rulemill__JudgeSetup *const *judges;  // how judges behind HTTP are asked: one, or the members of a panel in the spec's order
    size_t n_judges;                // 0 for the others
    const Rulemill__AdapterSetup *served_adapter;   // how the run's adapter is asked, where it is served; else NULL
    unsigned repeats;               // times that a share of the cells is judged over, outside of labels
    double repeat_share;
    const char *judge_note;
    const char *currency;           // of its cost, for messages; NULL: none
    spend_t budget;                 // of a judge that costs, over all workers and starts of the run; 0 in a unit: no limit
    bool no_calls;                  // label what stored cells suffice for, and end with ERR_LIMIT where the judge has to be asked
    uint64_t limit;                 // label a seeded sample of this many prompts; 0: all

    // service
    const char *listen;             // "tcp://*:5555"; NULL: an ipc address of its own, handed to spawn
    const char *server_key;         // secret certificate file of the coordinator (CURVE); NULL on ipc
    const char *worker_keys;        // folder of the public certificates of admitted workers
    bool insecure_no_curve;
    unsigned local_workers;         // processes to spawn and keep alive
    const char *program;            // path of rulemill for spawning
    unsigned beat_ms;               // 0: 1000
    unsigned hang_ms;               // 0: 300000
    unsigned attempts_max;          // workers that an item may take with it before it is quarantined; 0: 3
    uint32_t window_pairs;          // 0: 262144

    bool plan_only;                 // stop with ERR_STOPPED once the corpus is read and the run registered, before anything is judged
    bool dry_run;                   // the same without registering it; benchmarks of a run that is not begun yet are not looked for
    // Called with what labelling will ask of judges behind HTTP, before it begins: of a run that is begun by this call, and where it
    // stops before. NULL: nobody wants to know.
    void (*on_plan) (void *ctx, store_t *store, const label_plan_t *plan);
    void *plan_ctx;

    // export
    bool no_export;
    dataset_options_t dataset;      // format, validation_share, zstd, ...; dir, rules and notes are filled in by the job

    // showing
    void (*on_progress) (void *ctx, const job_snapshot_t *snapshot);    // about four times a second, and at each change of stage
    void *ctx;
} job_options_t;

typedef struct {
    job_snapshot_t last;
    Rulemill__RunCounts counts;         // plain values; nothing to free
    Rulemill__CorpusState corpus_counts;// counts alone (prompts, responses, pairs, rows_read, rows_rejected, duplicates)
    scores_report_t scores;
    dataset_report_t dataset;
    double ingest_s, label_s, export_s;
    bool nothing_to_do;                 // it was complete already
    bool has_auto;                      // the policy is auto, and
    auto_state_t automatic;             // this is where it stands
    bool rows_set_aside;                // rejects, quarantine or unknown scores: exit code "complete with rows set aside"
    char run [20];
    uint32_t tie_margin;                // of the run, 1e-6
} job_report_t;

// OK: complete. ERR_STOPPED: drained on request, resumable. Other codes: failed; what was acknowledged is kept.
status_t job_run (const job_options_t *options, job_report_t *report, fault_t *fault) MUST_USE;

// Take quarantined pairs of a run up again: forgets their labels and lowers the phase's mark, so that the next job_run
// judges them. *n says how many. With the job running, ask the control socket instead.
status_t job_retry (store_t *store, const Rulemill__RunRecord *run, uint64_t *n, fault_t *fault) MUST_USE;

// From a signal handler: the first call drains, the second stops at once. Async-signal-safe.
void job_interrupt (void);

#endif
