#include "ops/cmd_judge_eval.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "ops/eval_show.h"
#include "ops/judge_members.h"
#include "ops/judge_setup.h"
#include "ops/setup_flags.h"
#include "ops/spec.h"

const cli_flag_t cmd_judge_eval_flags [] = {
    { "--map", "FILE", "eval: which rule stands for which proposition (YAML); without it the shipped one", NULL, false },
    { "--parity", "all|even|odd", "eval: only prompts whose SHA-256 is even or odd", NULL, false },
    { "--where", "KEY=VALUE", "eval DIR: only rows that fulfil this", NULL, true },
    { "--foreseen", "RUN", "eval DIR: only pairs that this run labelled through an adapter and did not audit", NULL, false },
    { "--judge", "NAME|URL[,URL]", "eval ROWS: lexicon, replay, or an endpoint", "judge.name", false },
    { "--scores", "FILE", "eval ROWS: the recorded cells of the judge replay", "judge.scores", false },
    { "--rules", "FILE", "eval ROWS: rule pool; without it the shipped one", "rules.file", false },
    { "--out", "DIR", "eval ROWS: keeps the answers of a judge behind HTTP", NULL, false },
    { "--max-calls", "N", "eval ROWS: requests of this command at most", "budget.max_calls", false },
    { "--seed", "S", "eval: seed of the resamples", "run.seed", false },
    { 0 }
};

// --- propositions ----------------------------------------------------------

// What one evaluation works with.
typedef struct {
    config_t *config;
    rulepool_t *pool;
    eval_map_t *map;
    eval_rows_t *rows;
    cell_t *cells;
    eval_judged_t told;
    eval_propositions_t figures;
} work_t;

static status_t load (work_t *work, const cli_t *cli, const char *path, parity_t parity, fault_t *fault)
{
    buf_t yaml = { 0 };
    status_t status = setup_configure (work->config, cli, fault);
    if (status == OK && judge_is_http (work->config) && !judge_has_panel (work->config))
        status = judge_setup_endpoint (work->config, fault);
    if (status == OK)
        status = fault_of_setting (spec_pool (work->config, &work->pool, &yaml, fault), fault);
    if (status == OK)
        status = fault_of_setting (eval_map_load (cli_text (cli, "--map"), &work->map, fault), fault);
    if (status == OK && strcmp (work->config->judge.name, "replay") != 0)
        status = eval_map_resolve (work->map, work->pool, fault);
    if (status == OK)
        status = eval_rows_load (path, work->map, parity, &work->rows, fault);
    buf_free (&yaml);
    return status;
}

static status_t judge_rows (work_t *work, const cli_t *cli, fault_t *fault)
{
    size_t n;
    eval_rows_all (work->rows, &n);
    work->cells = mem_zero (n * work->map->count + 1, sizeof *work->cells);
    const eval_judge_t judge = {
        .config = work->config, .out = cli_text (cli, "--out"), .pool = work->pool, .map = work->map, .rows = work->rows
    };
    return eval_judge_cells (&judge, work->cells, &work->told, fault);
}

static status_t show_propositions (work_t *work, const cli_t *cli, parity_t parity, fault_t *fault)
{
    eval_propositions (work->rows, work->map, work->cells, work->config->run.seed, &work->figures);
    char *note = judge_setup_note (work->config);
    const eval_shown_t shown = {
        .judge = note, .map = work->map->name, .parity = parity, .read = eval_rows_read (work->rows), .told = &work->told
    };
    buf_t text = { 0 };
    if (cli_has (cli, "--json"))
        eval_propositions_json (&work->figures, &shown, &text);
    else
        eval_propositions_text (&work->figures, &shown, &text);
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    free (note);
    return status;
}

static status_t eval_file (const cli_t *cli, const char *path, parity_t parity, int *exit_code, fault_t *fault)
{
    if (cli_has (cli, "--where") || cli_has (cli, "--run") || cli_has (cli, "--foreseen"))
        return fault_set (fault, ERR_USAGE, "--where, --run and --foreseen are for a job's folder, and %s is a file", path);
    work_t work = { .config = config_new () };
    status_t status = load (&work, cli, path, parity, fault);
    if (status == OK)
        status = judge_rows (&work, cli, fault);
    if (status == OK)
        status = show_propositions (&work, cli, parity, fault);
    if (status == OK && work.told.missing > 0)
        *exit_code = EXIT_SET_ASIDE;
    eval_propositions_free (&work.figures);
    free (work.cells);
    eval_rows_destroy (&work.rows);
    eval_map_destroy (&work.map);
    rulepool_destroy (&work.pool);
    config_destroy (&work.config);
    return status;
}

// --- preferences -----------------------------------------------------------

typedef struct {
    store_t *store;
    Rulemill__RunRecord *runs [EVAL_RUNS_MAX];
    size_t n;
    Rulemill__RunRecord *foreseen;
} runs_t;

