// children: the worker processes of a job on one machine, kept alive.
//
// Started with posix_spawn; each is told its parent's pid and asks the kernel to die with it (worker/worker.h).
#ifndef COORDINATOR_CHILDREN_H
#define COORDINATOR_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "coordinator/program.h"

typedef struct children children_t;

// Start n processes of `program worker ADDRESS --parent PID`. One that dies is started again after a pause that doubles from
// a quarter of a second up to ten seconds while it keeps dying young. The program outlives them.
status_t children_start (const program_t *program, const char *address, unsigned n, children_t **out, fault_t *fault) MUST_USE;

// Collect the dead and start what is due. Each dead one's pid is handed to died; how is "signal 9 (Killed)", "exit code 2".
// False: every child has ended on its own account with an exit code that starting it again can't mend (wrong usage, unfit).
typedef void children_died_fn (void *ctx, pid_t pid, const char *how);
bool children_step (children_t *children, int64_t now_ms, children_died_fn *died, void *ctx);

unsigned children_alive (const children_t *children);
bool children_have (const children_t *children, pid_t pid);         // is it one of them?

// Wait up to timeout_ms for all to end, then kill what is left; frees.
void children_end (children_t **children, int timeout_ms);

// Run a command (argv, NULL-terminated) and say through children_command_done how it ended; one at a time. Where a program is given it is
// run, whatever is at argv [0].
status_t children_command (const program_t *program, const char *const *argv, pid_t *pid, fault_t *fault) MUST_USE;
void children_command_stop (pid_t pid, bool now);          // ask it and its own children to end, or kill them
bool children_command_done (pid_t pid, int *exit_code);    // false: it still runs

#endif
