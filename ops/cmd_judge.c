#include "ops/cmd_agreement.h"
#include "ops/cmd_batch.h"
#include "ops/cmd_judge_eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ops/config_write.h"
#include "ops/judge_setup.h"
#include "ops/probe.h"
#include "ops/setup_flags.h"

static const cli_flag_t flags [] = {
    { "--model", "NAME", NULL, "judge.model", false },
    { "--config", "FILE", "YAML configuration; see rulemill help config", NULL, false },
    { "--set", "KEY=VALUE", "one key of the configuration", NULL, true },
    { "--write", "FILE", "probe: set what was found in this YAML configuration", NULL, false },
    { 0 }
};

static status_t show (const probe_report_t *report, bool json, fault_t *fault)
{
    buf_t text = { 0 };
    if (json) {
        probe_json (report, &text);
        buf_add_char (&text, '\n');
    } else
        probe_text (report, &text);
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

// What mends what is wrong, and the tie margin.
static status_t write_found (const probe_report_t *report, const char *path, fault_t *fault)
{
    config_line_t lines [PROBE_MENDS_MAX + 1];
    char margin [32];
    size_t n = 0;
    for (; n < report->n_mends; n++)
        lines [n] = (config_line_t) { report->mend [n].key, report->mend [n].value };
    snprintf (margin, sizeof margin, "%g", report->tie_margin);
    if (report->tie_margin >= 0)
        lines [n++] = (config_line_t) { "run.tie_margin", margin };
    if (n == 0) {
        log_warn ("%s: nothing is written, as nothing was found to set", path);
        return OK;
    }
    status_t status = config_write_file (path, lines, n, fault);
    for (size_t i = 0; i < n && status == OK; i++)
        log_info ("%s: %s is set to %s", path, lines [i].key, lines [i].value);
    return status;
}

// The URL that is given, or else the one that label would ask: the configuration's, or OPENAI_BASE_URL.
static status_t take_url (config_t *config, const char *const *words, size_t n_words, fault_t *fault)
{
    const char *variable = getenv ("OPENAI_BASE_URL");
    size_t configured = config->judge.urls.count;
    if (n_words > 2)
        return fault_set (fault, ERR_USAGE, "say judge probe URL; one endpoint is asked at a time");
    if (n_words == 2)
        return config_set (config, "judge.urls", "judge probe", words [1], fault);
    if (configured > 1)
        return fault_set (fault, ERR_USAGE, "the configuration has %zu endpoints; say which is asked: judge probe URL", configured);
    if (configured == 0 && (variable == NULL || *variable == '\0'))
        return fault_set (fault, ERR_USAGE, "say judge probe URL, or set OPENAI_BASE_URL");
    return judge_setup_endpoint (config, fault);
}

static status_t probe (const cli_t *cli, const char *const *words, size_t n_words, int *exit_code, fault_t *fault)
{
    config_t *config = config_new ();
    probe_report_t report;
    status_t status = setup_configure (config, cli, fault);
    if (status == OK)
        status = take_url (config, words, n_words, fault);
    // One endpoint is asked, whatever the weights of several may be.
    if (status == OK)
        status = config_set_names (config, "judge.weights", "judge probe", NULL, 0, fault);
    if (status == OK)
        status = probe_run (config, config->judge.urls.items [0], &(probe_options_t) { .depth = PROBE_FULL }, &report, fault);
    if (status == OK)
        status = show (&report, cli_has (cli, "--json"), fault);
    if (status == OK && cli_has (cli, "--write"))
        status = write_found (&report, cli_text (cli, "--write"), fault);
    if (status == OK && report.state != PROBE_FIT)
        *exit_code = EXIT_FAILED;
    config_destroy (&config);
    return status;
}

static status_t judge (const cli_t *cli, int *exit_code, fault_t *fault)
{
    size_t count;
    const char *const *words = cli_operands (cli, &count);
    if (strcmp (words [0], "probe") == 0)
        return probe (cli, words, count, exit_code, fault);
    if (strcmp (words [0], "batch-export") == 0)
        return cmd_batch_export (cli, words + 1, count - 1, fault);
    if (strcmp (words [0], "batch-import") == 0)
        return cmd_batch_import (cli, words + 1, count - 1, exit_code, fault);
    if (strcmp (words [0], "eval") == 0)
        return cmd_judge_eval (cli, words + 1, count - 1, exit_code, fault);
    if (strcmp (words [0], "agreement") == 0)
        return cmd_agreement (cli, words + 1, count - 1, fault);
    return fault_set (fault, ERR_USAGE, "judge: unknown word \"%.64s\"; say judge probe URL, judge eval ROWS|DIR, judge agreement DIR, "
                      "judge batch-export DIR or judge batch-import DIR", words [0]);
}

const command_t command_judge = {
    .cli = {
        .name = "judge",
        .summary = "ask a server whether it is fit to judge; hold a judge against people; judge by files, for batch services",
        .operands = "probe [URL] | eval ROWS|DIR | agreement DIR | batch-export DIR | batch-import DIR FILE...", .operands_min = 1, .operands_max = SIZE_MAX,
        .about = "probe says of an OpenAI-compatible server whether it can be reached, takes the key, has the model, returns log-\n"
                 "probabilities and knows the labels, with the mend where it does not; then how long conversations may be,\n"
                 "whether it has a prefix cache, and a tie margin by the noise of repeated answers. About six calls. Without URL it\n"
                 "asks the endpoint of the configuration (--config, judge.urls), or else of OPENAI_BASE_URL.\n"
                 "eval ROWS takes single responses of which people said whether propositions hold, and gives the AUC of the judge's\n"
                 "scores; eval DIR gives the agreement of a job's labels with the preferences in its rows, for all runs or one. Both\n"
                 "with 95 % intervals and beside what needs no judge.\n"
                 "agreement says how far the judges of a panel agree (Krippendorff's alpha), and how far one that was asked again\n"
                 "(judge.repeat_share) agrees with itself: the scatter of scores, and how often labels would flip, by margin.\n"
                 "batch-export writes what a run has still to ask as OpenAI Batch JSON Lines (label --plan begins a run that\n"
                 "asks nothing), batch-import reads the result files: in any order, in pieces, with errors, twice.",
        .example = "rulemill judge probe http://localhost:8000/v1 --model NAME",
        .groups = { flags, cmd_judge_eval_flags, cmd_batch_flags, cmd_run_flag, cmd_json_flag }
    },
    .run = judge
};
