#include "ops/setup.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ops/config_keys.h"
#include "ops/judge_check.h"
#include "ops/judge_members.h"
#include "ops/judge_setup.h"
#include "ops/named_files.h"
#include "ops/part_setup.h"
#include "ops/paths.h"
#include "ops/probe.h"
#include "ops/setup_flags.h"
#include "ops/spec.h"
#include "worker/judge.h"

enum { PROGRAM_BYTES = 4096, HTTP_HANG_MS = 60 * 60 * 1000 };

struct setup {
    config_t *config;
    buf_t config_text;
    paths_t corpus;
    rulepool_t *pool;           // NULL where the last run goes on
    buf_t pool_yaml;
    spec_t spec;
    scores_options_t scores;
    judge_members_t judges;     // those behind HTTP
    adapter_setup_t adapter;    // of one that is served
    char *judge_note;
    Rulemill__RunRecord *last;  // the store's last run; NULL: none
    bool no_run;                // there is a store without one, and no corpus is named
    char program [PROGRAM_BYTES];
    job_options_t job;
};

// --- what the store knows --------------------------------------------------

// The last run is kept, and the part that the store holds; it is closed again. *there: it has one, with or without runs.
static status_t look_back (config_t *config, const char *dir, bool *there, Rulemill__RunRecord **last, fault_t *fault)
{
    const store_options_t options = { .read_only = true };
    store_t *store = NULL;
    status_t status = store_open (dir, &options, &store, fault);
    if (status == ERR_NOT_FOUND)
        return OK;
    if (status != OK)
        return status;
    *there = true;
    uint32_t number;
    bool any = false;
    status = record_last_run (store, &number, &any, fault);
    if (status == OK && any)
        status = record_get_run (store, number, last, fault);
    if (status == OK)
        status = part_setup_inherit (config, store, fault);
    store_close (&store);
    return status;
}

// Is its adapter served, and the policy the one that asks it?
static bool asks_adapter (const config_t *config)
{
    return adapter_is_served (config) && strcmp (config->policy.name, policy_name (POLICY_ADAPTER)) == 0;
}

// Does the last run go on? A judge, or a served adapter, that is only said to be reached elsewhere makes no other run.
static bool goes_on (const config_t *config, const Rulemill__RunRecord *last)
{
    if (last == NULL)
        return false;
    const char *moved [2];
    size_t n = 0;
    if (last->spec && strcmp (last->spec->judge, "openai") == 0 && judge_is_http (config))
        moved [n++] = "judge.name";
    if (last->spec && *last->spec->adapter_model && asks_adapter (config))
        moved [n++] = "policy.name";
    return !config_names_a_run_but_for (config, moved, n);
}

// A store whose first command was stopped before it began a run knows nothing of that command's options.
static status_t say_no_run (const setup_t *setup, const char *dir, status_t status, fault_t *fault)
{
    if (!setup->no_run || (status != OK && status != ERR_USAGE))
        return status;
    if (status == OK && config_names_a_run (setup->config))
        return OK;
    const fault_t why = *fault;
    return fault_set (fault, ERR_USAGE, "%s%s%s has no run yet, so the options of the command that read its corpus are not known: run that "
                      "command again, with all of them", status == OK ? "" : why.text, status == OK ? "" : "; ", dir);
}

// A new run takes nothing over from the last one; that its judge is another is worth a line where nobody has said so.
static void say_other_judge (const setup_t *setup, const cli_t *cli)
{
    const char *last = setup->last && setup->last->spec ? setup->last->spec->judge : "", *now = setup->config->judge.name;
    bool http = strcmp (last, "openai") == 0;
    if (cli_has (cli, "--new-run") && *last && !config_given (setup->config, "judge.name") && strcmp (last, now) != 0)
        log_warn ("the new run's judge is %s, as none is named; the last run's was %s, which --judge %s keeps", now, last,
                  http ? "URL --model NAME" : last);
}

