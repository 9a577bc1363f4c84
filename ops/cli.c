#include "ops/cli.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "ops/number.h"

typedef struct { const cli_flag_t *flag; const char *value; } given_t;

struct cli {
    const cli_command_t *command;
    bool help;
    given_t *given;
    size_t n_given;
    const char **operands;
    size_t n_operands;
};

// The n-th flag of a command over all its groups; NULL past the last.
static const cli_flag_t *flag_at (const cli_command_t *command, size_t n)
{
    for (size_t g = 0; g < CLI_GROUPS_MAX && command->groups [g]; g++)
        for (const cli_flag_t *flag = command->groups [g]; flag->name; flag++)
            if (n-- == 0)
                return flag;
    return NULL;
}

static const cli_flag_t *flag_find (const cli_command_t *command, const char *name, size_t len)
{
    const cli_flag_t *flag;
    for (size_t n = 0; (flag = flag_at (command, n)); n++)
        if (strlen (flag->name) == len && memcmp (flag->name, name, len) == 0)
            return flag;
    return NULL;
}

static status_t unknown_flag (const cli_command_t *command, const char *text, size_t len, fault_t *fault)
{
    const char *names [CLI_FLAGS_MAX];
    size_t count = 0;
    const cli_flag_t *flag;
    while (count < CLI_FLAGS_MAX - 1 && (flag = flag_at (command, count)))
        names [count++] = flag->name;
    names [count++] = "--help";

    char *word = mem_string_n (text, len);
    const char *near = nearest_name (word, names, count);
    if (near)
        fault_set (fault, ERR_USAGE, "%s: unknown flag %.100s; did you mean %s?", command->name, word, near);
    else
        fault_set (fault, ERR_USAGE, "%s: unknown flag %.100s; see rulemill %s --help", command->name, word, command->name);
    free (word);
    return ERR_USAGE;
}

static status_t keep (cli_t *cli, const cli_flag_t *flag, const char *value, fault_t *fault)
{
    if (!flag->many && cli_count (cli, flag->name) > 0)
        return fault_set (fault, ERR_USAGE, "%s is given twice; keep one of them", flag->name);
    cli->given [cli->n_given++] = (given_t) { flag, value };
    return OK;
}

// One argument that begins with '-'. Moves *at on when it takes the next one as its value.
static status_t read_flag (cli_t *cli, int argc, char *const *argv, int *at, fault_t *fault)
{
    const char *text = argv [*at];
    const char *equals = strchr (text, '=');
    size_t len = equals ? (size_t) (equals - text) : strlen (text);
    const cli_flag_t *flag = flag_find (cli->command, text, len);
    if (flag == NULL)
        return unknown_flag (cli->command, text, len, fault);
    if (flag->value == NULL) {
        if (equals)
            return fault_set (fault, ERR_USAGE, "%s takes no value", flag->name);
        return keep (cli, flag, NULL, fault);
    }
    const char *value = equals ? equals + 1 : NULL;
    if (value == NULL && *at + 1 < argc && strncmp (argv [*at + 1], "--", 2) != 0)
        value = argv [++*at];
    if (value == NULL || *value == '\0')
        return fault_set (fault, ERR_USAGE, "%s needs a value: %s %s", flag->name, flag->name, flag->value);
    return keep (cli, flag, value, fault);
}

static status_t check_operands (const cli_t *cli, fault_t *fault)
{
    const cli_command_t *command = cli->command;
    if (cli->n_operands < command->operands_min)
        return fault_set (fault, ERR_USAGE, "%s needs %s; see rulemill %s --help", command->name, command->operands, command->name);
    if (cli->n_operands > command->operands_max)
        return fault_set (fault, ERR_USAGE, "%s: \"%.200s\" is one argument too many; see rulemill %s --help",
                          command->name, cli->operands [command->operands_max], command->name);
    return OK;
}

