#include "ops/cmd_batch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ops/batch_export.h"
#include "ops/batch_import.h"
#include "ops/progress.h"

// OpenAI's limits are 50,000 requests and 200 MB in one file.
enum { REQUESTS_MAX = 50000, BYTES_MAX = 190 * 1000 * 1000 };

const cli_flag_t cmd_batch_flags [] = {
    { "--to", "FOLDER", "batch-export: where the request files go", NULL, false },
    { "--max-requests", "N", "batch-export: requests of one file, 50000", NULL, false },
    { "--max-bytes", "N", "batch-export: bytes of one file, 190M", NULL, false },
    { "--limit", "N", "batch-export: what label --limit N needs", NULL, false },
    { 0 }
};

// --- export ----------------------------------------------------------------

static status_t say_exported (const char *dir, const batch_export_report_t *report, const char *folder, fault_t *fault)
{
    buf_t text = { 0 };
    if (report->requests == 0 && report->more_phases)
        buf_printf (&text, "nothing is missing of this phase of policy auto: rulemill label --out %s --no-calls goes on, then export again\n", dir);
    else if (report->requests == 0)
        buf_printf (&text, "nothing is missing: rulemill label --out %s makes no call%s\n", dir,
                    report->hopeless ? " but for what could not be read" : "");
    else {
        progress_count (&text, report->requests);
        buf_printf (&text, " request%s about ", report->requests == 1 ? "" : "s");
        progress_count (&text, report->responses);
        buf_printf (&text, " response%s in ", report->responses == 1 ? "" : "s");
        progress_count (&text, report->files);
        buf_printf (&text, " file%s of ", report->files == 1 ? "" : "s");
        progress_count (&text, report->bytes);
        buf_printf (&text, " bytes: %s/batch-*.jsonl\nthen: rulemill judge batch-import %s RESULTS...\n", folder, dir);
    }
    if (report->requests > 0 && report->more_phases)
        buf_printf (&text, "these are of the present phase of policy auto; then rulemill label --out %s --no-calls goes on, then export again\n", dir);
    if (report->hopeless > 0) {
        progress_count (&text, report->hopeless);
        buf_add_str (&text, " left out, as their answers could not be read before; label asks these of the server\n");
    }
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

status_t cmd_batch_export (const cli_t *cli, const char *const *words, size_t n_words, fault_t *fault)
{
    batch_export_options_t options = { .folder = cli_text (cli, "--to"), .requests_max = REQUESTS_MAX, .bytes_max = BYTES_MAX };
    if (n_words != 1 || options.folder == NULL)
        return fault_set (fault, ERR_USAGE, "say judge batch-export DIR --to FOLDER");
    batch_export_report_t report;
    batch_run_t run = { .samples = 0 };
    status_t status = cli_whole (cli, "--max-requests", 1, UINT64_MAX, &options.requests_max, fault);
    if (status == OK)
        status = cli_whole (cli, "--max-bytes", 1, UINT64_MAX, &options.bytes_max, fault);
    if (status == OK)
        status = cli_whole (cli, "--limit", 1, UINT64_MAX, &options.limit, fault);
    if (status == OK)
        status = batch_run_open (words [0], cli_text (cli, "--run"), &run, fault);
    if (status == OK)
        status = batch_export (&run, &options, &report, fault);
    batch_run_close (&run);
    return status == OK ? say_exported (words [0], &report, options.folder, fault) : status;
}

// --- import ----------------------------------------------------------------

static void add_tally (const char *what, const batch_tally_t *tally, buf_t *out)
{
    if (tally->n == 0)
        return;
    buf_add_str (out, "  ");
    progress_count (out, tally->n);
    buf_printf (out, " %s; %s%s\n", what, tally->n > 1 ? "the first: " : "", tally->first);
}

static uint64_t not_taken (const batch_import_report_t *r)
{
    return r->errors.n + r->unreadable.n + r->foreign.n + r->malformed.n + r->torn.n;
}

static status_t say_imported (const char *dir, const batch_import_report_t *report, fault_t *fault)
{
    buf_t text = { 0 };
    progress_count (&text, report->lines);
    buf_printf (&text, " line%s: ", report->lines == 1 ? "" : "s");
    progress_count (&text, report->imported);
    buf_add_str (&text, " imported, ");
    progress_count (&text, report->known);
    buf_add_str (&text, " known already, ");
    progress_count (&text, not_taken (report));
    buf_add_str (&text, " not taken\n");
    add_tally ("errors of the service", &report->errors, &text);
    add_tally ("unreadable answers", &report->unreadable, &text);
    add_tally ("of another store or judge", &report->foreign, &text);
    add_tally ("not JSON", &report->malformed, &text);
    add_tally ("cut off", &report->torn, &text);
    if (report->to_constrain > 0)
        buf_add_str (&text, "the next batch-export asks for unreadable ones with the constraint\n");
    if (not_taken (report) > 0)
        buf_printf (&text, "what is missing: rulemill judge batch-export %s --to FOLDER\n", dir);
    buf_printf (&text, "to label from the answers: rulemill label --out %s\n", dir);
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

status_t cmd_batch_import (const cli_t *cli, const char *const *words, size_t n_words, int *exit_code, fault_t *fault)
{
    if (n_words < 2)
        return fault_set (fault, ERR_USAGE, "say judge batch-import DIR RESULTS...");
    batch_import_report_t *report = mem_zero (1, sizeof *report);
    batch_run_t run = { .samples = 0 };
    status_t status = batch_run_open (words [0], cli_text (cli, "--run"), &run, fault);
    if (status == OK)
        status = batch_import (&run, words + 1, n_words - 1, report, fault);
    batch_run_close (&run);
    if (status == OK)
        status = say_imported (words [0], report, fault);
    if (status == OK && not_taken (report) > 0)
        *exit_code = EXIT_SET_ASIDE;
    free (report);
    return status;
}
