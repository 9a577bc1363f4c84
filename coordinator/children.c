#include "coordinator/children.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

extern char **environ;

enum { PAUSE_MIN_MS = 250, PAUSE_MAX_MS = 10000, YOUNG_MS = 5000, EXIT_HOPELESS = 2 };

typedef struct {
    pid_t pid;              // 0: not running
    int64_t started_ms;
    int64_t due_ms;         // when to start it again
    int pause_ms;
    bool hopeless;          // ended with EXIT_HOPELESS: starting it again would do the same
} child_t;

struct children {
    const program_t *program;
    char *address;
    unsigned n;
    child_t child [];
};

static status_t spawn (const char *path, const char *const *argv, pid_t *pid, fault_t *fault)
{
    posix_spawnattr_t attr;
    posix_spawnattr_init (&attr);
    // Signals blocked or ignored here must not be so there; its own group keeps the terminal's Ctrl-C for the
    // coordinator, which tells its workers to drain.
    sigset_t none, all;
    sigemptyset (&none);
    sigfillset (&all);
    posix_spawnattr_setsigmask (&attr, &none);
    posix_spawnattr_setsigdefault (&attr, &all);
    posix_spawnattr_setpgroup (&attr, 0);
    posix_spawnattr_setflags (&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int error = posix_spawn (pid, path, NULL, &attr, (char *const *) (uintptr_t) argv, environ);
    posix_spawnattr_destroy (&attr);
    if (error)
        return fault_set (fault, ERR_IO, "%s can't be started: %s", argv [0], strerror (error));
    return OK;
}

static status_t start_one (children_t *children, child_t *child, int64_t now_ms, fault_t *fault)
{
    char parent [24];
    snprintf (parent, sizeof parent, "%d", (int) getpid ());
    const char *argv [] = { program_path (children->program), "worker", children->address, "--parent", parent, NULL };
    child->started_ms = now_ms;
    return spawn (program_file (children->program), argv, &child->pid, fault);
}

status_t children_start (const program_t *program, const char *address, unsigned n, children_t **out, fault_t *fault)
{
    children_t *children = mem_zero (1, sizeof *children + n * sizeof (child_t));
    children->program = program;
    children->address = mem_string (address);
    children->n = n;
    *out = children;
    for (unsigned i = 0; i < n; i++) {
        children->child [i].pause_ms = PAUSE_MIN_MS;
        status_t status = start_one (children, &children->child [i], clock_ms (NULL), fault);
        if (status != OK) {
            children_end (out, 0);
            return status;
        }
    }
    return OK;
}

static void describe (int state, char *out, size_t size)
{
    if (WIFSIGNALED (state))
        snprintf (out, size, "signal %d (%s)", WTERMSIG (state), strsignal (WTERMSIG (state)));
    else
        snprintf (out, size, "exit code %d", WEXITSTATUS (state));
}

static void bury (child_t *child, int state, int64_t now_ms)
{
    bool young = now_ms - child->started_ms < YOUNG_MS;
    child->pid = 0;
    child->hopeless = WIFEXITED (state) && WEXITSTATUS (state) == EXIT_HOPELESS;
    int pause_ms = young ? child->pause_ms : PAUSE_MIN_MS;
    child->due_ms = now_ms + pause_ms;
    child->pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
}

bool children_step (children_t *children, int64_t now_ms, children_died_fn *died, void *ctx)
{
    bool hope = false;
    for (unsigned i = 0; i < children->n; i++) {
        child_t *child = &children->child [i];
        int state;
        pid_t got = child->pid ? waitpid (child->pid, &state, WNOHANG) : 0;
        if (got < 0)
            state = 0;              // somebody else has collected it
        if (got != 0) {
            char how [64];
            describe (state, how, sizeof how);
            pid_t pid = child->pid;
            bury (child, state, now_ms);
            died (ctx, pid, how);
        }
        if (child->pid == 0 && !child->hopeless && now_ms >= child->due_ms) {
            fault_t fault = { 0 };
            if (start_one (children, child, now_ms, &fault) != OK) {
                log_warn ("a worker can't be started again: %s; trying again", fault.text);
                child->pid = 0;
                child->due_ms = now_ms + PAUSE_MAX_MS;
            }
        }
        hope = hope || !child->hopeless;
    }
    return hope || children->n == 0;
}

unsigned children_alive (const children_t *children)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < children->n; i++)
        alive += children->child [i].pid != 0;
    return alive;
}

bool children_have (const children_t *children, pid_t pid)
{
    for (unsigned i = 0; i < children->n; i++)
        if (children->child [i].pid == pid && pid != 0)
            return true;
    return false;
}

static void nap (void)
{
    nanosleep (&(struct timespec) { .tv_nsec = 5 * 1000 * 1000 }, NULL);
}

void children_end (children_t **self, int timeout_ms)
{
    children_t *children = *self;
    if (children == NULL)
        return;
    int64_t until = clock_ms (NULL) + timeout_ms;
    for (unsigned i = 0; i < children->n; i++) {
        child_t *child = &children->child [i];
        while (child->pid > 0 && waitpid (child->pid, NULL, WNOHANG) == 0) {
            if (clock_ms (NULL) >= until) {
                kill (child->pid, SIGKILL);
                waitpid (child->pid, NULL, 0);
                break;
            }
            nap ();
        }
    }
    free (children->address);
    free (children);
    *self = NULL;
}

status_t children_command (const program_t *program, const char *const *argv, pid_t *pid, fault_t *fault)
{
    return spawn (program ? program_file (program) : argv [0], argv, pid, fault);
}

void children_command_stop (pid_t pid, bool now)
{
    kill (-pid, now ? SIGKILL : SIGTERM);       // it leads a group of its own
}

bool children_command_done (pid_t pid, int *exit_code)
{
    int state;
    pid_t got = waitpid (pid, &state, WNOHANG);
    if (got == 0)
        return false;
    *exit_code = got == pid && WIFEXITED (state) ? WEXITSTATUS (state) : 128;
    return true;
}
