#include "ops/cmd.h"

#include <inttypes.h>

#include "coordinator/job.h"

static status_t say (const char *dir, bool running, uint64_t count, fault_t *fault)
{
    buf_t text = { 0 };
    buf_printf (&text, "%" PRIu64 " pair%s that had been set aside %s judged again", count, count == 1 ? "" : "s",
                running ? "will be" : count == 1 ? "is due to be" : "are due to be");
    if (!running && count > 0)
        buf_printf (&text, ": rulemill label --out %s", dir);
    buf_add_char (&text, '\n');
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

static status_t retry_stored (const char *dir, const char *run, fault_t *fault)
{
    opened_t opened;
    uint64_t count = 0;
    status_t status = cmd_open (dir, run, false, &opened, fault);
    if (status == OK)
        status = job_retry (opened.store, opened.run, &count, fault);
    cmd_close (&opened);
    return status == OK ? say (dir, false, count, fault) : status;
}

static status_t retry (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    size_t n;
    const char *dir = cli_operands (cli, &n) [0], *run = cli_text (cli, "--run");
    buf_t request = { 0 }, answer = { 0 };
    json_doc_t *doc = json_doc_new ();
    const json_value_t *members = NULL;
    bool running;
    cmd_request (&request, "retry", run);
    buf_add_char (&request, '}');
    status_t status = cmd_ask (dir, &request, &running, &answer, doc, &members, fault);
    if (status == OK && !running)
        status = retry_stored (dir, run, fault);
    else if (status == OK) {
        int64_t count = 0;
        (void) json_int (json_get (members, "retried"), &count);
        status = say (dir, true, (uint64_t) count, fault);
    }
    json_doc_destroy (&doc);
    buf_free (&request);
    buf_free (&answer);
    return status;
}

const command_t command_retry = {
    .cli = {
        .name = "retry",
        .summary = "take pairs up again that were set aside while labelling",
        .operands = "DIR", .operands_min = 1, .operands_max = 1,
        .about = "Pairs that the judge could not answer, or that took workers with them, are forgotten as set aside. A running\n"
                 "job judges them at once; otherwise the next label does.",
        .example = "rulemill retry job",
        .groups = { cmd_run_flag }
    },
    .run = retry
};