// *resume: the last run goes on.
static status_t take_over (setup_t *setup, const cli_t *cli, const char *dir, bool *resume, fault_t *fault)
{
    bool there = false;
    status_t status = look_back (setup->config, dir, &there, &setup->last, fault);
    *resume = goes_on (setup->config, setup->last) && !cli_has (cli, "--new-run");
    if (status == OK)
        say_other_judge (setup, cli);
    if (status == OK && !there && setup->corpus.count == 0)
        status = fault_set (fault, ERR_USAGE, "%s holds no job yet, so it needs a corpus: rulemill label CORPUS... --out %s", dir, dir);
    setup->no_run = there && setup->last == NULL && setup->corpus.count == 0;
    if (status == OK && setup->last && *setup->last->config)
        status = config_inherit (setup->config, "stored configuration", setup->last->config, *resume ? "" : "corpus.", fault);
    return status;
}

// --- the job's options -----------------------------------------------------

static status_t set_corpus (setup_t *setup, const char *dir, fault_t *fault)
{
    const config_t *config = setup->config;
    ingest_options_t *ingest = &setup->job.ingest;
    uint64_t pairs;
    status_t status = config_pairs ("corpus.pairs", config->corpus.pairs, &pairs, fault);
    if (status == OK && config->corpus.part)
        status = corpus_part_read ("corpus.part", config->corpus.part, &ingest->part, fault);
    if (status != OK)
        return status;
    ingest->paths = (const char *const *) setup->corpus.items;
    ingest->n_paths = setup->corpus.count;
    ingest->dir = dir;
    ingest->pairs = pairs ? PAIRS_LIMIT : strcmp (config->corpus.pairs, "all") == 0 ? PAIRS_ALL : PAIRS_BEST_VS_REST;
    ingest->pairs_max = (uint32_t) pairs;
    ingest->seed = config->corpus.seed;
    ingest->row_bytes_max = config->corpus.row_bytes_max;
    ingest->text_bytes_max = config->corpus.text_bytes_max;
    ingest->bad_share_max = config->corpus.bad_share;
    ingest->mapping = (ingest_mapping_t) {
        .id = config->corpus.mapping.id, .prompt = config->corpus.mapping.prompt,
        .responses = config->corpus.mapping.responses,
        .response_a = config->corpus.mapping.response_a, .response_b = config->corpus.mapping.response_b,
        .chosen = config->corpus.mapping.chosen, .rejected = config->corpus.mapping.rejected,
        .models = config->corpus.mapping.models,
        .model_a = config->corpus.mapping.model_a, .model_b = config->corpus.mapping.model_b,
        .scores = config->corpus.mapping.scores, .preference = config->corpus.mapping.preference,
        .source = config->corpus.mapping.source
    };
    setup->job.exclude = (const char *const *) config->run.exclude.items;
    setup->job.n_exclude = config->run.exclude.count;
    return OK;
}

bool setup_judge_is_new (const setup_t *setup)
{
    if (!judge_is_http (setup->config))
        return false;
    digest_t identity = judge_members_identity (&setup->judges);
    const Rulemill__RunSpec *last = setup->last ? setup->last->spec : NULL;
    return last == NULL || last->judge_identity.len != DIGEST_BYTES || memcmp (last->judge_identity.data, identity.b, DIGEST_BYTES) != 0;
}

const adapter_setup_t *setup_new_adapter (const setup_t *setup)
{
    const Rulemill__RunSpec *last = setup->last ? setup->last->spec : NULL;
    if (setup->job.served_adapter == NULL)
        return NULL;
    bool known = last && *last->adapter_model && last->adapter.len == DIGEST_BYTES
              && memcmp (last->adapter.data, setup->adapter.identity.b, DIGEST_BYTES) == 0;
    return known ? NULL : &setup->adapter;
}

const rulepool_t *setup_pool (const setup_t *setup)
{
    return setup->pool;
}

// --- the tie margin ---------------------------------------------------------

static void set_margin (setup_t *setup, double margin)
{
    char text [32];
    fault_t fault = { 0 };
    snprintf (text, sizeof text, "%.6f", margin);
    if (config_set (setup->config, "run.tie_margin", "the probe", text, &fault) != OK) {
        log_warn ("%s", fault.text);
        return;
    }
    buf_clear (&setup->config_text);
    config_print (setup->config, &setup->config_text);
    setup->job.config = setup->config_text.data;
}

