#include "ops/cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "coordinator/control.h"
#include "ops/config.h"

// Of all stores that are open at once, and of each of them at least.
enum { AMONG_CACHE_BYTES = 128 * 1024 * 1024, AMONG_CACHE_BYTES_MIN = 1024 * 1024, AMONG_FILES = 512, AMONG_FILES_MIN = 16 };

const cli_flag_t cmd_run_flag [] = {
    { "--run", "RUN", "which run: its name or the first digits of its digest; without it the last one", NULL, false },
    { 0 }
};

const cli_flag_t cmd_json_flag [] = { { "--json", NULL, "one JSON object instead of text", NULL, false }, { 0 } };

static const command_t *const commands [] = {
    &command_label, &command_status, &command_inspect, &command_report, &command_export, &command_verify, &command_retry, &command_rules,
    &command_judge, &command_adapter, &command_reward, &command_evaluate, &command_synth, &command_coordinator, &command_worker, &command_keygen, &command_version, &command_help, NULL
};

const command_t *const *cmd_all (void)
{
    return commands;
}

void cmd_overview (buf_t *out)
{
    buf_add_str (out, "rulemill turns a corpus of response pairs into a preference dataset: for each pair it finds the few rules\n"
                      "that tell the two responses apart, scores both against them, and labels the pair by the averages.\n\n"
                      "usage: rulemill COMMAND [ARGUMENTS] [FLAGS]\n\n");
    for (size_t i = 0; commands [i]; i++)
        buf_printf (out, "  %-12s %s\n", commands [i]->cli.name, commands [i]->cli.summary);
    buf_add_str (out, "\n  rulemill COMMAND --help      flags and an example\n"
                      "  rulemill help config         keys of the configuration (--config FILE, --set KEY=VALUE)\n\n"
                      "exit codes: 0 complete; 1 failed; 2 wrong usage; 3 stopped, the same command resumes;\n"
                      "            4 complete, with rows or pairs set aside\n\n"
                      "example:\n  rulemill label pairs.jsonl --out job\n");
}

// --- dispatch --------------------------------------------------------------

static int exit_code_of (status_t status)
{
    return status == ERR_USAGE ? EXIT_USAGE : status == ERR_STOPPED ? EXIT_RESUMABLE : EXIT_FAILED;
}

static status_t show_help (const command_t *command, fault_t *fault)
{
    buf_t page = { 0 };
    cli_help (&command->cli, config_meaning, &page);
    status_t status = cmd_print (&page, fault);
    buf_free (&page);
    return status;
}

static int run_command (const command_t *command, int argc, char **argv)
{
    fault_t fault = { 0 };
    cli_t *cli = NULL;
    int exit_code = EXIT_COMPLETE;
    status_t status = cli_parse (&command->cli, argc, argv, &cli, &fault);
    if (status == OK)
        status = cli_wants_help (cli) ? show_help (command, &fault) : command->run (cli, &exit_code, &fault);
    cli_destroy (&cli);
    if (status == OK)
        return exit_code;
    if (status == ERR_STOPPED)
        log_info ("stopped: %s", fault.text);
    else
        log_error ("%s", fault.text);
    return exit_code_of (status);
}

static int unknown_command (const char *word)
{
    const char *names [32];
    size_t count = 0;
    while (commands [count] && count < 32) {
        names [count] = commands [count]->cli.name;
        count++;
    }
    const char *near = nearest_name (word, names, count);
    if (near)
        log_error ("unknown command \"%.100s\"; did you mean %s?", word, near);
    else
        log_error ("unknown command \"%.100s\"; see rulemill help", word);
    return EXIT_USAGE;
}

int cmd_main (int argc, char **argv)
{
    signal (SIGPIPE, SIG_IGN);
    if (argc < 2) {
        buf_t page = { 0 };
        cmd_overview (&page);
        fputs (page.data, stderr);
        buf_free (&page);
        return EXIT_USAGE;
    }
    const char *word = argv [1];
    if (strcmp (word, "--help") == 0 || strcmp (word, "-h") == 0)
        word = "help";
    else if (strcmp (word, "--version") == 0 || strcmp (word, "-V") == 0)
        word = "version";
    for (size_t i = 0; commands [i]; i++)
        if (strcmp (commands [i]->cli.name, word) == 0)
            return run_command (commands [i], argc - 2, argv + 2);
    return unknown_command (word);
}

// --- helpers ---------------------------------------------------------------

status_t cmd_print (const buf_t *text, fault_t *fault)
{
    if (fwrite (text->data, 1, text->len, stdout) == text->len && fflush (stdout) == 0)
        return OK;
    return fault_set (fault, ERR_IO, "standard output: %s", strerror (errno));
}

void cmd_request (buf_t *request, const char *command, const char *run)
{
    buf_add_char (request, '{');
    json_write_key (request, "command");
    json_write_cstring (request, command);
    if (run) {
        json_write_key (request, "run");
        json_write_cstring (request, run);
    }
}

static status_t refused (const json_value_t *answer, const char *dir, fault_t *fault)
{
    const json_value_t *error = json_get (answer, "error"), *name = json_get (answer, "code");
    status_t code = ERR_IO;
    for (status_t c = ERR_IO; c <= ERR_STOPPED; c++)
        if (json_equals (name, status_name (c)))
            code = c;
    return fault_set (fault, code, "%s: the running job answers: %s", dir,
                      json_is (error, JSON_STRING) ? error->text : "something that can't be read");
}

