#include "ops/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/run_cells.h"
#include "ops/named_files.h"
#include "ops/progress.h"
#include "ops/judge_setup.h"
#include "ops/setup_flags.h"

static const cli_flag_t flags [] = {
    { "--format", "FORMAT", NULL, "export.format", false },
    { "--to", "FOLDER", "a folder of your own; without it DIR/RUN/dataset, and the link DIR/dataset", NULL, false },
    { "--min-margin", "M", NULL, "export.min_margin", false },
    { "--max-per-prompt", "N", NULL, "export.max_per_prompt", false },
    { "--where", "KEY=VALUE", "rows where a column, or a field of meta, has this value", NULL, true },
    { "--validation-share", "SHARE", NULL, "export.validation_share", false },
    { "--responses", NULL, "also responses.jsonl: each response with its scores", NULL, false },
    { "--cells", NULL, "also cells.jsonl: what the judge said, as replay reads it", NULL, false },
    { "--zstd", NULL, NULL, "export.zstd", false },
    { "--sign", "KEY", NULL, "export.sign", false },
    { 0 }
};

// --- of a stored job -------------------------------------------------------

// What a signal handler has to reach.
static dataset_progress_t progress;

static void interrupt (void)
{
    progress.stop = true;
}

// The options, with lists that borrow from cli; the caller frees where.
static status_t read_options (const cli_t *cli, const config_t *config, dataset_options_t *options, fault_t *fault)
{
    *options = setup_dataset (config);
    options->out = cli_text (cli, "--to");
    options->responses = cli_has (cli, "--responses");
    options->cells = cli_has (cli, "--cells");
    size_t count = cli_count (cli, "--where");
    const char **where = mem_zero (count, sizeof *where);
    options->where = where;
    options->n_where = count;
    for (size_t i = 0; i < count; i++) {
        where [i] = cli_nth (cli, "--where", i);
        const char *equals = strchr (where [i], '=');
        if (equals == NULL || equals == where [i])
            return fault_set (fault, ERR_USAGE, "--where %.200s: write key=value, for example --where source=hh", where [i]);
    }
    return OK;
}