static void say_margin (double margin, double deviation)
{
    static const char other [] = "another one is set with --set run.tie_margin=X --new-run, which judges no cell again";
    if (margin < 0)
        log_warn ("judge: repeated answers differ too much for a tie margin (standard deviation %.3f); none is set, and labels will differ "
                  "from run to run; %s", deviation, other);
    else if (margin > 0)
        log_info ("judge: the tie margin is %g, which covers the noise of repeated answers (standard deviation %.4f); %s", margin, deviation, other);
    else
        log_info ("judge: repeated answers are the same, so the tie margin is 0; %s", other);
}

// What asking each judge tells, and from it the noise of what they say together; *measured is false where one of them was not asked
// often enough. Noises of a mean are independent; a vote can change with the noise of any.
static status_t ask_all (setup_t *setup, store_t *store, const _Atomic bool *stop, bool *measured, double *deviation, fault_t *fault)
{
    const judge_members_t *judges = &setup->judges;
    bool mean = !judges->panel || strcmp (judges->combine, "mean") == 0;
    double weights = 0, squares = 0, largest = 0;
    *measured = true;
    for (size_t i = 0; i < judges->n; i++) {
        const judge_member_t *member = &judges->member [i];
        Rulemill__ProbeRecord *found = NULL;
        status_t status = judge_check_ask (member->config, &member->identity, &setup->job.budget, store, stop, &found, fault);
        if (status != OK)
            return status;
        double weight = judges->panel ? member->record.weight : 1;
        weights += weight;
        squares += weight * weight * found->deviation * found->deviation;
        largest = found->deviation > largest ? found->deviation : largest;
        *measured = *measured && found->measured;
        rulemill__probe_record__free_unpacked (found, NULL);
    }
    *deviation = mean ? sqrt (squares) / weights : largest;
    return OK;
}

// Before a run is begun: a tie margin from the judges' noise where nobody gave one.
static status_t ask_judge (void *ctx, store_t *store, const _Atomic bool *stop, fault_t *fault)
{
    setup_t *setup = ctx;
    bool measured;
    double deviation;
    status_t status = ask_all (setup, store, stop, &measured, &deviation, fault);
    if (status != OK)
        return status;
    if (measured && setup->job.margin_open) {
        double margin = probe_margin (deviation, setup->spec.message.top);
        say_margin (margin, deviation);
        set_margin (setup, margin < 0 ? 0 : margin);
        setup->spec.message.tie_margin = (uint32_t) lround (setup->config->run.tie_margin * MICRO);
    } else if (setup->job.margin_open)
        log_info ("judge: the noise of repeated answers was not measured, so the tie margin is 0; --set run.tie_margin=X sets another");
    return OK;
}

void setup_take_margin (setup_t *setup, uint32_t margin)
{
    if (setup->job.margin_open && margin != (uint32_t) lround (setup->config->run.tie_margin * MICRO))
        set_margin (setup, margin / (double) MICRO);
}

// A run that goes on must ask its judge as it did before, for its cells stand beside those that are there.
static status_t set_judge (setup_t *setup, bool resume, fault_t *fault)
{
    job_options_t *job = &setup->job;
    config_t *config = setup->config;
    job->judge_costly = judge_is_http (config) || (strcmp (config->judge.name, "replay") == 0 && judge_replay_class.costly);
    job->return_cells = judge_is_http (config) || config->judge.store_cells;
    if (!judge_is_http (config)) {
        job->judge_note = setup->judge_note = judge_setup_note (config);
        return judge_panel_check (config, fault);
    }
    job->judge_note = setup->judge_note = judge_members_note (&setup->judges);
    job->margin_open = !resume && !config_given (config, "run.tie_margin");
    job->before_run = ask_judge;
    job->before_run_ctx = setup;
    job->judges = setup->judges.setups;
    job->currency = config->judge.currency;
    job->n_judges = setup->judges.n;
    job->repeats = (unsigned) config->judge.repeats;
    job->repeat_share = config->judge.repeat_share;
    status_t status = judge_setup_budget (config, job->judges, job->n_judges, &job->budget, fault);
    if (status != OK || !resume || !setup_judge_is_new (setup))
        return status;
    return judge_members_differ (&setup->judges, config, setup->last->spec, fault);
}

