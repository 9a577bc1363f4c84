#include "ops/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bounded.h"
#include "base/log.h"
#include "base/mem.h"
#include "ops/adapter_eval.h"
#include "ops/adapter_inspect.h"
#include "ops/adapter_served.h"
#include "ops/adapter_train.h"
#include "ops/config_judge.h"
#include "ops/setup_flags.h"
#include "ops/write_file.h"

// What the child that learns may take beyond adapter.memory_mb: the program itself and the store's caches.
enum { BESIDES_MB = 1024 };

static const cli_flag_t flags [] = {
    { "--out", "FILE", "train: where the adapter goes", NULL, false },
    { "--report", "FILE", "train: measure it, and what half of the prompts would have taught; JSON into this file, written last", NULL, false },
    { "--quiet", NULL, "train: say nothing but errors", NULL, false },
    { "--beside", NULL, "train: read the store beside the job that holds it; for the job itself, which has to wait meanwhile", NULL, false },
    { "--widen", NULL, "train: have so many of the foreseen rules judged, up to auto.judged_max, that labels agree as often as auto.min_agreement", NULL, false },
    { "--all", NULL, "eval: over all prompts, not those alone that were kept from learning; for a corpus that it has not learnt from", NULL, false },
    { "--seed", "S", NULL, "run.seed", false },
    { "--config", "FILE", "YAML configuration; see rulemill help config", NULL, false },
    { "--set", "KEY=VALUE", "one key of the configuration (adapter.*)", NULL, true },
    { "--adapter-model", "NAME", "eval: of an adapter that is served", "adapter.model", false },
    { 0 }
};

// --- train -----------------------------------------------------------------

typedef struct { const char *dir, *run, *out, *report; config_t *config; bool json, quiet, beside, widen; } task_t;

static void tell (const task_t *task, const adapter_told_t *told, buf_t *out)
{
    char digest [DIGEST_HEX + 1];
    hex_encode (told->digest.b, DIGEST_BYTES, digest);
    if (task->json) {
        buf_printf (out, "{\"file\":");
        json_write_cstring (out, task->out);
        buf_printf (out, ",\"adapter\":\"%s\",\"form\":\"%s\",\"bytes\":%" PRIu64, digest, task->config->adapter.form, told->bytes);
        buf_printf (out, ",\"pairs\":%" PRIu64 ",\"validation_pairs\":%" PRIu64 ",\"test_pairs\":%" PRIu64 ",\"left_out\":%" PRIu64,
                    told->learnt, told->validation, told->test, told->left_out);
        buf_printf (out, ",\"lacking\":%" PRIu64 ",\"rows\":%zu,\"features\":%zu,\"memory_short\":%s}\n", told->lacking, told->rows,
                    told->columns, told->memory_short ? "true" : "false");
        return;
    }
    buf_printf (out, "adapter    %.12s, form %s, %" PRIu64 " bytes: %s\n", digest, task->config->adapter.form, told->bytes, task->out);
    buf_printf (out, "learnt     %" PRIu64 " pairs, %" PRIu64 " for validation; %zu features\n", told->learnt, told->validation, told->columns);
    buf_printf (out, "kept       %" PRIu64 " pairs for rulemill adapter eval %s %s\n", told->test, task->dir, task->out);
}

static void warn (const config_t *config, const adapter_told_t *told)
{
    if (told->left_out > 0)
        log_warn ("%" PRIu64 " judged pairs were not learnt from: %s", told->left_out, told->memory_short
                  ? "memory is short; raise adapter.memory_mb" : "adapter.max_pairs; raise it to learn from more");
    else if (told->memory_short)
        log_warn ("memory was short, so not all was learnt from; raise adapter.memory_mb (%" PRIu64 ")", config->adapter.memory_mb);
    if (told->lacking > 0)
        log_warn ("%" PRIu64 " labelled pairs lack the judge's word on some rule and were not learnt from", told->lacking);
}

