#include "ops/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "ops/evaluate_judge.h"
#include "ops/evaluate_report.h"
#include "ops/reward_source.h"
#include "ops/setup_flags.h"
#include "ops/write_file.h"

static const cli_flag_t flags [] = {
    { "--reward", "REWARD", "what is evaluated: see above", NULL, false },
    { "--against", "REWARD", "another one on the same rows, with the difference and McNemar's test", NULL, false },
    { "--partial", NULL, "take a file that is not the whole benchmark; no published scores then", NULL, false },
    { "--work", "DIR", "where rewards of a server, or the judge's job, are kept, so that a stopped evaluation goes on", NULL, false },
    { "--rows", "FILE", "also write what each row counts, as JSON Lines", NULL, false },
    { "--results", "DIR", "also write DIR/eval-set/ORG/MODEL.json, as reward-bench does; needs --name", NULL, false },
    { "--name", "ORG/MODEL", "the model's name in that file", NULL, false },
    { 0 }
};

static const cli_flag_t served_flags [] = {
    { "--template", "FILE", "chat template of a served model, as JSON (docs/EVALUATE.md); without it the server's own", NULL, false },
    { "--batch", "N", "texts of a request, with --template and for /score (16)", NULL, false },
    { "--concurrency", "N", "requests at a time (16)", NULL, false },
    { "--timeout-ms", "N", "for one request (120000)", NULL, false },
    { "--pause-ms", "N", "before a request is tried again, doubled each time (500)", NULL, false },
    { "--key-file", "FILE", "the server's key; without it OPENAI_API_KEY", NULL, false },
    { "--ca-file", "FILE", "PEM of a private CA", NULL, false },
    { "--against-model", "NAME", "the model of a served --against", NULL, false },
    { "--workers", "N", NULL, "workers", false },
    { 0 }
};

static _Atomic bool stopped;

static void interrupt (void)
{
    atomic_store (&stopped, true);
}

// --- what is asked for --------------------------------------------------------

typedef struct {
    const cli_t *cli;
    reward_source_t source [EVALUATE_MODELS_MAX];
    evaluation_t evaluation;
    char *note [EVALUATE_MODELS_MAX];
    served_options_t served;
} wish_t;

static status_t read_sources (wish_t *wish, fault_t *fault)
{
    const cli_t *cli = wish->cli;
    const char *text [EVALUATE_MODELS_MAX] = { cli_text (cli, "--reward"), cli_text (cli, "--against") };
    if (text [0] == NULL)
        return fault_set (fault, ERR_USAGE, "evaluate needs --reward: a model's file, a server's URL, a column's name, longer, shorter or judge");
    bool keeps = false;
    for (unsigned m = 0; m < EVALUATE_MODELS_MAX && text [m]; m++) {
        status_t status = reward_source_read (m == 0 ? "--reward" : "--against", text [m], &wish->source [m], fault);
        if (status != OK)
            return status;
        wish->evaluation.n_models = m + 1;
        keeps = keeps || wish->source [m].kind == SOURCE_SERVED || wish->source [m].kind == SOURCE_JUDGE;
    }
    wish->evaluation.generative = wish->source [0].kind == SOURCE_JUDGE;
    if (wish->evaluation.n_models == 2 && (wish->evaluation.generative || wish->source [1].kind == SOURCE_JUDGE))
        return fault_set (fault, ERR_USAGE, "--against: a judge's rules are generative, a tie counts a half; their figures stand in no "
                          "table with others");
    if (keeps && !cli_has (cli, "--work"))
        return fault_set (fault, ERR_USAGE, "--work DIR is missing: where what the server or the judge said is kept");
    return OK;
}

static status_t read_served (wish_t *wish, fault_t *fault)
{
    const cli_t *cli = wish->cli;
    uint64_t batch = 16, concurrency = 16, timeout_ms = 120000, pause_ms = 500;
    status_t status = cli_whole (cli, "--batch", 1, SERVED_BATCH_MAX, &batch, fault);
    if (status == OK)
        status = cli_whole (cli, "--concurrency", 1, SERVED_CONCURRENCY_MAX, &concurrency, fault);
    if (status == OK)
        status = cli_whole (cli, "--timeout-ms", 1, 3600 * 1000, &timeout_ms, fault);
    if (status == OK)
        status = cli_whole (cli, "--pause-ms", 1, 60 * 1000, &pause_ms, fault);
    wish->served = (served_options_t) {
        .model = cli_text (cli, "--model"), .template_path = cli_text (cli, "--template"), .work = cli_text (cli, "--work"),
        .key_file = cli_text (cli, "--key-file"), .ca_file = cli_text (cli, "--ca-file"), .batch = (unsigned) batch,
        .concurrency = (unsigned) concurrency, .timeout_ms = (unsigned) timeout_ms, .pause_ms = (unsigned) pause_ms, .stop = &stopped
    };
    return status;
}

// The name is two plain words: it becomes a folder and a file.
static status_t check_name (const cli_t *cli, fault_t *fault)
{
    const char *name = cli_text (cli, "--name");
    if (!cli_has (cli, "--results"))
        return name ? fault_set (fault, ERR_USAGE, "--name is for --results DIR") : OK;
    const char *slash = name ? strchr (name, '/') : NULL;
    bool good = slash && slash > name && slash [1] && strchr (slash + 1, '/') == NULL && name [0] != '.' && slash [1] != '.'
                && strlen (name) < 200;
    if (!good && name)
        return fault_set (fault, ERR_USAGE, "--name %.200s: give ORG/MODEL, two words with one / between and no dot at the beginning of either", name);
    return good ? OK : fault_set (fault, ERR_USAGE, "--results needs --name ORG/MODEL, the name that the file gets");
}