// A run that goes on asks the adapter that it was begun with.
static status_t set_adapter (setup_t *setup, bool resume, fault_t *fault)
{
    if (!asks_adapter (setup->config))
        return OK;
    status_t status = adapter_setup_fill (setup->config, &setup->adapter, fault);
    if (status != OK)
        return status;
    setup->job.served_adapter = &setup->adapter.message;
    if (resume && setup_new_adapter (setup))
        return fault_set (fault, ERR_MISMATCH, "the served adapter is another than when the run began, or is asked by another operation; put it back, "
                          "or begin another run with --new-run");
    return OK;
}

static status_t set_run (setup_t *setup, const cli_t *cli, bool resume, fault_t *fault)
{
    job_options_t *job = &setup->job;
    const config_t *config = setup->config;
    status_t status = cli_whole (cli, "--limit", 1, UINT64_MAX, &job->limit, fault);
    if (status == OK && judge_is_http (config))
        status = fault_of_setting (judge_members_load (setup->config, &setup->judges, fault), fault);
    if (status == OK)
        status = set_adapter (setup, resume, fault);
    if (status == OK && !resume) {
        status = fault_of_setting (spec_pool (config, &setup->pool, &setup->pool_yaml, fault), fault);
        if (status == OK)
            status = fault_of_setting (spec_build (config, judge_is_http (config) ? &setup->judges : NULL, job->served_adapter ? &setup->adapter : NULL,
                                                   setup->pool, &setup->spec, fault), fault);
        job->spec = &setup->spec.message;
        job->pool = setup->pool;
        job->pool_yaml = setup->pool_yaml.data;
        job->pool_yaml_len = setup->pool_yaml.len;
        job->adapter = setup->spec.adapter_file.data;
        job->adapter_len = setup->spec.adapter_file.len;
    }
    job->new_run = cli_has (cli, "--new-run");
    config_print (config, &setup->config_text);
    job->config = setup->config_text.data;
    bool replay = strcmp (config->judge.name, "replay") == 0;
    setup->scores = spec_scores (config);
    job->scores = replay ? &setup->scores : NULL;
    return status == OK ? set_judge (setup, resume, fault) : status;
}

