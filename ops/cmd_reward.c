#include "ops/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ops/reward_apply.h"
#include "ops/reward_crossval.h"
#include "ops/reward_inspect.h"
#include "ops/reward_origin.h"
#include "ops/reward_train.h"
#include "ops/write_file.h"

static const cli_flag_t flags [] = {
    { "--out", "FILE", "train: the model; score: where the rows go (standard output)", NULL, false },
    { "--max-pairs", "N", "train, crossval: over this a seeded sample of whole prompts is taken (200k)", NULL, false },
    { "--memory", "MB", "train, crossval: what the texts may take, and again what training may take (1024)", NULL, false },
    { "--even", NULL, "train, crossval: each pair counts once, whatever its margin", NULL, false },
    { "--seed", "S", "train, crossval: of samples, splits and resamples (1)", NULL, false },
    { "--top", "N", "inspect: how many n-grams each way (20)", NULL, false },
    { "--row", "N", "inspect: which row of FILE, from 1 (1)", NULL, false },
    { 0 }
};

static status_t read_options (const cli_t *cli, reward_options_t *options, fault_t *fault)
{
    *options = reward_options_default ();
    uint64_t pairs = options->pairs_max, memory = options->bytes_max >> 20;
    status_t status = cli_whole (cli, "--max-pairs", 1, 100 * 1000 * 1000, &pairs, fault);
    if (status == OK)
        status = cli_whole (cli, "--memory", 16, 1024 * 1024, &memory, fault);
    if (status == OK)
        status = cli_whole (cli, "--seed", 0, UINT64_MAX, &options->seed, fault);
    options->pairs_max = (size_t) pairs;
    options->bytes_max = memory << 20;
    options->margins = !cli_has (cli, "--even");
    return status;
}

static status_t load (const char *const *paths, size_t n, const reward_options_t *options, reward_pairs_t **pairs, int *exit_code,
                      fault_t *fault)
{
    reward_pairs_report_t report;
    status_t status = reward_pairs_load (paths, n, options->pairs_max, options->bytes_max, options->seed, pairs, &report, fault);
    if (status != OK)
        return status;
    if (report.left_out > 0)
        log_info ("%" PRIu64 " of %" PRIu64 " rows are left out: a seeded sample of whole prompts, for --max-pairs %zu", report.left_out,
                  report.rows, options->pairs_max);
    if (report.bad > 0) {
        log_warn ("%" PRIu64 " of %" PRIu64 " rows can't be used; the first: %s", report.bad, report.rows, report.first_bad);
        *exit_code = EXIT_SET_ASIDE;
    }
    return OK;
}

// --- train --------------------------------------------------------------------

static reward_example_t *examples_of (const reward_pairs_t *pairs, size_t *n)
{
    const reward_pair_t *at = reward_pairs_at (pairs, n);
    reward_example_t *examples = mem_new ((*n + 1) * sizeof *examples);
    for (size_t i = 0; i < *n; i++)
        examples [i] = (reward_example_t) { at [i].prompt, at [i].a, at [i].b, at [i].label, at [i].margin, at [i].validation };
    return examples;
}

