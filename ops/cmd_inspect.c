#include "ops/cmd.h"

#include "ops/inspect_view.h"
#include "storage/inspect.h"

// The object about a pair, of a running job: its answer's member.
static status_t ask (const char *dir, const char *run, const char *pair, bool *running, buf_t *json, fault_t *fault)
{
    buf_t request = { 0 }, answer = { 0 };
    json_doc_t *doc = json_doc_new ();
    const json_value_t *members = NULL;
    cmd_request (&request, "inspect", run);
    json_write_key (&request, "pair");
    json_write_cstring (&request, pair);
    buf_add_char (&request, '}');
    status_t status = cmd_ask (dir, &request, running, &answer, doc, &members, fault);
    const json_value_t *inspected = status == OK && *running ? json_get (members, "inspect") : NULL;
    if (inspected)
        json_write_value (json, inspected);
    else if (status == OK && *running)
        status = fault_set (fault, ERR_IO, "%s: the running job's answer lacks what was asked for", dir);
    json_doc_destroy (&doc);
    buf_free (&request);
    buf_free (&answer);
    return status;
}

static status_t read_stored (const char *dir, const char *run, const char *pair, buf_t *json, fault_t *fault)
{
    opened_t opened;
    status_t status = cmd_open (dir, run, true, &opened, fault);
    if (status == OK)
        status = inspect_pair (opened.store, opened.run, opened.rules, opened.pool->count, pair, json, fault);
    cmd_close (&opened);
    return status;
}

static status_t show (buf_t *json, bool as_json, fault_t *fault)
{
    buf_t text = { 0 };
    json_doc_t *doc = json_doc_new ();
    const json_value_t *inspected;
    status_t status = json_parse (doc, json->data, json->len, &inspected, fault);
    if (status == OK && as_json) {
        buf_add (&text, json->data, json->len);
        buf_add_char (&text, '\n');
    } else if (status == OK)
        inspect_view (inspected, &text);
    if (status == OK)
        status = cmd_print (&text, fault);
    json_doc_destroy (&doc);
    buf_free (&text);
    return status;
}

static status_t inspect (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    size_t n;
    const char *const *operands = cli_operands (cli, &n);
    const char *dir = operands [0], *pair = operands [1], *run = cli_text (cli, "--run");
    bool running;
    buf_t json = { 0 };
    status_t status = ask (dir, run, pair, &running, &json, fault);
    if (status == OK && !running)
        status = read_stored (dir, run, pair, &json, fault);
    if (status == OK)
        status = show (&json, cli_has (cli, "--json"), fault);
    buf_free (&json);
    return status;
}

const command_t command_inspect = {
    .cli = {
        .name = "inspect",
        .summary = "why a pair got its label",
        .operands = "DIR PAIR", .operands_min = 2, .operands_max = 2,
        .about = "PAIR is a pair's id as it stands in the dataset (ROW, or ROW#i-j), its number (#N), or its pair_key.\n"
                 "Shows the pair, the rules that decided with both scores, and why these. Works beside a running job too.",
        .example = "rulemill inspect job 's-0000001#0-1'",
        .groups = { cmd_run_flag, cmd_json_flag }
    },
    .run = inspect
};