// The seed and adapter.* that nobody gave are the run's.
static status_t take_over (const opened_t *opened, config_t *config, fault_t *fault)
{
    const char *stored = opened->run->config;
    status_t status = config_inherit (config, "stored configuration", stored, "adapter.", fault);
    return status == OK ? config_inherit (config, "stored configuration", stored, "run.seed", fault) : status;
}

static status_t learn_and_write (const task_t *task, const opened_t *opened, adapter_told_t *told, fault_t *fault)
{
    buf_t bytes = { 0 }, report = { 0 };
    status_t status = adapter_train (task->dir, opened, task->config, &bytes, told, fault);
    bool nothing = status == ERR_NOT_FOUND && told->lacking == 0 && task->report;     // a sample of hardly any prompts: that is its result
    if (nothing)
        status = OK;
    if (status == OK && !nothing && task->widen)
        status = adapter_train_judged (task->dir, opened, task->config, &bytes, told, fault);
    if (status == OK)
        status = write_file (task->out, bytes.data, bytes.len, fault);
    if (status == OK && nothing)
        adapter_train_nothing (&report);
    else if (status == OK && task->report)
        status = adapter_train_report (task->dir, opened, task->config, &bytes, told, &report, fault);
    if (status == OK && task->report)
        status = write_file (task->report, report.data, report.len, fault);
    buf_free (&bytes);
    buf_free (&report);
    return status;
}

static status_t train_in_child (void *ctx, fault_t *fault)
{
    const task_t *task = ctx;
    opened_t opened;
    adapter_told_t told;
    buf_t text = { 0 };
    status_t status = task->beside ? cmd_open_beside (task->dir, task->run, &opened, fault)
                                   : cmd_open (task->dir, task->run, true, &opened, fault);
    if (status == OK)
        status = take_over (&opened, task->config, fault);
    if (status == OK)
        status = learn_and_write (task, &opened, &told, fault);
    cmd_close (&opened);
    if (status == OK && !task->quiet) {
        warn (task->config, &told);
        tell (task, &told, &text);
        status = cmd_print (&text, fault);
    }
    buf_free (&text);
    return status;
}

static status_t train (const cli_t *cli, const char *dir, fault_t *fault)
{
    if (!cli_has (cli, "--out"))
        return fault_set (fault, ERR_USAGE, "adapter train: say where the adapter goes with --out FILE");
    config_t *config = config_new ();
    status_t status = setup_configure (config, cli, fault);
    task_t task = { dir, cli_text (cli, "--run"), cli_text (cli, "--out"), cli_text (cli, "--report"), config,
                    cli_has (cli, "--json"), cli_has (cli, "--quiet"), cli_has (cli, "--beside"), cli_has (cli, "--widen") };
    if (task.quiet)
        log_setup (LOG_ERROR, NULL);
    if (status == OK)
        status = write_file_check (task.out, fault);
    if (status == OK && task.report)
        status = write_file_check (task.report, fault);
    if (status == OK)
        status = bounded_run ((config->adapter.memory_mb + BESIDES_MB) << 20, "raise adapter.memory_mb, or lower adapter.max_pairs",
                              train_in_child, &task, fault);
    config_destroy (&config);
    return status;
}

// --- all of them -----------------------------------------------------------

static status_t eval (const cli_t *cli, const char *dir, const char *file, fault_t *fault)
{
    opened_t opened = { 0 };
    adapter_t *adapter = NULL;
    buf_t text = { 0 };
    status_t status = fault_of_setting (adapter_open_file (file, &adapter, fault), fault);
    if (status == OK)
        status = cmd_open (dir, cli_text (cli, "--run"), true, &opened, fault);
    if (status == OK)
        status = adapter_eval (dir, &opened, adapter, cli_has (cli, "--all"), cli_has (cli, "--json"), &text, fault);
    if (status == OK)
        status = cmd_print (&text, fault);
    buf_free (&text);
    cmd_close (&opened);
    adapter_destroy (&adapter);
    return status;
}

