#include "ops/cmd.h"

#include "ops/run_job.h"
#include "ops/setup_flags.h"

static const cli_flag_t flags [] = {
    { "--workers", "N", NULL, "workers", false },
    { 0 }
};

static status_t label (const cli_t *cli, int *exit_code, fault_t *fault)
{
    return run_job (cli, true, exit_code, fault);
}

const command_t command_label = {
    .cli = {
        .name = "label",
        .summary = "label a corpus on this machine, or go on with a job that was stopped",
        .operands = "[CORPUS...]", .operands_min = 0, .operands_max = SIZE_MAX,
        .about =
            "Reads the corpus (JSON Lines, plain, .gz or .zst; \"-\" is standard input; globs), labels every pair with\n"
            "worker processes on this machine and writes DIR/dataset. The same command again resumes, or says that all\n"
            "is done. Without an option that decides labels, the last run goes on as it was begun.\n"
            "--part i/N labels one of N parts, each a job of its own, for an array of machines (docs/PARTS.md):\n"
            "rulemill label pairs.jsonl --out part-1 --part 1/8; rulemill export --join puts them together.",
        .example = "rulemill label pairs.jsonl --out job --workers 4",
        .groups = { flags, setup_corpus_flags, setup_run_flags, setup_job_flags }
    },
    .run = label
};