static status_t say (const dataset_report_t *report, fault_t *fault)
{
    buf_t text = { 0 };
    buf_printf (&text, "%s: train ", report->path);
    progress_count (&text, report->train);
    buf_add_str (&text, ", validation ");
    progress_count (&text, report->validation);
    buf_add_str (&text, ", ties ");
    progress_count (&text, report->ties);
    if (report->filtered > 0) {
        buf_add_str (&text, "; left out by filters ");
        progress_count (&text, report->filtered);
    }
    buf_add_char (&text, '\n');
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

static status_t export_stored (const cli_t *cli, config_t *config, const char *dir, fault_t *fault)
{
    opened_t opened;
    dataset_options_t options = { 0 };
    dataset_report_t *report = mem_zero (1, sizeof *report);
    char *note = NULL;
    status_t status = cmd_open (dir, cli_text (cli, "--run"), true, &opened, fault);
    if (status == OK)
        status = config_inherit (config, "stored configuration", opened.run->config, "export.", fault);
    if (status == OK)
        status = read_options (cli, config, &options, fault);
    if (status == OK)
        status = named_files_check_sign (options.sign_key, fault);
    if (status == OK) {
        options.dir = dir;
        options.rules = opened.rules;
        options.rule_digests = opened.digests;
        options.n_rules = opened.pool->count;
        note = judge_setup_note_stored (opened.run->spec, opened.run->config);
        options.judge_note = note;
        options.cells_of = run_cells_get;
        cmd_on_interrupt (interrupt);
        status = dataset_export (opened.store, opened.run, &options, &progress, report, fault);
    }
    if (status == OK)
        status = say (report, fault);
    free (report);
    free ((void *) options.where);
    free (note);
    cmd_close (&opened);
    return status;
}

// --- of a running job ------------------------------------------------------

// A path as the running job's process understands it.
static status_t add_path (buf_t *request, const char *key, const char *path, fault_t *fault)
{
    char here [PATH_MAX];
    if (path == NULL)
        return OK;
    if (*path != '/' && getcwd (here, sizeof here) == NULL)
        return fault_set (fault, ERR_IO, "the current folder is unknown: %s; give %s as a whole path", strerror (errno), path);
    char *whole = *path == '/' ? mem_string (path) : mem_printf ("%s/%s", here, path);
    json_write_key (request, key);
    json_write_cstring (request, whole);
    free (whole);
    return OK;
}

// What was given alone: the job knows the rest, as it was configured.
static void add_given (const config_t *config, const dataset_options_t *options, buf_t *request)
{
    if (config_given (config, "export.format")) {
        json_write_key (request, "format");
        json_write_cstring (request, config->export.format);
    }
    if (config_given (config, "export.min_margin")) {
        json_write_key (request, "min_margin");
        buf_printf (request, "%" PRId64, options->min_margin);
    }
    if (config_given (config, "export.max_per_prompt")) {
        json_write_key (request, "max_per_prompt");
        buf_printf (request, "%" PRIu64, options->max_per_prompt);
    }
    json_member_flag (request, "zstd", options->zstd);
    json_member_flag (request, "responses", options->responses);
    json_member_flag (request, "cells", options->cells);
}

static status_t write_request (const cli_t *cli, const config_t *config, buf_t *request, fault_t *fault)
{
    dataset_options_t options;
    status_t status = read_options (cli, config, &options, fault);
    cmd_request (request, "export", cli_text (cli, "--run"));
    add_given (config, &options, request);
    if (options.n_where > 0) {
        json_write_key (request, "where");
        buf_add_char (request, '[');
        for (size_t i = 0; i < options.n_where; i++) {
            buf_add_str (request, i ? "," : "");
            json_write_cstring (request, options.where [i]);
        }
        buf_add_char (request, ']');
    }
    if (status == OK)
        status = add_path (request, "to", options.out, fault);
    buf_add_char (request, '}');
    free ((void *) options.where);
    return status;
}

static status_t say_answer (const json_value_t *members, fault_t *fault)
{
    dataset_report_t report = {
        .train = json_count_of (members, "train"), .validation = json_count_of (members, "validation"),
        .ties = json_count_of (members, "ties"), .filtered = json_count_of (members, "filtered")
    };
    const json_value_t *path = json_get (members, "path");
    if (json_is (path, JSON_STRING) && path->len < sizeof report.path)
        memcpy (report.path, path->text, path->len + 1);
    return say (&report, fault);
}

// A job splits and signs as it was told when it began.
static status_t check_given (const config_t *config, fault_t *fault)
{
    if (config_given (config, "export.sign") || config_given (config, "export.validation_share"))
        return fault_set (fault, ERR_USAGE, "--sign and --validation-share can't be changed while the job runs; export when it has ended");
    return OK;
}

static status_t export_running (const cli_t *cli, const config_t *config, const char *dir, bool *running, fault_t *fault)
{
    buf_t request = { 0 }, answer = { 0 };
    json_doc_t *doc = json_doc_new ();
    const json_value_t *members = NULL;
    status_t status = write_request (cli, config, &request, fault);
    if (status == OK)
        status = cmd_ask (dir, &request, running, &answer, doc, &members, fault);
    if (status == OK && *running)
        status = say_answer (members, fault);
    json_doc_destroy (&doc);
    buf_free (&request);
    buf_free (&answer);
    return status;
}

static status_t export (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    size_t n;
    const char *dir = cli_operands (cli, &n) [0];
    config_t *config = config_new ();
    bool running = false;
    status_t status = setup_configure (config, cli, fault);
    if (status == OK)
        status = cmd_runs (dir, &running, fault);
    if (status == OK && running)
        status = check_given (config, fault);
    if (status == OK && running)
        status = export_running (cli, config, dir, &running, fault);
    if (status == OK && !running)
        status = export_stored (cli, config, dir, fault);
    config_destroy (&config);
    return status;
}

const command_t command_export = {
    .cli = {
        .name = "export",
        .summary = "write a run's dataset again, in another format or filtered",
        .operands = "DIR", .operands_min = 1, .operands_max = 1,
        .about = "Works beside a running job too. Without flags the dataset comes out as the job was configured to write it.",
        .example = "rulemill export job --format implicit --min-margin 0.2 --to trl-data",
        .groups = { flags, cmd_run_flag }
    },
    .run = export
};