// The configuration of a served adapter, whose URLs take the file's place.
static status_t served_of (const cli_t *cli, const char *urls, config_t *config, adapter_setup_t *out, fault_t *fault)
{
    status_t status = setup_configure (config, cli, fault);
    if (status == OK)
        status = config_set (config, "policy.adapter", "adapter eval", urls, fault);
    if (status == OK)
        status = adapter_setup_take (config, fault);
    return status == OK ? adapter_setup_fill (config, out, fault) : status;
}

static status_t eval_served (const cli_t *cli, const char *dir, const char *urls, fault_t *fault)
{
    opened_t opened = { 0 };
    adapter_served_t served = { 0 };
    adapter_setup_t setup = { 0 };
    buf_t text = { 0 };
    config_t *config = config_new ();
    status_t status = served_of (cli, urls, config, &setup, fault);
    if (status == OK)
        status = cmd_open (dir, cli_text (cli, "--run"), true, &opened, fault);
    if (status == OK)
        status = adapter_served_ask (&setup, &opened, &served, fault);
    if (status == OK)
        status = adapter_eval_served (dir, &opened, &served, cli_has (cli, "--json"), &text, fault);
    if (status == OK)
        status = cmd_print (&text, fault);
    buf_free (&text);
    adapter_served_clear (&served);
    cmd_close (&opened);
    adapter_setup_clear (&setup);
    config_destroy (&config);
    return status;
}

static status_t inspect (const cli_t *cli, const char *file, const char *rule, fault_t *fault)
{
    adapter_t *adapter = NULL;
    buf_t text = { 0 };
    status_t status = fault_of_setting (adapter_open_file (file, &adapter, fault), fault);
    if (status == OK)
        status = adapter_inspect (adapter, rule, cli_has (cli, "--json"), &text, fault);
    if (status == OK)
        status = cmd_print (&text, fault);
    buf_free (&text);
    adapter_destroy (&adapter);
    return status;
}

static status_t adapter (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    size_t n;
    const char *const *words = cli_operands (cli, &n);
    if (strcmp (words [0], "train") == 0 && n == 2)
        return train (cli, words [1], fault);
    if (strcmp (words [0], "eval") == 0 && n == 3)
        return config_judge_is_url (words [2]) ? eval_served (cli, words [1], words [2], fault) : eval (cli, words [1], words [2], fault);
    if (strcmp (words [0], "inspect") == 0 && (n == 2 || n == 3))
        return inspect (cli, words [1], n == 3 ? words [2] : NULL, fault);
    return fault_set (fault, ERR_USAGE, "say adapter train DIR --out FILE, adapter eval DIR FILE, or adapter inspect FILE [RULE]");
}

const command_t command_adapter = {
    .cli = {
        .name = "adapter",
        .summary = "foresee which rules decide a pair: learn it from judged pairs, measure it, look into it",
        .operands = "train DIR | eval DIR FILE|URL | inspect FILE [RULE]", .operands_min = 2, .operands_max = 3,
        .about = "train learns, from the pairs of a run that were judged by every rule, to foresee which rules exhaustive selection\n"
                 "picks; --set adapter.KEY=VALUE says how. eval holds it against exhaustive selection on prompts that were kept\n"
                 "from learning, beside random rules, the most frequent ones and an adapter that sees the prompt alone, all with\n"
                 "95 % intervals; a served adapter (its URL, --adapter-model NAME) is asked about all judged pairs. inspect says\n"
                 "what speaks for a rule. docs/ADAPTER.md has the figures.",
        .example = "rulemill adapter train job --out rules.adapter && rulemill adapter eval job rules.adapter",
        .groups = { flags, cmd_run_flag, cmd_json_flag }
    },
    .run = adapter
};
