#include "ops/cmd.h"

#include <string.h>

#include "base/nearest.h"
#include "ops/config.h"

static void config_page (buf_t *out)
{
    buf_add_str (out, "Keys of the configuration: in a YAML file (--config), each part before a dot a section; or --set KEY=VALUE.\n"
                      "Defaults < file < flags and --set. Keys that decide labels name the run: others may change at any time.\n"
                      "adapter: URL (or FILE) at the top, in place of that section, means policy.adapter.\n\n");
    config_describe (out);
    buf_add_str (out, "\nexample:\n  judge:\n    name: replay\n    scores: scores.jsonl\n  policy: {name: discrepancy, top: 3}\n");
}

static status_t topic (const char *word, buf_t *out, fault_t *fault)
{
    const command_t *const *commands = cmd_all ();
    const char *names [32] = { "config" };
    size_t count = 1;
    for (size_t i = 0; commands [i] && count < 32; i++) {
        names [count++] = commands [i]->cli.name;
        if (strcmp (commands [i]->cli.name, word) == 0) {
            cli_help (&commands [i]->cli, config_meaning, out);
            return OK;
        }
    }
    if (strcmp (word, "config") == 0) {
        config_page (out);
        return OK;
    }
    const char *near = nearest_name (word, names, count);
    return fault_set (fault, ERR_USAGE, "help: there is nothing on \"%.64s\"%s%s%s", word,
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static status_t help (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    size_t count;
    const char *const *words = cli_operands (cli, &count);
    buf_t out = { 0 };
    status_t status = OK;
    if (count == 0)
        cmd_overview (&out);
    else
        status = topic (words [0], &out, fault);
    if (status == OK)
        status = cmd_print (&out, fault);
    buf_free (&out);
    return status;
}

const command_t command_help = {
    .cli = {
        .name = "help",
        .summary = "this page, that of a command, or the keys of the configuration",
        .operands = "[COMMAND | config]", .operands_min = 0, .operands_max = 1,
        .example = "rulemill help config",
        .groups = { NULL }
    },
    .run = help
};
