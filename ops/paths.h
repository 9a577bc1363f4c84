// paths: the files of a corpus, with globs expanded where the shell did not.
#ifndef OPS_PATHS_H
#define OPS_PATHS_H

#include <stddef.h>

#include "base/fault.h"

typedef struct { char **items; size_t count; } paths_t;

// Names of files that exist stand for themselves, also with brackets in them; others with *, ? or [ are patterns (glob(3)),
// sorted. "-" is standard input. ERR_USAGE for a pattern that matches nothing. paths_clear frees, also after a fault.
status_t paths_expand (const char *const *names, size_t count, paths_t *out, fault_t *fault) MUST_USE;
void paths_clear (paths_t *paths);

#endif
