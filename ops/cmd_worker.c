#include "ops/cmd.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "ops/named_files.h"
#include "worker/worker.h"

static const cli_flag_t flags [] = {
    { "--server-key", "FILE|KEY", "the coordinator's public key", NULL, false },
    { "--key", "FILE", "this worker's secret key file", NULL, false },
    { "--parent", "PID", "end when this process ends (for label, which starts workers of its own)", NULL, false },
    { 0 }
};

static status_t read_options (const cli_t *cli, worker_options_t *options, fault_t *fault)
{
    size_t count;
    options->endpoint.address = cli_operands (cli, &count) [0];
    options->endpoint.server_public = cli_text (cli, "--server-key");
    options->endpoint.worker_key = cli_text (cli, "--key");
    if ((options->endpoint.server_public == NULL) != (options->endpoint.worker_key == NULL))
        return fault_set (fault, ERR_USAGE, "worker needs both --server-key and --key, or on a trusted network neither");
    uint64_t parent = 0;
    status_t status = cli_whole (cli, "--parent", 1, INT32_MAX, &parent, fault);
    options->parent = (int) parent;
    if (status == OK && options->endpoint.worker_key)
        status = named_files_check_worker (options->endpoint.worker_key, options->endpoint.server_public, fault);
    return status;
}

static status_t work (const cli_t *cli, int *exit_code, fault_t *fault)
{
    worker_options_t options = { 0 };
    status_t status = read_options (cli, &options, fault);
    if (status != OK)
        return status;
    (void) exit_code;
    char name [32];
    snprintf (name, sizeof name, "worker %d", (int) getpid ());
    // What a worker of one's own has to tell its coordinator tells too, in a progress line that this would tear.
    log_setup (options.parent ? LOG_WARN : LOG_INFO, name);
    endpoint_setup ();
    cmd_on_interrupt (worker_interrupt);
    status = worker_run (&options, fault);
    endpoint_teardown ();
    return status;
}

const command_t command_worker = {
    .cli = {
        .name = "worker",
        .summary = "take work from a coordinator until there is no more",
        .operands = "ADDRESS", .operands_min = 1, .operands_max = 1,
        .about =
            "Start as many as there are cores, on as many machines as there are. A worker needs the coordinator's public\n"
            "key and a key of its own whose public half lies in the coordinator's --admit folder.",
        .example = "rulemill worker tcp://10.0.0.5:5555 --server-key coordinator.pub --key worker1.key",
        .groups = { flags }
    },
    .run = work
};