// --- doing it -----------------------------------------------------------------

static status_t fill (wish_t *wish, fault_t *fault)
{
    evaluation_t *evaluation = &wish->evaluation;
    if (evaluation->generative)
        return evaluate_by_judge (evaluation->rows, wish->cli, wish->served.work, &wish->note [0], fault);
    cmd_on_interrupt (interrupt);
    for (unsigned m = 0; m < evaluation->n_models; m++) {
        served_options_t served = wish->served;
        if (m == 1 && cli_has (wish->cli, "--against-model"))
            served.model = cli_text (wish->cli, "--against-model");
        status_t status = reward_source_fill (&wish->source [m], evaluation->rows, m, &served, &wish->note [m], fault);
        if (status != OK)
            return status;
        evaluate_count (evaluation->rows, m);
    }
    return OK;
}

static status_t save_results (wish_t *wish, fault_t *fault)
{
    const char *name = cli_text (wish->cli, "--name"), *dir = cli_text (wish->cli, "--results");
    const char *type = wish->evaluation.generative ? "generative"
                     : wish->source [0].kind == SOURCE_SERVED ? "Seq. Classifier" : "Custom Classifier";
    const char *chat = wish->served.template_path ? wish->served.template_path : wish->source [0].kind == SOURCE_SERVED ? "tokenizer" : "none";
    char *org = mem_printf ("%s/eval-set/%.*s", dir, (int) (strchr (name, '/') - name), name);
    char *path = mem_printf ("%s/eval-set/%s.json", dir, name), *set = mem_printf ("%s/eval-set", dir);
    status_t status = OK;
    const char *const folders [] = { dir, set, org };
    for (int i = 0; i < 3 && status == OK; i++)
        if (mkdir (folders [i], 0777) != 0 && errno != EEXIST)
            status = fault_set (fault, ERR_IO, "%s: %s", folders [i], strerror (errno));
    buf_t text = { 0 };
    evaluate_results (&wish->evaluation, name, type, chat, &text);
    if (status == OK)
        status = write_file (path, text.data, text.len, fault);
    buf_free (&text);
    free (org);
    free (path);
    free (set);
    return status;
}

static status_t tell (wish_t *wish, fault_t *fault)
{
    evaluation_t *evaluation = &wish->evaluation;
    for (unsigned m = 0; m < evaluation->n_models; m++)
        evaluation->name [m] = wish->note [m];
    buf_t text = { 0 };
    status_t status = OK;
    if (cli_has (wish->cli, "--rows")) {
        evaluate_write_rows (evaluation, &text);
        status = write_file (cli_text (wish->cli, "--rows"), text.data, text.len, fault);
        buf_clear (&text);
    }
    if (status == OK && cli_has (wish->cli, "--results"))
        status = save_results (wish, fault);
    if (cli_has (wish->cli, "--json"))
        evaluate_json (evaluation, &text);
    else
        evaluate_text (evaluation, &text);
    if (status == OK)
        status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

static status_t perform (wish_t *wish, int *exit_code, fault_t *fault)
{
    evaluation_t *evaluation = &wish->evaluation;
    const char *column [EVALUATE_MODELS_MAX];
    for (int m = 0; m < EVALUATE_MODELS_MAX; m++)
        column [m] = (unsigned) m < evaluation->n_models ? wish->source [m].column : NULL;
    status_t status = evaluate_rows_load (evaluation->path, column, &evaluation->rows, fault);
    if (status == OK && !evaluation->partial)
        status = evaluate_rows_check (evaluation->rows, fault);
    if (status == OK)
        status = fill (wish, fault);
    if (status == OK)
        status = tell (wish, fault);
    for (unsigned m = 0; status == OK && m < evaluation->n_models; m++)
        if (evaluate_unreadable (evaluation->rows, m) > 0)
            *exit_code = EXIT_SET_ASIDE;
    return status;
}

static status_t evaluate (const cli_t *cli, int *exit_code, fault_t *fault)
{
    size_t count;
    wish_t wish = { .cli = cli };
    wish.evaluation.path = cli_operands (cli, &count) [0];
    wish.evaluation.partial = cli_has (cli, "--partial");
    status_t status = read_sources (&wish, fault);
    if (status == OK)
        status = read_served (&wish, fault);
    if (status == OK)
        status = check_name (cli, fault);
    if (status == OK)
        status = perform (&wish, exit_code, fault);
    evaluate_rows_destroy (&wish.evaluation.rows);
    for (int m = 0; m < EVALUATE_MODELS_MAX; m++)
        free (wish.note [m]);
    return status;
}

const command_t command_evaluate = {
    .cli = {
        .name = "evaluate",
        .summary = "evaluate a reward model, or the rules as a judge, on a benchmark as RewardBench does",
        .operands = "BENCHMARK.jsonl", .operands_min = 1, .operands_max = 1,
        .about = "Rows of RewardBench (prompt, chosen, rejected, subset, id) or RewardBench 2 (several rejected). REWARD is a model that\n"
                 "reward train made, the URL of a served one (http://HOST:PORT/classify, /pooling or /score, with --model), the name\n"
                 "of a column of rewards, longer, shorter, or judge: the pairs are labelled, with the flags of label. docs/EVALUATE.md",
        .example = "rulemill evaluate filtered.jsonl --reward http://localhost:8000/classify --model ORG/MODEL --work work",
        .groups = { flags, served_flags, setup_run_flags, cmd_json_flag }
    },
    .run = evaluate
};
