#include "ops/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/run_cells.h"
#include "ops/named_files.h"
#include "ops/progress.h"
#include "ops/judge_setup.h"
#include "ops/setup_flags.h"
#include "proto/endpoint.h"
#include "storage/dataset_join.h"

static const cli_flag_t flags [] = {
    { "--format", "FORMAT", NULL, "export.format", false },
    { "--to", "FOLDER", "a folder of your own; without it DIR/RUN/dataset, and the link DIR/dataset", NULL, false },
    { "--join", NULL, "one dataset of the parts of a corpus, whose folders are given", NULL, false },
    { "--partial", NULL, "with --join: also where pairs have no label yet", NULL, false },
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
    options->all_labelled = cli_has (cli, "--join") && !cli_has (cli, "--partial");
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

// The run of the first source, as its job was configured to export it; those of the others are the same.
static status_t export_from (const cli_t *cli, config_t *config, const opened_t *opened, const dataset_source_t *sources, size_t n, fault_t *fault)
{
    const Rulemill__RunRecord *run = sources->run;
    dataset_options_t options = { 0 };
    dataset_report_t *report = mem_zero (1, sizeof *report);
    char *note = NULL;
    status_t status = config_inherit (config, "stored configuration", run->config, "export.", fault);
    if (status == OK)
        status = read_options (cli, config, &options, fault);
    if (status == OK)
        status = named_files_check_sign (options.sign_key, fault);
    if (status == OK) {
        options.dir = sources->dir;
        options.rules = opened->rules;
        options.rule_digests = opened->digests;
        options.n_rules = opened->pool->count;
        note = judge_setup_note_stored (run->spec, run->config);
        options.judge_note = note;
        options.cells_of = run_cells_get;
        cmd_on_interrupt (interrupt);
        status = n == 1 ? dataset_export (sources->store, run, &options, &progress, report, fault)
                        : dataset_join (sources, n, &options, &progress, report, fault);
    }
    if (status == OK)
        status = say (report, fault);
    free (report);
    free ((void *) options.where);
    free (note);
    return status;
}

static status_t export_stored (const cli_t *cli, config_t *config, const char *dir, fault_t *fault)
{
    opened_t opened;
    status_t status = cmd_open (dir, cli_text (cli, "--run"), true, &opened, fault);
    const dataset_source_t source = { opened.store, opened.run, dir };
    if (status == OK)
        status = export_from (cli, config, &opened, &source, 1, fault);
    cmd_close (&opened);
    return status;
}

// --- of the parts of a corpus ----------------------------------------------

// Opened twice, a store would be in this process's own way.
static status_t check_twice (const char *const *dirs, size_t n, fault_t *fault)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            struct stat a, b;
            if (stat (dirs [i], &a) == 0 && stat (dirs [j], &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
                return fault_set (fault, ERR_USAGE, "%s is given twice; name each part once", dirs [i]);
        }
    return OK;
}

static status_t open_parts (const cli_t *cli, const char *const *dirs, size_t n, opened_t *opened, dataset_source_t *parts, fault_t *fault)
{
    status_t status = check_twice (dirs, n, fault);
    endpoint_setup ();      // each store has files open
    for (size_t i = 0; i < n && status == OK; i++) {
        bool running = false;
        status = cmd_runs (dirs [i], &running, fault);
        if (status == OK && running)
            status = fault_set (fault, ERR_BUSY, "a job is at work in %s; join the parts when it has ended", dirs [i]);
        if (status == OK)
            status = cmd_open_among (dirs [i], cli_text (cli, "--run"), n, &opened [i], fault);
        if (status != OK && strstr (fault->text, dirs [i]) == NULL)
            fault_prefix (fault, "%s", dirs [i]);
        parts [i] = (dataset_source_t) { opened [i].store, opened [i].run, dirs [i] };
    }
    return status;
}

static status_t join (const cli_t *cli, config_t *config, const char *const *dirs, size_t n, fault_t *fault)
{
    if (cli_text (cli, "--to") == NULL)
        return fault_set (fault, ERR_USAGE, "--join needs --to FOLDER, where the dataset is to stand");
    if (n > CORPUS_PARTS_MAX)
        return fault_set (fault, ERR_USAGE, "--join takes %d folders at most (%zu given)", CORPUS_PARTS_MAX, n);
    opened_t *opened = mem_zero (n, sizeof *opened);
    dataset_source_t *parts = mem_zero (n, sizeof *parts);
    status_t status = open_parts (cli, dirs, n, opened, parts, fault);
    if (status == OK)
        status = dataset_join_check (parts, n, !cli_has (cli, "--partial"), fault);
    if (status == OK)
        status = export_from (cli, config, opened, parts, n, fault);
    for (size_t i = 0; i < n; i++)
        cmd_close (&opened [i]);
    free (opened);
    free (parts);
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

static status_t export_one (const cli_t *cli, config_t *config, const char *dir, fault_t *fault)
{
    bool running = false;
    status_t status = cmd_runs (dir, &running, fault);
    if (status == OK && running)
        status = check_given (config, fault);
    if (status == OK && running)
        status = export_running (cli, config, dir, &running, fault);
    if (status == OK && !running)
        status = export_stored (cli, config, dir, fault);
    return status;
}

static status_t export (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    size_t n;
    const char *const *dirs = cli_operands (cli, &n);
    bool joins = cli_has (cli, "--join");
    if (n > 1 && !joins)
        return fault_set (fault, ERR_USAGE, "%zu folders are given; one dataset of the parts of a corpus is made with --join", n);
    if (!joins && cli_has (cli, "--partial"))
        return fault_set (fault, ERR_USAGE, "--partial is for --join; one folder is exported with the labels that it has");
    config_t *config = config_new ();
    status_t status = setup_configure (config, cli, fault);
    if (status == OK)
        status = joins ? join (cli, config, dirs, n, fault) : export_one (cli, config, dirs [0], fault);
    config_destroy (&config);
    return status;
}

const command_t command_export = {
    .cli = {
        .name = "export",
        .summary = "write a run's dataset again, in another format or filtered",
        .operands = "DIR | --join DIR...", .operands_min = 1, .operands_max = SIZE_MAX,
        .about = "Works beside a running job too. Without flags the dataset comes out as the job was configured to write it.\n"
                 "--join makes one dataset of all parts of a corpus (label --part i/N), as one job on the whole corpus does:\n"
                 "rulemill export --join part-1 part-2 part-3 part-4 --to dataset",
        .example = "rulemill export job --format implicit --min-margin 0.2 --to trl-data",
        .groups = { flags, cmd_run_flag }
    },
    .run = export
};