static unsigned cores (void)
{
    cpu_set_t set;
    if (sched_getaffinity (0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT (&set);
    return count > 0 ? (unsigned) count : 1;
}

// rulemill itself, for the processes that a job starts.
static status_t set_program (setup_t *setup, fault_t *fault)
{
    ssize_t n = readlink ("/proc/self/exe", setup->program, PROGRAM_BYTES - 1);
    if (n <= 0)
        return fault_set (fault, ERR_IO, "/proc/self/exe can't be read; processes can't be started without /proc");
    setup->program [n] = '\0';
    if (access (setup->program, X_OK) != 0)     // replaced since it was started: the name says "(deleted)", the link still leads to it
        snprintf (setup->program, PROGRAM_BYTES, "/proc/self/exe");
    setup->job.program = setup->program;
    return OK;
}

static status_t set_remote (setup_t *setup, const cli_t *cli, fault_t *fault)
{
    const config_t *config = setup->config;
    job_options_t *job = &setup->job;
    job->insecure_no_curve = cli_has (cli, "--insecure-no-curve");
    if (config->service.listen == NULL)
        return fault_set (fault, ERR_USAGE, "coordinator needs an address: --listen tcp://*:5555");
    job->listen = config->service.listen;
    bool keys = config->service.key && config->service.admit;
    bool local = strncmp (job->listen, "ipc://", 6) == 0;
    if (!keys && !local && !job->insecure_no_curve)
        return fault_set (fault, ERR_USAGE, "coordinator needs --key FILE and --admit FOLDER for %s (make keys with rulemill "
                          "keygen), or --insecure-no-curve on a network that you trust", job->listen);
    if (keys && job->insecure_no_curve)
        return fault_set (fault, ERR_USAGE, "--insecure-no-curve with --key and --admit; take one or the others out");
    job->server_key = keys ? config->service.key : NULL;
    job->worker_keys = keys ? config->service.admit : NULL;
    return keys ? named_files_check_service (job->server_key, job->worker_keys, fault) : OK;
}

// A worker whose server is away makes no progress, but it does not hang either.
static void be_patient (setup_t *setup)
{
    bool over_http = judge_is_http (setup->config) || setup->job.served_adapter;
    if (over_http && !config_given (setup->config, "service.hang_ms") && setup->job.hang_ms < HTTP_HANG_MS)
        setup->job.hang_ms = HTTP_HANG_MS;
}

static void set_service (setup_t *setup)
{
    const config_t *config = setup->config;
    setup->job.beat_ms = (unsigned) config->service.beat_ms;
    setup->job.hang_ms = (unsigned) config->service.hang_ms;
    be_patient (setup);
    setup->job.attempts_max = (unsigned) config->service.attempts;
    setup->job.window_pairs = (uint32_t) config->service.window;
    setup->job.dataset = setup_dataset (config);
}

static status_t fill (setup_t *setup, const cli_t *cli, bool local, fault_t *fault)
{
    const char *dir = cli_text (cli, "--out");
    if (dir == NULL)
        return fault_set (fault, ERR_USAGE, "--out DIR is missing: where the job keeps its store and dataset");
    size_t count;
    const char *const *operands = cli_operands (cli, &count);
    bool resume = false;
    status_t status = setup_configure (setup->config, cli, fault);
    if (status == OK)
        status = paths_expand (operands, count, &setup->corpus, fault);
    if (status == OK)
        status = take_over (setup, cli, dir, &resume, fault);
    if (status == OK)
        status = set_corpus (setup, dir, fault);
    if (status == OK)
        status = say_no_run (setup, dir, set_run (setup, cli, resume, fault), fault);
    if (status == OK && !resume)
        status = part_setup_check (setup->config, setup->job.margin_open, fault);
    if (status == OK)
        status = set_program (setup, fault);
    if (status == OK && local)
        setup->job.local_workers = setup->config->workers ? (unsigned) setup->config->workers : cores ();
    else if (status == OK)
        status = set_remote (setup, cli, fault);
    set_service (setup);
    setup->job.dir = dir;
    setup->job.no_export = cli_has (cli, "--no-export");
    if (status == OK && !setup->job.no_export)
        status = named_files_check_sign (setup->config->export.sign, fault);
    setup->job.plan_only = cli_has (cli, "--plan");
    setup->job.no_calls = cli_has (cli, "--no-calls");
    setup->job.dry_run = cli_has (cli, "--dry-run");
    if (status == OK && setup->job.no_calls && setup->job.served_adapter)
        status = fault_set (fault, ERR_USAGE, "--no-calls is to ask nobody, and a served adapter has to be asked for the rules of each pair; leave "
                            "--no-calls out, or begin a run with another policy or an adapter's file");
    return status;
}

status_t setup_new (const cli_t *cli, bool local, setup_t **out, fault_t *fault)
{
    setup_t *setup = mem_zero (1, sizeof *setup);
    setup->config = config_new ();
    status_t status = fill (setup, cli, local, fault);
    if (status != OK)
        setup_destroy (&setup);
    *out = setup;
    return status;
}

void setup_destroy (setup_t **setup)
{
    if (*setup == NULL)
        return;
    config_destroy (&(*setup)->config);
    buf_free (&(*setup)->config_text);
    buf_free (&(*setup)->pool_yaml);
    paths_clear (&(*setup)->corpus);
    rulepool_destroy (&(*setup)->pool);
    judge_members_clear (&(*setup)->judges);
    adapter_setup_clear (&(*setup)->adapter);
    if ((*setup)->last)
        rulemill__run_record__free_unpacked ((*setup)->last, NULL);
    spec_clear (&(*setup)->spec);
    free ((*setup)->judge_note);
    free (*setup);
    *setup = NULL;
}

job_options_t *setup_job (setup_t *setup)
{
    return &setup->job;
}

const config_t *setup_config (const setup_t *setup)
{
    return setup->config;
}

const judge_members_t *setup_judges (const setup_t *setup)
{
    return &setup->judges;
}