static status_t read_all (cli_t *cli, int argc, char *const *argv, fault_t *fault)
{
    bool flags = true;
    status_t status = OK;
    for (int at = 0; at < argc && status == OK; at++) {
        const char *text = argv [at];
        if (flags && strcmp (text, "--") == 0)
            flags = false;
        else if (flags && (strcmp (text, "--help") == 0 || strcmp (text, "-h") == 0)) {
            cli->help = true;
            return OK;
        } else if (flags && text [0] == '-' && text [1] != '\0')
            status = read_flag (cli, argc, argv, &at, fault);
        else
            cli->operands [cli->n_operands++] = text;
    }
    return status == OK ? check_operands (cli, fault) : status;
}

status_t cli_parse (const cli_command_t *command, int argc, char *const *argv, cli_t **out, fault_t *fault)
{
    *out = NULL;
    cli_t *cli = mem_zero (1, sizeof *cli);
    cli->command = command;
    cli->given = mem_zero ((size_t) argc + 1, sizeof *cli->given);
    cli->operands = mem_zero ((size_t) argc + 1, sizeof *cli->operands);
    status_t status = read_all (cli, argc, argv, fault);
    if (status == OK)
        *out = cli;
    else
        cli_destroy (&cli);
    return status;
}

void cli_destroy (cli_t **cli)
{
    if (*cli == NULL)
        return;
    free ((*cli)->given);
    free ((*cli)->operands);
    free (*cli);
    *cli = NULL;
}

bool cli_wants_help (const cli_t *cli)
{
    return cli->help;
}

size_t cli_count (const cli_t *cli, const char *name)
{
    assert (flag_find (cli->command, name, strlen (name)));
    size_t count = 0;
    for (size_t i = 0; i < cli->n_given; i++)
        count += strcmp (cli->given [i].flag->name, name) == 0;
    return count;
}

bool cli_has (const cli_t *cli, const char *name)
{
    return cli_count (cli, name) > 0;
}

const char *cli_nth (const cli_t *cli, const char *name, size_t n)
{
    for (size_t i = 0; i < cli->n_given; i++)
        if (strcmp (cli->given [i].flag->name, name) == 0 && n-- == 0)
            return cli->given [i].value;
    return NULL;
}

const char *cli_text (const cli_t *cli, const char *name)
{
    return cli_has (cli, name) ? cli_nth (cli, name, 0) : NULL;
}

status_t cli_whole (const cli_t *cli, const char *name, uint64_t min, uint64_t max, uint64_t *out, fault_t *fault)
{
    const char *text = cli_text (cli, name);
    return text ? number_whole (name, text, min, max, out, fault) : OK;
}

status_t cli_real (const cli_t *cli, const char *name, double min, double max, double *out, fault_t *fault)
{
    const char *text = cli_text (cli, name);
    return text ? number_real (name, text, min, max, out, fault) : OK;
}

const char *const *cli_operands (const cli_t *cli, size_t *count)
{
    *count = cli->n_operands;
    return cli->operands;
}

bool cli_each (const cli_t *cli, size_t n, const cli_flag_t **flag, const char **value)
{
    if (n >= cli->n_given)
        return false;
    *flag = cli->given [n].flag;
    *value = cli->given [n].value;
    return true;
}

void cli_help (const cli_command_t *command, const char *(*describe) (const char *key), buf_t *out)
{
    buf_printf (out, "rulemill %s: %s\n\nusage: rulemill %s %s%s[FLAGS]\n", command->name, command->summary,
                command->name, command->operands, *command->operands ? " " : "");
    if (command->about)
        buf_printf (out, "\n%s\n", command->about);
    buf_add_str (out, "\n");
    const cli_flag_t *flag;
    for (size_t n = 0; (flag = flag_at (command, n)); n++) {
        char head [64];
        snprintf (head, sizeof head, "%s%s%s", flag->name, flag->value ? " " : "", flag->value ? flag->value : "");
        const char *help = flag->help ? flag->help : flag->key && describe ? describe (flag->key) : NULL;
        buf_printf (out, "  %-26s %s%s\n", head, help ? help : "", flag->many ? " (may be repeated)" : "");
    }
    buf_printf (out, "  %-26s %s\n\nexample:\n  %s\n", "--help", "this page", command->example);
}
