// cli: arguments of a command, read by its table.
//
// A command lists its flags in groups, so that commands share them. "--flag value" and "--flag=value" are the same; a
// switch takes no value; "--" ends the flags; "-" is an operand. A value may not begin with "--" unless it is written
// with "=". A flag may stand once, unless its table says many.
#ifndef OPS_CLI_H
#define OPS_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

enum { CLI_GROUPS_MAX = 6, CLI_FLAGS_MAX = 64 };

typedef struct {
    const char *name;           // "--workers"
    const char *value;          // what its value is called in help ("N"); NULL for a switch
    const char *help;           // one line; NULL: that of its key
    const char *key;            // the configuration key that it sets ("workers"); NULL for a flag of its own
    bool many;                  // may be given several times
} cli_flag_t;

typedef struct {
    const char *name;           // "label"
    const char *summary;        // one line for `rulemill help`
    const char *operands;       // "CORPUS... ", as usage shows them
    size_t operands_min, operands_max;
    const char *about;          // a paragraph for --help; lines of at most 100 bytes
    const char *example;
    const cli_flag_t *groups [CLI_GROUPS_MAX];  // each ended by an entry without name; the list ended by NULL
} cli_command_t;

typedef struct cli cli_t;

// ERR_USAGE: an unknown flag (with the nearest known one), a missing or superfluous value, a flag given twice, too few or
// too many operands. "--help" and "-h" end the parse with OK. *out is owned by the caller; it points into argv and command.
status_t cli_parse (const cli_command_t *command, int argc, char *const *argv, cli_t **out, fault_t *fault) MUST_USE;
void cli_destroy (cli_t **cli);

bool cli_wants_help (const cli_t *cli);

// name must be in the table (asserted).
bool cli_has (const cli_t *cli, const char *name);
const char *cli_text (const cli_t *cli, const char *name);          // its value; NULL where it was not given
size_t cli_count (const cli_t *cli, const char *name);              // how often it was given
const char *cli_nth (const cli_t *cli, const char *name, size_t n); // its n-th value

// A number; *out is left alone where the flag was not given.
status_t cli_whole (const cli_t *cli, const char *name, uint64_t min, uint64_t max, uint64_t *out, fault_t *fault) MUST_USE;
status_t cli_real (const cli_t *cli, const char *name, double min, double max, double *out, fault_t *fault) MUST_USE;

const char *const *cli_operands (const cli_t *cli, size_t *count);  // valid as long as argv and cli

// Walk what was given, in order: flag and value (NULL for a switch). False at the end.
bool cli_each (const cli_t *cli, size_t n, const cli_flag_t **flag, const char **value);

// The help page. describe tells what a configuration key means, for flags without help of their own; may be NULL.
void cli_help (const cli_command_t *command, const char *(*describe) (const char *key), buf_t *out);

#endif
