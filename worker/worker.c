#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/worker_loop.h"

enum {
    LEASES_DEFAULT = 2,
    CREDIT_DEFAULT_BYTES = 2 * 1024 * 1024,
    CREDIT_MAX_BYTES = 64 * 1024 * 1024,
    SILENCE_DEFAULT_MS = 10 * 60 * 1000,
    END_WAIT_MS = 1000                      // for the executor, once the loop is over
};

// A signal flag: the calls of worker_interrupt since the worker started.
static _Atomic unsigned interrupts;

void worker_interrupt (void)
{
    interrupts++;
}

unsigned worker_interrupts (void)
{
    return interrupts;
}

// Die with the parent, however it dies. It may be gone before this is asked for, hence the second look.
static status_t bind_to_parent (int parent, fault_t *fault)
{
    if (parent <= 0)
        return OK;
    if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0)
        return fault_set (fault, ERR_IO, "can't be bound to process %d: %s", parent, strerror (errno));
    if (getppid () != (pid_t) parent)
        return fault_set (fault, ERR_STOPPED, "process %d, which this worker belongs to, is gone", parent);
    return OK;
}

static worker_options_t with_defaults (const worker_options_t *options)
{
    worker_options_t full = *options;
    if (full.leases_max == 0)
        full.leases_max = LEASES_DEFAULT;
    if (full.leases_max > WORKER_LEASES_MAX)
        full.leases_max = WORKER_LEASES_MAX;
    if (full.credit_bytes == 0)
        full.credit_bytes = CREDIT_DEFAULT_BYTES;
    if (full.credit_bytes > CREDIT_MAX_BYTES)
        full.credit_bytes = CREDIT_MAX_BYTES;
    if (full.silence_ms == 0)
        full.silence_ms = SILENCE_DEFAULT_MS;
    return full;
}

static void tear_down (worker_loop_t *loop)
{
    if (!executor_destroy (&loop->executor, END_WAIT_MS))
        log_warn ("an item is still being worked on; it is left behind");
    spoke_close (&loop->spoke);     // after that, so that a last message has time to leave
    outbox_destroy (&loop->outbox);
    blobs_destroy (&loop->blobs);
    holding_clear (&loop->holding);
    free (loop->kind);
    buf_free (&loop->setup);
    buf_free (&loop->in);
    buf_free (&loop->out);
}

status_t worker_run (const worker_options_t *options, fault_t *fault)
{
    status_t status = bind_to_parent (options->parent, fault);
    if (status != OK)
        return status;
    worker_loop_t loop = { .options = with_defaults (options), .fault = fault };
    if (getrandom (&loop.sender, sizeof loop.sender, 0) != (ssize_t) sizeof loop.sender)
        return fault_set (fault, ERR_IO, "no random bytes to be had: %s", strerror (errno));
    loop.outbox = outbox_new ();
    loop.blobs = blobs_new ();
    status = spoke_open (&loop.options.endpoint, &loop.spoke, fault);
    if (status == OK)
        status = executor_new (&loop.executor, fault);
    if (status == OK)
        status = loop_run (&loop);
    tear_down (&loop);
    interrupts = 0;
    return status;
}