status_t cmd_ask (const char *dir, const buf_t *request, bool *running, buf_t *answer,
                  json_doc_t *doc, const json_value_t **members, fault_t *fault)
{
    *running = false;
    status_t status = control_ask (dir, request->data, answer, fault);
    if (status == ERR_NOT_FOUND)
        return OK;
    if (status != OK)
        return status;
    *running = true;
    status = json_parse (doc, answer->data, answer->len, members, fault);
    if (status != OK)
        return fault_prefix (fault, "%s: the running job's answer", dir);
    return json_is (json_get (*members, "ok"), JSON_TRUE) ? OK : refused (*members, dir, fault);
}

status_t cmd_runs (const char *dir, bool *running, fault_t *fault)
{
    buf_t request = { 0 }, answer = { 0 };
    json_doc_t *doc = json_doc_new ();
    const json_value_t *members;
    cmd_request (&request, "status", NULL);
    buf_add_char (&request, '}');
    status_t status = cmd_ask (dir, &request, running, &answer, doc, &members, fault);
    json_doc_destroy (&doc);
    buf_free (&request);
    buf_free (&answer);
    return status;
}

static void fill_rules (opened_t *opened)
{
    const rulepool_t *pool = opened->pool;
    opened->rules = mem_zero (pool->count, sizeof *opened->rules);
    opened->digests = mem_zero (pool->count, sizeof *opened->digests);
    for (size_t i = 0; i < pool->count; i++) {
        const rule_t *rule = &pool->rules [i];
        opened->rules [i] = (dataset_rule_t) { rule->id, rule->text, rule->category, rule->polarity };
        opened->digests [i] = rule->digest;
    }
}

static status_t load_pool (opened_t *opened, fault_t *fault)
{
    const Rulemill__RunRecord *run = opened->run;
    if (run->pool_blob.len != DIGEST_BYTES)
        return fault_set (fault, ERR_CORRUPT, "the record of run %u names no rule pool", run->number);
    digest_t digest;
    memcpy (digest.b, run->pool_blob.data, DIGEST_BYTES);
    buf_t yaml = { 0 };
    bool found = false;
    status_t status = record_get_blob (opened->store, &digest, &yaml, &found, fault);
    if (status == OK && !found)
        status = fault_set (fault, ERR_CORRUPT, "the store lacks the rule pool of run %u", run->number);
    if (status == OK)
        status = rulepool_parse ("stored rule pool", yaml.data, yaml.len, &opened->pool, fault);
    buf_free (&yaml);
    if (status == OK)
        fill_rules (opened);
    return status;
}

status_t cmd_find_run (store_t *store, const char *name, Rulemill__RunRecord **out, fault_t *fault)
{
    status_t status = run_find (store, name, out, fault);
    return status == ERR_NOT_FOUND && name ? fault_of_setting (status, fault) : status;
}

static status_t open_as (const char *dir, const char *run, const store_options_t *options, opened_t *out, fault_t *fault)
{
    *out = (opened_t) { 0 };
    status_t status = store_open (dir, options, &out->store, fault);
    if (status == ERR_NOT_FOUND)
        return fault_of_setting (status, fault);        // a folder that somebody has named
    if (status == OK)
        status = cmd_find_run (out->store, run, &out->run, fault);
    return status == OK ? load_pool (out, fault) : status;
}

status_t cmd_open (const char *dir, const char *run, bool read_only, opened_t *out, fault_t *fault)
{
    return open_as (dir, run, &(store_options_t) { .read_only = read_only }, out, fault);
}

status_t cmd_open_beside (const char *dir, const char *run, opened_t *out, fault_t *fault)
{
    return open_as (dir, run, &(store_options_t) { .beside = true }, out, fault);
}

status_t cmd_open_among (const char *dir, const char *run, size_t n, opened_t *out, fault_t *fault)
{
    const store_options_t options = {
        .read_only = true,
        .cache_bytes = AMONG_CACHE_BYTES / n > AMONG_CACHE_BYTES_MIN ? AMONG_CACHE_BYTES / n : AMONG_CACHE_BYTES_MIN,
        .files_max = (int) (AMONG_FILES / n > AMONG_FILES_MIN ? AMONG_FILES / n : AMONG_FILES_MIN)
    };
    return open_as (dir, run, &options, out, fault);
}

void cmd_close (opened_t *opened)
{
    free (opened->rules);
    free (opened->digests);
    rulepool_destroy (&opened->pool);
    if (opened->run)
        rulemill__run_record__free_unpacked (opened->run, NULL);
    store_close (&opened->store);
    *opened = (opened_t) { 0 };
}

const char *cmd_judge_note (const char *judge)
{
    if (strcmp (judge, "lexicon") == 0)
        return "lexicon (embedded baseline, not a judge of safety)";
    if (strcmp (judge, "replay") == 0)
        return "replay (recorded scores)";
    return judge;
}

// A handler gets no context, so what it calls has to stand here.
static void (*interrupted) (void);

static void on_signal (int number)
{
    (void) number;
    int kept = errno;
    interrupted ();
    errno = kept;
}

void cmd_on_interrupt (void (*handler) (void))
{
    interrupted = handler;
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset (&action.sa_mask);
    sigaction (SIGINT, &action, NULL);
    sigaction (SIGTERM, &action, NULL);
}
