#include "ops/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/synth.h"
#include "ops/config.h"
#include "ops/spec.h"
#include "ops/write_file.h"

static const cli_flag_t flags [] = {
    { "--prompts", "N", "rows to write (1000)", NULL, false },
    { "--responses", "R", "responses of each prompt (4)", NULL, false },
    { "--seed", "S", "the same seed writes the same bytes (1)", NULL, false },
    { "--regime", "few|many", "few decisive rules, or many informative ones (few)", NULL, false },
    { "--out", "FILE", "where the corpus goes; without it standard output", NULL, false },
    { "--scores", "FILE", "also write noisy cell scores for the replay judge", NULL, false },
    { "--duplicates", "SHARE", "share of rows that repeat an earlier one (0)", NULL, false },
    { "--zipf", "S", "exponent of the prompts' frequencies; 0: each prompt once (0)", NULL, false },
    { "--rules", "FILE", "rule pool; without it the shipped one", NULL, false },
    { 0 }
};

static status_t sink_open (out_file_t *sink, const char *path, FILE *otherwise, fault_t *fault)
{
    size_t len = path ? strlen (path) : 0;
    if ((len > 3 && strcmp (path + len - 3, ".gz") == 0) || (len > 4 && strcmp (path + len - 4, ".zst") == 0))
        return fault_set (fault, ERR_USAGE, "%s: plain JSON Lines are written; leave out --out and pipe them to gzip or zstd", path);
    return out_file_open (sink, path, otherwise, fault);
}

static status_t sink_write (out_file_t *sink, const buf_t *bytes, fault_t *fault)
{
    if (fwrite (bytes->data, 1, bytes->len, sink->file) == bytes->len)
        return OK;
    return fault_set (fault, ERR_IO, "%s: %s", sink->name, strerror (errno));
}

static status_t read_options (const cli_t *cli, synth_options_t *options, fault_t *fault)
{
    uint64_t responses = options->responses;
    status_t status = cli_whole (cli, "--prompts", 1, SYNTH_PROMPTS_MAX, &options->prompts, fault);
    if (status == OK)
        status = cli_whole (cli, "--responses", SYNTH_RESPONSES_MIN, SYNTH_RESPONSES_MAX, &responses, fault);
    if (status == OK)
        status = cli_whole (cli, "--seed", 0, UINT64_MAX, &options->seed, fault);
    if (status == OK)
        status = cli_real (cli, "--duplicates", 0, 0.9, &options->duplicates, fault);
    if (status == OK)
        status = cli_real (cli, "--zipf", 0, 4, &options->zipf, fault);
    options->responses = (unsigned) responses;
    if (cli_has (cli, "--regime"))
        options->regime = cli_text (cli, "--regime");
    return status == OK ? synth_options_check (options, fault) : status;
}

static status_t write_rows (synth_t *synth, out_file_t *rows, out_file_t *scores, fault_t *fault)
{
    buf_t row = { 0 }, cells = { 0 };
    status_t status = OK;
    while (status == OK && synth_next_row (synth, &row, scores->file ? &cells : NULL)) {
        status = sink_write (rows, &row, fault);
        if (status == OK && cells.len > 0)
            status = sink_write (scores, &cells, fault);
        buf_clear (&row);
        buf_clear (&cells);
    }
    buf_free (&row);
    buf_free (&cells);
    return status;
}

static status_t generate (const cli_t *cli, const synth_options_t *options, const rulepool_t *pool, fault_t *fault)
{
    out_file_t rows = { 0 }, scores = { 0 };
    status_t status = sink_open (&rows, cli_text (cli, "--out"), stdout, fault);
    if (status == OK && cli_has (cli, "--scores"))
        status = sink_open (&scores, cli_text (cli, "--scores"), NULL, fault);
    if (status == OK) {
        synth_rule_t *rules = mem_zero (pool->count, sizeof *rules);
        for (size_t i = 0; i < pool->count; i++)
            rules [i] = (synth_rule_t) { pool->rules [i].id, pool->rules [i].category, pool->rules [i].polarity };
        synth_t *synth = synth_new (options, rules, pool->count);
        status = write_rows (synth, &rows, &scores, fault);
        synth_destroy (&synth);
        free (rules);
    }
    status = out_file_close (&rows, status, fault);
    return out_file_close (&scores, status, fault);
}

static status_t synth (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    synth_options_t options = synth_options_default ();
    status_t status = read_options (cli, &options, fault);
    config_t *config = config_new ();
    rulepool_t *pool = NULL;
    buf_t yaml = { 0 };
    if (status == OK && cli_has (cli, "--rules"))
        status = config_set (config, "rules.file", "--rules", cli_text (cli, "--rules"), fault);
    if (status == OK)
        status = fault_of_setting (spec_pool (config, &pool, &yaml, fault), fault);
    if (status == OK)
        status = generate (cli, &options, pool, fault);
    rulepool_destroy (&pool);
    buf_free (&yaml);
    config_destroy (&config);
    return status;
}

const command_t command_synth = {
    .cli = {
        .name = "synth",
        .summary = "write a synthetic corpus whose true preferences are known",
        .operands = "", .operands_min = 0, .operands_max = 0,
        .about = "A deterministic corpus in the style of safety data, made without a model; docs/SYNTH.md says how. Each row\n"
                 "states its hidden true preference as scores, which the summary of a job compares its labels with.",
        .example = "rulemill synth --prompts 1000 --responses 4 --seed 1 --out pairs.jsonl",
        .groups = { flags }
    },
    .run = synth
};
