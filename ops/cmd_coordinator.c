#include "ops/cmd.h"

#include "ops/run_job.h"
#include "ops/setup_flags.h"

static const cli_flag_t flags [] = {
    { "--listen", "ADDRESS", NULL, "service.listen", false },
    { "--key", "FILE", NULL, "service.key", false },
    { "--admit", "FOLDER", NULL, "service.admit", false },
    { "--insecure-no-curve", NULL, "listen without keys: anybody who reaches the address gets the texts", NULL, false },
    { 0 }
};

static status_t coordinate (const cli_t *cli, int *exit_code, fault_t *fault)
{
    return run_job (cli, false, exit_code, fault);
}

const command_t command_coordinator = {
    .cli = {
        .name = "coordinator",
        .summary = "the part of label that holds the store; workers come from elsewhere",
        .operands = "[CORPUS...]", .operands_min = 0, .operands_max = SIZE_MAX,
        .about =
            "Reads the corpus, hands its pairs to the workers that connect (rulemill worker), and writes the dataset.\n"
            "Keys are made with rulemill keygen: the coordinator gets a pair of its own and a folder with the public\n"
            "keys of the workers that it admits.",
        .example = "rulemill coordinator pairs.jsonl --out job --listen 'tcp://*:5555' --key keys/coordinator.key --admit workers",
        .groups = { flags, setup_corpus_flags, setup_run_flags, setup_job_flags }
    },
    .run = coordinate
};
