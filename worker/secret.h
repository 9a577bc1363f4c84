// secret: a server's key, read where it is used and never anywhere else.
#ifndef WORKER_SECRET_H
#define WORKER_SECRET_H

#include "base/fault.h"

// Where a key lies: in a file (refused where others than its owner may read it), else in the first line that a command prints, else in
// the environment. file and command may be NULL or "".
typedef struct {
    const char *file, *command;
    const char *command_key;        // what the command is called in messages: "judge.key_command"
    const char *variable;           // OPENAI_API_KEY: a judge's. Another server has another one, or it would be told the judge's key
} secret_place_t;

// NULL where there is none. No message holds any of it. *out is freed, and wiped, by secret_free.
status_t secret_read (const secret_place_t *place, char **out, fault_t *fault) MUST_USE;

// A judge's.
status_t secret_read_judge (const char *file, const char *command, char **out, fault_t *fault) MUST_USE;
void secret_free (char **secret);

#endif
