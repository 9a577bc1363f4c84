#include <stdlib.h>

#include "base/mem.h"
#include "ops/cmd.h"
#include "ops/findings.h"
#include "ops/write_file.h"

enum { RULES_SHOWN = 20 };

static const cli_flag_t flags [] = {
    { "--html", "FILE", "where the page goes; without it DIR/RUN/report.html", NULL, false },
    { "--truth", "COLUMN", "rows say here which response is truly better: \"a\" or \"b\", or a number for each response", NULL, false },
    { "--weights", "FILE", "write what the policies entropy and diverse need of each rule", NULL, false },
    { "--seed", "S", "seed of samples and resamples", NULL, false },
    { 0 }
};

static status_t save_page (const findings_t *findings, const char *dir, const char *path, char **where, fault_t *fault)
{
    *where = path ? mem_string (path) : mem_printf ("%s/%s/report.html", dir, findings->name);
    buf_t page = { 0 };
    findings_html (findings, &page);
    status_t status = path ? OK : make_folder_of (*where, fault);
    if (status == OK)
        status = write_file (*where, page.data, page.len, fault);
    buf_free (&page);
    return status;
}

static status_t save_weights (const findings_t *findings, const char *path, fault_t *fault)
{
    buf_t text = { 0 };
    status_t status = findings_weights (findings, &text, fault);
    if (status == OK)
        status = write_file (path, text.data, text.len, fault);
    buf_free (&text);
    return status;
}

static status_t show (const findings_t *findings, const cli_t *cli, const char *page, fault_t *fault)
{
    buf_t text = { 0 };
    if (cli_has (cli, "--json"))
        findings_json (findings, &text);
    else {
        findings_text (findings, RULES_SHOWN, &text);
        buf_printf (&text, "\nPage       %s\n", page);
    }
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

static status_t report (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    size_t n;
    findings_options_t options = { .dir = cli_operands (cli, &n) [0], .run = cli_text (cli, "--run"), .truth = cli_text (cli, "--truth"), .seed = 1 };
    findings_t *findings = NULL;
    char *page = NULL;
    status_t status = cli_whole (cli, "--seed", 0, UINT64_MAX, &options.seed, fault);
    if (status == OK)
        status = findings_make (&options, &findings, fault);
    if (status == OK && cli_has (cli, "--weights"))
        status = save_weights (findings, cli_text (cli, "--weights"), fault);
    if (status == OK)
        status = save_page (findings, options.dir, cli_text (cli, "--html"), &page, fault);
    if (status == OK)
        status = show (findings, cli, page, fault);
    free (page);
    findings_destroy (&findings);
    return status;
}

const command_t command_report = {
    .cli = {
        .name = "report",
        .summary = "what a run's labels and rules show: margins, ties, who wins; which rules decide, inform, repeat others",
        .operands = "DIR", .operands_min = 1, .operands_max = 1,
        .about = "Of each rule, over exhaustively judged pairs: how often it is relevant, selected, decisive; its scores; which rule it\n"
                 "repeats; and, where rows give preferences or a hidden truth, how many bits it tells of them. Of the labels: margins,\n"
                 "ties, win rates of response models, length, cycles, agreement. For the terminal, as JSON, and as one HTML page that\n"
                 "needs no network.",
        .example = "rulemill report job --html report.html",
        .groups = { flags, cmd_run_flag, cmd_json_flag }
    },
    .run = report
};
