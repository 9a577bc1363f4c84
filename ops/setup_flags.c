#include "ops/setup_flags.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/selection.h"
#include "ops/adapter_setup.h"
#include "ops/config_keys.h"
#include "ops/judge_members.h"
#include "ops/judge_setup.h"

const cli_flag_t setup_corpus_flags [] = {
    { "--pairs", "all|N|best-vs-rest", NULL, "corpus.pairs", false },
    { "--part", "i/N", NULL, "corpus.part", false },
    { "--limit", "N", "label a seeded sample of this many prompts; the full run uses them again", NULL, false },
    { "--exclude", "FILE", "set aside prompts that stand in this benchmark file", "run.exclude", true },
    { 0 }
};

const cli_flag_t setup_run_flags [] = {
    { "--judge", "NAME|URL[,URL]", NULL, "judge.name", false },
    { "--model", "NAME", NULL, "judge.model", false },
    { "--panel", "FILE,FILE[,...]", NULL, "judge.panel", false },
    { "--max-calls", "N", NULL, "budget.max_calls", false },
    { "--max-tokens", "N", NULL, "budget.max_tokens", false },
    { "--max-cost", "AMOUNT", NULL, "budget.max_cost", false },
    { "--scores", "FILE", NULL, "judge.scores", false },
    { "--compat", "published", NULL, "judge.compat", false },
    { "--rules", "FILE", NULL, "rules.file", false },
    { "--policy", "P", NULL, "policy.name", false },
    { "--adapter", "FILE|URL[,URL]", NULL, "policy.adapter", false },
    { "--adapter-model", "NAME", NULL, "adapter.model", false },
    { "--accept-adapter", NULL, NULL, "auto.accept_adapter", false },
    { "--top", "K", NULL, "policy.top", false },
    { "--seed", "S", NULL, "run.seed", false },
    { "--config", "FILE", "YAML configuration; see rulemill help config", NULL, false },
    { "--set", "KEY=VALUE", "one key of the configuration", NULL, true },
    { "--new-run", NULL, "begin another run beside those that the store has", NULL, false },
    { 0 }
};

const cli_flag_t setup_job_flags [] = {
    { "--out", "DIR", "where the job keeps its store, runs and dataset", NULL, false },
    { "--no-export", NULL, "stop after labelling", NULL, false },
    { "--dry-run", NULL, "read the corpus and say what labelling would ask, use and cost; begin and judge nothing", NULL, false },
    { "--plan", NULL, "the same, and begin the run (for judge batch-export)", NULL, false },
    { "--no-calls", NULL, "label by what the store has of the judge's answers, and stop where it has to be asked", NULL, false },
    { "--json", NULL, "the summary as one JSON object", NULL, false },
    { "--quiet", NULL, "no progress and no notes, errors alone", NULL, false },
    { 0 }
};

// All values of a flag that may be repeated, which together make a list.
static status_t apply_list (config_t *config, const cli_t *cli, const cli_flag_t *flag, fault_t *fault)
{
    size_t count = cli_count (cli, flag->name);
    const char **items = mem_zero (count, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items [i] = cli_nth (cli, flag->name, i);
    status_t status = config_set_names (config, flag->key, flag->name, items, count, fault);
    free (items);
    return status;
}

static status_t apply_flag (config_t *config, const cli_t *cli, const cli_flag_t *flag, const char *value, fault_t *fault)
{
    if (strcmp (flag->name, "--set") == 0)
        return config_assign (config, value, fault);
    if (flag->key == NULL)
        return OK;
    if (strcmp (flag->name, "--judge") == 0)
        return judge_setup_flag (config, value, fault);
    if (strcmp (flag->name, "--panel") == 0)
        return judge_panel_flag (config, value, fault);
    if (flag->many)
        return apply_list (config, cli, flag, fault);
    return config_set (config, flag->key, flag->name, value ? value : "true", fault);
}

status_t setup_configure (config_t *config, const cli_t *cli, fault_t *fault)
{
    const cli_flag_t *flag;
    const char *value;
    for (size_t i = 0; cli_each (cli, i, &flag, &value); i++)
        if (strcmp (flag->name, "--config") == 0) {
            status_t status = fault_of_setting (config_load_file (config, value, fault), fault);
            if (status != OK)
                return status;
        }
    for (size_t i = 0; cli_each (cli, i, &flag, &value); i++) {
        status_t status = apply_flag (config, cli, flag, value, fault);
        if (status != OK)
            return status;
    }
    status_t status = adapter_setup_take (config, fault);
    // Who names an adapter means the policy that uses it.
    bool named = config_given (config, "policy.adapter") || config_given (config, "adapter.urls");
    if (status == OK && named && !config_given (config, "policy.name"))
        return config_set (config, "policy.name", "--policy", policy_name (POLICY_ADAPTER), fault);
    return status;
}

dataset_options_t setup_dataset (const config_t *config)
{
    size_t count;
    const char *const *formats = config_keys (&count) [config_find ("export.format")].choices (&count);
    dataset_options_t options = {
        .zstd = config->export.zstd,
        .validation_share = config->export.validation_share,
        .min_margin = llround (config->export.min_margin * MICRO),
        .max_per_prompt = config->export.max_per_prompt,
        .sign_key = config->export.sign
    };
    for (size_t i = 0; i < count; i++)
        if (strcmp (formats [i], config->export.format) == 0)
            options.format = (dataset_format_t) i;
    return options;
}
