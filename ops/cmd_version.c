#include "ops/cmd.h"

#include "proto/wire.h"
#include "worker/lexicon.h"

static status_t version (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) cli;
    (void) exit_code;
    buf_t out = { 0 };
    buf_printf (&out, "rulemill %s (protocol %d, method %d, lexicon %d)\n",
                RULEMILL_VERSION, PROTOCOL_MAX, METHOD_VERSION, LEXICON_VERSION);
    status_t status = cmd_print (&out, fault);
    buf_free (&out);
    return status;
}

const command_t command_version = {
    .cli = {
        .name = "version",
        .summary = "print the version",
        .operands = "", .operands_min = 0, .operands_max = 0,
        .example = "rulemill version",
        .groups = { NULL }
    },
    .run = version
};