static status_t add_run (runs_t *runs, Rulemill__RunRecord *run, fault_t *fault)
{
    if (run->spec == NULL) {
        rulemill__run_record__free_unpacked (run, NULL);
        return fault_set (fault, ERR_CORRUPT, "a run's record says nothing of how it labels; restore the store from a backup");
    }
    if (runs->n == EVAL_RUNS_MAX) {
        rulemill__run_record__free_unpacked (run, NULL);
        return fault_set (fault, ERR_LIMIT, "the store has over %d runs; choose one with --run", EVAL_RUNS_MAX);
    }
    runs->runs [runs->n++] = run;
    return OK;
}

static status_t open_runs (const char *dir, const char *name, runs_t *runs, fault_t *fault)
{
    const store_options_t options = { .read_only = true };
    status_t status = store_open (dir, &options, &runs->store, fault);
    if (status != OK)
        return status == ERR_NOT_FOUND ? fault_of_setting (status, fault) : status;
    if (name) {
        Rulemill__RunRecord *run = NULL;
        status = cmd_find_run (runs->store, name, &run, fault);
        return status == OK ? add_run (runs, run, fault) : status;
    }
    store_iter_t *iter = record_walk_runs (runs->store);
    for (; status == OK && store_iter_valid (iter); store_iter_next (iter)) {
        Rulemill__RunRecord *run = record_read_run (iter, fault);
        status = run ? add_run (runs, run, fault) : ERR_CORRUPT;
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    if (status == OK && runs->n == 0)
        status = fault_set (fault, ERR_NOT_FOUND, "%s: no run has labelled anything yet", dir);
    return status;
}

static void close_runs (runs_t *runs)
{
    for (size_t i = 0; i < runs->n; i++)
        rulemill__run_record__free_unpacked (runs->runs [i], NULL);
    if (runs->foreseen)
        rulemill__run_record__free_unpacked (runs->foreseen, NULL);
    store_close (&runs->store);
}

static status_t show_preferences (const cli_t *cli, const runs_t *runs, eval_preferences_options_t *options, fault_t *fault)
{
    eval_preferences_t figures;
    buf_t text = { 0 };
    options->store = runs->store;
    options->runs = (const Rulemill__RunRecord *const *) runs->runs;
    options->n_runs = runs->n;
    status_t status = eval_preferences (options, &figures, fault);
    if (status == OK && cli_has (cli, "--json"))
        eval_preferences_json (&figures, options, &text);
    else if (status == OK)
        eval_preferences_text (&figures, options, &text);
    if (status == OK)
        status = cmd_print (&text, fault);
    buf_free (&text);
    eval_preferences_free (&figures);
    return status;
}

static status_t eval_job (const cli_t *cli, const char *dir, parity_t parity, fault_t *fault)
{
    static const char *const of_rows [] = { "--map", "--judge", "--model", "--scores", "--rules", "--out", "--max-calls", "--config", "--set" };
    for (size_t i = 0; i < sizeof of_rows / sizeof *of_rows; i++)
        if (cli_has (cli, of_rows [i]))
            return fault_set (fault, ERR_USAGE, "%s is for a file of rows; %s is a job's folder, whose labels are there already", of_rows [i], dir);
    size_t n_where = cli_count (cli, "--where");
    const char **where = mem_zero (n_where + 1, sizeof *where);
    for (size_t i = 0; i < n_where; i++)
        where [i] = cli_nth (cli, "--where", i);
    eval_preferences_options_t options = { .parity = parity, .where = where, .n_where = n_where, .seed = 1 };
    runs_t runs = { 0 };
    status_t status = cli_whole (cli, "--seed", 0, UINT64_MAX, &options.seed, fault);
    if (status == OK)
        status = open_runs (dir, cli_text (cli, "--run"), &runs, fault);
    if (status == OK && cli_has (cli, "--foreseen"))
        status = cmd_find_run (runs.store, cli_text (cli, "--foreseen"), &runs.foreseen, fault);
    options.foreseen = runs.foreseen;
    if (status == OK)
        status = show_preferences (cli, &runs, &options, fault);
    close_runs (&runs);
    free (where);
    return status;
}

status_t cmd_judge_eval (const cli_t *cli, const char *const *words, size_t n_words, int *exit_code, fault_t *fault)
{
    if (n_words != 1)
        return fault_set (fault, ERR_USAGE, "say judge eval ROWS.jsonl or judge eval DIR");
    parity_t parity;
    status_t status = parity_read ("--parity", cli_text (cli, "--parity"), &parity, fault);
    if (status != OK)
        return status;
    struct stat found;
    if (stat (words [0], &found) == 0 && S_ISDIR (found.st_mode))
        return eval_job (cli, words [0], parity, fault);
    return eval_file (cli, words [0], parity, exit_code, fault);
}
