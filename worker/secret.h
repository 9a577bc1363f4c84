// secret: a judge's key, read where it is used and never anywhere else.
#ifndef WORKER_SECRET_H
#define WORKER_SECRET_H

#include "base/fault.h"

// The key from a file (refused where others than its owner may read it), else from the first line that a command prints, else from
// the environment's OPENAI_API_KEY; NULL where there is none. file and command may be "". No message holds any of it.
// *out is freed, and wiped, by secret_free.
status_t secret_read (const char *file, const char *command, char **out, fault_t *fault) MUST_USE;
void secret_free (char **secret);

#endif
