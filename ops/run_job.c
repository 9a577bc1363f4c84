#include "ops/run_job.h"

#include "base/clock.h"
#include "base/log.h"
#include "ops/adapter_check.h"
#include "ops/cmd.h"
#include "ops/exit_codes.h"
#include "ops/judge_check.h"
#include "ops/outcome.h"
#include "ops/plan.h"
#include "ops/progress.h"
#include "ops/report.h"
#include "ops/setup.h"
#include "ops/summary.h"
#include "proto/endpoint.h"

// The job with progress on standard error, between the calls that sockets want around them.
static status_t perform (job_options_t *job, bool quiet, outcome_t *outcome, fault_t *fault)
{
    endpoint_setup ();
    cmd_on_interrupt (job_interrupt);
    progress_options_t options = progress_options (quiet);
    progress_t *progress = progress_new (&options);
    job->on_progress = progress_show;
    job->ctx = progress;
    outcome->began_s = clock_wall_s ();
    outcome->status = job_run (job, &outcome->job, fault);
    outcome->ended_s = clock_wall_s ();
    progress_destroy (&progress);
    endpoint_teardown ();
    return outcome->status;
}

static status_t print (const outcome_t *outcome, bool json, fault_t *fault)
{
    buf_t text = { 0 };
    if (json) {
        report_json (outcome, &text);
        buf_add_char (&text, '\n');
    } else
        summary_text (outcome, &text);
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

// A job that completed or was stopped is told of; one that failed has its message.
static status_t tell (outcome_t *outcome, bool json, bool quiet, fault_t *fault)
{
    status_t status = OK;
    if (outcome->job.corpus_counts.rows_rejected > 0)
        status = outcome_count_reasons (outcome, fault);
    if (status == OK && outcome->several && outcome->status == OK)
        status = outcome_measure_agreement (outcome, fault);
    if (status == OK)
        status = report_save (outcome, fault);
    if (status == OK && (json || (outcome->status == OK && !quiet)))
        status = print (outcome, json, fault);
    return status;
}

// Can the endpoints of all judges be reached? Is a served adapter one for the rule pool? Asked where the last run had others.
static status_t check_servers (const setup_t *setup, fault_t *fault)
{
    const judge_members_t *judges = setup_judges (setup);
    const adapter_setup_t *adapter = setup_new_adapter (setup);
    status_t status = OK;
    for (size_t i = 0; i < judges->n && status == OK && setup_judge_is_new (setup); i++)
        status = judge_check_reach (judges->member [i].config, fault);
    if (status == OK && adapter)
        status = adapter_check (&adapter->message, setup_pool (setup), fault);
    return status;
}

// Nothing was to be asked. Batches are of one judge, and each thing is asked once in them.
static status_t answers_out (const outcome_t *outcome, fault_t *fault)
{
    static const char said [] = "what the store has answers for is labelled in";
    const char *dir = outcome->dir;
    if (outcome->judges > 1)
        return fault_set (fault, ERR_STOPPED, "%s %s; for the rest the panel's judges have to be asked: through batches by a run of its own for "
                          "each (rulemill label --out %s --judge openai --config ITS-FILE --new-run --plan, then rulemill judge batch-export), or by "
                          "the same command without --no-calls", said, dir, dir);
    if (outcome->repeats > 0 && outcome->repeat_share > 0)
        return fault_set (fault, ERR_STOPPED, "%s %s; for the rest the judge has to be asked: rulemill judge batch-export %s --to FOLDER, and the "
                          "same command without --no-calls for the share that is judged over (judge.repeat_share)", said, dir, dir);
    return fault_set (fault, ERR_STOPPED, "%s %s; for the rest the judge has to be asked: rulemill judge batch-export %s --to FOLDER, or the same "
                      "command without --no-calls", said, dir, dir);
}

static status_t budget_out (const outcome_t *outcome, fault_t *fault)
{
    static const char *const flags [SPEND_UNITS] = { "--max-calls", "--max-tokens", "--max-cost" };
    spend_unit_t unit = outcome->job.last.lacking;
    if (outcome->no_calls)
        return answers_out (outcome, fault);
    buf_t limit = { 0 };
    if (unit == SPEND_COST) {
        progress_money (&limit, outcome->budget.unit [unit]);
        buf_printf (&limit, " %s", outcome->currency);
    } else {
        progress_count (&limit, outcome->budget.unit [unit]);
        buf_add_str (&limit, unit == SPEND_CALLS ? " calls" : " tokens");
    }
    status_t status = fault_set (fault, ERR_STOPPED, "the budget of %s is used up, what was judged is kept in %s; raise it with "
                                 "%s and run the same command again", limit.data, outcome->dir, flags [unit]);
    buf_free (&limit);
    return status;
}

// The fault says what the judge said.
static status_t unfit (const outcome_t *outcome, fault_t *fault)
{
    const fault_t why = *fault;
    return fault_set (fault, ERR_STOPPED, "%.800s; what was judged is kept in %s: mend this and run the same command again",
                      why.text, outcome->dir);
}

static status_t stopped (const outcome_t *outcome, fault_t *fault)
{
    const job_snapshot_t *last = &outcome->job.last;
    buf_t so_far = { 0 };
    bool limited = last->limited && last->stage == STAGE_LABEL;
    progress_count (&so_far, limited ? last->done : last->labelled);
    buf_add_str (&so_far, " of ");
    progress_count (&so_far, limited ? last->total : outcome->job.corpus_counts.pairs);
    buf_add_str (&so_far, limited ? " pairs that --limit asks for are labelled and kept" : " pairs are labelled and kept");
    if (last->stage <= STAGE_PROBE) {
        buf_clear (&so_far);
        buf_add_str (&so_far, "what was read is kept");
    }
    status_t status = fault_set (fault, ERR_STOPPED, "%s in %s; the same command goes on", so_far.data, outcome->dir);
    buf_free (&so_far);
    return status;
}

static status_t print_plan (const plan_t *plan, const outcome_t *outcome, bool json, fault_t *fault)
{
    buf_t text = { 0 };
    if (json) {
        plan_json (plan, outcome, &text);
        buf_add_char (&text, '\n');
    } else
        plan_text (plan, outcome, &text);
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

// Begun on purpose without judging anything.
static status_t planned (const outcome_t *outcome, fault_t *fault)
{
    buf_t pairs = { 0 };
    progress_count (&pairs, outcome->job.corpus_counts.pairs);
    status_t status = fault_set (fault, ERR_STOPPED, "%s of %s pairs is begun in %s, nothing is judged; rulemill judge batch-export %s --to "
                                 "FOLDER writes what there is to ask, rulemill label --out %s goes on", outcome->job.run, pairs.data,
                                 outcome->dir, outcome->dir, outcome->dir);
    buf_free (&pairs);
    return status;
}

// A job that is complete or can go on: its summary and report, then why it stopped.
static status_t end (outcome_t *outcome, bool json, bool quiet, fault_t *fault)
{
    fault_t untold = { 0 };
    status_t status = tell (outcome, json, quiet, &untold);
    if (status != OK) {
        *fault = untold;
        return status;
    }
    if (outcome->status == OK)
        return OK;
    if (outcome->status == ERR_STOPPED)
        return stopped (outcome, fault);
    return outcome_budget_out (outcome) ? budget_out (outcome, fault) : unfit (outcome, fault);
}

// The job stopped where it was to stop, with its plan.
static status_t end_plan (const plan_t *plan, const outcome_t *outcome, bool dry_run, bool json, int *exit_code, fault_t *fault)
{
    fault_t unprinted = { 0 };
    status_t status = print_plan (plan, outcome, json, &unprinted);
    if (status != OK)
        *fault = unprinted;
    else if (dry_run)
        *exit_code = EXIT_COMPLETE;
    return status != OK || dry_run ? status : planned (outcome, fault);
}

status_t run_job (const cli_t *cli, bool local, int *exit_code, fault_t *fault)
{
    bool quiet = cli_has (cli, "--quiet"), json = cli_has (cli, "--json");
    if (quiet)
        log_setup (LOG_ERROR, NULL);
    setup_t *setup = NULL;
    status_t status = setup_new (cli, local, &setup, fault);
    if (status != OK)
        return status;

    job_options_t *job = setup_job (setup);
    outcome_t outcome = {
        .dir = job->dir, .judge = setup_config (setup)->judge.name, .judge_note = job->judge_note, .config = job->config,
        .budget = job->budget, .no_calls = job->no_calls, .currency = setup_config (setup)->judge.currency,
        .judges = job->n_judges, .repeats = job->repeats, .repeat_share = job->repeat_share, .several = job->n_judges > 1 || job->repeat_share > 0
    };
    // What costs nothing is told before the corpus is read.
    bool plans = job->plan_only || job->dry_run;
    plan_t plan = { .judges = setup_judges (setup), .currency = outcome.currency, .log = !plans };
    job->on_plan = plan_make;
    job->plan_ctx = &plan;
    status = plans || job->no_calls ? OK : check_servers (setup, fault);
    if (status != OK) {
        setup_destroy (&setup);
        return status;
    }
    status = perform (job, quiet, &outcome, fault);
    if (outcome.job.run [0])
        setup_take_margin (setup, outcome.job.tie_margin);
    outcome.config = job->config;
    *exit_code = outcome_exit_code (&outcome);
    if (status == ERR_STOPPED && plans && plan.counts.made)
        status = end_plan (&plan, &outcome, job->dry_run, json, exit_code, fault);
    else if (!job->dry_run && (status == OK || *exit_code == EXIT_RESUMABLE))
        status = end (&outcome, json, quiet, fault);
    outcome_clear (&outcome);
    setup_destroy (&setup);
    return status;
}