static status_t tell_model (const cli_t *cli, const reward_t *reward, const char *path, fault_t *fault)
{
    uint64_t top = 20;
    status_t status = cli_whole (cli, "--top", 0, REWARD_NAMES_MAX, &top, fault);
    buf_t text = { 0 };
    reward_inspect (reward, path, (size_t) top, cli_has (cli, "--json"), &text);
    if (status == OK)
        status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

static status_t train (const cli_t *cli, const char *const *words, size_t n, int *exit_code, fault_t *fault)
{
    const char *path = cli_text (cli, "--out");
    if (n != 1 || path == NULL)
        return fault_set (fault, ERR_USAGE, "say reward train DATASET --out MODEL");
    reward_options_t options;
    reward_pairs_t *pairs = NULL;
    reward_t *reward = NULL;
    status_t status = read_options (cli, &options, fault);
    if (status == OK)
        status = write_file_check (path, fault);
    if (status == OK)
        status = load (words, 1, &options, &pairs, exit_code, fault);
    if (status == OK) {
        size_t count;
        reward_example_t *examples = examples_of (pairs, &count);
        char *origin = reward_origin (words [0]);
        status = reward_train_file (examples, count, &options, origin, path, &reward, fault);
        free (origin);
        free (examples);
    }
    if (status == OK)
        status = tell_model (cli, reward, path, fault);
    reward_destroy (&reward);
    reward_pairs_destroy (&pairs);
    return status;
}

// --- score, inspect -----------------------------------------------------------

static status_t score (const cli_t *cli, const char *const *words, size_t n, int *exit_code, fault_t *fault)
{
    if (n != 2)
        return fault_set (fault, ERR_USAGE, "say reward score MODEL FILE.jsonl");
    const char *path = cli_text (cli, "--out");
    reward_t *reward = NULL;
    reward_apply_report_t report;
    status_t status = fault_of_setting (reward_open_file (words [0], &reward, fault), fault);
    out_file_t out = { 0 };
    if (status == OK)
        status = out_file_open (&out, path, stdout, fault);
    if (status == OK)
        status = reward_apply_file (reward, words [1], out.file, out.name, &report, fault);
    status = out_file_close (&out, status, fault);
    if (status == OK && report.bad > 0) {
        log_warn ("%" PRIu64 " of %" PRIu64 " rows can't be scored; the first: %s", report.bad, report.rows, report.first_bad);
        *exit_code = EXIT_SET_ASIDE;
    }
    reward_destroy (&reward);
    return status;
}

static status_t inspect (const cli_t *cli, const char *const *words, size_t n, fault_t *fault)
{
    if (n < 1 || n > 2)
        return fault_set (fault, ERR_USAGE, "say reward inspect MODEL, or reward inspect MODEL FILE.jsonl --row N");
    uint64_t top = 20, row = 1;
    reward_t *reward = NULL;
    buf_t text = { 0 };
    status_t status = fault_of_setting (reward_open_file (words [0], &reward, fault), fault);
    if (status == OK && n == 1)
        status = tell_model (cli, reward, words [0], fault);
    else if (status == OK) {
        status = cli_whole (cli, "--top", 0, REWARD_NAMES_MAX, &top, fault);
        if (status == OK)
            status = cli_whole (cli, "--row", 1, UINT64_MAX, &row, fault);
        if (status == OK)
            status = reward_inspect_row (reward, words [1], row, (size_t) top, cli_has (cli, "--json"), &text, fault);
        if (status == OK)
            status = cmd_print (&text, fault);
    }
    buf_free (&text);
    reward_destroy (&reward);
    return status;
}

// --- crossval -----------------------------------------------------------------

static status_t tell_crossval (const cli_t *cli, const crossval_t *figures, const char *const *names, fault_t *fault)
{
    buf_t text = { 0 };
    char *origins [CROSSVAL_INPUTS_MAX];
    for (unsigned i = 0; i < figures->n_inputs; i++)
        origins [i] = reward_origin (names [i]);
    if (cli_has (cli, "--json"))
        reward_crossval_json (figures, names, (const char *const *) origins, &text);
    else
        reward_crossval_text (figures, names, (const char *const *) origins, &text);
    status_t status = cmd_print (&text, fault);
    for (unsigned i = 0; i < figures->n_inputs; i++)
        free (origins [i]);
    buf_free (&text);
    return status;
}

static status_t crossval (const cli_t *cli, const char *const *words, size_t n, int *exit_code, fault_t *fault)
{
    if (n < 1 || n > CROSSVAL_INPUTS_MAX)
        return fault_set (fault, ERR_USAGE, "say reward crossval DATASET..., of at most %d", CROSSVAL_INPUTS_MAX);
    const char *parent = getenv ("TMPDIR");
    char *scratch = mem_printf ("%s/rulemill-crossval-XXXXXX", parent && *parent ? parent : "/tmp");
    reward_options_t options;
    reward_pairs_t *pairs = NULL;
    crossval_t *figures = mem_zero (1, sizeof *figures);
    status_t status = read_options (cli, &options, fault);
    if (status == OK)
        status = load (words, n, &options, &pairs, exit_code, fault);
    if (status == OK && mkdtemp (scratch) == NULL)
        status = fault_set (fault, ERR_IO, "%s: %s", scratch, strerror (errno));
    else if (status == OK) {
        status = reward_crossval (pairs, (unsigned) n, &options, scratch, figures, fault);
        rmdir (scratch);
    }
    if (status == OK)
        status = tell_crossval (cli, figures, words, fault);
    reward_pairs_destroy (&pairs);
    free (figures);
    free (scratch);
    return status;
}

static status_t reward (const cli_t *cli, int *exit_code, fault_t *fault)
{
    size_t count;
    const char *const *words = cli_operands (cli, &count);
    if (strcmp (words [0], "train") == 0)
        return train (cli, words + 1, count - 1, exit_code, fault);
    if (strcmp (words [0], "score") == 0)
        return score (cli, words + 1, count - 1, exit_code, fault);
    if (strcmp (words [0], "inspect") == 0)
        return inspect (cli, words + 1, count - 1, fault);
    if (strcmp (words [0], "crossval") == 0)
        return crossval (cli, words + 1, count - 1, exit_code, fault);
    return fault_set (fault, ERR_USAGE, "reward: unknown word \"%.64s\"; say train, score, inspect or crossval", words [0]);
}

const command_t command_reward = {
    .cli = {
        .name = "reward",
        .summary = "an embedded reward model: train it on labels, score with it, look into it, measure it",
        .operands = "train DATASET | score MODEL FILE | inspect MODEL [FILE] | crossval DATASET...", .operands_min = 2, .operands_max = SIZE_MAX,
        .about = "A baseline, linear in the n-grams of a response, with length held out (docs/REWARD.md). DATASET is a dataset's or a\n"
                 "job's folder, or JSON Lines of chosen and rejected. score adds rewards to rows of prompt and response, chosen and\n"
                 "rejected, or responses. crossval holds it, fold by fold, against the preferences that the corpus gave.",
        .example = "rulemill reward train job --out job.reward",
        .groups = { flags, cmd_json_flag }
    },
    .run = reward
};
