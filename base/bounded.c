#include "base/bounded.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { LIMITED = 0 };
#else
enum { LIMITED = 1 };
#endif

static void limit_memory (uint64_t bytes_max)
{
    struct rlimit limit;
    if (!LIMITED || getrlimit (RLIMIT_AS, &limit) != 0)
        return;
    if (limit.rlim_max == RLIM_INFINITY || bytes_max < limit.rlim_max)
        limit.rlim_cur = bytes_max;
    setrlimit (RLIMIT_AS, &limit);
}

// The child: never returns.
static void work_and_tell (int out, pid_t parent, uint64_t bytes_max, bounded_fn *work, void *ctx)
{
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (getppid () != parent)
        _exit (EXIT_FAILURE);
    limit_memory (bytes_max);
    fault_t told = { 0 };
    status_t status = work (ctx, &told);
    told.code = status;
    fflush (NULL);
    // A fault is smaller than what a pipe takes at once.
    bool good = write (out, &told, sizeof told) == (ssize_t) sizeof told;
    _exit (good ? EXIT_SUCCESS : EXIT_FAILURE);
}

static bool read_all (int in, void *bytes, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = read (in, (char *) bytes + got, len - got);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        got += n > 0 ? (size_t) n : 0;
    }
    return true;
}

static status_t died (int state, uint64_t bytes_max, const char *advice, fault_t *fault)
{
    uint64_t mb = bytes_max >> 20;
    if (WIFSIGNALED (state))
        return fault_set (fault, ERR_LIMIT, "a child process with %" PRIu64 " MB of memory ended by signal %d (%s); if that was "
                          "too little: %s", mb, WTERMSIG (state), strsignal (WTERMSIG (state)), advice);
    return fault_set (fault, ERR_LIMIT, "a child process with %" PRIu64 " MB of memory ended with exit code %d; if that was too "
                      "little: %s", mb, WEXITSTATUS (state), advice);
}

status_t bounded_run (uint64_t bytes_max, const char *advice, bounded_fn *work, void *ctx, fault_t *fault)
{
    int ends [2];
    if (pipe2 (ends, O_CLOEXEC) != 0)
        return fault_set (fault, ERR_IO, "no pipe to a child process: %s", strerror (errno));
    fflush (NULL);
    pid_t parent = getpid (), pid = fork ();
    if (pid == 0) {
        close (ends [0]);
        work_and_tell (ends [1], parent, bytes_max, work, ctx);
    }
    int error = errno;
    close (ends [1]);
    fault_t told = { 0 };
    bool whole = pid > 0 && read_all (ends [0], &told, sizeof told);
    close (ends [0]);
    if (pid < 0)
        return fault_set (fault, ERR_IO, "no child process: %s", strerror (error));
    int state = 0;
    while (waitpid (pid, &state, 0) < 0 && errno == EINTR)
        ;
    if (!whole)
        return died (state, bytes_max, advice, fault);
    told.text [sizeof told.text - 1] = '\0';
    return told.code == OK ? OK : fault_set (fault, told.code, "%s", told.text);
}
